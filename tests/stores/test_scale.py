"""Reading takes no more work where there is more to leave out: counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.big_database import FLOWS, Sizes, fill
from sluiceway.base.ids import RunId
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.store import SqliteStore

pytestmark = pytest.mark.slow

HOUR = 3_600_000_000

FEW, MANY = Sizes(1_000, 2_000, 2_000), Sizes(8_000, 16_000, 16_000)
"""The later runs of the larger database are as many, and as close together, as those of the smaller."""


class Counted:
    """A store, and the work that its database has had.

    Args:
        path: The database.
        largest: The flow run with the most lines.
    """

    def __init__(self, path: Path, largest: RunId) -> None:
        self.store = SqliteStore(str(path))
        self.largest: RunId = largest
        self.until = FEW.until
        self.steps = 0

    def note_step(self) -> None:
        self.steps += 10

    def work(self, look: Callable[[Counted], object]) -> int:
        """Return how many steps a look took, once everything is loaded."""
        look(self)
        before = self.steps
        look(self)
        return self.steps - before


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, RunId]:
    """Return the file of a database with a few runs, and one with eight times as many, each with its largest run."""
    folder = tmp_path_factory.mktemp("scale")
    filled = {}
    for name, sizes in (("few.db", FEW), ("many.db", MANY)):
        with closing(SqliteStore(str(folder / name))) as store:
            filled[folder / name] = fill(store, sizes)
    return filled


@pytest.fixture
def stores(files: dict[Path, RunId], monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Counted]]:
    """Return a store with a few runs, and one with eight times as many."""
    made = {str(path): Counted(path, largest) for path, largest in files.items()}
    open_database = Database.open

    def open_counting(database: Database, *settings: str) -> sqlite3.Connection:
        connection = open_database(database, *settings)
        connection.set_progress_handler(made[database.path].note_step, 10)
        return connection

    monkeypatch.setattr(Database, "open", open_counting)
    yield list(made.values())
    for counted in made.values():
        counted.store.close()


def lines_of(counted: Counted) -> LogQuery:
    return LogQuery(flow_run_keys=(counted.largest,))


def small_run(counted: Counted) -> RunId:
    """Return a flow run with a few task runs."""
    return counted.store.read_flow_runs(limit=20).items[-1].key


LOOKS: dict[str, Callable[[Counted], object]] = {
    "the pulse": lambda c: c.store.read_pulse(),
    "a strip": lambda c: c.store.read_flow_run_history(FlowRunQuery(), c.until - 10 * HOUR, HOUR, 10),
    "a strip of a flow": lambda c: c.store.read_flow_run_history(
        FlowRunQuery(flow_names=FLOWS[:1], roots_only=True), c.until - 10 * HOUR, HOUR, 10
    ),
    "a strip of a tag": lambda c: c.store.read_flow_run_history(
        FlowRunQuery(tags=("nightly",)), c.until - 10 * HOUR, HOUR, 10
    ),
    "states": lambda c: c.store.count_flow_runs_by_state(FlowRunQuery(created_after=c.until - 10 * HOUR)),
    "attention": lambda c: c.store.read_attention(c.until - 10 * HOUR, c.until),
    "summaries": lambda c: c.store.read_flow_summaries(FLOWS, c.until - 10 * HOUR, c.until + HOUR),
    "runs": lambda c: c.store.read_flow_runs(limit=50),
    "runs of a flow": lambda c: c.store.read_flow_runs(FlowRunQuery(flow_names=FLOWS[:1]), limit=50),
    "runs of a tag": lambda c: c.store.read_flow_runs(FlowRunQuery(tags=("nightly",)), limit=50),
    "runs that failed": lambda c: c.store.read_flow_runs(FlowRunQuery(state_types=(StateType.FAILED,)), limit=20),
    "runs that ended last": lambda c: c.store.read_flow_runs(order=RunOrder.ENDED_LAST, limit=50),
    "runs with a text": lambda c: c.store.read_flow_runs(FlowRunQuery(text="IMPORT"), limit=20),
    "runs with a parameter": lambda c: c.store.read_flow_runs(FlowRunQuery(parameters=(("dry", "false"),)), limit=20),
    "a name": lambda c: c.store.search("brisk-otter"),
    "an identifier": lambda c: c.store.search(c.largest.hex()),
    "a timeline": lambda c: c.store.read_timeline(small_run(c)),
    "steps": lambda c: c.store.read_task_runs(TaskRunQuery(flow_run_keys=(small_run(c),)), limit=50),
    "lines": lambda c: c.store.read_logs(lines_of(c), limit=100),
    "the last lines": lambda c: c.store.read_logs(lines_of(c), limit=100, newest_first=True),
    "the first warning": lambda c: c.store.read_logs(lines_of(c)._replace(level_at_least=30), limit=1),
    "a search through lines": lambda c: c.store.scan_logs(lines_of(c)._replace(text="no such text"), most=1_000),
    "what is in hand": lambda c: c.store.read_in_hand(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_is_no_more_work_with_eight_times_as_many_runs(stores: list[Counted], look: str) -> None:
    few, many = (counted.work(LOOKS[look]) for counted in stores)
    assert many <= 1.5 * few + 100, (few, many)


def test_what_counts_everything_is_more_work_the_more_there_is(stores: list[Counted]) -> None:
    """So the measure is one."""
    few, many = (counted.work(lambda c: c.store.count_flow_runs_by_state()) for counted in stores)
    assert many > 4 * few
