"""What every task runner is: the class that users derive their own from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from sluiceway.base.times import now
from sluiceway.drivers.futures import Future, FutureList
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.model.annotations import allow_failure
from sluiceway.model.facts import TaskRunCreated, TaskRunMoved
from sluiceway.model.states import State, StateType
from sluiceway.model.upstream import Upstream
from sluiceway.rules.mapping import expand
from sluiceway.rules.outcomes import crashed, not_ready, stamped
from sluiceway.rules.resolution import Reference, as_list, resolved_result

F = TypeVar("F", bound=Future[Any])


class TaskRunner(ABC, Generic[F]):
    """Runs submitted tasks. Derive from it, and say in `submit` where.

    A flow run makes a `duplicate` of the runner that its flow was given, enters it as a context manager
    when the first task is submitted, and leaves it when all have ended.
    """

    @property
    def name(self) -> str:
        """The name of the runner: that of its class, without `TaskRunner`."""
        return type(self).__name__.lower().replace("taskrunner", "")

    def duplicate(self) -> Self:
        """Return a runner with the same settings that has not started."""
        return type(self)()

    @abstractmethod
    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, set[Any]] | None = None,
    ) -> F:
        """Run a task with these parameters, some time soon, and return its future.

        Args:
            task: The task.
            parameters: Its arguments by name, futures not yet resolved.
            wait_for: Futures to wait for without passing them.
            dependencies: Further runs whose results go in, by argument.
        """

    def map(self, task: Any, parameters: dict[str, Any], wait_for: Iterable[Any] | None = None) -> FutureList[Any]:
        """Run a task once for each item of its iterable arguments, and return the futures in order.

        Args:
            task: The task.
            parameters: Its arguments by name; a future or state of an iterable stands for that.
            wait_for: Futures that each run waits for.

        Raises:
            MappingMissingIterable: There is nothing to go through.
            MappingLengthMismatch: The iterables differ in length.
            UpstreamTaskError: A run whose result is to be gone through did not complete.
        """
        ready = {name: _iterable_of(value) for name, value in parameters.items()}
        waits = None if wait_for is None else as_list(wait_for)
        return FutureList(self.submit_all(task, expand(ready, task.signature.defaults), waits))

    def submit_all(self, task: Any, calls: Iterable[dict[str, Any]], wait_for: list[Any] | None) -> list[Future[Any]]:
        """Run a task once for each set of parameters, and return the futures in order.

        Args:
            task: The task.
            calls: The arguments by name of each call.
            wait_for: Futures that each run waits for.
        """
        return [self.submit(task, call, wait_for) for call in calls]

    def unfinished(self) -> list[Upstream]:
        """Return the futures of tasks that have not ended."""
        return []

    def abandon(self, error: BaseException) -> None:
        """Drop the tasks that have not ended, since the flow run was ended from outside.

        Args:
            error: What ended it.
        """

    def interrupt(self, interrupt_thread: Callable[[int, Callable[[], None] | None], None]) -> None:
        """Interrupt what is in the midst of a task in this process, once it is abandoned. Here: nothing.

        Args:
            interrupt_thread: Interrupts a thread. It is given the identifier, and what cancels whatever runs in the
                event loop of the thread; None where there is no loop.
        """

    def close(self) -> None:
        """Release what the runner holds."""
        self.__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


def _iterable_of(value: Any) -> Any:
    """Return what `map` goes through for an argument: the result of a future or state, in its place."""
    if isinstance(value, (Future, State)):
        return _result_of(value)
    if isinstance(value, allow_failure) and isinstance(value.value, (Future, State)):
        return value.rewrap(_result_of(value.value))
    return value


def _result_of(source: Future[Any] | State[Any]) -> Any:
    """Return the result of a run, once it has ended.

    Raises:
        UpstreamTaskError: It did not complete.
    """
    if isinstance(source, Future):
        source.wait()
    reference = Reference(source, failure_allowed=False)
    blocked = not_ready([reference], now())
    return resolved_result(reference) if blocked is None else blocked.result()


def record_dropped(call: TaskRunContext, begun: bool, error: BaseException) -> State[Any]:
    """Bring a run that was dropped into its final state, tell the journal, and return the state.

    Args:
        call: The call.
        begun: Whether it had begun.
        error: What ended the flow run.
    """
    run, services = call.task_run, call.services
    moment = services.clock.now()
    if begun:
        halted = None if call.brake is None else call.brake.verdict(error, moment)
        state = halted or crashed("Task", error, moment)
    else:
        state = stamped(StateType.CANCELLED, moment, None, "The flow run ended before the task began.", error)
        services.recorder.record(TaskRunCreated(run, stamped(StateType.PENDING, call.called)))
    run.state, run.end = state, moment
    services.recorder.record(TaskRunMoved(run.key, state, run.run_count, None, run.given_name))
    return state
