"""The database file, and how it is opened."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from sluiceway.base.errors import StoreClosedError
from sluiceway.model.facts import Receipt
from sluiceway.stores.sqlite.failures import check_library, explained
from sluiceway.stores.sqlite.migrating import is_current, migrate
from sluiceway.stores.sqlite.waiting import ONE_WAIT, patiently

T = TypeVar("T")


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
            StoreClosedError: It was closed.
            StoreError: The database cannot be used.
        """
        if self._closed:
            raise StoreClosedError(f"The run database {self.path} was closed. Make another store to use it again.")
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


_SYNCHRONOUS = {True: "PRAGMA synchronous = FULL", False: "PRAGMA synchronous = NORMAL"}


class transaction:
    """Waits patiently for the turn to write, and writes all that is done within, or nothing.

    Args:
        connection: The connection; where something fails, whoever gave it closes it, which undoes what was done.
        receipt: Told that all is written, as soon as it is.
    """

    __slots__ = ("_connection", "_receipt")

    def __init__(self, connection: sqlite3.Connection, receipt: Receipt | None = None) -> None:
        self._connection = connection
        self._receipt = receipt

    def __enter__(self) -> None:
        connection = self._connection
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        connection, receipt = self._connection, self._receipt
        try:
            patiently(lambda: connection.execute("COMMIT"))
        except sqlite3.Error:
            raise
        except BaseException:
            if receipt is not None:
                receipt.written = not connection.in_transaction  # it was done before the interruption came through
            raise
        if receipt is not None:
            receipt.written = True


class WritingConnection:
    """A connection that writes now and then, for one thread at a time; it is opened when it is first needed.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
        settings: Further statements to run when it is opened.
    """

    def __init__(self, database: Database, strict: bool, *settings: str) -> None:
        self._database = database
        self._settings = (_SYNCHRONOUS[strict], *settings)
        self._strict = strict
        self._waits_for_disk = strict
        """Whether the next commit does so, and with it all before: the log is one file, and synchronised as a whole."""
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def write(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do something in one transaction, which waits patiently for its turn to write; return what comes of it.

        Args:
            action: What to do; where it fails, nothing has happened.

        Raises:
            StoreError: The database cannot be used.
        """

        def in_transaction(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                return action(connection)

        return self.read(in_transaction)

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do something outside transactions; return what comes of it.

        Args:
            action: What to do.

        Raises:
            StoreError: The database cannot be used.
        """
        with self._turn:
            try:
                if self._connection is None:
                    self._connection = self._database.open(*self._settings)
                    self._waits_for_disk = self._strict
                return action(self._connection)
            except BaseException as error:
                self._give_up()  # which undoes what was not committed
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._database.path) from error
                raise

    def wait_for_disk(self, wait: bool) -> None:
        """Have the commits that follow wait for the disk, or not; called within an action, outside transactions.

        Args:
            wait: Whether they do.
        """
        if wait != self._waits_for_disk and (connection := self._connection) is not None:
            patiently(lambda: connection.execute(_SYNCHRONOUS[wait]))
            self._waits_for_disk = wait

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        with self._turn:
            self._give_up()

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


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
