"""What writing costs: bytes, bindings and imports. Times are the business of the benchmarks."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sluiceway.model.facts import Fact, FlowRunCreated, TaskRunCreated, TaskRunMoved
from sluiceway.model.results import StoredResult
from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.folding import Numbers, fold
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, log_line, state, task_run

RUNS = 2_000
MOST_BYTES = 400
"""Of the database for a finished task run, all indexes included."""


def used_bytes(database: Path) -> int:
    """Return the bytes of the pages in use, those that are still in the write-ahead log included."""
    with closing(sqlite3.connect(database)) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)


def as_one_batch(facts: list[Fact]) -> list[list[Fact]]:
    return [facts]


def as_mapped(facts: list[Fact]) -> list[list[Fact]]:
    """Return batches as they come of tasks that are submitted first, and end much later."""
    return [[fact for fact in facts if isinstance(fact, TaskRunMoved) is moved] for moved in (False, True)]


@pytest.mark.parametrize("batches", [as_one_batch, as_mapped])
def test_a_finished_task_run_takes_at_most_400_bytes(
    sqlite: SqliteStore, database: Path, batches: Callable[[list[Fact]], list[list[Fact]]]
) -> None:
    flow = flow_run()
    sqlite.write(flow_facts(flow, StateType.RUNNING))
    before = used_bytes(database)
    runs = [
        task_run(flow, call_hash=hash((number, "arguments")), call_preview=f"order={number}") for number in range(RUNS)
    ]
    result = StoredResult(
        "pickle", b"\x80\x05\x95\x0a\x00\x00\x00\x00\x00\x00\x00J\x00\x00\x00\x00.", None, 19, "12345"
    )
    facts: list[Fact] = []
    for number, run in enumerate(runs):
        facts += finished_task_facts(run, NOON + number * 1_000, result)
    for batch in batches(facts):
        sqlite.write(batch)
    assert sqlite.count_task_runs() == RUNS
    assert (used_bytes(database) - before) / RUNS <= MOST_BYTES


def test_a_run_that_is_created_and_ends_in_one_batch_is_one_row_that_is_inserted() -> None:
    numbers = Numbers()
    numbers.flows["orders"] = numbers.tasks["load", "load-key"] = 1
    flow, task = flow_run(), task_run()
    (batch,) = fold([*flow_facts(flow, StateType.RUNNING, StateType.COMPLETED), *finished_task_facts(task)], numbers)
    assert batch.complete
    assert {name for name, values in batch.rows.items() if values} == {"create_flow_runs", "create_completed_task_runs"}


def test_values_are_bound_without_a_search_for_adapters() -> None:
    flow, task = flow_run(tags=frozenset({"a"}), parameters={"n": 1}), task_run(inputs={"rows": (b"k" * 16,)})
    late = task_run()
    facts: list[Fact] = [
        FlowRunCreated(flow, state(StateType.PENDING)),
        TaskRunCreated(task, state(StateType.PENDING)),
        TaskRunMoved(late.key, state(StateType.COMPLETED), 1, StoredResult("json", b"1", None, 1)),
        *finished_task_facts(task_run(flow)),
        log_line("a line", flow),
    ]
    kinds = {type(value) for batch in fold(facts, Numbers()) for values in batch.rows.values() for value in values}
    assert kinds == {int, float, str, bytearray}, "sqlite3 searches for an adapter of None and bytes"


@pytest.mark.parametrize("runs", [1, 7, 8, 9, 63, 577])
def test_batches_of_any_size_are_written_whole(sqlite: SqliteStore, runs: int) -> None:
    created = [task_run() for _ in range(runs)]
    sqlite.write([TaskRunCreated(run, state(StateType.PENDING)) for run in created])
    sqlite.write([TaskRunMoved(run.key, state(StateType.COMPLETED), 1) for run in created])
    found = sqlite.read_task_runs(limit=runs + 1).items
    assert {run.key for run in found} == {run.key for run in created}
    assert {run.state_name for run in found} == {"Completed"}


HELLO = """
import sys
from sluiceway.base.ids import new_id
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State, StateType
from sluiceway.stores.sqlite.store import SqliteStore

store = SqliteStore(sys.argv[1])
run = FlowRun(new_id(), "hello")
store.write([FlowRunCreated(run, State(StateType.PENDING)), FlowRunMoved(run.key, State(StateType.COMPLETED), 1)])
store.close()
print(*sorted(sys.modules))
"""

NOT_FOR_WRITING = frozenset(
    {"json", "logging", "dataclasses", "pathlib", "tempfile", "inspect", "asyncio", "hashlib", "importlib.resources"}
    | {f"sluiceway.stores.{name}" for name in ("cursors", "matching", "memory")}
    | {f"sluiceway.stores.sqlite.{name}" for name in ("pool", "reading", "selecting")}
)


def test_a_program_that_runs_one_flow_loads_nothing_that_is_for_reading(database: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", HELLO, str(database)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(done.stdout.split())
    assert "sluiceway.stores.sqlite.writing" in loaded
    assert not sorted(loaded & NOT_FOR_WRITING)
