"""``python -m benchmarks.big_database FILE``: fills a run database as years of use would, for whoever measures reading.

All that is written are facts, as running flows write them, in large batches; about half a minute for a million task
runs. Keys, names and times are counted rather than drawn: the same sizes give the same rows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.facts import Fact, FlowRunCreated, FlowRunMoved, LogWritten, TaskRunMoved, TaskRunStarted
from sluiceway.model.results import NOTHING
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.stores.sqlite.store import SqliteStore

MINUTE = 60 * SECOND

FLOWS = tuple(
    f"{kind}-{place}"
    for kind in ("import", "report", "train", "backup", "sync")
    for place in ("north", "east", "south", "west")
)
"""The names of the flows; the first ones run most often."""

TASKS = ("load", "clean", "join", "score", "store")

BATCH = 20_000
"""How many facts are written at once."""

_RANDOM_BITS = 22
"""How far to the left an identifier has its counter, from which names are made."""


class Sizes(NamedTuple):
    """How much there is to be.

    Args:
        flow_runs: How many flow runs, children included.
        task_runs: How many task runs; a tenth of them belongs to one flow run, the rest to all in turn.
        lines: How many log lines; nine tenths of them were written by one flow run.
        until: When the last flow run was created.
    """

    flow_runs: int = 100_000
    task_runs: int = 1_000_000
    lines: int = 1_000_000
    until: Moment = 1_767_268_800 * SECOND

    @property
    def largest(self) -> int:
        """The number of the flow run with the most task runs and lines: near the end, and finished."""
        return max(0, self.flow_runs - 2)


def fill(store: SqliteStore, sizes: Sizes) -> RunId:
    """Fill a store, and return the flow run with the most task runs and log lines.

    Args:
        store: An empty store.
        sizes: How much.
    """
    facts = _facts(sizes)
    while batch := list(islice(facts, BATCH)):
        store.write(batch)
    return _key(_created(sizes, sizes.largest), sizes.largest)


def _facts(sizes: Sizes) -> Iterator[Fact]:
    tasks, lines = sizes.task_runs // 10, sizes.lines * 9 // 10
    for number in range(sizes.flow_runs):
        large = number == sizes.largest
        task_runs = _share(sizes.task_runs - tasks, number, sizes.flow_runs) + (tasks if large else 0)
        logged = _share(sizes.lines - lines, number, sizes.flow_runs) + (lines if large else 0)
        yield from _flow_run(sizes, number, task_runs, logged)


def _share(total: int, number: int, parts: int) -> int:
    """Return which part of a total falls to one of many, so that all parts come to it."""
    return total * (number + 1) // parts - total * number // parts


def _created(sizes: Sizes, number: int) -> Moment:
    """Return when a flow run was created: about a minute after the one before."""
    minutes = sizes.flow_runs - 1 - number
    return sizes.until - (minutes * 60 + (minutes * 37) % 50) * SECOND


def _key(created: Moment, number: int) -> RunId:
    return (created // 1_000 << 80 | 0x7 << 76 | 0b10 << 62 | number << _RANDOM_BITS).to_bytes(16, "big")


def _flow_run(sizes: Sizes, number: int, task_runs: int, lines: int) -> Iterator[Fact]:
    at = _created(sizes, number)
    run = FlowRun(
        _key(at, number),
        FLOWS[number % 7 % 4 if number % 2 else number // 2 % len(FLOWS)],
        "1",
        parameters={"day": number // 1_440, "region": f"r{number % 7}", "limit": 100 + number % 13, "dry": False},
        tags=frozenset({"nightly" if number % 3 else "hourly", f"team-{number % 5}"}),
    )
    if number % 10 == 1:
        run.parent_key = run.root_key = _key(_created(sizes, number - 1), number - 1)
    yield FlowRunCreated(run, _state(StateType.PENDING, at))
    yield FlowRunMoved(run.key, _state(StateType.RUNNING, at + 20_000), 1)
    duration = max(SECOND, (1 + number * 7 % 60) * SECOND, task_runs * 2_000)
    numbers = count(number << 8 if task_runs < 1 << 8 else 1 << 36)
    yield from (fact for index in range(task_runs) for fact in _task_run(run, index, at, duration, task_runs, numbers))
    yield from (_line(run, index, at, duration, lines) for index in range(lines))
    if number < sizes.flow_runs - 1:  # the last one is still running
        yield FlowRunMoved(run.key, _end(number, sizes, at + 20_000 + duration), 1)


def _task_run(
    run: FlowRun, index: int, at: Moment, duration: Moment, task_runs: int, numbers: Iterator[int]
) -> Iterator[Fact]:
    began = at + 30_000 + duration * index // max(1, task_runs)
    name = TASKS[index % len(TASKS)]
    task = TaskRun(
        _key(began, next(numbers)), f"{name}-key", name, run.key, None, frozenset(), index, f"row={index}", 0
    )
    task.start = began
    yield TaskRunStarted(task, began - 200)
    kind = StateType.FAILED if index % 211 == 13 else StateType.COMPLETED
    yield TaskRunMoved(task.key, _state(kind, began + 1_500 + index % 7 * 900), 1, NOTHING)


def _line(run: FlowRun, index: int, at: Moment, duration: Moment, lines: int) -> LogWritten:
    level = 40 if index % 5_003 == 4_001 else 30 if index % 503 == 7 else 20
    message = f"Row {index} of {lines}: loaded in {index % 13} ms, checked, and passed on to the next step"
    return LogWritten(run.key, None, at + duration * index // lines, level, "sluiceway.flow_runs", message)


def _end(number: int, sizes: Sizes, at: Moment) -> State[object]:
    if number == sizes.largest:
        return _state(StateType.COMPLETED, at)
    kind = StateType.FAILED if number % 23 == 5 else StateType.CRASHED if number % 211 == 9 else StateType.COMPLETED
    return _state(StateType.CANCELLED if number % 307 == 3 else kind, at)


def _state(kind: StateType, at: Moment) -> State[object]:
    state: State[object] = State(kind, message="The API said no." if kind is StateType.FAILED else None)
    state.moment = at
    return state


def main(arguments: Sequence[str] | None = None) -> int:
    """Fill a file, and print how long it took.

    Args:
        arguments: The command line.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.big_database", description=__doc__)
    parser.add_argument("file", help="the database, which must not exist")
    for name, default in Sizes._field_defaults.items():
        if name != "until":
            parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    options = vars(parser.parse_args(arguments))
    store = SqliteStore(options.pop("file"))
    began = time.perf_counter()
    if store.count_flow_runs():
        sys.stderr.write("There are runs in it already; name a file that does not exist.\n")
        return 1
    largest = fill(store, Sizes(**options, until=time.time_ns() // 1_000))
    store.close()
    sys.stdout.write(f"The largest run is {largest.hex()}; {time.perf_counter() - began:.1f} s.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
