"""The table: every promise about speed and size, and how it is measured.

A line is judged by its ratio to a yardstick taken in the same process in the same seconds, or, where the
promise is a size, by the figure itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks import quantities
from benchmarks.bench import Bench
from benchmarks.clocks import Rounds
from benchmarks.quantities import TIMES, Unit

GROWTH_REPEATS = 3
LINEAR = 1.2
"""How much longer a task of 100,000 may take than one of 1,000 and still count as linear: room for noise, and
far less than the 1.67 of something that grows as n log n."""


@dataclass(frozen=True)
class Detail:
    """A figure behind the figure."""

    label: str
    value: float
    unit: Unit


@dataclass(frozen=True)
class Reading:
    """What a line showed for one subject."""

    figure: float
    ratio: float | None = None
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Line:
    """One promise: a figure of at most `limit`, in multiples of its yardstick where it has one."""

    key: str
    name: str
    limit: float
    yardstick: str | None
    unit: Unit
    """Of the figure; the ratio to a yardstick has none."""
    measure: Callable[[Bench], Reading]
    for_peers: bool = True
    """Whether the small counts that peers are asked for can answer it."""

    @property
    def promise(self) -> str:
        """The promise in words."""
        if self.yardstick is None:
            return f"≤ {quantities.limit(self.limit, self.unit)}"
        return f"≤ {self.limit:g} {TIMES} {self.yardstick}"


def timed(rounds: Rounds, yardstick: str) -> Reading:
    """Read a line off its rounds."""
    return Reading(rounds.figure, rounds.ratio, (Detail(yardstick, rounds.yardstick, "seconds"),))


def _hello(bench: Bench) -> Reading:
    return timed(bench.hello(), "python -c pass")


def _import_package(bench: Bench) -> Reading:
    return timed(bench.program("-c", bench.subject.imports[0]), "python -c pass")


def _import_decorators(bench: Bench) -> Reading:
    return timed(bench.program("-c", bench.subject.imports[1]), "python -c pass")


def _against(yardstick: str, workload: str) -> Callable[[Bench], Reading]:
    return lambda bench: timed(bench.timing(workload, yardstick), f"bare {yardstick}")


def _strict(workload: str) -> Callable[[Bench], Reading]:
    return lambda bench: timed(bench.timing(workload, "commit"), "fsynced commit")


def _growth(bench: Bench) -> Reading:
    """Time maps of three sizes in turn, each in a process of its own; compare the first with the last."""
    sizes = bench.effort.sizes
    repeats = [
        [bench.timing("mapped", "pool", size, max(1, sizes[1] // size)) for size in sizes]
        for _ in range(GROWTH_REPEATS)
    ]
    figures = [median(of_size) for of_size in zip(*([rounds.figure for rounds in row] for row in repeats), strict=True)]
    return Reading(
        figure=figures[-1],
        ratio=median(row[-1].ratio / row[0].ratio for row in repeats),
        details=tuple(
            Detail(f"a task of {size:,}", figure, "seconds") for size, figure in zip(sizes, figures, strict=True)
        ),
    )


PROCESSES = 16
"""How many processes write to one database at once."""


def _writers(bench: Bench) -> Reading:
    """Time tasks of many processes on one database, and as many tasks of a single one, in turn."""
    rounds = bench.writers(PROCESSES)
    return Reading(rounds.figure, rounds.ratio, (Detail("one process", rounds.yardstick, "seconds"),))


def _peak(bench: Bench) -> Reading:
    before, peak = bench.peak(bench.effort.sizes[-1])
    return Reading(peak, details=(Detail("before", before, "bytes"), Detail("added", peak - before, "bytes")))


def _kept(bench: Bench) -> Reading:
    return Reading(bench.kept())


def _database(bench: Bench) -> Reading:
    return Reading(bench.database())


LINES: tuple[Line, ...] = (
    Line("hello", "hello.py, the whole process", 6, "python -c pass", "seconds", _hello),
    Line("import", "import the package", 4, "python -c pass", "seconds", _import_package),
    Line("decorators", "import flow and task from it", 4, "python -c pass", "seconds", _import_decorators),
    Line("direct", "a no-op task called directly", 0.75, "bare hop", "seconds", _against("hop", "direct")),
    Line("submitted", "submit, then result", 1, "bare hop", "seconds", _against("hop", "submitted")),
    Line("mapped", "map, per item", 0.8, "bare pool", "seconds", _against("pool", "mapped")),
    Line("children", "a child flow run", 5, "bare hop", "seconds", _against("hop", "children")),
    Line("awaited", "an async task awaited", 1, "bare hop", "seconds", _against("hop", "awaited")),
    Line("gathered", "async tasks by the thousand", 2, "bare hop", "seconds", _against("hop", "gathered")),
    Line("strict", "a strict step, on disk before the next", 1.5, "fsynced commit", "seconds", _strict("strict")),
    Line("shared", "strict steps mapped, per item", 1, "fsynced commit", "seconds", _strict("shared")),
    Line("writers", "a task of 16 processes × 2,000", 2, "one process", "seconds", _writers, for_peers=False),
    Line("growth", "a task of 100,000 mapped", LINEAR, "one of 1,000", "seconds", _growth, for_peers=False),
    Line("peak", "peak memory of 100,000 mapped", 150e6, None, "bytes", _peak, for_peers=False),
    Line("kept", "kept for a finished task", 1e3, None, "bytes", _kept),
    Line("database", "a task run in the database", 400, None, "bytes", _database),
)
