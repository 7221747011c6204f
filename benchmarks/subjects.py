"""What is measured: an engine, the interpreter that has it, and how much of each workload it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

HELLO = (Path(__file__).parent / "hello.py").read_text()


@dataclass(frozen=True)
class Effort:
    """How much is measured. More rounds and operations make a steadier figure and a longer wait."""

    name: str
    rounds: int
    """Rounds of yardstick and workload inside one process."""
    process_rounds: int
    """Rounds of `python -c pass` and a whole program."""
    bare: int
    """Operations of the yardstick in a round."""
    counts: Mapping[str, int]
    """Operations of each workload in a round."""
    sizes: tuple[int, int, int]
    """Sizes of the maps whose times per task are compared."""
    kept: int
    """Finished tasks whose memory is counted."""
    database: int
    """Finished task runs whose bytes in the database are counted."""
    written: int
    """Tasks that each of the processes runs which use one database at once."""
    seconds: float
    """How long one measuring process may take."""


FULL = Effort(
    name="full",
    rounds=15,
    process_rounds=15,
    bare=2_000,
    counts={
        "direct": 2_000,
        "submitted": 2_000,
        "mapped": 2_000,
        "children": 500,
        "awaited": 2_000,
        "gathered": 2_000,
        "strict": 500,
        "shared": 2_000,
    },
    sizes=(1_000, 10_000, 100_000),
    kept=20_000,
    database=10_000,
    written=2_000,
    seconds=180.0,
)

QUICK = Effort(
    name="quick",
    rounds=3,
    process_rounds=3,
    bare=300,
    counts={
        "direct": 300,
        "submitted": 300,
        "mapped": 300,
        "children": 50,
        "awaited": 300,
        "gathered": 300,
        "strict": 50,
        "shared": 100,
    },
    sizes=(100, 500, 2_000),
    kept=500,
    database=500,
    written=20,
    seconds=60.0,
)

PEER = Effort(
    name="peer",
    rounds=3,
    process_rounds=3,
    bare=1_000,
    counts={
        "direct": 200,
        "submitted": 100,
        "mapped": 200,
        "children": 5,
        "awaited": 200,
        "gathered": 200,
        "strict": 200,
        "shared": 200,
    },
    sizes=(50, 100, 200),
    kept=200,
    database=200,
    written=50,
    seconds=300.0,
)


@dataclass(frozen=True)
class Subject:
    """One engine as it is measured."""

    key: str
    title: str
    engine: str
    """The name of its workloads: `benchmarks.workloads.for_<engine>`."""
    python: Path
    """The interpreter it is installed for."""
    imports: tuple[str, str]
    """The statements that import the whole package, and its decorators from it."""
    hello: str
    """The text of its smallest program."""
    variables: Callable[[Path], Mapping[str, str]]
    """The environment it needs to keep its database in the given folder."""
    effort: Effort
    lacks: frozenset[str] = frozenset()
    """The keys of lines that ask for what the engine does not offer."""
    keeps_home: bool = False
    """Whether all lines share one home folder, for an engine that takes seconds to make its database."""


def sluiceway(effort: Effort) -> Subject:
    """Sluiceway, as installed for the running interpreter."""
    return Subject(
        key="sluiceway",
        title="Sluiceway",
        engine="sluiceway",
        python=Path(sys.executable),
        imports=("import sluiceway", "from sluiceway import flow, task"),
        hello=HELLO,
        variables=lambda home: {"SLUICEWAY_HOME": str(home)},
        effort=effort,
    )
