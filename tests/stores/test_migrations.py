"""Databases of earlier schemas are brought to the present one, others are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.errors import NewerDatabaseError, StoreError
from sluiceway.base.ids import new_id
from sluiceway.model.facts import TaskRunDeferred
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.results import StoredResult
from sluiceway.model.states import StateType
from sluiceway.rules.outcomes import resuming
from sluiceway.stores.sqlite.migrating import APPLICATION_ID, migrate, migrations
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, state, task_facts, task_run


def schema(path: Path) -> set[tuple[Any, ...]]:
    """Return the schema of a database, with its version."""
    with closing(sqlite3.connect(path)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()
        return {*connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"), version}


def test_a_fresh_schema_equals_the_sum_of_migrations(sqlite: SqliteStore, database: Path, tmp_path: Path) -> None:
    sqlite.upgrade()
    stepwise = tmp_path / "stepwise.db"
    for number, _ in migrations():
        with closing(sqlite3.connect(stepwise, isolation_level=None)) as connection:
            migrate(connection, str(stepwise), until=number)
    assert schema(stepwise) == schema(database)


def test_migrations_are_numbered_from_one_without_gaps() -> None:
    numbers = [number for number, _ in migrations()]
    assert numbers == list(range(1, numbers[-1] + 1))


def test_an_upgrade_reaches_the_last_migration_and_marks_the_file(sqlite: SqliteStore, database: Path) -> None:
    assert sqlite.upgrade() == sqlite.schema_version == migrations()[-1][0]
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_of_the_first_schema_keeps_its_runs_and_takes_deferred_calls(
    sqlite: SqliteStore, database: Path, tmp_path: Path
) -> None:
    first = tmp_path / "first.db"
    run = task_run()
    sqlite.write(finished_task_facts(run))
    copied(database, first, 1)
    with closing(SqliteStore(str(first))) as store:
        later = task_run()
        store.write([TaskRunDeferred(later, state(StateType.SCHEDULED), NOON, b"call")])
        assert [call.run_key for call in store.claim_calls("worker", ["load-key"], 1, NOON)] == [later.key]
        found = store.read_task_run(run.key)
        assert found is not None
        assert found.state_name == "Completed"
        assert store.check() == []
    assert schema(first) == schema(database)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_of_a_schema_that_knew_nothing_of_processes_is_taken_in_hand_with_what_it_has_recorded(
    sqlite: SqliteStore, database: Path, tmp_path: Path, number: int
) -> None:
    run, ended = flow_run(), flow_run()
    done, under_way = task_run(run), task_run(run)
    done.call_preview, under_way.call_preview = "number=1", "number=2"
    facts = [*flow_facts(run, StateType.PENDING, StateType.RUNNING), *flow_facts(ended, StateType.COMPLETED)]
    kept = StoredResult("pickle", b"bytes", None, 5)
    facts += [*finished_task_facts(done, result=kept), *task_facts(under_way, StateType.PENDING, StateType.RUNNING)]
    sqlite.write(facts)
    older = copied(database, tmp_path / "older.db", number)
    with closing(SqliteStore(str(older))) as store:
        assert (store.read_processes(), store.read_holder(run.key), store.read_call(run.key)) == ((), None, None)
        process = ProcessInfo(new_id(), "here", "boot", 42, NOON)
        store.announce_process(process)
        assert store.take_flow_run(run.key, (StateType.RUNNING, 0), process, resuming(NOON)) == 1
        steps = [(step.key, step.call_preview, step.state_type) for step in store.read_steps(run.key)]
        assert steps == [
            (done.key, "number=1", StateType.COMPLETED),
            (under_way.key, "number=2", StateType.RUNNING),
        ]
        assert store.read_result(done.key) == kept
        assert store.bury_process(process, "It died.", NOON) == (run.key,)
        assert {found.key: found.state_name for found in store.read_flow_runs().items} == {
            run.key: "Crashed",
            ended.key: "Completed",
        }
        assert store.check() == []
    assert schema(older) == schema(database)


def copied(database: Path, older: Path, number: int) -> Path:
    """Return a database of an earlier schema with the rows of runs, as far as it has columns for them."""
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        migrate(connection, str(older), until=number)
        connection.execute("ATTACH ? AS present", (str(database),))
        for table in ("flow", "task", "logger", "flow_run", "task_run"):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM present.{table}")
    return older


def test_a_database_in_which_nothing_was_written_yet_is_taken_for_a_new_one(database: Path) -> None:
    database.parent.mkdir()
    database.touch()
    with closing(SqliteStore(str(database))) as store:
        store.write(finished_task_facts(task_run()))
        assert store.count_task_runs() == 1


def test_what_an_interrupted_migration_did_is_undone(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database.parent.mkdir()
    monkeypatch.setattr("sluiceway.stores.sqlite.migrating.read_text", lambda *path: "CREATE TABLE a (b);\nNONSENSE;\n")
    with closing(SqliteStore(str(database))) as store, pytest.raises(StoreError, match="NONSENSE"):
        store.upgrade()
    assert schema(database) == {(0,)}


def test_a_newer_database_is_refused_with_both_versions_and_the_remedy(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write(finished_task_facts(task_run()))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with closing(SqliteStore(str(database))) as older:
        with pytest.raises(NewerDatabaseError) as refused:
            older.write(finished_task_facts(task_run()))
        with pytest.raises(NewerDatabaseError):
            older.read_flow_runs()
        (complaint,) = older.check()
    assert (
        str(refused.value)
        == complaint
        == (
            f"The run database {database} was written by a newer version of Sluiceway (schema 99, the newest known "
            f"here is {migrations()[-1][0]}). Upgrade Sluiceway, or set SLUICEWAY_DATABASE_URL to another file."
        )
    )
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM task_run").fetchone() == (1,)


def test_the_database_of_another_program_is_refused_and_not_touched(database: Path) -> None:
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    before = database.read_bytes()
    with closing(SqliteStore(str(database))) as store, pytest.raises(StoreError, match="of another program") as refused:
        store.write(finished_task_facts(task_run()))
    assert str(database) in str(refused.value)
    assert database.read_bytes() == before
