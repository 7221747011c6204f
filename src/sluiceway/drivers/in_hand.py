"""In hand: the outermost flow runs that are under way in this process, and how each is interrupted.

Whoever wants a run to end calls it off here, from any thread. Its brake is pulled, so that nothing new begins; what it
has submitted is dropped; and the code that it is in the midst of is interrupted:

- async code by cancelling its task, so that the `await` it is at raises `CancelledError`;
- sync code on the main thread by a signal, whose handler raises `Abort`, so that blocking calls end, too;
- sync code in any other thread by an asynchronous exception, an `Abort` at the next bytecode.

The signal is SIGURG, which a process ignores that has no handler for it: one that arrives a moment too late does no
harm. An interruption hits user code, or what it waits in, never the code of the engine around it; it is repeated
while the run goes on, since code may swallow it, but not before `AGAIN_SECONDS`, so that code can tidy up.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import Abort
from sluiceway.base.ids import RunId
from sluiceway.model.states import CANCELLED, StateType

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sluiceway.engine.contexts import FlowRunContext
    from sluiceway.model.states import State

_logger = logging.getLogger("sluiceway.cancelling")

AGAIN_SECONDS = 5.0
"""Seconds after which code is interrupted again that was, and goes on."""

_SIGNAL: int | None = getattr(signal, "SIGURG", None)

_OPEN = frozenset(
    {
        ("sluiceway.drivers.blocking", "invoke"),
        ("sluiceway.drivers.blocking", "_invoke_within"),
        ("sluiceway.drivers.futures", "wait"),
        ("sluiceway.drivers.futures", "as_completed"),
        ("sluiceway.drivers.invoke", "finish_coroutine"),
        ("sluiceway.drivers.looping", "run_to_end"),
        ("sluiceway.drivers.looping", "invoke"),
        ("sluiceway.drivers.looping", "_invoke_within"),
        ("sluiceway.drivers.trying", "_wait"),
        ("sluiceway.wiring.clock", "sleep"),
    }
)
"""Functions of this package, by module and name, that call user code or wait on its behalf."""


class Hold:
    """An outermost flow run under way in this process. This class itself is one that nothing interrupts.

    Args:
        context: The run.
    """

    def __init__(self, context: FlowRunContext) -> None:
        self.context: FlowRunContext = context
        self._closed = False
        self._due = 0.0
        """From when on it may be interrupted again."""
        self._workers_due: dict[int, float] = {}
        """The same of threads of its task runners."""
        _runs[context.flow_run.key] = self

    def call_off(self, why: str, kind: StateType) -> None:
        """Have the run end; doing so again interrupts what has swallowed the first time.

        Args:
            why: The reason, in words for people.
            kind: The type of the states that the runs come to.
        """
        brake = self.context.brake
        brake.pull(why, kind)
        if brake.shielded:
            return
        for runner in list(brake.runners):
            _drop_tasks(runner, why)
        self.interrupt()
        for runner in list(brake.runners):
            runner.interrupt(self._interrupt_worker)

    def interrupt(self) -> None:
        """Interrupt the code that the run is in the midst of, if that can be done from here."""

    def release(self) -> None:
        """Let go of the run, which has ended. Nothing that comes after it is interrupted."""
        self._closed = True
        _runs.pop(self.context.flow_run.key, None)

    def _interrupt_worker(self, thread: int, cancel: Callable[[], None] | None) -> None:
        """Interrupt a thread of a task runner, unless it was interrupted just now.

        Args:
            thread: The identifier of the thread.
            cancel: Cancels what runs in its event loop; None where it has none.
        """
        now = monotonic()
        if now < self._workers_due.get(thread, 0.0):
            return
        if cancel is not None:
            cancel()
        if interrupt_thread(thread) or cancel is not None:
            self._workers_due[thread] = now + AGAIN_SECONDS

    def _is_due(self) -> bool:
        return not self._closed and monotonic() >= self._due and not self.context.brake.shielded


class ThreadHold(Hold):
    """A flow run that has a thread to itself: the present one.

    Args:
        context: The run.
    """

    def __init__(self, context: FlowRunContext) -> None:
        super().__init__(context)
        self._thread = threading.get_ident()
        self._turn = threading.Lock()
        self._pending = False
        self._by_signal = _listens()
        if self._by_signal:
            _on_main.append(self)

    def interrupt(self) -> None:
        """Raise `Abort` in the thread, if it is in the midst of user code."""
        with self._turn:
            if not self._is_due():
                return
            if self._by_signal and _SIGNAL is not None:
                signal.pthread_kill(self._thread, _SIGNAL)
            elif interrupt_thread(self._thread):
                self._pending, self._due = True, monotonic() + AGAIN_SECONDS

    def heed(self, frame: FrameType | None) -> None:
        """Raise `Abort` here and now, on the main thread, if the run is to end, and this is user code of it.

        Args:
            frame: What the thread is at.
        """
        why = self.context.brake.why
        if why is not None and self._is_due() and _is_open(frame):
            self._due = monotonic() + AGAIN_SECONDS
            raise Abort(why)

    def release(self) -> None:
        """Let go of the run; an interruption that has not arrived is taken back."""
        with self._turn:
            super().release()
            if self in _on_main:  # a forked child has none
                _on_main.remove(self)
            elif self._pending:
                _take_back(self._thread)


class LoopHold(Hold):
    """A flow run in the present task of an event loop.

    Args:
        context: The run.
        loop: The event loop.
        task: The task.
    """

    def __init__(
        self, context: FlowRunContext, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any] | None
    ) -> None:
        super().__init__(context)
        self._loop = loop
        self._task = task
        self._cancels = 0

    def interrupt(self) -> None:
        """Have the `await` that the run is at raise `CancelledError`."""
        with suppress(RuntimeError):  # the loop has ended, and the run with it
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None and self._is_due():
            self._due = monotonic() + AGAIN_SECONDS
            self._cancels += 1
            self._task.cancel(self.context.brake.why)

    def release(self) -> None:
        """Let go of the run; what comes after it in the same task is not cancelled."""
        super().release()
        for _ in range(self._cancels if self._task is not None else 0):
            self._task.uncancel()  # type: ignore[union-attr]  # there is a task


_runs: dict[RunId, Hold] = {}
"""The outermost flow runs that are under way, by key."""

_on_main: list[ThreadHold] = []
"""Those that have the main thread to themselves, the innermost last."""


def call_off(run_key: RunId, why: str, kind: StateType = CANCELLED) -> bool:
    """Have a flow run end that is under way in this process, and return whether it is.

    Args:
        run_key: The run.
        why: The reason, in words for people.
        kind: The type of the states that it, and what it has called, come to.
    """
    hold = _runs.get(run_key)
    if hold is not None:
        hold.call_off(why, kind)
    return hold is not None


def call_off_all(why: str, kind: StateType) -> None:
    """Have all flow runs end that are under way in this process.

    Args:
        why: The reason, in words for people.
        kind: The type of the states that they come to.
    """
    for hold in list(_runs.values()):
        hold.call_off(why, kind)


def suspend(run_key: RunId, state: State[Any]) -> bool:
    """Have a flow run that is under way in this process unwind before its next task; return whether it is.

    Args:
        run_key: The run.
        state: The state that it comes into.
    """
    hold = _runs.get(run_key)
    if hold is not None:
        hold.context.brake.suspend(state)
    return hold is not None


def under_way() -> tuple[RunId, ...]:
    """Return the outermost flow runs that are under way in this process."""
    return tuple(_runs)


def interrupt_thread(thread: int) -> bool:
    """Raise `Abort` in a thread other than the main one, if it is in the midst of user code; return whether it is.

    Args:
        thread: The identifier of the thread.
    """
    if not _is_open(sys._current_frames().get(thread)):
        return False
    from sluiceway.drivers.deadlines import interrupter  # lazy: it imports ctypes

    interrupter()(thread, Abort)
    return True


def _drop_tasks(runner: Any, why: str) -> None:
    """Have a task runner, which may be one of the user's, drop its tasks; what it has against that is logged."""
    try:
        runner.abandon(Abort(why))
    except Exception:
        _logger.exception("The tasks of a %s could not be dropped", type(runner).__name__)


def _take_back(thread: int) -> None:
    from sluiceway.drivers.deadlines import interrupter  # lazy: it imports ctypes

    interrupter()(thread, None)


def _is_open(frame: FrameType | None) -> bool:
    """Return whether user code is at work, or what it waits in, rather than the engine around it."""
    while frame is not None:
        module = frame.f_globals.get("__name__") or ""
        if module.startswith("sluiceway."):
            return (module, frame.f_code.co_name) in _OPEN
        frame = frame.f_back
    return False


def _listens() -> bool:
    """Return whether this is the main thread, and our signal reaches it; have it do so from now on."""
    if _SIGNAL is None or threading.get_ident() != threading.main_thread().ident:
        return False
    handler = signal.getsignal(_SIGNAL)
    if handler is _on_signal:
        return True
    if handler not in (signal.SIG_DFL, signal.SIG_IGN):
        return False  # it is somebody else's
    try:
        signal.signal(_SIGNAL, _on_signal)
    except ValueError:  # not the main interpreter
        return False
    return True


def _on_signal(_: int, frame: FrameType | None) -> None:
    for hold in _on_main:
        hold.heed(frame)


def _forget_in_child() -> None:
    """A forked child may be in the midst of a run, but that is its parent's."""
    _runs.clear()
    _on_main.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
