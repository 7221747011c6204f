"""Databases of earlier schemas are brought to the present one, others are refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.errors import NewerDatabaseError, StoreError
from sluiceway.model.facts import TaskRunDeferred
from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.migrating import APPLICATION_ID, migrate, migrations
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, state, task_run


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
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


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
    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        migrate(connection, str(first), until=1)
        connection.execute("ATTACH ? AS present", (str(database),))
        for table in ("flow", "task", "logger"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM present.{table}")
        columns = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(task_run)"))
        connection.execute(f"INSERT INTO task_run ({columns}) SELECT {columns} FROM present.task_run")
    with closing(SqliteStore(str(first))) as store:
        later = task_run()
        store.write([TaskRunDeferred(later, state(StateType.SCHEDULED), NOON, b"call")])
        assert [call.run_key for call in store.claim_calls("worker", ["load-key"], 1, NOON)] == [later.key]
        found = store.read_task_run(run.key)
        assert found is not None
        assert found.state_name == "Completed"
        assert store.check() == []
    assert schema(first) == schema(database)


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
