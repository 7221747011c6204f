"""The batching recorder: one writer thread, many facts to a commit.

Recording a fact appends it to a queue. The writer takes what has gathered, at most one flush interval
after the first, and writes it in one transaction.

Who waits for the disk writes what has gathered itself, since the way to another thread and back takes half as long
as the disk does. Those that come while somebody writes are left to the writer, all in one transaction. A thread of
the user's may be interrupted anywhere, by Ctrl-C or a deadline: so it takes facts out of the queue in a single step,
they stay at hand until the store has said that they are written, and whatever goes wrong, it is the writer, whom
nobody interrupts, that sees to them.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import repeat, starmap
from typing import TYPE_CHECKING
from weakref import WeakSet

from sluiceway.base import masking
from sluiceway.base.errors import FencedError, StoreError
from sluiceway.model.facts import Fact, LogWritten, Receipt

if TYPE_CHECKING:
    from sluiceway.ports.store import Announcer, Store

BATCH_LIMIT = 10_000
"""Facts to a transaction at most, so that no other process waits long for its turn to write."""

BACKLOG_LIMIT = 20_000
"""Facts that may wait in memory. A faster producer waits; where the store is broken, the oldest go."""

RETRY_INTERVAL = 1.0
"""Seconds until a store that could not be written is tried again."""


class _Marker:
    """Stands in the queue behind all facts that somebody waits for.

    Args:
        durable: Whether they are to be on disk.
        then: Called by the writer when they are written, with None, or with why they cannot be.
    """

    __slots__ = ("durable", "gate", "passed", "singly", "then", "trouble")

    def __init__(self, durable: bool, then: Callable[[str | None], object] | None = None) -> None:
        self.durable = durable
        self.then = then
        self.gate = threading.Lock()
        """Released when they are written, or cannot be; a plain lock is the quickest way to another thread."""
        self.gate.acquire()
        self.passed = False
        self.singly = False
        """Whether the facts had to be written one by one, since the store could not take each of them."""
        self.trouble: str | None = None

    def tell(self, trouble: str | None) -> None:
        """Let go whoever waits.

        Args:
            trouble: Why the facts could not be written; None if they are.
        """
        self.trouble, self.passed = trouble, True
        with suppress(RuntimeError):  # whoever was about to do so was interrupted, having done it
            self.gate.release()
        if self.then is not None:
            self.then(trouble)


class BatchingRecorder:
    """Takes facts without delay, and sees them written by a thread of its own.

    Args:
        store: Where they are written.
        flush_interval: Seconds after which a fact is written at the latest.
        complain: Called with a sentence when facts could not be written; by default it goes to stderr.
        announcer: Tells which process has the runs in hand; None where nobody is to know.
    """

    def __init__(
        self,
        store: Store,
        flush_interval: float = 0.05,
        complain: Callable[[str], object] | None = None,
        announcer: Announcer | None = None,
    ) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []
        """Called with each batch that was written, on the thread that wrote it."""
        self._store = store
        self._interval = flush_interval
        self._announcer = announcer
        self._complain = complain or print_to_stderr
        self._begin()
        _recorders.add(self)

    def _begin(self) -> None:
        """Start out with nothing recorded, and no thread."""
        self._queue: deque[Fact | _Marker] = deque()
        self._append = self._queue.append
        self._awake = False
        self._bell = threading.Event()
        self._hurry = threading.Lock()
        """Released to have the writer write at once; a plain lock is the quickest way to another thread and back."""
        self._hurry.acquire()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._turn = threading.Lock()
        """Held by the thread that writes."""
        self._hand: list[Fact | _Marker] = []
        """What a thread that waits for the disk has taken out of the queue, and not dealt with to the end."""
        self._receipt = Receipt()
        """Whether that is written."""
        self._unwritten: list[Fact] = []
        self._trouble: str | None = None
        """Why the store cannot be written at present."""
        self._lost = 0
        self._reason: str | None = None
        """Why the last of the lost facts was lost."""
        self._refused: str | None = None
        """Which fact of the present batch no store can take, and why, if it tells what became of a run."""

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

    @property
    def backlog(self) -> int:
        """How many facts and log lines wait to be written."""
        return len(self._queue) + len(self._hand) + len(self._unwritten)

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before is written.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.

        Returns:
            Whether it is written; false where the time ran out or the store could not be written.
        """
        if not (self._awake or self._queue or self._turn.locked() or self._hand or self._unwritten):
            return True
        if self._closing:
            return self._ended(timeout) and not (self._queue or self._hand)
        marker = _Marker(False)
        self._append(marker)
        self._call()
        return marker.gate.acquire(timeout=-1 if timeout is None else timeout) and marker.trouble is None

    def settle(self) -> None:
        """Wait until all that was recorded before is on disk, where it outlives a loss of power.

        Raises:
            StoreError: It is not; the message names the file or server and the remedy.
        """
        if self._closing:
            error = self._settled_in_the_end()
            if error is not None:
                raise error
            return
        marker = _Marker(True)
        self._append(marker)
        try:
            self._write_here(marker)
        except StoreError:
            pass  # the writer tries again, and says what is in the way
        except Exception:
            self._wait_for(marker)  # which raises, if this is about a fact of a run that no store can take
            if not marker.singly:
                raise  # it came from outside, such as a signal handler of the user's
        except BaseException:
            self._call()
            raise
        self._wait_for(marker)

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Have a function called when all that was recorded before is on disk, or cannot be; `settle` without waiting.

        Args:
            then: Called once, with what is in the way or None, most often on the writer thread. It must not raise.
        """
        if self._closing:
            then(self._settled_in_the_end())
        else:
            self._append(_Marker(True, lambda trouble: then(None if trouble is None else StoreError(trouble))))
            self._call()

    def close(self) -> None:
        """Write what is left, end the thread, and say what could not be recorded."""
        self._closing = True
        self._ring()
        self._bell.set()
        self._ended(None)
        while self._queue or self._hand:  # recorded while the thread was about to end
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

    def _write_here(self, marker: _Marker) -> None:
        """Write what has gathered on this thread, if no other one is at it, and all was well before.

        Args:
            marker: What this thread has put into the queue.
        """
        if self._turn.locked() or not self._hurry.locked():  # the writer has been called, and takes all at once
            return
        with self._turn:
            if marker.passed or self._trouble or self._hand or self._unwritten or len(self._queue) > BATCH_LIMIT:
                return
            self._receipt = Receipt()
            self._hand.extend(starmap(self._queue.popleft, repeat((), len(self._queue))))  # a single step
            facts, markers = _parted(self._hand)
            facts = _for_the_journal(facts)
            self._store.write(facts, self._announcer, durable=True, receipt=self._receipt)
            called_back: list[Fact | _Marker] = []
            for each in markers:
                if each.then is None:
                    each.tell(None)
                else:
                    called_back.append(each)
            self._hand = called_back  # by the writer
            if facts:
                self._tell(facts)
        if called_back:
            self._call()

    def _wait_for(self, marker: _Marker) -> None:
        """Wait until a marker is passed, by the writer if nobody else.

        Raises:
            StoreError: What was recorded before it is not on disk.
        """
        if not marker.passed:
            self._call()
            marker.gate.acquire()
        if marker.trouble is not None:
            raise StoreError(marker.trouble)

    def _call(self) -> None:
        """Have the writer look at once what there is to do."""
        if not self._awake:
            self._wake()
        self._ring()

    def _ring(self) -> None:
        """Have the writer write at once what has gathered."""
        with suppress(RuntimeError):  # it has been told already
            self._hurry.release()

    def _settled_in_the_end(self) -> StoreError | None:
        """Return why what was recorded is not on disk, now that the writer ends; None if it is."""
        self._ended(None)
        if self._queue or self._hand or self._unwritten or self._trouble:
            return StoreError(self._trouble or "The journal has been closed; what was recorded since is not on disk.")
        try:
            self._store.write((), self._announcer, durable=True)
        except StoreError as error:
            return error
        return None

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
            self._ring()
            time.sleep(0.001)

    # --- the writer's side --------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._hurry.acquire(timeout=RETRY_INTERVAL if self._trouble else self._interval)
            self._flush()
            if self._queue or self._hand or (self._unwritten and not self._closing):
                continue
            if self._closing:
                return
            self._awake = False
            if self._queue or self._hand:  # from when the flag still said that the writer is awake
                self._awake = True
                continue
            self._bell.wait()
            self._bell.clear()

    def _flush(self) -> None:
        """Write what has gathered, batch by batch; in times of trouble all at once, of which the oldest may go."""
        with self._turn:
            self._take_over()
            gathered = len(self._queue)
            while True:
                size = gathered if self._trouble else min(gathered, BATCH_LIMIT)
                self._write_batch([self._queue.popleft() for _ in range(size)])
                gathered -= size
                if not gathered:
                    return

    def _take_over(self) -> None:
        """See to what another thread took out of the queue before it was interrupted, or had no time for."""
        if not self._hand:
            return
        hand, self._hand = self._hand, []
        if not self._receipt.written:
            self._write_batch(hand)
            return
        for marker in _parted(hand)[1]:
            marker.tell(None)

    def _write_batch(self, taken: list[Fact | _Marker]) -> None:
        facts, markers = _parted(taken)
        facts = _for_the_journal(facts)
        durable = any(marker.durable for marker in markers)
        if self._unwritten:
            facts = self._unwritten + facts
            self._unwritten = []
        self._refused = trouble = None
        lost = self._lost
        if (facts or durable) and not self._write(facts, durable):
            trouble = self._trouble
        for marker in markers:
            marker.singly = self._lost > lost
            marker.tell(trouble or (self._refused if marker.durable else None))

    def _write(self, facts: list[Fact], durable: bool) -> bool:
        """Write facts in one transaction; keep them for another try where the store cannot take them."""
        try:
            self._store.write(facts, self._announcer, durable=durable)
        except FencedError as error:
            return self._give_up(facts, str(error))
        except StoreError as error:
            self._remember(facts, str(error), durable)
            return False
        except Exception as error:
            return self._write_singly(facts, error, durable)
        self._trouble = None
        if facts:
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

    def _remember(self, facts: list[Fact], trouble: str, refused: bool) -> None:
        """Keep what could not be written, the newest of it where it is too much, and say so once."""
        if trouble != self._trouble:
            others = "those that are strict are refused, the others" if refused else "they"
            self._complain(f"Runs cannot be recorded; {others} go on nevertheless. {trouble}")
        self._trouble = self._reason = trouble
        surplus = max(0, len(facts) - BACKLOG_LIMIT)
        self._lost += surplus
        self._unwritten = facts[surplus:]

    def _give_up(self, facts: list[Fact], reason: str) -> bool:
        """Drop what will never be taken, as others have taken this process for dead; it is no use to try again."""
        if reason != self._reason:
            self._complain(reason)
        self._lost, self._reason = self._lost + len(facts), reason
        self._refused = reason
        return True

    def _write_singly(self, facts: list[Fact], cause: Exception, durable: bool) -> bool:
        """Write each fact by itself, so that one that no store can take does not hold up the others."""
        reason = f"{type(cause).__name__}: {cause}"
        if not facts:
            self._refused = f"What was recorded could not be put on disk: {reason}"
            return True
        if len(facts) == 1:
            sentence = f"{type(facts[0]).__name__} could not be recorded: {reason}"
            if reason != self._reason:
                self._complain(sentence)
            if not isinstance(facts[0], LogWritten):
                self._refused = sentence
            self._lost, self._reason = self._lost + 1, reason
            return True
        for index, fact in enumerate(facts):
            if not self._write([fact], durable):
                self._unwritten = facts[index:]
                return False
        return True


def _parted(items: list[Fact | _Marker]) -> tuple[list[Fact], list[_Marker]]:
    """Return the facts, and the markers between them."""
    markers = [item for item in items if type(item) is _Marker]
    facts = [item for item in items if type(item) is not _Marker] if markers else items
    return facts, markers  # type: ignore[return-value]  # what is no marker is a fact


def _for_the_journal(facts: list[Fact]) -> list[Fact]:
    """Return facts without the values of secrets, if this process has seen any."""
    if not masking.forms:
        return facts
    from sluiceway.recording.masking import without_secrets  # lazy: few programs have secrets

    return without_secrets(facts)


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
