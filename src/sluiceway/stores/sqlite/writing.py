"""Writing: a batch of facts in one transaction of few statements.

Python's sqlite3 lets go of the interpreter for each step of a statement, and has to wait for its turn to
take it again, up to 5 ms where user code computes. So rows are written hundreds to a statement, not singly.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import cast

from sluiceway.base.ids import new_id
from sluiceway.model.facts import Fact
from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.failures import explained
from sluiceway.stores.sqlite.folding import Batch, Numbers, Value, fold
from sluiceway.stores.sqlite.statements import encodable, load
from sluiceway.stores.sqlite.waiting import patiently

_CHUNKS = (512, 64, 8, 1)
"""Rows to a statement. Few sizes, so that each is prepared once; the widest row times the largest stays below
the 32,766 values that a statement may have (www.sqlite.org/limits.html)."""


class Writer:
    """Writes facts, one batch at a time.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        self._database = database
        self._durability = "FULL" if strict else "NORMAL"
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._numbers = Numbers()
        self._texts: dict[str, str] = {}
        self._statements: dict[str, _Statement] = {}

    def write(self, facts: Sequence[Fact]) -> None:
        """Write facts, all or none of them.

        Args:
            facts: The facts in the order they were recorded.

        Raises:
            StoreError: The database cannot be used.
            TypeError: Something is no fact.
            ValueError: A fact has a value that the database cannot take.
        """
        if not facts:
            return
        with self._turn:
            try:
                self._write(self._open(), facts)
            except BaseException as error:
                self._give_up()
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._database.path) from error
                raise

    def close(self) -> None:
        """Close the connection, once the batch that is being written is done."""
        with self._turn:
            self._give_up()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._database.open(
                "PRAGMA journal_mode = WAL", f"PRAGMA synchronous = {self._durability}"
            )
        return self._connection

    def _give_up(self) -> None:
        """Close the connection, which undoes what was not committed; numbers given out with it go too."""
        self._numbers.forget()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, connection: sqlite3.Connection, facts: Sequence[Fact]) -> None:
        batch = fold(facts, self._numbers)
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
        if not batch.complete:
            self._number(connection, batch)
            batch = fold(facts, self._numbers)
        for name, values in batch.rows.items():
            if values:
                self._statement(name).run(connection, values)
        patiently(lambda: connection.execute("COMMIT"))

    def _number(self, connection: sqlite3.Connection, batch: Batch) -> None:
        """Look up or give out the numbers that a batch needs."""
        numbers = self._numbers
        for flow, created in batch.new_flows.items():
            numbers.flows[flow] = self._number_of(connection, "flow", (flow,), (new_id(), flow, created))
        for task in batch.new_tasks:
            numbers.tasks[task] = self._number_of(connection, "task", task, task)
        for logger in batch.new_loggers:
            numbers.loggers[logger] = self._number_of(connection, "logger", (logger,), (logger,))

    def _number_of(
        self, connection: sqlite3.Connection, table: str, known_by: tuple[str, ...], row: tuple[object, ...]
    ) -> int:
        found = connection.execute(self._text(f"find_{table}"), _encodable(known_by)).fetchone()
        if found is not None:
            return cast(int, found[0])
        return cast(int, connection.execute(self._text(f"insert_{table}"), _encodable(row)).lastrowid)

    def _statement(self, name: str) -> _Statement:
        if name not in self._statements:
            self._statements[name] = _Statement(self._text(name))
        return self._statements[name]

    def _text(self, name: str) -> str:
        if not self._texts:
            self._texts = load("writing.sql")
        return self._texts[name]


class _Statement:
    """A statement for any number of rows.

    Args:
        text: The statement with the placeholders of one row.
    """

    __slots__ = ("_after", "_before", "_row", "_texts", "_width")

    def __init__(self, text: str) -> None:
        begin = text.index("(?")
        end = text.index(")", begin) + 1
        self._before, self._row, self._after = text[:begin], text[begin:end], text[end:]
        self._width = self._row.count("?")
        self._texts: dict[int, str] = {}

    def run(self, connection: sqlite3.Connection, values: list[Value]) -> None:
        """Run the statement in as few steps as may be.

        Args:
            connection: The connection that writes.
            values: The rows, flat.
        """
        at = 0
        for rows in _CHUNKS:
            size = rows * self._width
            while len(values) - at >= size:
                self._step(connection, rows, values[at : at + size])
                at += size

    def _step(self, connection: sqlite3.Connection, rows: int, values: list[Value]) -> None:
        if rows not in self._texts:
            self._texts[rows] = self._before + ", ".join([self._row] * rows) + self._after
        try:
            connection.execute(self._texts[rows], values)
        except UnicodeEncodeError:
            connection.execute(self._texts[rows], _encodable(values))


def _encodable(values: Iterable[object]) -> list[object]:
    """Return values of which the database can take each."""
    return [encodable(value) if isinstance(value, str) else value for value in values]
