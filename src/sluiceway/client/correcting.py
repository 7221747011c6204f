"""The verbs of the client that say by hand what became of a step, for both colours."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sluiceway.base.errors import InvalidOptionError, MissingResult, ObjectNotFound, RunNotResumableError
from sluiceway.client.colours import verb
from sluiceway.client.keeping import Keeping
from sluiceway.client.reading import key_of
from sluiceway.client.schemas.objects import State, TaskRun
from sluiceway.model.facts import FlowRunMoved, FlowRunReopened, TaskRunMoved, TaskRunReopened
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import StoredResult
from sluiceway.model.states import COMPLETED, FAILED
from sluiceway.rules import outcomes


class Correcting(Keeping):
    """Reads the journal, and corrects what it says of steps whose flow run nobody has in hand."""

    @verb
    def set_task_run_state(self, task_run_id: UUID, state: State[Any]) -> TaskRun:
        """Say by hand what became of a step: that it completed with a value, or failed with an exception.

        A flow run that goes on takes the step for what is said here.

        Args:
            task_run_id: The identifier of the step, of a flow run that no process has in hand.
            state: `Completed(data=…)` or `Failed(data=…)`, or another of these types.

        Returns:
            The task run, as it is now.

        Raises:
            ObjectNotFound: There is no such task run.
            InvalidOptionError: The state is of another type.
            RunNotResumableError: The run is alive: a process has it in hand.
            MissingResult: The value cannot be stored; the message says why.

        Example:
            ```python
            client.set_task_run_state(step.id, Completed(data=42))
            ```
        """
        store, key = self._journal(), key_of(task_run_id)
        run = store.read_task_run(key)
        if run is None:
            raise ObjectNotFound(f"There is no task run with the identifier {task_run_id}.")
        if state.type not in (COMPLETED, FAILED):
            raise InvalidOptionError(
                f"A step is said to have completed or failed, not to be {state.type.value}. "
                "Use Completed(data=…) or Failed(data=…)."
            )
        around = None if run.flow_run_key is None else store.read_flow_run(run.flow_run_key)
        holder = store.read_holder(key if around is None else around.root_key)
        if holder is not None:
            raise RunNotResumableError(
                f"Task run {run.name!r} is alive: process {holder.pid} on {holder.host} has it in hand. "
                "What becomes of it is for that one to say."
            )
        stored = self._services.results.keep(state.data, ResultPolicy(persist=True))
        if stored.why_not is not None:
            raise MissingResult(f"The value cannot be stored: {stored.why_not}")
        self._tell(run, state, stored)
        told = self._journal().read_task_run(key)
        return self._with_result(run if told is None else told)

    def _tell(self, run: TaskRun, state: State[Any], stored: StoredResult) -> None:
        """Tell the journal, of a step that stands for a child flow run also of that."""
        record, moment = self._services.recorder.record, self._services.clock.now()
        pending, ended = outcomes.corrected(moment), state.copy()
        ended.moment, ended.data = moment, None
        count = max(run.run_count, 1)
        if run.child_flow_run_key is not None:
            record(FlowRunReopened(run.child_flow_run_key, pending))
            record(FlowRunMoved(run.child_flow_run_key, ended, count, stored))
        record(TaskRunReopened(run.key, pending))
        record(TaskRunMoved(run.key, ended, count, stored))
