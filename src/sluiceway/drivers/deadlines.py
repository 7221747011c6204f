"""Deadlines for synchronous code: a body is interrupted when its time is over.

    watch = deadline(1.5)
    try:
        with watch:
            work()
    except DeadlineExceeded as late:
        if late.watch is not watch:  # it belongs to a deadline around this one
            raise
        print(watch.guarantee)

Python offers two ways to interrupt code that does not look at the clock. On the main thread a signal does,
and ends blocking calls too. In any other thread there are only asynchronous exceptions, which are raised at
the next bytecode. Either way the exception never reaches code behind the body, and comes again if something
in the body swallowed it: a bare `except`, or Python itself where it arrived in a finaliser.

Deadlines nest. They are to be left in the reverse order and by the thread that entered them, as `with` does
of itself; a generator must not yield inside one.
"""

from __future__ import annotations

import os
import signal
import threading
from functools import cache
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    _Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

WITHOUT_DEADLINE = "never interrupted: there is no deadline"
ON_MAIN_THREAD = "interrupted by a signal on the main thread, blocking calls included"
IN_WORKER_THREAD = "interrupted at the next bytecode in a worker thread; a blocking C call ends first"

HAS_ALARM = hasattr(signal, "setitimer")

SOONEST = 1e-6
"""The shortest time in seconds that an alarm can be set to; zero would turn it off."""

AGAIN = 0.01
"""Seconds between attempts to interrupt a body, as long as one does not get through."""

LINGER = 0.05
"""Seconds that the watcher thread stays without work, so that short tasks in a row share it."""


def deadline(seconds: float | None) -> Watch:
    """Return a context manager that raises `DeadlineExceeded` in its body when the time is over.

    On the main thread it borrows the alarm of the process (SIGALRM, ITIMER_REAL). An alarm of the caller's
    still rings when it is due, and is restored at the end.

    Args:
        seconds: The time that the body has, from entering on. Zero or less means that the body does not
            begin; None, or infinity, that it has all the time there is.
    """
    if seconds is None or seconds == inf:
        return _NO_DEADLINE
    if HAS_ALARM and threading.get_ident() == threading.main_thread().ident:
        handler = signal.getsignal(signal.SIGALRM)
        if handler is not None and _handlers_can_be_set():  # None: it was set by C, and we could not restore it
            return _AlarmWatch(seconds, handler)
    return _ThreadWatch(seconds)


class DeadlineExceeded(BaseException):
    """The time of a deadline is over.

    It is no `Exception`, so that a user's `except Exception` does not swallow it.

    Args:
        watch: The deadline. The interpreter raises an asynchronous exception without arguments; then it is
            the deadline that interrupts the present thread.
    """

    def __init__(self, watch: Watch | None = None) -> None:
        if watch is None:
            watch = _pending_here()
            watch._news = self
        watch._raised = ref(self)
        self.watch = watch
        super().__init__(f"the time of {watch.seconds:g} s is over")


class Watch:
    """A deadline; this class itself is the one that never comes. See `deadline`.

    Args:
        seconds: The time that the body has.

    Attributes:
        expired: Whether the time was over before the body ended.
        guarantee: What this kind of deadline interrupts, in words for people.
    """

    guarantee = WITHOUT_DEADLINE

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired: bool = False
        self._due = inf
        self._next = inf  # when to interrupt
        self._raised: ref[DeadlineExceeded] | None = None
        self._closed = False

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End to watch.

        Raises:
            DeadlineExceeded: The time was over before the body ended, whatever the body made of that.
        """

    def _begin(self) -> None:
        """Start the clock, if there is any time at all."""
        if not self.seconds > 0:
            self.expired = self._closed = True
            raise DeadlineExceeded(self)
        self._due = self._next = monotonic() + min(self.seconds, threading.TIMEOUT_MAX)

    def _stop(self) -> None:
        """Stop the clock: a body that ended late has missed its deadline, interrupted or not."""
        if monotonic() >= self._due:
            self.expired = True

    def _is_unwinding(self) -> bool:
        """Return whether the body has been interrupted, and has not swallowed that."""
        return self._raised is not None and self._raised() is not None

    def _conclude(self, exc: BaseException | None) -> None:
        """Raise if the time was over, unless the body raised something that has further to go.

        That is the exception of a deadline around this one, and what is no `Exception`, such as
        `KeyboardInterrupt`.
        """
        if not self.expired:
            return
        if isinstance(exc, DeadlineExceeded):
            goes_on = exc.watch is self or not exc.watch._closed
        else:
            goes_on = exc is not None and not isinstance(exc, Exception)
        if not goes_on:
            raise DeadlineExceeded(self)


_NO_DEADLINE = Watch(inf)


# --- on the main thread -------------------------------------------------------------------------


class _AlarmWatch(Watch):
    """A deadline on the main thread.

    A process has one alarm. This borrows it from whoever has it, the user or the deadline around this one,
    sets it for whichever of the two is due first, and gives it back with the time that the lender has left.
    """

    guarantee = ON_MAIN_THREAD

    def __init__(self, seconds: float, handler: _Handler) -> None:
        super().__init__(seconds)
        self._holding = False
        self._rang_early = False
        self._lender = handler
        self._lender_due = inf
        self._lender_interval = 0.0
        self._process = os.getpid()

    def __enter__(self) -> Watch:
        self._begin()
        try:
            self._borrow()
        except BaseException:  # Ctrl-C
            self._give_back()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._stop()
            self._give_back()
        except BaseException:  # Ctrl-C, or the lender's alarm came due
            self._give_back()
            raise
        finally:
            self._closed = True
        self._conclude(exc)

    def _borrow(self) -> None:
        self._rang_early = False
        self._lender = signal.signal(signal.SIGALRM, self._ring)
        remaining, self._lender_interval = signal.setitimer(signal.ITIMER_REAL, 0)
        if self._rang_early:
            remaining = SOONEST
        self._lender_due = monotonic() + remaining if remaining else inf
        self._holding = True
        self._arm()

    def _give_back(self) -> None:
        self._holding = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._lender)
        due, self._lender_due = self._lender_due, inf
        if due < inf and os.getpid() == self._process:  # a fork does not inherit alarms
            signal.setitimer(signal.ITIMER_REAL, max(due - monotonic(), SOONEST), self._lender_interval)

    def _arm(self) -> None:
        """Set the alarm for whichever comes first.

        It rings until it is heard: the system may hand a signal to another thread, where Python takes note of
        it without telling the main one.
        """
        due = min(self._next, self._lender_due)
        signal.setitimer(signal.ITIMER_REAL, max(due - monotonic(), SOONEST) if due < inf else 0, AGAIN)

    def _ring(self, signum: int, frame: FrameType | None) -> None:
        """Handle the alarm: raise, or let the lender have its turn."""
        if not self._holding:
            self._rang_early = True
            return
        if _is_in_this_file(frame):
            return  # no part of the body; it rings again
        now = monotonic()
        if self._lender_due <= min(self._next, now):
            self._lend(signum, frame)
        elif self._next <= now:
            self._next = now + AGAIN
            self._arm()
            if not self._is_unwinding():
                self.expired = True
                raise DeadlineExceeded(self)
        else:
            self._arm()

    def _lend(self, signum: int, frame: FrameType | None) -> None:
        """Give the lender its alarm back for the length of its handler, which may set it again, or raise."""
        self._lender_due = monotonic() + self._lender_interval if self._lender_interval else inf
        self._give_back()
        try:
            if callable(self._lender):
                self._lender(signum, frame)
            elif self._lender == signal.SIG_DFL:
                signal.raise_signal(signum)  # and this is the end of the process, as the user arranged
        finally:
            self._borrow()


def _is_in_this_file(frame: FrameType | None) -> bool:
    """Return whether code of this file is at work, rather than a body that may be interrupted."""
    here = globals()
    while frame is not None:
        if frame.f_globals is here:
            return True
        frame = frame.f_back
    return False


@cache
def _handlers_can_be_set() -> bool:
    """Return whether this is the main interpreter; no other one may set handlers of signals."""
    try:
        signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGALRM))
    except ValueError:
        return False
    return True


# --- in any other thread ------------------------------------------------------------------------


class _ThreadWatch(Watch):
    """A deadline in a worker thread, kept by the watcher thread.

    An interruption may arrive at any call, so also while a deadline is being entered or left. Two rules make
    that right: a deadline interrupts again only when its thread has noticed and gone on, and leaving it also
    ends those within it that could not be left.
    """

    guarantee = IN_WORKER_THREAD

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._thread = threading.get_ident()
        self._outer: _ThreadWatch | None = None
        self._fired = False
        self._news: DeadlineExceeded | None = None  # what was raised since the watcher last looked

    def __enter__(self) -> Watch:
        self._begin()
        self._outer = _here.innermost
        while self._outer is not None and self._outer._closed:
            self._outer = self._outer._outer
        _here.innermost = self
        try:
            _watcher.add(self)
        except BaseException:  # over at once, or there is no thread to be had
            _watcher.release(self)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._stop()
            _watcher.release(self)
        except DeadlineExceeded as late:
            if late.watch is not self:  # the exit of that one will release this one
                raise
            _watcher.release(self)
        self._conclude(exc)

    def _is_pending(self) -> bool:
        """Return whether this has fired and its thread has not noticed yet."""
        return self._fired and self._raised is None


class _Here(threading.local):
    """The deadlines that the present thread is in."""

    innermost: _ThreadWatch | None = None


_here = _Here()


def _pending_here() -> _ThreadWatch:
    """Return the deadline that interrupts the present thread."""
    watch = _here.innermost
    while watch is not None and not watch._is_pending():
        watch = watch._outer
    if watch is None:
        raise TypeError("DeadlineExceeded() needs the watch whose time is over")
    return watch


def _exits_cut_short(watch: _ThreadWatch) -> Iterator[_ThreadWatch]:
    """Yield the deadlines that could not be left, as an interruption arrived in their very `__exit__`."""
    traceback = None if watch._news is None else watch._news.__traceback__
    if traceback is not None:
        watch._news = None
    while traceback is not None:
        if traceback.tb_frame.f_code is _ThreadWatch.__exit__.__code__:
            yield traceback.tb_frame.f_locals["self"]
        traceback = traceback.tb_next


class _Watcher:
    """The one thread that interrupts the others. It exists while there is something to watch.

    The lock is the handshake: a deadline fires before it is released, and then its release takes back what
    was not delivered, or it never fires. A thread has room for one asynchronous exception; so the next
    deadline of a thread waits until the one before has been noticed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watches: set[_ThreadWatch] = set()
        self._running = False
        self._idle = False
        self._wakes_at = 0.0
        self._bell = threading.Lock()  # held, but for the moment in which it rings
        self._bell.acquire()

    def add(self, watch: _ThreadWatch) -> None:
        """Watch a deadline of the present thread.

        Raises:
            RuntimeError: The system has no thread left.
        """
        with self._lock:
            if not self._running:
                self._start()
            self._watches.add(watch)
            self._idle = False
            self._wake_by(watch._due)

    def release(self, watch: _ThreadWatch) -> None:
        """Watch a deadline of the present thread no longer, nor any within it."""
        with self._lock:
            if watch._closed:
                return
            while (inner := _here.innermost) is not None and inner is not watch:
                self._close(inner)
                _here.innermost = inner._outer
            self._close(watch)
            _here.innermost = watch._outer
            if not self._watches:
                self._wake_by(monotonic() + LINGER)

    def _close(self, watch: _ThreadWatch) -> None:
        self._watches.discard(watch)
        if watch._is_pending():
            interrupter()(watch._thread, None)
        watch._news = None
        watch._closed = True

    def _wake_by(self, moment: float) -> None:
        if moment < self._wakes_at and self._bell.locked():
            self._bell.release()

    def _start(self) -> None:
        self._running = True
        try:
            threading.Thread(target=self._run, name="sluiceway-deadlines", daemon=True).start()
        except BaseException:
            self._running = False
            raise

    def _run(self) -> None:
        try:
            interrupter()  # imports ctypes before anybody waits for it
            while (pause := self._look()) is not None:
                self._bell.acquire(timeout=pause)
        except BaseException:
            self._running = False  # so that the next deadline tries anew
            raise

    def _look(self) -> float | None:
        """Interrupt what is over; return the seconds until the next look, or None where it was the last."""
        with self._lock:
            for watch in tuple(self._watches):
                for left in _exits_cut_short(watch):
                    self._close(left)
            if self._watches:
                self._wakes_at = self._interrupt()
            elif not self._idle:
                self._idle = True
                self._wakes_at = monotonic() + LINGER
            else:
                self._running = False
                self._wakes_at = 0.0
                return None
            return min(max(self._wakes_at - monotonic(), 0), threading.TIMEOUT_MAX)

    def _interrupt(self) -> float:
        """Interrupt each thread that has a deadline which is over; return when to look again."""
        now = monotonic()
        occupied = {watch._thread for watch in self._watches if watch._is_pending()}
        over = [watch for watch in self._watches if watch._next <= now]
        for watch in sorted(over, key=lambda watch: (watch._fired, watch._due)):
            watch._next = now + AGAIN
            if watch._thread not in occupied and not watch._is_unwinding():
                occupied.add(watch._thread)
                watch._raised = None
                watch._fired = watch.expired = True
                interrupter()(watch._thread, DeadlineExceeded)
        return min(watch._next for watch in self._watches)


@cache
def interrupter() -> Callable[[int, type[BaseException] | None], None]:
    """Return what has an exception raised in a thread at its next bytecode, or takes back a pending one."""
    import ctypes  # only where a worker thread has a deadline

    prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)
    set_async_exc = prototype(("PyThreadState_SetAsyncExc", ctypes.pythonapi))
    nothing = ctypes.py_object()

    def interrupt(thread: int, exception: type[BaseException] | None) -> None:
        set_async_exc(thread, nothing if exception is None else exception)

    return interrupt


_watcher = _Watcher()


def _renew_watcher() -> None:
    """Start afresh in a forked process: it has no watcher thread, and the lock may be held for ever."""
    global _watcher
    _watcher = _Watcher()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_watcher)
