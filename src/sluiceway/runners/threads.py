"""The thread runner: a pool of threads over one queue.

A thread of the pool that waits for a task that no other thread has begun runs it itself, so that tasks
that submit tasks never wait for each other's threads, however small the pool.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Any

from sluiceway.base.errors import CyclicDependencyError
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

    def execute(self) -> None:
        """Run the task on this thread, which has claimed it."""
        variables, self.variables = self.variables, None
        assert variables is not None  # only who has claimed the call gets here, once
        _stack.futures.append(self)
        try:
            variables.copy().run(self._execute)
        finally:
            _stack.futures.pop()

    def _execute(self) -> None:
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
        self.runner.ended(self, state)

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
        self._queue: SimpleQueue[ThreadFuture | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle: deque[None] = deque()
        """One entry for each thread that waits and that no submission has counted on."""
        self._growing = threading.Lock()
        self._unfinished: dict[ThreadFuture, None] = {}
        self._loops = threading.local()
        self._closed = False
        self._abandoned = False

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
        """
        if self._closed:
            raise RuntimeError("The task runner has ended; submit tasks while its flow runs.")
        call = plan_task(task, parameters, wait_for, self._services_here())
        return self._take(call, contextvars.copy_context())

    def submit_all(self, task: Any, calls: Iterable[dict[str, Any]], wait_for: list[Any] | None) -> list[Future[Any]]:
        """Run a task in threads of the pool, once for each set of parameters, and return the futures in order.

        Args:
            task: The task.
            calls: The arguments by name of each call.
            wait_for: Futures that each run waits for.
        """
        if type(self).submit is not ThreadPoolTaskRunner.submit:
            return super().submit_all(task, calls, wait_for)  # a class derived from this one has its own way
        variables = contextvars.copy_context()
        return [self._take(call, variables) for call in plan_tasks(task, calls, wait_for, self._services_here())]

    def _services_here(self) -> Services:
        context = scope.current()
        return context.services if context is not None else self.services

    def _take(self, call: TaskRunContext, variables: contextvars.Context) -> Future[Any]:
        """Have a call executed as soon as the futures that it waits for have ended."""
        future = ThreadFuture(call, self, variables)
        self._unfinished[future] = None
        if call.references:
            self._park(future, call)
        else:
            self._enqueue(future)
        return future

    services: Services
    """What tasks that are submitted outside flows work with; set by whoever makes the shared runner."""

    def _park(self, future: ThreadFuture, call: TaskRunContext) -> None:
        """Enqueue a call when the futures that it waits for have ended, lest it hold up a thread."""
        when_all_done([r.source for r in call.references], lambda: self._enqueue(future))

    def _enqueue(self, future: ThreadFuture) -> None:
        self._queue.put(future)
        if self._idle:
            with suppress(IndexError):  # another submission was quicker
                self._idle.pop()  # a thread that waits is spoken for, though it takes a while to wake
                return
        if len(self._threads) < self._limit:
            self._grow()

    def _grow(self) -> None:
        with self._growing:
            if len(self._threads) >= self._limit or self._closed:
                return
            name = f"sluiceway-worker-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        take = self._queue.get
        while True:
            try:
                future = take(False)
            except Empty:
                self._idle.append(None)
                future = take()
            if future is None:
                break
            if future.claim():
                future.execute()
            del future  # lest an idle thread keep the last result alive
        self._close_loop()

    def drive_async(self, call: TaskRunContext) -> State[Any]:
        """Run an async task in the event loop of this thread, which is kept for the next one.

        Args:
            call: The call.
        """
        import asyncio  # lazy: needed only for async tasks

        from sluiceway.drivers import looping

        runner = getattr(self._loops, "runner", None)
        if runner is None:
            runner = self._loops.runner = asyncio.Runner()
        if _loop_is_running():
            return looping.run_to_end(looping.drive(run_task(call), call.services))
        return runner.run(looping.drive(run_task(call), call.services), context=contextvars.copy_context())

    def _close_loop(self) -> None:
        runner = getattr(self._loops, "runner", None)
        if runner is not None:
            runner.close()

    def ended(self, future: ThreadFuture, state: State[Any]) -> None:
        """End a future.

        Args:
            future: The future.
            state: What its run came to.
        """
        self._unfinished.pop(future, None)
        future.settle(state)

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

    def cancel_all(self) -> None:
        """Drop the tasks that have not begun."""
        self.abandon(KeyboardInterrupt("cancelled"))

    def close(self) -> None:
        """End the threads, once they have ended the tasks that they have begun.

        Tasks that were abandoned get a time of grace; a thread that is still in one then ends when it can,
        and with the process at the latest.
        """
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        current = threading.current_thread()
        deadline = monotonic() + GRACE_SECONDS if self._abandoned else None
        for thread in self._threads:
            if thread is not current:
                thread.join(None if deadline is None else max(0.0, deadline - monotonic()))
        self._threads.clear()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _loop_is_running() -> bool:
    """Whether an event loop runs in this thread: a task that helps another may be async itself."""
    import asyncio  # lazy: needed only for async tasks

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
