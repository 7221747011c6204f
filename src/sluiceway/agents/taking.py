"""Taking over: what the journal is told of a run that another process has created."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.facts import Fact, TaskRunCreated, TaskRunMoved, TaskRunStarted
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import PENDING, RUNNING
from sluiceway.ports.store import Recorder
from sluiceway.rules.outcomes import stamped
from sluiceway.wiring.deferring import kept_error


class TakingRecorder:
    """A way into the journal for runs that are in it already: what would create one moves it.

    The exception of such a run is stored with its last state, since another process waits for it. What is no
    `Exception`, such as Ctrl-C in this process, is not to be raised in that one, which hears that the run crashed.

    Args:
        recorder: The way into the journal.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = recorder.listeners
        """Called with each batch of facts that was written."""
        self._recorder = recorder
        self._taken: dict[RunId, tuple[bool, int]] = {}

    def take(self, run_key: RunId, keep_errors: bool, begun: int = 0) -> None:
        """Know a run for one that is in the journal.

        Args:
            run_key: The run.
            keep_errors: Whether its exception is stored.
            begun: How many times it had started to run before, with workers that have died since.
        """
        self._taken[run_key] = keep_errors, begun

    def leave(self, run_key: RunId) -> None:
        """Forget a run, of which nothing more is to be told.

        Args:
            run_key: The run.
        """
        self._taken.pop(run_key, None)

    def record(self, fact: Fact) -> None:
        """Take a fact; those that would create a run that was taken over move it.

        Args:
            fact: The fact.
        """
        if isinstance(fact, TaskRunMoved):
            self._recorder.record(self._completed(fact))
        elif isinstance(fact, TaskRunStarted) and fact.run.key in self._taken:
            self._start(fact.run, fact.called)
        elif isinstance(fact, TaskRunCreated) and fact.run.key in self._taken:
            self._recorder.record(self._completed(TaskRunMoved(fact.run.key, fact.state, 0)))
        else:
            self._recorder.record(fact)

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before is written; return whether it is.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        return self._recorder.drain(timeout)

    def settle(self) -> None:
        """Wait until all that was recorded before is on disk.

        Raises:
            StoreError: It is not.
        """
        self._recorder.settle()

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Have a function called when all that was recorded before is on disk, or cannot be.

        Args:
            then: Called once, with what is in the way or None. It must not raise.
        """
        self._recorder.when_settled(then)

    def close(self) -> None:
        """Do nothing: the way into the journal belongs to the process."""

    def _start(self, run: TaskRun, called: Moment) -> None:
        self.record(TaskRunMoved(run.key, stamped(PENDING, called), 0))
        self.record(TaskRunMoved(run.key, stamped(RUNNING, run.start or called), run.run_count))

    def _completed(self, fact: TaskRunMoved) -> TaskRunMoved:
        """Return a move with what the script does not know: earlier starts, and that its exception is waited for."""
        keep_errors, begun = self._taken.get(fact.run_key, (False, 0))
        error, result = fact.state.data, fact.result
        if keep_errors and isinstance(error, Exception) and fact.state.is_final():
            result = kept_error(error)
        elif not begun:
            return fact
        return TaskRunMoved(fact.run_key, fact.state, fact.run_count + begun, result, fact.name, fact.cache_key)
