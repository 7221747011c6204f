"""The pipe recorder: what runs in a child process do goes to the process that started it, which records it.

Facts and log lines travel in small batches, pickled, in the order in which they came about. A child that dies
takes with it what it did since the last batch.
"""

from __future__ import annotations

import io
import logging
import pickle
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sluiceway.base import masking
from sluiceway.base.errors import StoreError
from sluiceway.drivers import scope
from sluiceway.drivers.logs import log_fields
from sluiceway.model.facts import Fact
from sluiceway.model.results import NOTHING
from sluiceway.model.states import State, StateDetails, StateType
from sluiceway.recording.batching import print_to_stderr

LogLine = dict[str, Any]
"""The attributes of a log record, for `logging.makeLogRecord`."""

Item: TypeAlias = "Fact | LogLine | masking.Learned"

Send = Callable[[bytes], object]
"""Sends a batch: a pickled list of facts and log lines."""


class PipeRecorder:
    """Takes facts and log lines without delay, and sends them off in batches.

    Args:
        send: Sends a batch; it is called by one thread at a time.
        flush_interval: Seconds after which something is sent at the latest.
        complain: Called with a sentence about what cannot be sent; by default it goes to stderr.
    """

    def __init__(
        self, send: Send, flush_interval: float = 0.05, complain: Callable[[str], object] = print_to_stderr
    ) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []
        """Nobody is called: it is the other process that writes."""
        self._send = send
        self._complain = complain
        self._interval = flush_interval
        self._queue: deque[Fact | LogLine] = deque()
        self._told = masking.count()
        """How many secrets the other process knows of, or had nothing to do with."""
        self._sending = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._bell = threading.Event()
        self._closing = threading.Event()

    def record(self, fact: Fact) -> None:
        """Take a fact; it is sent soon, after all that were taken before.

        Args:
            fact: The fact.
        """
        self._take(fact)

    def log(self, line: LogLine) -> None:
        """Take a log line; it is sent soon, after all that was taken before.

        Args:
            line: The line.
        """
        self._take(line)

    def drain(self, timeout: float | None = None) -> bool:
        """Send what was taken before, and return true: it is in the hands of another process.

        Args:
            timeout: Not needed: sending is not waiting.
        """
        with self._sending:
            batch: list[Item] = [self._queue.popleft() for _ in range(len(self._queue))]
            learned = masking.learned_since(self._told)
            if learned:
                self._told += len(learned)
                batch.insert(0, masking.Learned(learned))  # what the results of the call say is masked there
            if batch:
                self._send(self._packed(batch))
        return True

    def settle(self) -> None:
        """Send what was taken before. That it is on disk nobody here can tell: it is the other process that writes."""
        self.drain()

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Send what was taken before, and call a function.

        Args:
            then: Called at once with None.
        """
        self.drain()
        then(None)

    def close(self) -> None:
        """Send what is left, and end the thread."""
        self._closing.set()
        self._bell.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self.drain()

    def _packed(self, batch: list[Item]) -> bytes:
        """Return a batch pickled, without what cannot be, of which it complains."""
        try:
            return _pickled(batch)
        except Exception:  # whatever a value does when it is pickled
            return _pickled([item for item in batch if self._can_travel(item)])

    def _can_travel(self, item: Item) -> bool:
        try:
            _pickled([item])
        except Exception as error:
            what = "A log line" if isinstance(item, dict) else type(item).__name__
            self._complain(f"{what} could not be recorded, since it cannot be sent: {type(error).__name__}: {error}")
            return False
        return True

    def _take(self, item: Fact | LogLine) -> None:
        self._queue.append(item)
        if self._thread is None:
            self._start()
        self._bell.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._work, name="sluiceway-pipe", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._bell.wait()
            self._bell.clear()
            self._closing.wait(self._interval)
            try:
                self.drain()
            except OSError:  # nobody is left to read, and this process is about to be ended
                return


class PipeHandler(logging.Handler):
    """Sends log records of runs to the process that started this one, whose handlers show and keep them.

    A record goes the way of the run whose code logged it; one that belongs to no run goes any way there is.

    Args:
        anyway: Returns a recorder for what belongs to no run; None where there is none.
    """

    def __init__(self, anyway: Callable[[], PipeRecorder | None]) -> None:
        super().__init__()
        self._anyway = anyway

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; what goes wrong is reported as `logging` does, never raised.

        Args:
            record: The record.
        """
        context = scope.current()
        recorder: object = self._anyway() if context is None else context.services.recorder
        if not isinstance(recorder, PipeRecorder) or getattr(record, _SENT, False):
            return
        try:
            line = _line_of(record)
            if context is not None and "task_run_key" not in line:
                line.update(log_fields(context))
            recorder.log(line)
            setattr(record, _SENT, True)  # it may come by again, on a logger further up
        except Exception:
            self.handleError(record)


_SENT = "_sluiceway_sent"
_PLAIN = frozenset({str, int, float, bool, bytes, type(None)})
"""Types by themselves: the other process may not know a class that is derived from them."""

_FORMATTER = logging.Formatter()


def _line_of(record: logging.LogRecord) -> LogLine:
    """Return the attributes of a record, with its message filled in and as nothing but plain data."""
    line = {name: value if type(value) in _PLAIN else repr(value) for name, value in vars(record).items()}
    line.update(msg=masking.masked(record.getMessage()), args=None, exc_info=None)
    if record.exc_info and not record.exc_text:
        line["exc_text"] = masking.masked(_FORMATTER.formatException(record.exc_info))
    return line


# --- pickling -----------------------------------------------------------------------------------


class _Pickler(pickle.Pickler):
    """Leaves the values of states at home: the journal needs only what is told about them."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, State):
            details = value.state_details if value.has_details else None
            return _told, (value.type, value.special_name, value.message, value.moment, details)
        if value is NOTHING:
            return "NOTHING"  # it is known by identity
        return NotImplemented


def _pickled(batch: list[Item]) -> bytes:
    target = io.BytesIO()
    _Pickler(target, protocol=5).dump(batch)
    return target.getvalue()


def _told(
    kind: StateType, name: str | None, message: str | None, moment: int, details: StateDetails | None
) -> State[Any]:
    """Return a state as the journal is told of it."""
    state: State[Any] = State(kind, name, message, state_details=details)
    state.moment = moment
    return state
