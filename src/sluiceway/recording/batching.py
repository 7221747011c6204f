"""The batching recorder: one writer thread, many facts to a commit.

Recording a fact appends it to a queue. The writer takes what has gathered, at most one flush interval
after the first, and writes it in one transaction.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakSet

from sluiceway.base.errors import StoreError
from sluiceway.model.facts import Fact
from sluiceway.ports.store import Store

BATCH_LIMIT = 10_000
"""Facts to a transaction at most, so that no other process waits long for its turn to write."""

BACKLOG_LIMIT = 20_000
"""Facts that may wait in memory. A faster producer waits; where the store is broken, the oldest go."""

RETRY_INTERVAL = 1.0
"""Seconds until a store that could not be written is tried again."""


class _Marker:
    """Stands in the queue behind all facts that a `drain` waits for."""

    __slots__ = ("passed", "written")

    def __init__(self) -> None:
        self.passed = threading.Event()
        self.written = False


class BatchingRecorder:
    """Takes facts without delay, and sees them written by a thread of its own.

    Args:
        store: Where they are written.
        flush_interval: Seconds after which a fact is written at the latest.
        complain: Called with a sentence when facts could not be written; by default it goes to stderr.
    """

    def __init__(
        self, store: Store, flush_interval: float = 0.05, complain: Callable[[str], object] | None = None
    ) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []
        """Called on the writer thread with each batch that was written."""
        self._store = store
        self._interval = flush_interval
        self._complain = complain or print_to_stderr
        self._begin()
        _recorders.add(self)

    def _begin(self) -> None:
        """Start out with nothing recorded, and no thread."""
        self._queue: deque[Fact | _Marker] = deque()
        self._append = self._queue.append
        self._awake = False
        self._bell = threading.Event()
        self._hurry = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._unwritten: list[Fact] = []
        self._trouble: str | None = None
        """Why the store cannot be written at present."""
        self._lost = 0
        self._reason: str | None = None
        """Why the last of the lost facts was lost."""

    def record(self, fact: Fact) -> None:
        """Take a fact; it is written soon, after all that were taken before.

        Args:
            fact: The fact.
        """
        self._append(fact)
        if not self._awake:
            self._wake()
        elif len(self._queue) > BACKLOG_LIMIT:
            self._hold_back()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before is written.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.

        Returns:
            Whether it is written; false where the time ran out or the store could not be written.
        """
        if not self._awake and not self._queue and not self._unwritten:
            return True
        if self._closing:
            return self._ended(timeout) and not self._queue
        marker = _Marker()
        self._append(marker)
        self._wake()
        self._hurry.set()
        return marker.passed.wait(timeout) and marker.written

    def close(self) -> None:
        """Write what is left, end the thread, and say what could not be recorded."""
        self._closing = True
        self._hurry.set()
        self._bell.set()
        self._ended(None)
        while self._queue:  # recorded while the thread was about to end
            self._flush()
        self._lost += len(self._unwritten)
        self._unwritten = []
        if self._lost:
            self._complain(f"{self._lost} facts about runs were not recorded. {self._reason}")
            self._lost = 0

    # --- the caller's side ------------------------------------------------------------------------

    def _wake(self) -> None:
        self._awake = True
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name="sluiceway-recorder", daemon=True)
                    self._thread = thread
                    thread.start()
        self._bell.set()

    def _ended(self, timeout: float | None) -> bool:
        """Wait until the writer, which has been told to, has ended; return whether it has."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _hold_back(self) -> None:
        """Make a producer that is faster than the store wait, lest the facts fill the memory."""
        while (
            len(self._queue) > BACKLOG_LIMIT
            and self._trouble is None
            and not self._closing
            and threading.current_thread() is not self._thread
        ):
            self._hurry.set()
            time.sleep(0.001)

    # --- the writer's side --------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._hurry.wait(RETRY_INTERVAL if self._trouble else self._interval)
            self._hurry.clear()
            self._flush()
            if self._queue or (self._unwritten and not self._closing):
                continue
            if self._closing:
                return
            self._awake = False
            if self._queue:  # recorded while the flag still said that the writer is awake
                self._awake = True
                continue
            self._bell.wait()
            self._bell.clear()

    def _flush(self) -> None:
        """Write what has gathered, batch by batch; in times of trouble all at once, of which the oldest may go."""
        gathered = len(self._queue)
        while True:
            size = gathered if self._trouble else min(gathered, BATCH_LIMIT)
            self._write_batch([self._queue.popleft() for _ in range(size)])
            gathered -= size
            if not gathered:
                return

    def _write_batch(self, taken: list[Fact | _Marker]) -> None:
        markers = [item for item in taken if type(item) is _Marker]
        facts: list[Fact] = [item for item in taken if not isinstance(item, _Marker)] if markers else taken  # type: ignore[assignment]  # without markers all are facts
        if self._unwritten:
            facts = self._unwritten + facts
            self._unwritten = []
        written = self._write(facts) if facts else True
        for marker in markers:
            marker.written = written
            marker.passed.set()

    def _write(self, facts: list[Fact]) -> bool:
        """Write facts in one transaction; keep them for another try where the store cannot take them."""
        try:
            self._store.write(facts)
        except StoreError as error:
            self._remember(facts, str(error))
            return False
        except Exception as error:
            return self._write_singly(facts, error)
        self._trouble = None
        self._tell(facts)
        return True

    def _tell(self, facts: list[Fact]) -> None:
        """Call the listeners; one that fails is not called again, lest it cost the journal its writer."""
        for listener in list(self.listeners):
            try:
                listener(facts)
            except Exception as error:
                self.listeners.remove(listener)
                self._complain(f"A listener of the journal failed, and hears no more: {type(error).__name__}: {error}")

    def _remember(self, facts: list[Fact], trouble: str) -> None:
        """Keep what could not be written, the newest of it where it is too much, and say so once."""
        if trouble != self._trouble:
            self._complain(f"Runs cannot be recorded; they go on nevertheless. {trouble}")
        self._trouble = self._reason = trouble
        surplus = max(0, len(facts) - BACKLOG_LIMIT)
        self._lost += surplus
        self._unwritten = facts[surplus:]

    def _write_singly(self, facts: list[Fact], cause: Exception) -> bool:
        """Write each fact by itself, so that one that no store can take does not hold up the others."""
        if len(facts) == 1:
            reason = f"{type(cause).__name__}: {cause}"
            if reason != self._reason:
                self._complain(f"{type(facts[0]).__name__} could not be recorded: {reason}")
            self._lost, self._reason = self._lost + 1, reason
            return True
        for index, fact in enumerate(facts):
            if not self._write([fact]):
                self._unwritten = facts[index:]
                return False
        return True


_recorders: WeakSet[BatchingRecorder] = WeakSet()


def _begin_in_child() -> None:
    """Begin anew in a forked child, which has none of the threads; what was queued is the parent's to write."""
    for recorder in list(_recorders):
        recorder._begin()


os.register_at_fork(after_in_child=_begin_in_child)


def print_to_stderr(sentence: str) -> None:
    """Say something about the journal, where there is somebody to hear it."""
    if sys.stderr is None:
        return  # a process without a console
    with suppress(OSError, ValueError):  # it was closed
        print(f"sluiceway: {sentence}", file=sys.stderr)
