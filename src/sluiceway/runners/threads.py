"""The thread runner: a pool of threads over one queue.

A thread of the pool that waits for a task that no other thread has begun runs it itself, so that tasks
that submit tasks never wait for each other's threads, however small the pool.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Any
from weakref import WeakSet

from sluiceway.base.errors import CyclicDependencyError, MissingContextError
from sluiceway.drivers import blocking, scope
from sluiceway.drivers.futures import Future, guard, when_all_done
from sluiceway.drivers.planning import plan_task, plan_tasks
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.task import run_task
from sluiceway.model.states import State
from sluiceway.model.upstream import Upstream
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import crashed
from sluiceway.runners.base import TaskRunner, record_dropped

DEFAULT_WORKERS = min(64, 8 * (os.cpu_count() or 1))
"""Threads at most, unless told otherwise: tasks in threads mostly wait for something else."""

GRACE_SECONDS = 1.0
"""How long the end of an interrupted flow waits for tasks that are in the midst of a blocking call."""


class ThreadFuture(Future[Any]):
    """A submitted call that waits for a thread, and then its result.

    Args:
        call: The call.
        runner: The runner that it was submitted to.
        variables: The context variables of the caller, which calls of one `map` share until they run.
    """

    __slots__ = ("_claimed", "runner", "variables", "waits_for")

    def __init__(self, call: TaskRunContext, runner: ThreadPoolTaskRunner, variables: contextvars.Context) -> None:
        super().__init__(call)
        self.runner: ThreadPoolTaskRunner = runner
        self.variables: contextvars.Context | None = variables
        self.waits_for: Future[Any] | None = None
        self._claimed = False

    def claim(self) -> bool:
        """Take the call; return whether nobody else had."""
        with guard():
            if self._claimed:
                return False
            self._claimed = True
            return True

    def execute(self, worker: _Worker | None = None) -> None:
        """Run the task on this thread, which has claimed it, and end the future.

        Args:
            worker: The thread, if it has nothing else to do; None for one that helps while it waits.
        """
        variables, self.variables = self.variables, None
        assert variables is not None  # only who has claimed the call gets here, once
        _stack.futures.append(self)
        try:
            variables.copy().run(self._execute, worker)
        finally:
            _stack.futures.pop()

    def _execute(self, worker: _Worker | None) -> None:
        call = self.context
        assert call is not None  # it goes when the run has ended
        call.started = call.services.clock.now()
        try:
            if call.task.isasync:
                state = self.runner.drive_async(call)
            else:
                state = blocking.drive(run_task(call), call.services)
        except BaseException as error:
            state = crashed("Task", error, call.services.clock.now())
        self.runner.ended(self, state, worker)

    def help(self) -> None:
        """Run the task on the waiting thread, if that is one of a pool and nobody has begun it.

        Raises:
            CyclicDependencyError: The thread is executing the very run that it is about to wait for.
        """
        futures, call = _stack.futures, self.context
        if not futures or call is None:
            return
        futures[-1].waits_for = self
        try:
            self._refuse_cycle(futures)
            if not self.claim():
                self.wait(timeout=_FOREVER)
                return
            for reference in call.references:
                if isinstance(reference.source, Future):
                    reference.source.wait()
            self.execute()
        finally:
            futures[-1].waits_for = None

    def is_ours_to_help(self) -> bool:
        """Return whether nobody has begun the run, and this thread is one of a pool."""
        return bool(_stack.futures) and not self._claimed

    def may_be_begun_elsewhere(self) -> bool:
        """Return whether the pool has a thread with nothing to do, or may have one more."""
        return self.runner.has_room()

    def _refuse_cycle(self, futures: list[ThreadFuture]) -> None:
        """Follow who waits for whom from here; whoever meets the waiting thread would wait for ever."""
        waiting: Future[Any] | None = self
        for _ in range(10_000):
            if waiting in futures:
                raise CyclicDependencyError(
                    f"Task run {futures[-1].run.name!r} waits for {self.run.name!r}, which waits for it; "
                    "let neither ask for the other's result."
                )
            if not isinstance(waiting, ThreadFuture) or waiting.waits_for is None:
                return
            waiting = waiting.waits_for


_FOREVER = 10.0 * 365 * 86_400


class _Stack(threading.local):
    """The calls that a thread of a pool is in the midst of, the innermost last."""

    def __init__(self) -> None:
        self.futures: list[ThreadFuture] = []


_stack = _Stack()


class _Worker:
    """A thread of a pool.

    Args:
        idle: The threads of the pool that have nothing to do, the last to come on top.
    """

    __slots__ = ("_idle", "bell", "resting")

    def __init__(self, idle: deque[_Worker]) -> None:
        self._idle = idle
        self.resting: bool = False
        """Whether the thread counted itself among the idle ones; it may have been called up since."""
        self.bell: threading.Lock = threading.Lock()
        """Released to call the thread up: it is to look into the queue."""
        self.bell.acquire()

    def rest(self) -> None:
        """Count this thread among the idle ones."""
        self.resting = True
        self._idle.append(self)

    def rise(self) -> bool:
        """Take this thread from among the idle ones; return whether nobody has called it up before."""
        try:
            self._idle.remove(self)
        except ValueError:
            return False
        self.resting = False
        return True

    def ring(self) -> None:
        """Call the thread up, if it has not been called up already."""
        with suppress(RuntimeError):
            self.bell.release()

    def wait(self) -> None:
        """Wait until somebody calls the thread up."""
        self.bell.acquire()
        self.resting = False


class ThreadPoolTaskRunner(TaskRunner[Future[Any]]):
    """Runs tasks in threads of this process.

    Args:
        max_workers: How many threads at most; they are started as they are needed.

    Raises:
        ValueError: `max_workers` is less than one.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, not {max_workers}.")
        self.max_workers = max_workers
        self._limit = max_workers or DEFAULT_WORKERS
        self._begin()
        self._growing = threading.Lock()
        self._loops = threading.local()
        self._closed = False
        self._abandoned = False
        _pools.add(self)

    def _begin(self) -> None:
        """Begin with no threads and no calls."""
        self._queue: deque[ThreadFuture | None] = deque()
        """The calls that wait for a thread; None has a thread end."""
        self._threads: dict[threading.Thread, _Worker] = {}
        self._idle: deque[_Worker] = deque()
        """The threads that have nothing to do. The last to come is the first to go: its caches are warm."""
        self._scout: _Worker | None = None
        """The thread that was called up and has not looked into the queue yet. If that finds more than one call
        there, it calls up the next: so there are as many threads awake as find something to do, and a thousand
        short calls do not wake a crowd that then waits for the interpreter."""
        self._unfinished: dict[ThreadFuture, None] = {}
        self._cancels: dict[int, Callable[[], None]] = {}
        """By thread with an event loop of its own: what cancels the async task in it."""

    def begin_in_child(self) -> None:
        """Begin anew in a forked child, which has none of the threads; the calls are the parent's."""
        self._growing = threading.Lock()
        self._begin()

    def duplicate(self) -> ThreadPoolTaskRunner:
        """Return a runner with the same settings that has not started."""
        return type(self)(self.max_workers)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.max_workers,)

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, set[Any]] | None = None,
    ) -> Future[Any]:
        """Run a task in a thread of the pool, and return its future.

        Args:
            task: The task.
            parameters: Its arguments by name, futures not yet resolved.
            wait_for: Futures to wait for without passing them.
            dependencies: Further runs whose results go in, by argument.

        Raises:
            RuntimeError: The runner has ended.
            MissingContextError: This is not in a flow, and the runner was made for one.
        """
        self._refuse_late()
        call = plan_task(task, parameters, wait_for, self._services_here())
        return self._take(call, contextvars.copy_context())

    def submit_all(self, task: Any, calls: Iterable[dict[str, Any]], wait_for: list[Any] | None) -> list[Future[Any]]:
        """Run a task in threads of the pool, once for each set of parameters, and return the futures in order.

        Args:
            task: The task.
            calls: The arguments by name of each call.
            wait_for: Futures that each run waits for.

        Raises:
            RuntimeError: The runner has ended.
            MissingContextError: This is not in a flow, and the runner was made for one.
        """
        self._refuse_late()
        if type(self).submit is not ThreadPoolTaskRunner.submit:
            return super().submit_all(task, calls, wait_for)  # a class derived from this one has its own way
        variables = contextvars.copy_context()
        return [self._take(call, variables) for call in plan_tasks(task, calls, wait_for, self._services_here())]

    def _refuse_late(self) -> None:
        if self._closed:
            raise RuntimeError("The task runner has ended; submit tasks while its flow runs.")

    def _services_here(self) -> Services:
        context = scope.current()
        services = self.services if context is None else context.services
        if services is None:
            raise MissingContextError(
                f"{type(self).__name__} runs the tasks of flows; submit tasks in a flow, or with `Task.submit`."
            )
        return services

    def _take(self, call: TaskRunContext, variables: contextvars.Context) -> Future[Any]:
        """Have a call executed as soon as the futures that it waits for have ended."""
        future = ThreadFuture(call, self, variables)
        self._unfinished[future] = None
        if call.references:
            self._park(future, call)
        else:
            self._enqueue(future)
        return future

    services: Services | None = None
    """What tasks that are submitted outside flows work with; set by whoever makes the shared runner."""

    def _park(self, future: ThreadFuture, call: TaskRunContext) -> None:
        """Enqueue a call when the futures that it waits for have ended, lest it hold up a thread."""
        when_all_done([r.source for r in call.references], lambda: self._enqueue(future))

    def _enqueue(self, future: ThreadFuture | None) -> None:
        """Put a call into the queue, and have a thread look there."""
        # In this order: a thread that comes to rest meanwhile looks into the queue once more.
        self._queue.append(future)
        if self._scout is None:
            self._call_up()

    def _call_up(self) -> None:
        """Have one more thread look into the queue: one that rests, or a new one, if there may be one more."""
        if self._idle:
            with suppress(IndexError, RuntimeError):  # somebody else was quicker, or `close` has rung for all
                self._scout = worker = self._idle.pop()
                worker.bell.release()
                return
        if len(self._threads) < self._limit:
            self._grow()

    def _grow(self) -> None:
        with self._growing:
            if len(self._threads) >= self._limit or self._closed:
                return
            self._scout = worker = _Worker(self._idle)
            name = f"sluiceway-worker-{len(self._threads)}"
            thread = threading.Thread(target=self._work, args=(worker,), name=name, daemon=True)
            self._threads[thread] = worker
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads: those that there are do the work
            del self._threads[thread]
            self._scout = None
            if not self._threads:
                self._make_do()

    def _make_do(self) -> None:
        """Do the work on this thread, since there is no other and none can be had."""
        while self._queue:
            with suppress(IndexError):  # somebody else was quicker
                future = self._queue.popleft()
                if future is not None and future.claim():
                    future.execute()

    def has_room(self) -> bool:
        """Return whether a thread has nothing to do, or one more may be started."""
        return bool(self._idle) or (len(self._threads) < self._limit and not self._closed)

    def _work(self, worker: _Worker) -> None:
        while (future := self._next(worker)) is not None:
            if future.claim():
                future.execute(worker)
            del future  # lest an idle thread keep the last result alive
        self._close_loop()

    def _next(self, worker: _Worker) -> ThreadFuture | None:
        """Return the call that a thread is to execute next, once there is one; None if it is to end."""
        while True:
            if not worker.resting:
                try:
                    future = self._queue.popleft()
                except IndexError:
                    self._report(worker)
                    worker.rest()
                else:
                    if self._report(worker) and self._queue:
                        self._call_up()
                    return future
            if not (self._queue and worker.rise()):
                worker.wait()

    def _report(self, worker: _Worker) -> bool:
        """Return whether a thread was the scout; it is so no longer."""
        if self._scout is not worker:
            return False
        self._scout = None
        return True

    def drive_async(self, call: TaskRunContext) -> State[Any]:
        """Run an async task in the event loop of this thread, which is kept for the next one.

        Args:
            call: The call.
        """
        import asyncio  # lazy: needed only for async tasks

        from sluiceway.drivers import looping

        if looping.is_running():
            return looping.run_to_end(_on_behalf_of(_stack.futures, looping.drive(run_task(call), call.services)))
        runner = getattr(self._loops, "runner", None)
        if runner is None:
            runner = self._loops.runner = asyncio.Runner()
            self._cancels[threading.get_ident()] = looping.canceller(runner.get_loop())
        return runner.run(looping.drive(run_task(call), call.services), context=contextvars.copy_context())

    def _close_loop(self) -> None:
        runner = getattr(self._loops, "runner", None)
        if runner is not None:
            runner.close()

    def ended(self, future: ThreadFuture, state: State[Any], worker: _Worker | None = None) -> None:
        """End a future.

        Args:
            future: The future.
            state: What its run came to.
            worker: The thread that has nothing else to do now.
        """
        self._unfinished.pop(future, None)
        # At rest before anybody hears of the result, the thread is there for the call that follows from it.
        future.settle(state, None if worker is None or self._queue else worker.rest)

    def unfinished(self) -> list[Upstream]:
        """Return the futures of tasks that have not ended."""
        return list(self._unfinished)

    def abandon(self, error: BaseException) -> None:
        """Drop the tasks that have not begun, and count those that have as crashed.

        Args:
            error: What ended the flow run.
        """
        self._abandoned = True
        for future in list(self._unfinished):
            call, begun = future.context, not future.claim()
            if call is None:
                continue
            call.abandoned = True
            self.ended(future, record_dropped(call, begun, error))

    def interrupt(self, interrupt_thread: Callable[[int, Callable[[], None] | None], None]) -> None:
        """Interrupt the tasks that threads are in the midst of.

        Args:
            interrupt_thread: Interrupts a thread, and the async task in it.
        """
        for thread, worker in list(self._threads.items()):
            if not worker.resting and thread.ident is not None:
                interrupt_thread(thread.ident, self._cancels.get(thread.ident))

    def cancel_all(self) -> None:
        """Drop the tasks that have not begun."""
        self.abandon(KeyboardInterrupt("cancelled"))

    def close(self) -> None:
        """End the threads, once they have ended the tasks that they have begun.

        Tasks that were abandoned get a time of grace; a thread that is still in one then ends when it can,
        and with the process at the latest.
        """
        self._closed = True
        threads = dict(self._threads)
        for _ in threads:
            self._enqueue(None)
        for worker in threads.values():
            worker.ring()  # each: Ctrl-C may have come between the choice of one and its call
        current = threading.current_thread()
        deadline = monotonic() + GRACE_SECONDS if self._abandoned else None
        for thread in threads:
            if thread is not current and thread.ident is not None:  # Ctrl-C may have come before it was started
                thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
        self._threads.clear()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


async def _on_behalf_of(futures: list[ThreadFuture], coroutine: Coroutine[Any, Any, State[Any]]) -> State[Any]:
    """Run a coroutine on a thread that stands in for one of a pool, which waits for it: it helps as that one would."""
    _stack.futures = futures
    return await coroutine


_pools: WeakSet[ThreadPoolTaskRunner] = WeakSet()


def _begin_in_child() -> None:
    for pool in list(_pools):
        pool.begin_in_child()


os.register_at_fork(after_in_child=_begin_in_child)
