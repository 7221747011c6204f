"""Writing: a batch of facts in one transaction of few statements.

Python's sqlite3 lets go of the interpreter for each step of a statement, and has to wait for its turn to
take it again, up to 5 ms where user code computes. So rows are written hundreds to a statement, not singly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import now
from sluiceway.model.batches import REMEMBERED, BatchId
from sluiceway.model.facts import Fact, Receipt
from sluiceway.stores.rows import FINAL_CODES
from sluiceway.stores.sqlite.binding import NULL, Value
from sluiceway.stores.sqlite.connection import Database, WritingConnection, transaction
from sluiceway.stores.sqlite.folding import Batch, Numbers, fold
from sluiceway.stores.sqlite.statements import encodable, load

if TYPE_CHECKING:
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.ports.store import Announcer

_CHUNKS = (512, 64, 8, 1)
"""Rows to a statement. Few sizes, so that each is prepared once; the widest row times the largest stays below
the 32,766 values that a statement may have (www.sqlite.org/limits.html)."""

LOOK_INTERVAL = 0.1
"""Seconds for which a process that keeps a lock is taken to be on the list once it was seen there: the kernel does not
let others take it for dead. Where a lease stands in, each batch looks."""


class Writer:
    """Writes facts, one batch at a time.

    Args:
        database: The database.
        strict: Whether a commit waits for the disk, rather than for the operating system.
    """

    def __init__(self, database: Database, strict: bool) -> None:
        self._path = database.path
        self._strict = strict
        self._unsettled = False
        """Whether a commit since the last one that waited for the disk did not."""
        self._connection = WritingConnection(database, strict, "PRAGMA journal_mode = WAL")
        self._numbers = Numbers()
        self._texts: dict[str, str] = {}
        self._statements: dict[str, _Statement] = {}
        self._listed = 0.0
        """When this process was last seen on the list."""
        self._in_hand: set[RunId] = set()
        """Task runs outside flows that a row says are in the hands of this process."""

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None,
        durable: bool,
        receipt: Receipt,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts, all or none of them.

        Args:
            facts: The facts in the order they were recorded.
            announcer: Tells which process has the runs in hand; None where nobody is to know.
            durable: Whether to wait for the disk; without facts, for what was written before.
            receipt: Told that they are written, as soon as they are.
            batch: What tells these facts from all others; None where nobody writes them twice.

        Raises:
            FencedError: The process was taken for dead.
            StoreError: The database cannot be used.
            TypeError: Something is no fact.
            ValueError: A fact has a value that the database cannot take.
        """

        def write(connection: sqlite3.Connection) -> None:
            if facts or self._unsettled:
                wait = durable or self._strict
                self._connection.wait_for_disk(wait)
                self._write(connection, facts, announcer, receipt, batch)
                self._unsettled = not wait

        if facts or (durable and self._unsettled):
            self._connection.read(write)

    def close(self) -> None:
        """Close the connection, once the batch that is being written is done."""
        self._connection.close()

    def _write(
        self,
        connection: sqlite3.Connection,
        facts: Sequence[Fact],
        announcer: Announcer | None,
        receipt: Receipt,
        batch_id: BatchId | None,
    ) -> None:
        batches = fold(facts, self._numbers)
        process = _writing_process(announcer, batches)
        try:
            with transaction(connection, receipt):
                if batch_id is not None and not self._is_new(connection, batch_id):
                    batches = []
                elif not all([batch.complete for batch in batches]):
                    for batch in batches:
                        self._number(connection, batch)
                    batches = fold(facts, self._numbers)
                if announcer is not None and process is not None and batches:
                    self._announce(connection, announcer, process)
                for batch in batches:
                    self._write_batch(connection, batch, process)
                if not facts:  # a commit of nothing would not wait for anything
                    (version,) = connection.execute("PRAGMA user_version").fetchone()
                    connection.execute(f"PRAGMA user_version = {version}")
        except BaseException:
            self._numbers.forget()  # those that were given out go with what is undone
            raise
        if announcer is not None and process is not None:
            announcer.known = True
            self._in_hand.update(run for batch in batches for run in batch.begun_tasks)

    def _is_new(self, connection: sqlite3.Connection, batch: BatchId) -> bool:
        """Note a batch as the last one of its stream, and return whether it is not written yet."""
        moment = now()
        if batch.number == 1:
            connection.execute(self._text("forget_batches"), (moment - REMEMBERED,))
        noted = connection.execute(self._text("note_batch"), (*batch, moment))
        return noted.rowcount == 1

    def _write_batch(self, connection: sqlite3.Connection, batch: Batch, process: ProcessInfo | None) -> None:
        self._let_go(batch)
        if process is not None and batch.over:
            batch.rows["let_go_runs"] += [bytearray(run) for run in batch.over]
        for name, values in batch.rows.items():
            if values:
                self._statement(name).run(connection, values)
        if process is not None and (begun := batch.begun + batch.begun_tasks):
            held: list[Value] = [bytearray(key) for run in begun for key in (run, process.key)]
            self._statement("hold_runs").run(connection, held)

    def _announce(self, connection: sqlite3.Connection, announcer: Announcer, process: ProcessInfo) -> None:
        """Put the process on the list of those that have runs in hand; it must not have been taken off."""
        if not announcer.known:
            self._statement("announce_process").run(connection, _bindable(process))
            return
        moment = monotonic()
        if process.until is None and moment < self._listed + LOOK_INTERVAL:
            return
        self._listed = moment
        if connection.execute(self._text("find_process"), (process.key,)).fetchone() is None:
            raise FencedError(
                f"This process ({process.pid}) was taken for dead by another one that uses the run database "
                f"{self._path}, which has marked its runs as crashed. What it records of them is refused."
            )

    def _let_go(self, batch: Batch) -> None:
        """Let go of task runs outside flows that have ended since they were written; there seldom are any."""
        if self._in_hand:
            width = self._statement("move_task_runs").width
            moved = batch.rows["move_task_runs"]
            for at in range(0, len(moved), width):
                if moved[at + 1] in FINAL_CODES and bytes(cast(bytearray, moved[at])) in self._in_hand:
                    self._in_hand.discard(bytes(cast(bytearray, moved[at])))
                    batch.rows["let_go_runs"].append(moved[at])

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


def _bindable(row: Iterable[Any]) -> list[Value]:
    """Return values as they are bound to statements."""
    return [NULL if value is None else value for value in row]


def _writing_process(announcer: Announcer | None, batches: list[Batch]) -> ProcessInfo | None:
    """Return the process that has runs in hand, if it has to be known: at the latest when it has the first one."""
    if announcer is None:
        return None
    for batch in batches:
        if batch.begun or batch.begun_tasks:
            return announcer.announce()
    return announcer.announced


class _Statement:
    """A statement for any number of rows.

    Args:
        text: The statement with the placeholders of one row.
    """

    __slots__ = ("_after", "_before", "_row", "_texts", "width")

    def __init__(self, text: str) -> None:
        begin = text.index("(?")
        end = text.index(")", begin) + 1
        self._before, self._row, self._after = text[:begin], text[begin:end], text[end:]
        self.width = self._row.count("?")
        self._texts: dict[int, str] = {}

    def run(self, connection: sqlite3.Connection, values: list[Value]) -> None:
        """Run the statement in as few steps as may be.

        Args:
            connection: The connection that writes.
            values: The rows, flat.
        """
        at = 0
        for rows in _CHUNKS:
            size = rows * self.width
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
