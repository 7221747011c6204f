"""The store behind a server that may be away for a while: what it cannot take waits in a file, and nobody for it.

Batches go straight to the server as long as it takes them. Once it does not, they go into the spool, all of them and
in their order, until a thread has sent what is there. Each keeps the number that it was given, so that one that had
arrived before is not written twice.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import FencedError, StoreError
from sluiceway.base.times import Moment
from sluiceway.model import wire
from sluiceway.model.batches import BatchId
from sluiceway.model.facts import LogWritten
from sluiceway.ports import carried
from sluiceway.stores.http.connection import MOST_BYTES, PATIENCE, UnreachableError
from sluiceway.stores.http.spool import Frame, Spool, folder_of
from sluiceway.stores.http.store import HttpStore, encoded

if TYPE_CHECKING:
    from sluiceway.model.facts import Fact, Receipt
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.ports.store import Announcer

LONGEST_PAUSE = 5.0
"""Seconds between two tries to send what is kept; the first ones follow each other faster."""

FIRST_PAUSE = 0.25

CLOSING_SECONDS, CATCHING_UP_SECONDS = 2.0, 60.0
"""How long the end of a process waits for a server that is away, and for one that takes what was kept."""


class SpoolingStore(HttpStore):
    """A journal that a server keeps, and a file of this machine while the server is away.

    Args:
        address: Where the API of the server is, such as `http://host:4200/api`.
        key: What lets this process in; None where the server asks for nothing.
        home: The home folder of this process, where the file is.
        limit: How large it may be, in bytes.
        complain: Called with a sentence when the server is away, and when it is there again.
        patience: Seconds for which a server that cannot be reached is tried again by who waits for an answer.
    """

    def __init__(
        self,
        address: str,
        key: str | None,
        home: str,
        limit: int,
        complain: Callable[[str], object],
        patience: float = PATIENCE,
    ) -> None:
        self._folder = folder_of(home, address)
        self._limit = limit
        self._complain = complain
        self._spool: Spool | None = None
        super().__init__(address, key, patience)

    def _begin(self) -> None:
        super()._begin()
        if self._spool is not None:
            self._spool.abandon()  # of the process that this one was forked from
        self._spool = Spool(self._folder, self._limit)
        self._sent = threading.Event()
        """Set while the spool is empty."""
        self._sent.set()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._away = ""
        """Why the server does not take what is kept; empty while it does."""
        self._announcer: Announcer | None = None
        self._has_looked = False
        self._heir: threading.Thread | None = None
        """Sends what others have left behind."""

    @property
    def kept(self) -> int:
        """How many bytes wait in the spool."""
        return 0 if self._spool is None else self._spool.size

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None = None,
        *,
        durable: bool = False,
        receipt: Receipt | None = None,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts in their order, or keep them until the server takes them.

        Args:
            facts: The facts.
            announcer: Tells which process has the runs in hand; None where nobody is to know.
            durable: Whether they are to be on the disk of the server when this returns.
            receipt: Told that they are written or kept, as soon as they are.
            batch: What tells these facts from all others; made here, where it is not given.

        Raises:
            FencedError: The process was taken for dead.
            StoreError: They can neither be sent nor kept, or are to be on the disk of a server that is away.
            TypeError: Something is no fact.
            ValueError: A fact has a value that the journal cannot take.
        """
        if not facts and not durable:
            return
        if self._pid != os.getpid():
            self._begin()
        if durable:
            self._catch_up()
        portions = _portions(facts)
        with self._turn:
            for portion in portions:
                number = batch or BatchId(self._stream, next(self._numbers))
                self._send_or_keep(portion, announcer, durable, number)
        if receipt is not None:
            receipt.written = True
        if not self._has_looked and self._sent.is_set():
            self._has_looked = True
            if os.path.isdir(self._folder):
                self._heir = threading.Thread(target=self._send_quietly, name="sluiceway-left-behind", daemon=True)
                self._heir.start()

    def send_left_behind(self) -> int:
        """Send what processes have left behind that ended while the server was away, and return how many batches.

        Raises:
            StoreError: The server does not take them.
        """
        sent = 0
        for spool in Spool.left_behind(self._folder):
            at, known = 0, False
            try:
                while (frame := spool.read(at)) is not None:
                    known = self._deliver(frame, known) or known
                    at, sent = frame.end, sent + 1
            except FencedError as error:
                self._complain(_refusal(spool.set_aside(), error))
            else:
                spool.clear()
        return sent

    def bury_process(self, process: ProcessInfo, reason: str, at: Moment) -> Any:
        """Take a process off the list, once what this one has kept has been sent: its runs may be over by then.

        Args:
            process: The process.
            reason: What became of it.
            at: The present moment.

        Raises:
            StoreError: The server cannot be reached, or cannot use its journal.
        """
        self._wait_until_sent()
        if not self._sent.is_set():
            raise UnreachableError(self._away)
        return self._carry("bury_process", {"process": process, "reason": reason, "at": at})

    def close(self) -> None:
        """Wait a moment until what is kept has been sent, say where it is if not, and close the connections."""
        if self._pid == os.getpid() and self._spool is not None:
            self._wait_until_sent()
            if self._heir is not None:
                self._heir.join(CATCHING_UP_SECONDS)
            self._closed.set()
            if self._thread is not None:
                self._thread.join(CLOSING_SECONDS)
            if not self._sent.is_set():
                self._complain(
                    f"What was recorded last has not reached the server, and waits in {self._spool.path}. The next "
                    "process that records here sends it, or `sluiceway db send`."
                )
            self._spool.close()
            self._sent.set()
        super().close()

    # --- sending, or keeping ----------------------------------------------------------------------

    def _send_or_keep(self, facts: bytes, announcer: Announcer | None, durable: bool, batch: BatchId) -> None:
        """Send a batch if all before it have been, else keep it; called by who has the turn."""
        if self._sent.is_set():
            try:
                self.send(facts, announcer, durable=durable, batch=batch, patient=durable)
            except FencedError:
                raise
            except StoreError as error:
                if durable or not facts:
                    raise
                self._away = str(error)
            else:
                return
        if durable:
            raise UnreachableError(self._away or "The server has not yet taken what was recorded before.")
        assert self._spool is not None  # it is made with the store
        process = None if announcer is None else announcer.announce()
        known = announcer is not None and announcer.known
        head = carried.WriteHead(process, known, announcer is not None, False, batch)
        self._spool.append(wire.dump(carried.HEAD.write(head)), facts)
        self._announcer = announcer
        if self._sent.is_set():
            self._sent.clear()
            self._complain(f"What is recorded is kept in {self._spool.path} for now. {self._away}")
            self._thread = threading.Thread(target=self._send_what_is_kept, name="sluiceway-spool", daemon=True)
            self._thread.start()

    def _catch_up(self) -> None:
        """Wait until what is kept has been sent, as long as the server takes it."""
        end = time.monotonic() + PATIENCE
        while not self._sent.wait(0.05) and not self._away and time.monotonic() < end:
            pass

    def _wait_until_sent(self) -> None:
        """Wait for a moment while the server is away, and longer while it takes what was kept."""
        begin = time.monotonic()
        while not self._sent.wait(0.05):
            if time.monotonic() - begin > (CLOSING_SECONDS if self._away else CATCHING_UP_SECONDS):
                return

    # --- the thread that sends --------------------------------------------------------------------

    def _send_what_is_kept(self) -> None:
        spool, at, pause = self._spool, 0, FIRST_PAUSE
        assert spool is not None  # it is made with the store
        while not self._closed.is_set():
            frame = spool.read(at)
            if frame is None:
                with self._turn:
                    if spool.read(at) is not None:
                        continue
                    spool.clear()
                    self._away = ""
                    self._sent.set()
                self._complain(f"The server at {self.address} is there again, and has what was kept.")
                return
            try:
                known = self._announcer is not None and self._announcer.known
                if self._deliver(frame, known) and self._announcer is not None:
                    self._announcer.known = True
            except FencedError as error:
                with self._turn:
                    self._complain(_refusal(spool.set_aside(), error))
                    self._sent.set()
                return
            except StoreError as error:
                self._away = str(error)
                self._closed.wait(pause)
                pause = min(LONGEST_PAUSE, 2 * pause)
                continue
            at, pause, self._away = frame.end, FIRST_PAUSE, ""

    def _deliver(self, frame: Frame, known: bool) -> bool:
        """Send a batch that was kept, and return whether the server has its process on the list.

        Raises:
            FencedError: The process was taken for dead.
            StoreError: The server does not take it at present.
        """
        head: carried.WriteHead = carried.HEAD.read(wire.parse(frame.head))
        head = head._replace(known=head.known or known)
        try:
            return self._post(head, frame.facts, False).known
        except ValueError as error:
            return self._deliver_singly(head, frame.facts, error)

    def _deliver_singly(self, head: carried.WriteHead, facts: bytes, cause: ValueError) -> bool:
        """Send the facts of a batch one by one, so that one that no journal can take does not hold up the others."""
        assert head.batch is not None  # what is kept has a number
        items: tuple[Fact, ...] = wire.codec(wire.FACT_LIST).read(wire.parse(facts))
        stream = hashlib.blake2b(head.batch.stream + head.batch.number.to_bytes(8), digest_size=16).digest()
        known = head.known
        for number, fact in enumerate(items, 1):
            single = head._replace(known=known, batch=BatchId(stream, number))
            try:
                known = self._post(single, encoded((fact,)), False).known or known
            except ValueError as error:
                if not isinstance(fact, LogWritten) or str(error) != str(cause):
                    self._complain(f"{type(fact).__name__} could not be recorded: {error}")
        return known

    def _send_quietly(self) -> None:
        try:
            self.send_left_behind()
        except StoreError as error:  # the next process tries again
            self._complain(f"What another process has left in {self._folder} could not be sent. {error}")


def _portions(facts: Sequence[Fact]) -> list[bytes]:
    """Return facts as they travel, in as many parts as a server takes."""
    told = encoded(facts)
    if len(told) <= MOST_BYTES // 2 or len(facts) == 1:
        return [told]
    middle = len(facts) // 2
    return [*_portions(facts[:middle]), *_portions(facts[middle:])]


def _refusal(path: str, error: FencedError) -> str:
    return f"What was kept while the server was away comes too late, and stays in {path}. {error}"
