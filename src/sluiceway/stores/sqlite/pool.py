"""A few connections that read, lent to one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager

from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.failures import explained

_MOST_IDLE = 8
"""How many connections are kept open for whoever reads next."""


class ReadingPool:
    """Connections that read.

    Args:
        database: The database.
        prepare: Called with each new connection.
    """

    def __init__(self, database: Database, prepare: Callable[[sqlite3.Connection], None]) -> None:
        self._database = database
        self._prepare = prepare
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def lend(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection.

        Raises:
            StoreError: The database cannot be used.
        """
        connection = self._take()
        try:
            yield connection
        except sqlite3.Error as error:
            raise explained(error, self._database.path) from error
        finally:
            self._idle.append(connection)
            if self._closed or len(self._idle) > _MOST_IDLE:
                self._close_one()

    def close(self) -> None:
        """Close all connections; those that are lent are closed when they come back."""
        self._closed = True
        while self._close_one():
            pass

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._database.open("PRAGMA query_only = ON")
            self._prepare(connection)
            return connection

    def _close_one(self) -> bool:
        try:
            self._idle.pop().close()
        except IndexError:  # another thread took the last one
            return False
        return True
