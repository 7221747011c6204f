"""A database that cannot be used gives one clear error, which names the file and the remedy."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.errors import StoreClosedError, StoreError
from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import FlowRunCreated, ResultCached
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.model.states import StateType
from sluiceway.recording.reaping import reap
from sluiceway.stores.sqlite import waiting
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.wiring.clock import SystemClock
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, log_line, state, task_run

NOBODY = 65_534


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="MemoryStore"):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_named_with_what_to_do(database: Path) -> None:
    database.parent.mkdir()
    database.write_bytes(b"This is no database, whatever its name says." * 100)
    with closing(SqliteStore(str(database))) as store:
        for use in (lambda: store.write(finished_task_facts(task_run())), store.read_flow_runs, store.describe):
            with pytest.raises(StoreError, match="it is not a database") as raised:
                use()
            assert f"The run database {database} cannot be used" in str(raised.value)
            assert "Move the file away" in str(raised.value)
        assert len(store.check()) == 1


def test_a_damaged_database_is_found_out_by_the_check(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write([fact for _ in range(500) for fact in finished_task_facts(task_run())])
    sqlite.close()
    with database.open("r+b") as file:
        file.seek(database.stat().st_size // 2)
        file.write(os.urandom(4096 * 4))
    with closing(SqliteStore(str(database))) as store:
        complaints = store.check()
    assert complaints
    assert all(str(database) in complaint and "damaged" in complaint for complaint in complaints)


def test_rows_that_refer_to_runs_that_are_missing_are_found_out_by_the_check(sqlite: SqliteStore) -> None:
    sqlite.write(finished_task_facts(task_run(flow_run())))
    (complaint,) = sqlite.check()
    assert complaint.endswith("1 rows of task_run name a missing flow_run.")


def test_a_folder_in_the_place_of_the_file_is_named(database: Path) -> None:
    database.mkdir(parents=True)
    with closing(SqliteStore(str(database))) as store, pytest.raises(StoreError, match="cannot be opened") as raised:
        store.write(finished_task_facts(task_run()))
    assert str(database) in str(raised.value)


def test_a_file_in_the_place_of_the_folder_is_named(database: Path) -> None:
    database.parent.write_text("")
    with closing(SqliteStore(str(database / "deeper" / "runs.db"))) as store:
        with pytest.raises(StoreError, match="SLUICEWAY_DATABASE_URL") as raised:
            store.write(finished_task_facts(task_run()))
        assert str(database) in str(raised.value)


@contextmanager
def without_privileges() -> Iterator[Path]:
    """Give a folder that the process may read and not write; root becomes nobody meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)


def test_a_folder_without_write_permission_is_named_with_what_to_do() -> None:
    with without_privileges() as folder:
        path = folder / "journal" / "runs.db"
        with closing(SqliteStore(str(path))) as store, pytest.raises(StoreError, match="Permission denied") as raised:
            store.write(finished_task_facts(task_run()))
    assert f"The run database {path} cannot be used" in str(raised.value)
    assert "Let this user write the file and its folder" in str(raised.value)


def test_a_file_without_write_permission_is_named_with_what_to_do() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        with closing(SqliteStore(str(path))) as store:
            store.write(finished_task_facts(task_run()))
        path.chmod(0o444)
        os.chmod(folder, 0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            with closing(SqliteStore(str(path))) as store, pytest.raises(StoreError) as raised:
                store.write(finished_task_facts(task_run()))
        finally:
            os.seteuid(user)
            os.chmod(folder, 0o755)
    assert f"The run database {path} cannot be used" in str(raised.value)
    assert "Let this user write the file and its folder" in str(raised.value)


def limit_size(store: SqliteStore, pages: int) -> None:
    """Make the disk seem full beyond some pages: SQLite takes the same way then."""
    store._present().writer._connection.read(lambda c: c.execute(f"PRAGMA max_page_count = {pages}"))


def test_a_full_disk_is_named_nothing_of_the_batch_is_written_and_the_next_one_is_once_there_is_space(
    sqlite: SqliteStore, database: Path
) -> None:
    sqlite.write(finished_task_facts(task_run()))
    limit_size(sqlite, 1)
    line = log_line("x" * 100_000)
    with pytest.raises(StoreError, match="the disk is full") as raised:
        sqlite.write([*finished_task_facts(task_run(task="other")), line])
    assert f"The run database {database} cannot be used" in str(raised.value)
    assert "Free some space" in str(raised.value)
    assert (sqlite.count_task_runs(), sqlite.count_logs()) == (1, 0)
    sqlite.write([*finished_task_facts(task_run(task="other")), line])
    assert (sqlite.count_task_runs(), sqlite.count_logs()) == (2, 1)
    assert {run.task_name for run in sqlite.read_task_runs().items} == {"load", "other"}


def test_a_database_that_stays_locked_is_named_in_the_end(
    sqlite: SqliteStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.write(finished_task_facts(task_run()))
    monkeypatch.setattr(waiting, "PATIENCE", 0)
    sqlite._present().writer._connection.read(lambda c: c.execute("PRAGMA busy_timeout = 0"))
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="it stayed locked") as raised:
            sqlite.write(finished_task_facts(task_run()))
        assert str(database) in str(raised.value)
        other.execute("ROLLBACK")
    sqlite.write(finished_task_facts(task_run()))
    assert sqlite.count_task_runs() == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"call_hash": 1 << 63}, OverflowError), ({"call_preview": object()}, ValueError)],
)
def test_a_value_that_no_database_takes_is_no_fault_of_the_database(
    sqlite: SqliteStore, changes: dict[str, Any], error: type[Exception]
) -> None:
    good, bad = task_run(), task_run(**changes)
    with pytest.raises(error):
        sqlite.write(finished_task_facts(good) + finished_task_facts(bad))
    assert sqlite.count_task_runs() == 0
    sqlite.write(finished_task_facts(good))
    assert sqlite.count_task_runs() == 1


def test_text_that_is_no_unicode_is_spelled_out(sqlite: SqliteStore) -> None:
    run = flow_run(
        flow_name="\ud800", given_name="caf\udce9", tags=frozenset({"\ud800"}), parameters={"file": "\udce9"}
    )
    sqlite.write([FlowRunCreated(run, state(StateType.PENDING)), log_line("no such file: caf\udce9", run)])
    sqlite.write(finished_task_facts(task_run(task_name="\ud801")))
    sqlite.write([ResultCached(CachedResult("\udce9", StoredResult("json", b"1"), 0))])
    (line,) = sqlite.read_logs().items
    assert line.message == r"no such file: caf\udce9"
    found = sqlite.read_flow_run(run.key)
    assert found is not None
    assert (found.flow_name, found.name, found.parameters) == (r"\ud800", r"caf\udce9", {"file": "\udce9"})
    assert [task_run.task_name for task_run in sqlite.read_task_runs().items] == [r"\ud801"]
    assert sqlite.read_cached("\udce9") is not None


def test_what_json_does_not_know_is_written_as_its_text(sqlite: SqliteStore) -> None:
    run = flow_run(parameters={"when": StateType})
    sqlite.write([FlowRunCreated(run, state(StateType.PENDING))])
    found = sqlite.read_flow_run(run.key)
    assert found is not None
    assert found.parameters == {"when": repr(StateType)}


def test_a_closed_store_says_so(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write(finished_task_facts(task_run()))
    sqlite.close()
    sqlite.close()
    with pytest.raises(StoreClosedError, match="was closed") as raised:
        sqlite.write(finished_task_facts(task_run()))
    assert str(database) in str(raised.value)
    with pytest.raises(StoreClosedError, match="was closed"):
        sqlite.read_flow_runs()


def test_an_old_sqlite_is_named_with_what_to_do(sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.31.1")
    with pytest.raises(StoreError, match=r"this Python has SQLite 3\.31\.1"):
        sqlite.write(finished_task_facts(task_run()))


def test_the_file_and_its_folder_are_for_this_user_only(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write(finished_task_facts(task_run()))
    assert database.parent.stat().st_mode & 0o777 == 0o700
    files = sorted(database.parent.iterdir())
    assert files[0] == database
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


# --- runs in hand -----------------------------------------------------------------------------------


def held_run(store: SqliteStore, until: int | None = None) -> tuple[ProcessInfo, RunId]:
    """Return a process, and a run that it has in hand."""
    process, run = ProcessInfo(new_id(), "here", "boot", 42, NOON, None, until), flow_run()
    store.announce_process(process)
    assert store.hold_run(run.key, process)
    store.write(flow_facts(run, StateType.RUNNING))
    return process, run.key


def test_on_a_full_disk_nobody_takes_a_run_in_hand_or_buries_a_process_and_both_is_done_once_there_is_space(
    sqlite: SqliteStore,
) -> None:
    process, run = held_run(sqlite)
    reason = "It died." * 5_000  # which needs more pages than there are
    sqlite._holder()._connection.read(lambda c: c.execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreError, match="the disk is full"):
        sqlite.bury_process(process, reason, NOON)
    found = sqlite.read_flow_run(run)
    assert found is not None
    assert (found.state_name, sqlite.read_holder(run), sqlite.read_processes()) == ("Running", process, (process,))
    assert sqlite.bury_process(process, reason, NOON) == (run,)


def test_who_may_only_read_leaves_the_runs_of_dead_processes_as_they_are_and_is_told_why(
    sqlite: SqliteStore, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    process, run = held_run(sqlite, until=NOON)
    sqlite._holder()._connection.read(lambda c: c.execute("PRAGMA query_only = 1"))
    assert reap(sqlite, None, str(database.parent), SystemClock(), 0.0) == ()
    found = sqlite.read_flow_run(run)
    assert found is not None
    assert (found.state_name, sqlite.read_holder(run)) == ("Running", process)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "has not prolonged its lease" in line
    assert f"The run database {database} cannot be used: it is read-only" in line


def test_a_damaged_database_is_named_by_who_would_take_a_run_in_hand(sqlite: SqliteStore, database: Path) -> None:
    process, run = held_run(sqlite)
    sqlite.close()
    with open(database, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (database.stat().st_size - 100))
    with closing(SqliteStore(str(database))) as store:
        for verb in (store.read_processes, lambda: store.read_holder(run), lambda: store.hold_run(run, process)):
            with pytest.raises(StoreError, match=r"it is damaged|it is not a database") as raised:
                verb()
            assert str(database) in str(raised.value)
