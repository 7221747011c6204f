"""Steps that flow runs and task runs share when an earlier attempt has recorded them: recalling what they came to."""

from __future__ import annotations

from typing import Any

from sluiceway.base.errors import MissingResult, UnreadableResult
from sluiceway.base.ids import to_uuid
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.ops import INFO, WARNING, Keep, Now, Outcome, Recall, Say
from sluiceway.engine.replay import Replay, Step
from sluiceway.engine.staging import BaseTransaction
from sluiceway.engine.transaction import run_hook
from sluiceway.model.facts import TaskRunCreated, TaskRunMoved, TaskRunReopened, TaskRunSettled
from sluiceway.model.holding import RecordedStep
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import FAILED, PENDING, State
from sluiceway.rules import outcomes

_FAILURES = ResultPolicy()
"""How the exceptions are kept that steps raised: as everything is that a resume may need."""

_NOT_KEPT = StoredResult(why_not="The result was not stored; set persist_result=True to keep results.")


async def recalled_task(context: TaskRunContext, step: Step) -> State[Any] | None:
    """Return the state that a call came to in an earlier attempt; None where it has to be made again.

    What a generator yielded while somebody iterated over it was not kept.

    Args:
        context: The call.
        step: The step that it is.
    """
    replay = context.replay
    if replay is None or context.iterated or not replay.stands(step):
        return None
    outcome = await recall(context, step)
    if outcome is None:
        return None
    run, recorded = context.task_run, step.recorded
    state = outcomes.recalled(recorded, outcome.value)
    if not step.own:
        state = await _taken_over(context, step, state)
    run.state, run.start, run.end, run.run_count = state, recorded.started, state.moment, recorded.run_count
    run.given_name = recorded.name
    return state


async def undo_staged(context: FlowRunContext, replay: Replay) -> None:
    """Roll back what an earlier attempt had staged in transactions that it did not come to commit, the last one first.

    What hooks were to find in the transaction has gone with the process.

    Args:
        context: The run that goes on.
        replay: What the earlier attempt has recorded.
    """
    for step, task in replay.staged:
        await Say(
            WARNING,
            f"The transaction of {step.described()} was not committed when the process ended; it is rolled back.",
            context,
        )
        txn = BaseTransaction(write_on_commit=False)
        txn.scope = context
        for hook in reversed(task.policy.hooks.rollback if task is not None else ()):
            await run_hook(txn, hook, "rollback")
        await TaskRunReopened(step.key, outcomes.rolled_back(await Now()))
        await TaskRunSettled(step.key)


async def recall(context: Any, step: Step) -> Outcome | None:
    """Return what a step came to, value or exception; None, and a line in the log, where it is not at hand.

    Args:
        context: The call.
        step: The step that it is.

    Raises:
        UnreadableResult: It is there, and cannot be read: to run the step again would be somebody's decision.
    """
    outcome = await Recall(step)
    if isinstance(outcome.error, UnreadableResult):
        raise UnreadableResult(
            f"What the step {step.described()}, came to cannot be used: {outcome.error}. Have the class be importable "
            "again, or have the run go on from this step, which then runs again: sluiceway retry RUN --from "
            f"{to_uuid(step.key)}"
        ) from outcome.error
    if isinstance(outcome.error, MissingResult):
        await Say(INFO, f"The earlier result is not at hand, so it runs again: {outcome.error}", context)
        return None
    if outcome.error is not None:
        raise outcome.error
    if step.recorded.state_type is FAILED and not isinstance(outcome.value, BaseException):
        await Say(INFO, "The earlier exception is not at hand, so it runs again.", context)
        return None
    return outcome


async def _taken_over(context: TaskRunContext, step: Step, state: State[Any]) -> State[Any]:
    """Record the step of another flow run as one of this."""
    run = context.task_run
    state = outcomes.taken_over(state, await Now())
    await TaskRunCreated(run, outcomes.stamped(PENDING, context.called))
    await TaskRunMoved(run.key, state, step.recorded.run_count, step.stored, step.recorded.name)
    return state


async def kept_failure(context: TaskRunContext, state: State[Any]) -> StoredResult | None:
    """Store the exception of a step that failed for good, which a resume raises again; else return None.

    Args:
        context: The call.
        state: The state that it came to.
    """
    if state.type is not FAILED or context.flow_context is None or state.data is None:
        return None
    persist = context.policy.result.persist
    if persist is False or (persist is None and context.services.settings.results_persist is False):
        return None
    return await Keep(state.data, _FAILURES)


def noted(run: TaskRun, state: State[Any], stored: StoredResult | None) -> Step:
    """Return what a run came to as a step, for the next attempt.

    Args:
        run: The run.
        state: The state that it came to.
        stored: What is stored of its result.
    """
    recorded = RecordedStep(
        run.key,
        run.parent_key,
        run.task_key,
        run.task_name,
        run.call_hash,
        run.call_preview,
        run.ordinal,
        state.type,
        state.special_name,
        run.run_count,
        run.given_name,
        run.child_flow_run_key,
        run.start,
        state.moment,
    )
    return Step(recorded, stored or _NOT_KEPT)


def reopen(run: TaskRun, step: Step) -> None:
    """Let a run go on from where an earlier attempt has left it.

    Args:
        run: The run.
        step: What the earlier attempt has recorded of it.
    """
    run.run_count, run.start, run.given_name = step.recorded.run_count, step.recorded.started, step.recorded.name
