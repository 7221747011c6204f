"""Futures: the results of submitted runs, before and after they are there."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from sluiceway.base.ids import RunId, to_uuid
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.model.upstream import Upstream

if TYPE_CHECKING:
    from uuid import UUID

R = TypeVar("R")

_logger = logging.getLogger("sluiceway.futures")

_PATIENCE = 0.05
"""How long an async task on a thread of a pool gives other threads to begin what it waits for, in seconds."""


_guard = threading.Lock()
"""Held for a few instructions at the turning points of a future. One for all: a lock for each would cost more than
it saves, in memory and in time, where there are a hundred thousand."""


def guard() -> threading.Lock:
    """Return the lock to hold at the turning points of a future."""
    return _guard


def _renew_guard() -> None:
    global _guard
    _guard = threading.Lock()


os.register_at_fork(after_in_child=_renew_guard)


class Future(Upstream, Generic[R]):
    """The result of a submitted task run. Runners derive their own, which know how it is to come.

    Args:
        context: The call.
    """

    __slots__ = ("__weakref__", "_callbacks", "_gates", "_run", "_state", "context")

    def __init__(self, context: TaskRunContext) -> None:
        self.context: TaskRunContext | None = context
        self._run: TaskRun | None = None
        self._state: State[R] | None = None
        self._callbacks: list[Callable[[], object]] | None = None
        self._gates: list[threading.Lock] | None = None
        """The locks that threads wait at."""

    @property
    def run(self) -> TaskRun:
        """The task run."""
        context = self.context
        if context is not None:
            return context.task_run
        assert self._run is not None  # it took the place of the context when the run ended
        return self._run

    @property
    def task_run_id(self) -> UUID:
        """The identifier of the task run."""
        return to_uuid(self.run_key)

    @property
    def run_key(self) -> RunId:
        """The 16 bytes of the identifier of the task run."""
        context = self.context
        return self.run.key if context is None else context.key

    @property
    def state(self) -> State[R]:
        """The present state of the task run."""
        if self._state is not None:
            return self._state
        context = self.context
        state = context.task_run.state if context is not None and context.begun else None
        return State(StateType.PENDING) if state is None else state

    def done(self) -> bool:
        """Whether the state will not change any more."""
        return self._state is not None

    def help(self) -> None:
        """Do, on the thread that is about to wait, what no other thread has begun. Here: nothing."""

    def is_ours_to_help(self) -> bool:
        """Return whether nobody has begun the run, and `help` on this thread would. Here: never."""
        return False

    def may_be_begun_elsewhere(self) -> bool:
        """Return whether another thread is free to begin the run. Here: always."""
        return True

    def settle(self, state: State[R], rest: Callable[[], None] | None = None) -> bool:
        """Bring the future to its end; only the first state counts.

        Args:
            state: What the run came to.
            rest: Called before anybody hears of it, if nobody is to be called back: this thread is free then.

        Returns:
            Whether this was the first state.
        """
        run = self.run
        with _guard:
            if self._state is not None:
                return False
            self._run, self._state = run, state
            gates, callbacks = self._gates, self._callbacks
            self._gates = self._callbacks = None
        # What the run no longer needs goes, lest a future that somebody keeps hold on to the arguments.
        self.context = None
        if rest is not None and callbacks is None:
            rest()
        for gate in gates or ():
            gate.release()
        if callbacks is not None:
            self._call_back(callbacks)
        return True

    def _call_back(self, callbacks: list[Callable[[], object]]) -> None:
        interrupted: KeyboardInterrupt | None = None
        for callback in callbacks:
            try:
                callback()
            except KeyboardInterrupt as error:
                interrupted = error  # it is meant for the main thread, which goes on once all have been called
            except BaseException:
                # Even `sys.exit()`: the thread belongs to the runner, and others wait for the same future.
                _logger.exception("A callback of the future of %s failed", self.run.name)
        if interrupted is not None:
            raise interrupted

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call something once the future has ended: now, or on the thread that ends it.

        Args:
            callback: What to call.
        """
        with _guard:
            if self._state is None:
                if self._callbacks is None:
                    self._callbacks = []
                self._callbacks.append(callback)
                return
        callback()

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call a function with this future once it has ended; at once if it has.

        Args:
            fn: The function.
        """
        self.when_done(lambda: fn(self))

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run has ended.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        if self._state is not None:
            return
        if timeout is None:
            self.help()
            if self.done():
                return
        gate = threading.Lock()
        gate.acquire()
        with _guard:
            if self.done():
                return
            if self._gates is None:
                self._gates = []
            self._gates.append(gate)
        gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout))

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait until the run has ended, and return its value.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
            raise_on_failure: Raise the exception of a run that did not complete, rather than return it.

        Raises:
            TimeoutError: The run has not ended by then.
            UpstreamTaskError: The run could not start, since an upstream run did not complete.
        """
        if self._state is None:
            self.wait(timeout)
        state = self._state
        if state is None:
            raise self.late(timeout or 0)
        return state.result(raise_on_failure)  # type: ignore[no-any-return]  # the state is of the same R

    def late(self, timeout: float) -> TimeoutError:
        """Return the error of a run that has not ended in time.

        Args:
            timeout: The time, in seconds.
        """
        return TimeoutError(f"Task run {self.run.name!r} did not end within {timeout:g} second(s).")

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait, in async code, until the run has ended; the event loop goes on meanwhile.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        import asyncio  # lazy: only async code gets here

        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop has ended before the run
                loop.call_soon_threadsafe(ended.set)

        self.when_done(tell)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while timeout is None and self.is_ours_to_help():
                    if not self.may_be_begun_elsewhere():
                        self.help()
                        break
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_PATIENCE):
                            await ended.wait()
                await ended.wait()

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait, in async code, until the run has ended, and return its value.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
            raise_on_failure: Raise the exception of a run that did not complete, rather than return it.

        Raises:
            TimeoutError: The run has not ended by then.
            UpstreamTaskError: The run could not start, since an upstream run did not complete.
        """
        await self.wait_async(timeout)
        if timeout is not None and not self.done():
            raise self.late(timeout)
        return self.result(raise_on_failure=raise_on_failure)

    def __repr__(self) -> str:
        return f"Future(task_run={self.run.name!r}, state={self.state})"


class FutureList(list[Future[R]]):
    """The futures of a `map`, in the order of the items."""

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all runs have ended.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        wait(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Wait until all runs have ended, and return their values in order.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
            raise_on_failure: Raise the first exception, rather than return exceptions in their places.

        Raises:
            TimeoutError: Not all have ended by then.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        values = []
        for future in self:
            left = None if deadline is None else deadline - time.monotonic()
            values.append(future.result(left, raise_on_failure))
        return values


def when_all_done(sources: Iterable[Any], then: Callable[[], object]) -> None:
    """Call something once all futures have ended: now, or on the thread that ends the last one.

    Args:
        sources: Futures, and states, which count as ended.
        then: What to call.
    """
    unfinished = [source for source in sources if not isinstance(source, State) and not source.done()]
    if not unfinished:
        then()
        return
    left = [None] * len(unfinished)  # `pop` is atomic: the callback that empties the list is the last
    lock = threading.Lock()

    def one_ended() -> None:
        with lock:
            left.pop()
            last = not left
        if last:
            then()

    for source in unfinished:
        source.when_done(one_ended)


class DoneAndNotDoneFutures(NamedTuple, Generic[R]):
    """What `wait` found.

    Args:
        done: The futures that have ended.
        not_done: Those that have not.
    """

    done: set[Future[R]]
    not_done: set[Future[R]]


def wait(futures: Iterable[Future[R]], timeout: float | None = None) -> DoneAndNotDoneFutures[R]:
    """Wait until all futures have ended, or the time is over.

    Args:
        futures: The futures.
        timeout: How long to wait at most, in seconds; None for as long as it takes.
    """
    awaited = list(futures)
    deadline = None if timeout is None else time.monotonic() + timeout
    for future in awaited:
        future.wait(None if deadline is None else deadline - time.monotonic())
    done = {future for future in awaited if future.done()}
    return DoneAndNotDoneFutures(done, set(awaited) - done)


def as_completed(futures: Iterable[Future[R]], timeout: float | None = None) -> Generator[Future[R], None, None]:
    """Yield futures in the order in which they end.

    A thread of a pool runs those itself that no other thread has begun, rather than wait for them.

    Args:
        futures: The futures; one that is given twice is yielded once.
        timeout: How long to wait at most for the last one, in seconds; None for as long as it takes.

    Raises:
        TimeoutError: Some have not ended by then; the message counts them.
    """
    awaited = list(dict.fromkeys(futures))
    deadline = None if timeout is None else time.monotonic() + timeout
    ended: deque[Future[R]] = deque()
    bell = threading.Condition()

    def ring(future: Future[R]) -> None:
        with bell:
            ended.append(future)
            bell.notify()

    for future in awaited:
        future.add_done_callback(ring)
    begun_by_nobody = (future for future in awaited if future.is_ours_to_help())
    for count in range(len(awaited)):
        while timeout is None and not ended and (idle := next(begun_by_nobody, None)) is not None:
            idle.help()
        with bell:
            left = None if deadline is None else deadline - time.monotonic()
            if not bell.wait_for(lambda: bool(ended), left):
                raise TimeoutError(f"{len(awaited) - count} (of {len(awaited)}) futures unfinished")
            future = ended.popleft()
        yield future


for _public in (Future, FutureList, DoneAndNotDoneFutures):
    _public.__module__ = "sluiceway.futures"
