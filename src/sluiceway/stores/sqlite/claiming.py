"""Claiming: deferred calls and locks go from hand to hand, each to one owner only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.deferred import Claim, DeferredCall
from sluiceway.stores.rows import to_json
from sluiceway.stores.sqlite.connection import WritingConnection
from sluiceway.stores.sqlite.statements import encodable, load


class Claimer:
    """Gives deferred calls to workers, and locks to whoever asks. The verbs are those of the port.

    Args:
        connection: The connection that it writes with.
    """

    def __init__(self, connection: WritingConnection) -> None:
        self._connection = connection
        self._texts = load("claiming.sql")

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker."""

        def claim(connection: sqlite3.Connection) -> tuple[DeferredCall, ...]:
            return tuple(
                DeferredCall(*connection.execute(self._texts["claim"], (owner, at, run)).fetchone())
                for run in self._waiting(connection, task_keys, limit, at)
            )

        # A look first, without a transaction: most often there is nothing, and nobody is to wait for that.
        there_are_any = self._connection.read(lambda connection: self._waiting(connection, task_keys, 1, at))
        return self._connection.write(claim) if there_are_any else ()

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again, as far as they are claimed by this worker."""
        if run_keys:
            rows = [(run, owner) for run in run_keys]
            self._connection.write(lambda connection: connection.executemany(self._texts["release"], rows))

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many calls nobody has claimed, by the key of their task."""
        return self._connection.read(lambda connection: dict(connection.execute(self._texts["waiting_by_task"])))

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call."""
        return self._connection.read(
            lambda connection: tuple(Claim(*row) for row in connection.execute(self._texts["claims"]))
        )

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so."""
        values = {"key": encodable(key), "owner": encodable(owner), "until": until, "at": at}

        # A look first, without a transaction: who waits for a lock asks often, and is to be in nobody's way.
        if self._owner(values) not in (None, values["owner"]):
            return False
        return self._changes("claim_lock", values)

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it."""
        values = {"key": encodable(key), "owner": encodable(owner), "at": at}
        return self._changes("release_lock", values)

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock."""
        return self._owner({"key": encodable(key), "at": at})

    def _owner(self, values: dict[str, object]) -> str | None:
        found = self._connection.read(
            lambda connection: connection.execute(self._texts["lock_owner"], values).fetchone()
        )
        return None if found is None else found[0]

    def _changes(self, name: str, values: dict[str, object]) -> bool:
        """Execute a statement, and return whether it changed a row."""
        return self._connection.write(
            lambda connection: connection.execute(self._texts[name], values).fetchone() is not None
        )

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        self._connection.close()

    def _waiting(self, connection: sqlite3.Connection, task_keys: Sequence[str], limit: int, at: Moment) -> list[RunId]:
        """Return the runs that may be claimed, the longest due first: for each task they come off an index in order."""
        keys = to_json([encodable(key) for key in task_keys])
        found: list[tuple[Moment, RunId]] = []
        for (task,) in connection.execute(self._texts["tasks"], (keys,)).fetchall():
            found += connection.execute(self._texts["waiting"], (task, at, limit))
        return [run for _, run in sorted(found)[:limit]]
