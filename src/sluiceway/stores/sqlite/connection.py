"""The database file, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from sluiceway.base.errors import StoreError
from sluiceway.stores.sqlite.failures import check_library, explained
from sluiceway.stores.sqlite.migrating import is_current, migrate
from sluiceway.stores.sqlite.waiting import ONE_WAIT, patiently


class Database:
    """A database file, which is made or upgraded when it is first opened.

    Args:
        path: The file, absolute.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._closed = False
        self._current = False

    def open(self, *settings: str) -> sqlite3.Connection:
        """Return a new connection, for use by any thread, one at a time.

        Args:
            settings: Statements to run first.

        Raises:
            StoreError: The database cannot be used.
        """
        if self._closed:
            raise StoreError(f"The run database {self.path} was closed. Make another store to use it again.")
        check_library(self.path)
        try:
            _make_place(self.path)
            connection = sqlite3.connect(self.path, timeout=ONE_WAIT, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection, settings)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise explained(error, self.path) from error
        return connection

    def close(self) -> None:
        """Refuse to open any more connections."""
        self._closed = True

    def _prepare(self, connection: sqlite3.Connection, settings: tuple[str, ...]) -> None:
        if not self._current:
            if not patiently(lambda: is_current(connection, self.path)):
                migrate(connection, self.path)
            self._current = True
        for setting in settings:
            patiently(lambda setting=setting: connection.execute(setting))  # type: ignore[misc]  # bound per turn


def _make_place(path: str) -> None:
    """Make the file and its folder where they are missing, for nobody but this user.

    A file that exists is not touched: closing it would drop the locks that connections of this process have
    on it (www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    if os.path.exists(path):
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with suppress(FileExistsError):  # another process was first
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
