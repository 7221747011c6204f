"""The task worker: executes the deferred runs of some tasks, until it is told to end."""

from __future__ import annotations

import contextvars
import logging
import os
import platform
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from sluiceway.agents.resuming import Resumer
from sluiceway.agents.taking import TakingRecorder
from sluiceway.base.errors import FencedError, StoreError
from sluiceway.base.ids import RunId, new_id
from sluiceway.drivers import blocking, scope
from sluiceway.drivers.decorated import Decorated
from sluiceway.drivers.deferred import give_place_while_waiting
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.task import run_task
from sluiceway.model.deferred import DeferredCall
from sluiceway.model.facts import DeferredCallEnded, TaskRunMoved
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.rules.liveness import taken_for_dead
from sluiceway.rules.outcomes import crashed, raised
from sluiceway.wiring import deferring

AT_ONCE = 100
"""Calls that a worker without a limit claims at once, so that others get some, too."""

FIRST_LOOK = 0.005
"""Seconds until the next look, where there has just been something."""

RETRY_SECONDS = 1.0
"""Until a journal that could not be read is tried again."""

_logger = logging.getLogger("sluiceway.task_worker")


class TaskWorker:
    """Claims deferred calls of some tasks from the journal, and runs them in threads.

    Args:
        tasks: The tasks that it serves.
        services: The adapters of this process.
        limit: How many runs at once at most, not counting those that wait for other deferred runs; None for as many
            as there are.

    Raises:
        TypeError: Something is no task.
        ValueError: There is no task, two have the same key, or the limit is below one.
        MissingTaskError: No other process could mean one of the tasks, which is defined in no file.
    """

    def __init__(self, tasks: Sequence[Any], services: Services, limit: int | None) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be at least 1, or None for no limit, not {limit}.")
        self.tasks: dict[str, Any] = _by_key(tasks)
        self.limit: int | None = limit
        self._name = f"{platform.node()}/{os.getpid()}/{new_id().hex()}"
        self.owner: str = self._name
        """What claimed calls are marked with: host, process, what tells this worker from all others, and in the end
        the process as others know it: if it dies, they find its calls by that."""
        self._recorder = TakingRecorder(services.recorder)
        self._services = Services(services.settings, services.store, self._recorder, services.results, services.clock)
        self._presence = self._services.presence = services.presence
        self._under_way: dict[RunId, _Job] = {}
        self._away: Counter[RunId] = Counter()
        """Those of them that wait for deferred runs, for how many, so that others may have their places."""
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._turning = threading.Lock()
        """Held where a run is about to begin, waits for another one, or is given up."""
        self._told_to_end: list[BaseException] = []

    @property
    def under_way(self) -> int:
        """How many runs it is executing."""
        return len(self._under_way)

    @property
    def told_to_end(self) -> int:
        """How many times it has been told to end."""
        return len(self._told_to_end)

    def end(self, why: BaseException) -> None:
        """Claim nothing more, and end when the runs under way have; told again, give those up.

        It may be called from any thread, and from a signal handler.

        Args:
            why: What runs that are given up have come to, such as a `KeyboardInterrupt`.
        """
        self._told_to_end.append(why)
        self._bell.put(None)

    def run(self, timeout: float | None = None) -> None:
        """Work until told to end.

        Args:
            timeout: Seconds after which to end in any case; None for never.

        Raises:
            StoreError: The journal cannot be used from the beginning, or others have taken this process for dead.
        """
        deadline = None if timeout is None else monotonic() + timeout
        resumer = Resumer(self._services)
        try:
            if self._presence is not None:
                self.owner = f"{self._name}/{self._presence.enter().key.hex()}"
                resumer.start()  # a process that lives for long has others' runs go on
            self._claim()
            pause = 0.0
            while not self._told_to_end and (deadline is None or monotonic() < deadline):
                pause = self._look(pause)
                if pause and self._rest(pause if deadline is None else min(pause, deadline - monotonic())):
                    pause = 0.0  # a run has ended: there is room, or what it was to end before
        finally:
            resumer.close()
            self._finish()
            if self.told_to_end > 1 and self._services.runner is not None:
                self._services.runner.abandon(self._told_to_end[-1])
            self._services.close_own()

    def _look(self, pause: float) -> float:
        """Begin runs that wait; return the seconds until the next look, none where there were any.

        Where there has just been something, there is often something more; later it is looked ever more rarely.

        Args:
            pause: The seconds before this look.

        Raises:
            FencedError: Others have taken this process for dead.
        """
        if self._presence is not None and self._presence.fenced:
            raise FencedError(taken_for_dead(self._presence.enter()))
        longest: float = self._services.settings.deferred_poll_interval
        try:
            return 0.0 if self._claim() else min(max(FIRST_LOOK, 2 * pause), longest)
        except StoreError as error:
            if pause < RETRY_SECONDS:  # the first time
                _logger.error("No runs can be taken at present; it is tried again. %s", error)
            return RETRY_SECONDS

    def _claim(self) -> bool:
        """Begin runs that wait, as far as there is room; return whether there were any."""
        room = AT_ONCE if self.limit is None else self.limit - len(self._under_way) + len(self._away)
        if room <= 0:
            return False
        services = self._services
        calls = services.store.claim_calls(self.owner, tuple(self.tasks), room, services.clock.now())
        for index, call in enumerate(calls):
            if not self._begin(call):
                services.store.release_calls(self.owner, [left.run_key for left in calls[index:]])
                return False
        return bool(calls)

    def _begin(self, call: DeferredCall) -> bool:
        """Execute a call in a thread of its own; return false where the system has no thread to give."""
        job = _Job(call)
        self._under_way[call.run_key] = job
        thread = threading.Thread(
            target=contextvars.Context().run, args=(self._execute, job), name="sluiceway-task-worker", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            del self._under_way[call.run_key]
            _logger.warning("%d runs at once are as many as this system can do: %s", self.under_way, error)
            return False
        return True

    def _rest(self, seconds: float) -> bool:
        """Wait until a run has ended, somebody calls `end`, or the time is over; return whether it was before that."""
        try:
            self._bell.get(timeout=max(0.0, seconds))
        except Empty:
            return False
        return True

    def _finish(self) -> None:
        """Wait for the runs under way; give them up when told to end twice."""
        while self._under_way and self.told_to_end < 2:
            self._rest(RETRY_SECONDS)
        if self._under_way:
            for job in list(self._under_way.values()):
                self._give_up(job, self._told_to_end[-1])
            self._recorder.drain()

    # --- one run ------------------------------------------------------------------------------------

    def _execute(self, job: _Job) -> None:
        """Bring a claimed call to its end, on this thread."""
        key = job.call.run_key
        try:
            run = self._services.store.read_task_run(key)
            if run is not None and not (run.state is not None and run.state.is_final()):
                self._run(job, run)
            if not job.given_up:
                self._recorder.record(DeferredCallEnded(key))
                self._recorder.drain()
        except StoreError as error:  # the call stays claimed, since nothing is known of its run
            _logger.error("A run that was claimed cannot be read: %s", error)
        finally:
            self._recorder.leave(key)
            self._under_way.pop(key, None)
            self._bell.put(None)

    def _run(self, job: _Job, run: TaskRun) -> None:
        task, services = self.tasks[run.task_key], self._services
        begun, run.run_count = run.run_count, 0  # retries begin anew with each worker; deaths are no failures
        self._recorder.take(run.key, task.policy.result.persist is not False, begun)
        try:
            context = deferring.restore(task, run, job.call.call, services, services.clock.now())
            scope.enter_tags(deferring.tags_of(job.call.call))
        except Exception as error:  # whatever the arguments do when they are restored and looked into
            state = raised("Task", error, services.clock.now())
            self._recorder.record(TaskRunMoved(run.key, state, run.run_count))
            _logger.error("Task run %r could not be begun: %s", run.name, error)
            return
        with self._turning:
            if job.given_up:
                return
            job.context = context
        give_place_while_waiting(lambda: self._absence(run.key))
        try:
            state = _driven(context, services)
        except BaseException as error:  # whatever tears through the script itself; it has told the journal
            state = crashed("Task", error, services.clock.now())
        if state.is_completed() and not job.given_up:  # of the others, the script has told
            _logger.info("Task run %r finished in state %s", context.task_run.name, state)

    @contextmanager
    def _absence(self, key: RunId) -> Generator[None, None, None]:
        """Let another run have the place of one while that waits: it may be the one that is waited for."""
        with self._turning:
            self._away[key] += 1
        self._bell.put(None)
        try:
            yield
        finally:
            with self._turning:
                self._away[key] -= 1
                self._away += Counter()  # which drops those that wait for none any more

    def _give_up(self, job: _Job, why: BaseException) -> None:
        """Tell the journal that a run ends with this process; hand it back, if it has not begun."""
        with self._turning:
            job.given_up = True
        context = job.context
        if context is None:
            self._services.store.release_calls(self.owner, [job.call.run_key])
            return
        context.abandoned = True
        run = context.task_run
        state = crashed("Task", why, self._services.clock.now())
        self._recorder.record(TaskRunMoved(run.key, state, run.run_count, None, run.given_name))
        self._recorder.record(DeferredCallEnded(run.key))


class _Job:
    """A claimed call.

    Args:
        call: The call.
    """

    __slots__ = ("call", "context", "given_up")

    def __init__(self, call: DeferredCall) -> None:
        self.call: DeferredCall = call
        self.context: TaskRunContext | None = None
        """The run, once it has begun."""
        self.given_up: bool = False


def _driven(context: TaskRunContext, services: Services) -> State[Any]:
    """Run a task to its end, in the colour that it has."""
    if not context.task.isasync:
        return blocking.drive(run_task(context), services)
    from sluiceway.drivers import looping  # lazy: only an async task needs asyncio

    return looping.run_to_end(looping.drive(run_task(context), services))


def _by_key(tasks: Sequence[Any]) -> dict[str, Any]:
    """Return tasks by their keys."""
    if not tasks:
        raise ValueError("There is no task to serve; name at least one.")
    served: dict[str, Any] = {}
    for task in tasks:
        if not (isinstance(task, Decorated) and task.decorator == "task"):
            raise TypeError(f"A worker serves tasks, functions with the decorator @task, not {task!r}.")
        deferring.check_findable(task)
        key: str = task.task_key  # type: ignore[attr-defined]  # tasks have one
        if served.setdefault(key, task) is not task:
            raise ValueError(
                f"Two of the tasks have the key {key!r}, so that a worker could not tell their runs apart. "
                "Serve one of them, or give the other another name."
            )
    return served
