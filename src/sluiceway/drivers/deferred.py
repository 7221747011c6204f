"""Futures of deferred runs: another process executes them, and the journal tells what became of them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar
from weakref import WeakSet

from sluiceway.base.errors import MissingResult, StoreError
from sluiceway.base.ids import RunId
from sluiceway.drivers.futures import Future
from sluiceway.drivers.stored import StoredValue
from sluiceway.model.queries import TaskRunQuery
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store

R = TypeVar("R")

FIRST_LOOK = 0.005
"""Seconds after which somebody who waits looks for the first time; then ever more rarely, up to the setting."""

_AT_ONCE = 200
"""Runs that are read at once at most."""

_logger = logging.getLogger("sluiceway.futures")


class _Here(threading.local):
    """What the code of this thread does while it waits for a deferred run: nothing, but in a worker."""

    def __init__(self) -> None:
        self.away: Callable[[], AbstractContextManager[object]] = nullcontext


_here = _Here()


def give_place_while_waiting(away: Callable[[], AbstractContextManager[object]]) -> None:
    """Have a worker know when its thread waits for a deferred run, which needs a place in a worker itself.

    Args:
        away: Returns what is entered before the waiting, and left after it. It holds for this thread, for good.
    """
    _here.away = away


class DeferredFuture(Future[R]):
    """The result of a run that a worker executes, read from the journal.

    Args:
        run: The run, as far as it is known.
        services: Where to read.
    """

    __slots__ = ("services",)

    def __init__(self, run: TaskRun, services: Services) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the call is elsewhere, and the run is known
        self._run = run
        self.services: Services = services

    @property
    def state(self) -> State[R]:
        """The present state of the task run, read from the journal unless it has ended."""
        if not self.done():
            state = self.run.state
            assert state is not None  # it has one since it was deferred
            return state
        state = self._state
        assert state is not None
        if state.is_completed() and isinstance(state.data, StoredValue):
            try:
                state.data = state.data.get()
            except MissingResult:
                return state  # which says so to whoever asks for the value
        return state

    def done(self) -> bool:
        """Whether the state will not change any more."""
        if self._state is None:
            run = self.services.store.read_task_run(self.run_key)
            if run is not None:
                self.take(run)
        return self._state is not None

    def take(self, run: TaskRun) -> bool:
        """Take the run as the journal has it now; where it has ended, so has the future.

        Args:
            run: The run.

        Returns:
            Whether it has ended.
        """
        if self._state is None:
            self._run = run
        state = run.state
        if state is not None and (state.is_final() or state.name == "NotReady"):
            if state.is_final():
                state.data = StoredValue(self.services, run.key, state.is_completed())
            self.settle(state)
        return self._state is not None

    def when_done(self, callback: Callable[[], object]) -> None:
        """Call something once the run has ended: now, or on the thread that sees it.

        Args:
            callback: What to call.
        """
        super().when_done(callback)
        if self._state is None:
            watcher_of(self.services).watch(self)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the run has ended.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.

        Raises:
            StoreError: The journal cannot be read.
        """
        if self.done():
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        pause, longest = FIRST_LOOK, self.services.settings.deferred_poll_interval
        with _here.away():
            while not self.done():
                left = pause if deadline is None else min(pause, deadline - time.monotonic())
                if left <= 0:
                    return
                time.sleep(left)
                pause = min(2 * pause, longest)

    async def wait_async(self, timeout: float | None = None) -> None:
        """Wait, in async code, until the run has ended; the event loop goes on meanwhile.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        with _here.away():
            await super().wait_async(timeout)

    def late(self, timeout: float) -> TimeoutError:
        """Return the error of a run that has not ended in time; it says whether a worker has the run.

        Args:
            timeout: The time, in seconds.
        """
        error, state = super().late(timeout), self.run.state
        if state is None or not state.is_scheduled():
            return TimeoutError(f"{error} It is in state {state}.")
        owners = [claim.owner for claim in self.services.store.read_claims() if claim.run_key == self.run_key]
        if owners:
            return TimeoutError(f"{error} Worker {owners[0]} has taken it, and told nothing more of it yet.")
        return TimeoutError(
            f"{error} No worker has taken it: one that serves task {self.run.task_key!r} is to use the same run "
            "database, and `sluiceway task serve FILE.py` starts it."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        run = self.run
        return _elsewhere, (run.key, run.task_key, run.task_name, run.flow_run_key)


def _elsewhere(key: RunId, task_key: str, task_name: str, flow_run_key: RunId | None) -> DeferredFuture[Any]:
    """Return a future that came from another process; whoever restores it tells it where to read."""
    future: DeferredFuture[Any] = object.__new__(DeferredFuture)
    Future.__init__(future, None)  # type: ignore[arg-type]  # as above
    future._run = TaskRun(key, task_key, task_name, flow_run_key)
    return future


class Watcher:
    """Looks for the ends of deferred runs on behalf of who wants to be told: one thread for all of them.

    Args:
        store: Where to look.
        interval: Seconds between two looks.
    """

    def __init__(self, store: Store, interval: float) -> None:
        self._store = store
        self._interval = interval
        self._closed = threading.Event()
        self._begin()
        _watchers.add(self)

    def _begin(self) -> None:
        """Start out with nothing to watch, and no thread."""
        self._lock = threading.Lock()
        self._watched: dict[RunId, list[DeferredFuture[Any]]] = {}
        self._thread: threading.Thread | None = None

    def watch(self, future: DeferredFuture[Any]) -> None:
        """Look for the end of a run until it is there.

        Args:
            future: The future of the run.
        """
        with self._lock:
            futures = self._watched.setdefault(future.run_key, [])
            if future not in futures:
                futures.append(future)
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._work, name="sluiceway-watcher", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread; nobody is told anything any more."""
        self._closed.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _work(self) -> None:
        pause, trouble = FIRST_LOOK, ""
        while not self._closed.wait(pause):
            pause = min(2 * pause, self._interval)
            with self._lock:
                keys = list(self._watched)
                if not keys:
                    self._thread = None
                    return
            try:
                self._look(keys)
            except StoreError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    _logger.error("What became of deferred runs cannot be read; it is tried again. %s", trouble)

    def _look(self, keys: list[RunId]) -> None:
        for start in range(0, len(keys), _AT_ONCE):
            query = TaskRunQuery(keys=tuple(keys[start : start + _AT_ONCE]))
            for run in self._store.read_task_runs(query, limit=_AT_ONCE).items:
                with self._lock:
                    futures = list(self._watched[run.key])
                left = [future for future in futures if not future.take(run)]
                with self._lock:
                    left += [future for future in self._watched[run.key] if future not in futures]
                    self._watched[run.key] = left
                    if not left:
                        del self._watched[run.key]


_watchers: WeakSet[Watcher] = WeakSet()
_making = threading.Lock()


def _begin_in_child() -> None:
    """Begin anew in a forked child, which has none of the threads."""
    global _making
    _making = threading.Lock()
    for watcher in list(_watchers):
        watcher._begin()


os.register_at_fork(after_in_child=_begin_in_child)


def watcher_of(services: Services) -> Watcher:
    """Return what looks for the ends of deferred runs where these services record.

    Args:
        services: The services.
    """
    with _making:
        if services.watcher is None:
            services.watcher = Watcher(services.store, services.settings.deferred_poll_interval)
        watcher: Watcher = services.watcher
        return watcher
