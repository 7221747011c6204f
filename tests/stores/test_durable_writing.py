"""Writes that wait for the disk: which commits do, and what is known of one that was interrupted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.model.facts import Receipt
from sluiceway.ports.store import Store
from sluiceway.stores.sqlite import connection as writing
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import finished_task_facts, log_line, task_run

FULL, NORMAL = 2, 1


@pytest.fixture
def statements(sqlite: SqliteStore) -> Iterator[list[str]]:
    """Return the first words of what the connection that writes executes."""
    connection, executed = _connection(sqlite), list[str]()

    def note(statement: str) -> None:
        executed.append(" ".join(statement.split()[:4]))

    connection.set_trace_callback(note)
    yield executed
    connection.set_trace_callback(None)


def _connection(store: SqliteStore) -> sqlite3.Connection:
    """Return the connection that writes."""
    return store._present().writer._connection.read(lambda connection: connection)


def _level(store: SqliteStore) -> int:
    """Return how the connection that writes commits at present."""
    (level,) = _connection(store).execute("PRAGMA synchronous").fetchone()
    return int(level)


def _log_bytes(database: Path) -> int:
    return database.with_name(database.name + "-wal").stat().st_size


# --- every store ----------------------------------------------------------------------------------


def test_what_is_written_to_be_on_disk_can_be_read_like_all_else(store: Store) -> None:
    store.write(finished_task_facts(task_run()), durable=True)
    store.write([], durable=True)
    store.write(finished_task_facts(task_run()))
    assert store.count_task_runs() == 2


@pytest.mark.parametrize("durable", [False, True])
def test_a_receipt_tells_that_something_was_written(store: Store, durable: bool) -> None:
    receipt = Receipt()
    assert not receipt.written
    store.write([log_line("a line")], durable=durable, receipt=receipt)
    assert receipt.written


def test_a_receipt_tells_nothing_of_what_could_not_be_written(store: Store) -> None:
    receipt = Receipt()
    with pytest.raises(TypeError):
        store.write(["no fact"], durable=True, receipt=receipt)  # type: ignore[list-item]
    assert not receipt.written


# --- in a database --------------------------------------------------------------------------------


def test_only_what_is_to_be_on_disk_waits_for_it(sqlite: SqliteStore) -> None:
    for durable, level in [(False, NORMAL), (True, FULL), (True, FULL), (False, NORMAL), (True, FULL)]:
        sqlite.write([log_line("a line")], durable=durable)
        assert _level(sqlite) == level


def test_the_level_is_changed_only_where_it_differs_and_outside_of_transactions(
    sqlite: SqliteStore, statements: list[str]
) -> None:
    for durable in (False, True, True, False, False):
        sqlite.write([log_line("a line")], durable=durable)
    changes = [statement for statement in statements if statement.startswith("PRAGMA")]
    assert changes == ["PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"]
    for number, statement in enumerate(statements):
        if statement.startswith("PRAGMA"):
            assert statements[number + 1] == "BEGIN IMMEDIATE"


def test_a_store_that_is_strict_always_waits_for_the_disk(database: Path) -> None:
    with closing(SqliteStore(str(database), strict=True)) as strict:
        strict.write([log_line("a line")])
        assert _level(strict) == FULL
        size = _log_bytes(database)
        strict.write([], durable=True)
        assert _log_bytes(database) == size, "all is on disk already"


def test_what_was_written_without_the_disk_can_be_put_there_later(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write([log_line("a line")])
    size = _log_bytes(database)
    sqlite.write([], durable=True)
    assert _level(sqlite) == FULL
    assert _log_bytes(database) > size, "a transaction that writes nothing would not be synchronised"
    size = _log_bytes(database)
    sqlite.write([], durable=True)
    assert _log_bytes(database) == size, "there is nothing more to wait for"
    assert sqlite.check() == []
    assert sqlite.count_logs() == 1


def test_nothing_to_write_and_nothing_to_wait_for_opens_no_database(database: Path) -> None:
    with closing(SqliteStore(str(database))) as store:
        store.write([])
        store.write([], durable=True)
        assert not database.exists()


def _interrupting(when: Callable[[str], bool], after: bool) -> Callable[[Callable[[], Any]], Any]:
    """Return a `patiently` that Ctrl-C reaches before or after a statement."""

    def patiently(action: Callable[[], Any]) -> Any:
        executed = _Executed()
        (cell,) = action.__closure__ or ()
        real, cell.cell_contents = cell.cell_contents, executed
        try:
            action()
        finally:
            cell.cell_contents = real
        if not when(executed.statement):
            return real.execute(executed.statement)
        if after:
            real.execute(executed.statement)
        raise KeyboardInterrupt

    return patiently


class _Executed:
    """Stands for a connection, to learn what is to be executed."""

    statement = ""

    def execute(self, statement: str) -> None:
        self.statement = statement


@pytest.mark.parametrize(
    ("statement", "after", "written"),
    [
        ("BEGIN IMMEDIATE", False, False),
        ("BEGIN IMMEDIATE", True, False),
        ("COMMIT", False, False),
        ("COMMIT", True, True),
    ],
)
def test_who_is_interrupted_knows_whether_it_was_written_and_all_goes_on(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch, statement: str, after: bool, written: bool
) -> None:
    sqlite.write([log_line("before")], durable=True)
    receipt = Receipt()
    with monkeypatch.context() as patched:
        patched.setattr(writing, "patiently", _interrupting(lambda text: text == statement, after))
        with pytest.raises(KeyboardInterrupt):
            sqlite.write(finished_task_facts(task_run()), durable=True, receipt=receipt)
    assert receipt.written is written
    assert sqlite.count_task_runs() == written
    sqlite.write(finished_task_facts(task_run()), durable=True)
    assert sqlite.count_task_runs() == written + 1


def test_a_write_that_fails_was_not_written(
    sqlite: SqliteStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.write([log_line("before")])
    _connection(sqlite).execute("PRAGMA max_page_count = 1")
    receipt = Receipt()
    with pytest.raises(Exception, match="the disk is full"):
        sqlite.write([log_line("x" * 100_000)], durable=True, receipt=receipt)
    assert not receipt.written
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)
