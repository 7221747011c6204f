"""Measures one thing in an interpreter of its own and leaves the answer as JSON in a file.

The benchmark starts this for each line and each engine, with that engine's interpreter: ``python -m
benchmarks.probe --home FOLDER --answer FILE timing ENGINE WORKLOAD …``. It needs the standard library and
the engine, nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from time import monotonic, sleep

from benchmarks import workloads
from benchmarks.clocks import alternate
from benchmarks.databases import live_bytes, settled_bytes
from benchmarks.workloads import Engine, memory
from benchmarks.workloads.bare import YARDSTICKS

LEAST_TRACE_BYTES = 40
"""What a recorded operation must leave in the database at the least: two ids and a time."""

FREE_PAGES_BYTES = 16_384
"""Room that the last pages of a few tables may have had left for it."""

Answer = dict[str, float | list[float]]


class Unrecorded(Exception):
    """The measured operations left no trace, so their time is not the time of recorded ones."""


def timing(engine: Engine, options: argparse.Namespace) -> Answer:
    """Time a workload and its yardstick in turn, in seconds per operation."""
    workload, yardstick = engine.workloads[options.workload], YARDSTICKS[options.yardstick]
    workload(options.warm_up)
    before = live_bytes(options.home)
    rounds = alternate(lambda: yardstick(options.bare), lambda: workload(options.count), options.rounds)
    if engine.drains:
        _require_trace(live_bytes(options.home) - before, options.count * options.rounds)
    return {"bare": list(rounds.bare), "measured": list(rounds.measured)}


def peak(engine: Engine, options: argparse.Namespace) -> Answer:
    """Tell the resident memory before a map of that many tasks and at its peak."""
    before = memory.resident_bytes()
    engine.workloads["mapped"](options.count)
    return {"before": before, "peak": memory.peak_bytes()}


def kept(engine: Engine, options: argparse.Namespace) -> Answer:
    """Tell the bytes of memory kept for each finished task."""
    return {"bytes": engine.kept(options.count)}


def writer(engine: Engine, options: argparse.Namespace) -> Answer:
    """Run tasks at the same time as others that use the database; tell when that began and ended, and what is there.

    All begin when all are ready, and count what is recorded when all have ended.
    """
    began = _meet(options.meeting / "began", options.company)
    engine.workloads["direct"](options.count)
    ended = monotonic()
    _meet(options.meeting / "ended", options.company)
    assert engine.recorded is not None  # only engines that can tell are asked
    return {"began": began, "ended": ended, "recorded": engine.recorded()}


def _meet(folder: Path, company: int) -> float:
    """Wait until as many processes are here, and tell the moment."""
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < company:
        sleep(0.002)
    return monotonic()


def database(engine: Engine, options: argparse.Namespace) -> Answer:
    """Tell the bytes a finished task run takes in the database."""
    mapped, size = engine.workloads["mapped"], live_bytes if engine.drains else settled_bytes
    mapped(options.count)
    before = size(options.home)
    mapped(options.count)
    return {"bytes": (size(options.home) - before) / options.count}


def main() -> None:
    """Read the command line, open the engine, measure, and write the answer."""
    options = _parser().parse_args()
    with workloads.opened(options.engine, options.home) as engine:
        answer = options.measure(engine, options)
    options.answer.write_text(json.dumps(answer))


def _require_trace(grown_bytes: int, operations: int) -> None:
    if grown_bytes + FREE_PAGES_BYTES < operations * LEAST_TRACE_BYTES:
        raise Unrecorded(f"{operations} operations left {grown_bytes} bytes in the database: they were not recorded")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.probe", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the engine's database")
    parser.add_argument("--answer", type=Path, required=True, help="file for the answer")
    kinds = parser.add_subparsers(required=True)
    for measure in (timing, peak, kept, database, writer):
        kind = kinds.add_parser(measure.__name__, description=measure.__doc__)
        kind.set_defaults(measure=measure)
        kind.add_argument("engine")
        kind.add_argument("--count", type=int, required=True, help="operations in a round")
        if measure is timing:
            kind.add_argument("--workload", required=True)
            kind.add_argument("--yardstick", choices=YARDSTICKS, required=True)
            kind.add_argument("--bare", type=int, required=True, help="operations in a round of the yardstick")
            kind.add_argument("--warm-up", type=int, required=True, help="operations before the first round")
            kind.add_argument("--rounds", type=int, required=True)
        if measure is writer:
            kind.add_argument("--company", type=int, required=True, help="processes that use the database at once")
            kind.add_argument("--meeting", type=Path, required=True, help="folder where they tell each other")
    return parser


if __name__ == "__main__":
    main()
