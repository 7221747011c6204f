"""Removing: runs, cached results and notes of their places go in steps, each of which is one short transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.keeping import Holdings, LetGo, Removed, Root, Sizes, Tree
from sluiceway.model.queries import Page
from sluiceway.stores import cursors
from sluiceway.stores.rows import created, first_key, to_json
from sluiceway.stores.sqlite.connection import Database, WritingConnection, transaction
from sluiceway.stores.sqlite.statements import encodable, load
from sluiceway.stores.sqlite.waiting import patiently

T = TypeVar("T")

_REMOVALS = (
    "note results of doomed",
    "remove waits",
    "remove waits for",
    "remove calls",
    "remove task run tags",
    "remove flow run tags",
    "remove lines",
    "remove lines of task runs",
    "remove artifacts",
    "remove artifacts of task runs",
    "part from parents",
    "remove staged",
    "remove task runs",
    "remove imports",
    "remove pauses",
    "remove receptions",
    "remove inputs",
    "remove keys",
    "remove flow runs",
)
"""The statements that remove what is doomed, in order. Few, for the reason that `writing.py` tells."""

_COUNTED = ("flow runs", "task runs", "lines", "artifacts")
"""What is counted of it."""

_PARTS = {"flow": ("lines", "artifacts", "task runs"), "task": ("lines", "artifacts")}
"""What hangs on a run, by its kind, in the order in which it goes."""


class Keeper:
    """Removes what need not be kept any more, and says how much there is. The verbs are those of the port.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        self._database = database
        self._texts = load("keeping.sql")
        tables = (self._texts[f"prepare {rows}"] for rows in _COUNTED)
        self._connection = WritingConnection(database, strict, "PRAGMA temp_store = MEMORY", *tables)

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        self._connection.close()

    # --- what there is --------------------------------------------------------------------------------

    def read_identity(self) -> str:
        """Return what tells this journal from all others."""
        return str(self._with_connection(lambda connection: self._one(connection, "identity")[0]))

    def read_roots(self, ended_before: Moment, limit: int, after: str | None) -> Page[Root]:
        """Return roots that have ended, those that were created first in front."""
        cursors.check_page(limit)
        beyond = b"" if after is None else cursors.key(after, cursors.ROOTS)
        values = {
            "after": beyond,
            "before": ended_before,
            "first_key": first_key(ended_before),
            "most": limit + 1,
        }
        found = self._with_connection(lambda connection: connection.execute(self._texts["roots"], values).fetchall())
        roots = tuple(
            Root(key, created(key) if ended is None else ended, bool(of_flow)) for key, ended, of_flow in found[:limit]
        )
        more = len(found) > limit
        return Page(roots, cursors.write(cursors.ROOTS, roots[-1].key.hex()) if more else None)

    def read_tree(self, root: RunId) -> Tree:
        """Return how much hangs on a root."""
        return self._with_connection(lambda connection: self._tree(connection, root))

    def read_holdings(self) -> Holdings:
        """Return how much there is."""

        def read(connection: sqlite3.Connection) -> Holdings:
            names = ("flow run count", "task run count", "used bytes", "cached bytes")
            flow_runs, task_runs, used, cached = (int(self._one(connection, name)[0]) for name in names)
            return Holdings(flow_runs, task_runs, max(0, used - cached))

        return self._with_connection(read)

    def measure(self, rows: dict[str, int]) -> Sizes:
        """Return what the database holds, for a person; the rows have been counted."""

        def read(connection: sqlite3.Connection) -> Sizes:
            path = self._database.path
            files = [path + suffix for suffix in ("", "-wal", "-shm")]
            oldest, newest = self._one(connection, "oldest and newest")
            return Sizes(
                path,
                sum(os.path.getsize(file) for file in files if os.path.exists(file)),
                int(self._one(connection, "free bytes")[0]),
                rows,
                self._row_bytes(connection),
                None if oldest is None else created(oldest),
                None if newest is None else created(newest),
                *map(int, self._one(connection, "stored results")),
            )

        return self._with_connection(read)

    # --- removing ---------------------------------------------------------------------------------------

    def remove_runs(self, roots: Sequence[RunId], most: int, at: Moment) -> Removed:
        """Remove a part of what hangs on roots, which may be all of it."""

        def remove(connection: sqlite3.Connection) -> Removed:
            all(self._doom(connection, root, most) for root in roots)  # until there is no more room
            counts = self._remove_doomed(connection, at) if self._weight(connection) else {}
            left = tuple(root for root in roots if self._found(connection, "is there", key=root))
            flow_runs, task_runs, lines, artifacts = (
                counts.get(f"remove {rows}", 0) + counts.get(f"remove {rows} of task runs", 0) for rows in _COUNTED
            )
            return Removed(flow_runs, task_runs, lines, left, artifacts)

        return self._with_connection(remove)

    def remove_expired(self, at: Moment, most: int) -> int:
        """Remove cached results that have expired, and return how many."""

        def remove(connection: sqlite3.Connection) -> int:
            found = connection.execute(self._texts["expired"], {"at": at, "most": most}).fetchall()
            if not found:
                return 0
            values = {"at": at, "keys": to_json([key for (key,) in found])}
            with transaction(connection):
                connection.execute(self._texts["note results of expired"], values)
                return connection.execute(self._texts["remove expired"], values).rowcount

        return self._with_connection(remove)

    def read_let_go(self, before: Moment, limit: int, after: str) -> tuple[LetGo, ...]:
        """Return places that something no longer refers to, since before a moment."""
        values = {"before": before, "after": after, "most": limit}
        rows = self._with_connection(lambda connection: connection.execute(self._texts["let go"], values).fetchall())
        return tuple(LetGo(location, bool(needed)) for location, needed in rows)

    def let_go(self, locations: Iterable[str], at: Moment) -> None:
        """Note places that nothing may refer to."""
        self._change("note", [{"location": encodable(location), "at": at} for location in locations])

    def forget_locations(self, locations: Iterable[str], before: Moment) -> None:
        """Forget what was noted of places before a moment."""
        self._change("forget", [{"location": encodable(location), "before": before} for location in locations])

    def compact(self) -> None:
        """Give free space back to the file system."""

        def vacuum(connection: sqlite3.Connection) -> None:
            patiently(lambda: connection.execute("VACUUM"))
            patiently(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())

        self._with_connection(vacuum)

    # --- behind the verbs ---------------------------------------------------------------------------------

    def _doom(self, connection: sqlite3.Connection, root: RunId, most: int) -> bool:
        """List what is to be removed of a root; return whether that is all of it. Of one that has not ended, nothing.

        Args:
            connection: The connection, in whose temporary tables it is listed.
            root: The root.
            most: What all that is listed may weigh.
        """
        if self._unfinished(connection, root) is not None:
            return True
        for kind in _PARTS:
            values = {"root": root, "most": most}
            for (key,) in connection.execute(self._texts[f"{kind} tree"], values).fetchall():
                if not self._doom_run(connection, kind, key, most):
                    return False
        return True

    def _doom_run(self, connection: sqlite3.Connection, kind: str, key: RunId, most: int) -> bool:
        """List a run, after what hangs on it; return whether there was room for all of it."""
        for part in _PARTS[kind]:
            room = most - self._weight(connection)
            if room <= 0:
                return False
            values = {"key": key, "most": room}
            listed = connection.execute(self._texts[f"doom {part} of {kind} run"], values).rowcount
            if self._one(connection, f"{part} of {kind} run", key=key, most=listed + 1)[0] > listed:
                return False
        if self._weight(connection) >= most:
            return False
        connection.execute(self._texts[f"doom {kind} run"], {"key": key})
        return True

    def _weight(self, connection: sqlite3.Connection) -> int:
        return int(self._one(connection, "weight")[0])

    def _remove_doomed(self, connection: sqlite3.Connection, at: Moment) -> dict[str, int]:
        """Remove what was listed in one transaction, and return how many rows each statement removed."""
        counts: dict[str, int] = {}
        with transaction(connection):
            if not self._found(connection, "doomed but unfinished"):
                for name in _REMOVALS:
                    values = {"at": at} if ":at" in self._texts[name] else {}
                    counts[name] = connection.execute(self._texts[name], values).rowcount
        return counts

    def _tree(self, connection: sqlite3.Connection, root: RunId) -> Tree:
        sizes = [self._one(connection, f"size of {kind} tree", root=root) for kind in _PARTS]
        flow_runs, task_runs = map(sum, zip(*sizes, strict=True))
        return Tree(flow_runs, task_runs, self._unfinished(connection, root))

    def _unfinished(self, connection: sqlite3.Connection, root: RunId) -> RunId | None:
        found = (self._found(connection, f"unfinished in {kind} tree", root=root) for kind in _PARTS)
        return next((row[0] for row in found if row), None)

    def _row_bytes(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Return the bytes of each table with its indexes; nothing where this SQLite cannot tell."""
        try:
            return {str(table): int(size) for table, size in connection.execute(self._texts["row bytes"])}
        except sqlite3.OperationalError as error:
            if "dbstat" not in str(error):
                raise
            return {}

    def _change(self, name: str, rows: list[dict[str, Any]]) -> None:
        def change(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(self._texts[name], rows)

        if rows:
            self._with_connection(change)

    def _one(self, connection: sqlite3.Connection, name: str, **values: object) -> Any:
        found = self._found(connection, name, **values)
        if found is None:
            raise StoreError(f"The run database {self._database.path} lacks a row that it should have ({name}).")
        return found

    def _found(self, connection: sqlite3.Connection, name: str, **values: object) -> Any:
        return connection.execute(self._texts[name], values).fetchone()

    def _with_connection(self, action: Callable[[sqlite3.Connection], T]) -> T:
        def with_nothing_listed(connection: sqlite3.Connection) -> T:
            for rows in _COUNTED:
                connection.execute(self._texts[f"spare {rows}"])
            return action(connection)

        return self._connection.read(with_nothing_listed)
