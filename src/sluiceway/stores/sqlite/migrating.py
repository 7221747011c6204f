"""Migrations: numbered files that bring a database from any earlier schema to the present one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sluiceway.base.errors import NewerDatabaseError, StoreError
from sluiceway.stores.sqlite.statements import list_folder, read_text
from sluiceway.stores.sqlite.waiting import patiently

APPLICATION_ID = 0x536C7563
"""Marks a file as a run database (`Sluc`), so that one of another program is never mistaken for it."""

_FOLDER = "migrations"


def migrations() -> list[tuple[int, str]]:
    """Return the number and the file name of each migration in order."""
    return [(int(name.partition("_")[0]), name) for name in list_folder(_FOLDER)]


def schema_version(connection: sqlite3.Connection, path: str) -> int:
    """Return the number of the last migration that a database has seen; 0 for an empty one.

    Args:
        connection: A connection to the database.
        path: The database file.

    Raises:
        NewerDatabaseError: It was written by a newer version of Sluiceway.
        StoreError: It belongs to another program.
    """
    owner, version = connection.execute(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if owner != APPLICATION_ID:
        if owner or version or connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreError(
                f"The file {path} is the database of another program. "
                "Set SLUICEWAY_DATABASE_URL to a file of Sluiceway's own."
            )
        return 0
    latest = migrations()[-1][0]
    if version > latest:
        raise NewerDatabaseError(
            f"The run database {path} was written by a newer version of Sluiceway (schema {version}, "
            f"the newest known here is {latest}). "
            "Upgrade Sluiceway, or set SLUICEWAY_DATABASE_URL to another file."
        )
    return int(version)


def is_current(connection: sqlite3.Connection, path: str) -> bool:
    """Return whether a database has the present schema.

    Args:
        connection: A connection to the database.
        path: The database file.

    Raises:
        NewerDatabaseError: It was written by a newer version of Sluiceway.
        StoreError: It belongs to another program.
    """
    return schema_version(connection, path) == migrations()[-1][0]


def migrate(connection: sqlite3.Connection, path: str, until: int | None = None) -> None:
    """Bring a database to the present schema, in one transaction; others that try meanwhile wait.

    Args:
        connection: A connection to the database.
        path: The database file.
        until: The number of the last migration to run; None for all.
    """
    patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
    patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    try:
        version = schema_version(connection, path)  # another process may have been first
        for number, file in migrations():
            if version < number and (until is None or number <= until):
                for statement in _statements(read_text(_FOLDER, file)):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit before the first one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
