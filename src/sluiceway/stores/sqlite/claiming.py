"""Claiming: deferred calls and locks go from hand to hand, each to one owner only."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.deferred import Claim, DeferredCall
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.failures import explained
from sluiceway.stores.sqlite.statements import encodable, load
from sluiceway.stores.sqlite.waiting import patiently

T = TypeVar("T")


class Claimer:
    """Gives deferred calls to workers, and locks to whoever asks. The verbs are those of the port.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        self._database = database
        self._durability = "FULL" if strict else "NORMAL"
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._texts = load("claiming.sql")

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker."""

        def claim(connection: sqlite3.Connection) -> tuple[DeferredCall, ...]:
            # A look first, without a transaction: most often there is nothing, and nobody is to wait for that.
            if not self._waiting(connection, task_keys, 1, at):
                return ()
            with _Transaction(connection):
                return tuple(
                    DeferredCall(*connection.execute(self._texts["claim"], (owner, at, run)).fetchone())
                    for run in self._waiting(connection, task_keys, limit, at)
                )

        return self._with_connection(claim)

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again, as far as they are claimed by this worker."""

        def release(connection: sqlite3.Connection) -> None:
            with _Transaction(connection):
                connection.executemany(self._texts["release"], [(run, owner) for run in run_keys])

        if run_keys:
            self._with_connection(release)

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many calls nobody has claimed, by the key of their task."""
        return self._with_connection(lambda connection: dict(connection.execute(self._texts["waiting_by_task"])))

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call."""
        return self._with_connection(
            lambda connection: tuple(Claim(*row) for row in connection.execute(self._texts["claims"]))
        )

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so."""
        values = {"key": encodable(key), "owner": encodable(owner), "until": until, "at": at}

        def claim(connection: sqlite3.Connection) -> bool:
            # A look first, without a transaction: who waits for a lock asks often, and is to be in nobody's way.
            if self._owner(connection, values) not in (None, values["owner"]):
                return False
            with _Transaction(connection):
                return connection.execute(self._texts["claim_lock"], values).fetchone() is not None

        return self._with_connection(claim)

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it."""
        values = {"key": encodable(key), "owner": encodable(owner), "at": at}

        def release(connection: sqlite3.Connection) -> bool:
            with _Transaction(connection):
                return connection.execute(self._texts["release_lock"], values).fetchone() is not None

        return self._with_connection(release)

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock."""
        values = {"key": encodable(key), "at": at}
        return self._with_connection(lambda connection: self._owner(connection, values))

    def _owner(self, connection: sqlite3.Connection, values: dict[str, object]) -> str | None:
        found = connection.execute(self._texts["lock_owner"], values).fetchone()
        return None if found is None else found[0]

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        with self._turn:
            self._give_up()

    def _waiting(self, connection: sqlite3.Connection, task_keys: Sequence[str], limit: int, at: Moment) -> list[RunId]:
        """Return the runs that may be claimed, the longest due first: for each task they come off an index in order."""
        keys = to_json([encodable(key) for key in task_keys])
        found: list[tuple[Moment, RunId]] = []
        for (task,) in connection.execute(self._texts["tasks"], (keys,)).fetchall():
            found += connection.execute(self._texts["waiting"], (task, at, limit))
        return [run for _, run in sorted(found)[:limit]]

    def _with_connection(self, action: Callable[[sqlite3.Connection], T]) -> T:
        with self._turn:
            try:
                if self._connection is None:
                    self._connection = self._database.open(f"PRAGMA synchronous = {self._durability}")
                return action(self._connection)
            except BaseException as error:
                self._give_up()  # which undoes what was not committed
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._database.path) from error
                raise

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Transaction:
    """A transaction that waits patiently for its turn to write.

    Args:
        connection: The connection; whoever gave it closes it where something goes wrong.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        patiently(lambda: self._connection.execute("BEGIN IMMEDIATE"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            patiently(lambda: self._connection.execute("COMMIT"))
