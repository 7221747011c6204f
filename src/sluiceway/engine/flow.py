"""The life of a flow run."""

from __future__ import annotations

from typing import Any

from sluiceway.base.errors import Abort, Pause
from sluiceway.base.times import SECOND
from sluiceway.engine.calling import call, call_hooks, chosen_name, ended_by, retry_delay
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.ops import (
    DEBUG,
    ERROR,
    INFO,
    WARNING,
    Abandon,
    Invoke,
    Keep,
    Now,
    Outcome,
    Remember,
    Say,
    Settle,
    Sleep,
    Wait,
)
from sluiceway.engine.recalling import noted, recall, reopen, undo_staged
from sluiceway.engine.replay import Replay, Step
from sluiceway.model.facts import (
    FlowRunCreated,
    FlowRunMoved,
    FlowRunReopened,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunReopened,
)
from sluiceway.model.policies import NO_HOOKS, ResultPolicy
from sluiceway.model.results import StoredResult
from sluiceway.model.states import COMPLETED, FAILED, PAUSED, PENDING, RUNNING, State
from sluiceway.rules import outcomes
from sluiceway.rules.resolution import find_references, resolve, resolved_result


async def run_flow(context: FlowRunContext) -> State[Any]:
    """Run a flow, from its creation to its final state, which is returned.

    Args:
        context: The call.
    """
    try:
        if context.recorded is not None and (recalled := await _recalled(context, context.recorded)) is not None:
            return recalled
        state, stored = await _run(context)
        _let_be(context)
        await _end(context, state, stored)
    except GeneratorExit:
        raise
    except BaseException as error:
        # Whatever tears through the script itself, such as Ctrl-C between two operations, is recorded.
        _let_be(context)
        await Abandon(context, error)
        if context.flow_run.state is None:
            await _create(context)
        torn = await _torn(context, error)
        await _end(context, torn, None)
        await _announce(context, torn)
        if torn.data is error:
            raise
        return torn
    if context.strict:
        await Settle(strict=True)
    await _announce(context, state)
    return state


def _let_be(context: FlowRunContext) -> None:
    """Have what is left to do for the outermost run not be interrupted: it has come to its end."""
    if context.outermost:
        context.brake.close()


async def _torn(context: FlowRunContext, error: BaseException) -> State[Any]:
    """Return the state of a run whose script something has torn through."""
    moment = await Now()
    halted = context.brake.verdict(error, moment, context.outermost)
    return halted or outcomes.crashed("Flow", error, moment)


async def _run(context: FlowRunContext) -> tuple[State[Any], StoredResult | None]:
    """Create a run and run it; return the state it came to, and what is stored of its result."""
    unfit = await _prepare(context)
    if unfit is None and context.stand_in is None:
        context.flow_run.call = await _kept_call(context)
    await _create(context)
    if unfit is not None:
        return unfit, None
    run = context.flow_run
    begins = "Beginning" if context.recorded is None else "Going on with"
    await Say(_everyday(context), lambda: f"{begins} flow run {run.name!r} for flow {context.policy.name!r}", context)
    await _enter(context, outcomes.stamped(RUNNING, await Now()))
    if context.strict:
        await Settle(strict=True)  # it is known before anything happens in it
    state = await _attempts(context)
    return state, await _kept(context, state)


async def _recalled(context: FlowRunContext, step: Step) -> State[Any] | None:
    """Return the state that a child run came to in an earlier attempt; None where it goes on, with its own steps.

    Args:
        context: The call.
        step: The task run that stands for the run in its parent; of an outermost run, something like it.
    """
    outer = None if context.parent is None else context.parent.flow_context
    around = None if outer is None else outer.replay
    if around is not None and around.stands(step) and not context.iterated:
        outcome = await recall(context, step)
        if outcome is not None:
            return await _taken_up(context, step, outcome)
    if step.own and (like := context.replay if around is None else around) is not None:
        replay: Replay = await Remember(context, like)
        context.replay = replay
        await undo_staged(context, replay)
        run = context.flow_run
        run.run_count, run.start = step.recorded.run_count, step.recorded.started
        run.given_name = run.given_name or step.recorded.name
        if context.stand_in is not None:
            reopen(context.stand_in, step)
    return None


async def _taken_up(context: FlowRunContext, step: Step, outcome: Outcome) -> State[Any]:
    """Let a child run be what an earlier attempt has made of it; in a run that goes on from another, record that."""
    run, stand_in, state = context.flow_run, context.stand_in, outcomes.recalled(step.recorded, outcome.value)
    if stand_in is not None and not step.own:
        state = outcomes.taken_over(state, await Now())
        await TaskRunCreated(stand_in, outcomes.stamped(PENDING, context.called))
        await TaskRunMoved(stand_in.key, state, step.recorded.run_count, None, step.recorded.name)
    run.state, run.end = state, state.moment
    return state


async def _prepare(context: FlowRunContext) -> State[Any] | None:
    """Resolve, validate and describe the parameters, and name the run.

    Returns:
        The state of a run whose parameters do not fit; else None.
    """
    unfinished = [r.source for r in context.references if not isinstance(r.source, State) and not r.source.done()]
    if unfinished:
        await Wait(unfinished)
    blocked = outcomes.not_ready(context.references, await Now())
    if blocked is not None:
        return blocked
    if context.references:
        outcome = await Invoke(resolve, (context.parameters, resolved_result), {}, context)
        if outcome.error is not None:
            return outcomes.raised("Flow", outcome.error, outcome.moment)
        context.parameters = outcome.value
    unfit = None
    if context.flow.should_validate_parameters:
        outcome = await Invoke(context.flow.validate_parameters, (context.parameters,), {}, context)
        if outcome.error is None:
            context.parameters = outcome.value
        else:
            unfit = outcomes.raised("Flow", outcome.error, outcome.moment)
            kind = type(outcome.error).__name__
            unfit.message = f"Validation of flow parameters failed with error: {kind}: {outcome.error}"
    described = await Invoke(context.flow.serialize_parameters, (context.parameters,), {}, context)
    context.flow_run.parameters = described.value if described.error is None else {}
    if unfit is None and context.policy.run_name is not None and context.flow_run.given_name is None:
        context.flow_run.given_name = await chosen_name(context)
    return unfit


async def _create(context: FlowRunContext) -> None:
    """Tell the journal that the flow was called, and so does the task run that stands for it in its parent."""
    run, stand_in = context.flow_run, context.stand_in
    pending = outcomes.stamped(PENDING, context.called)
    run.state = pending
    if context.recorded is not None and context.recorded.own:
        if stand_in is not None:  # an outermost run was reopened when it was taken in hand
            resuming = outcomes.resuming(await Now())
            await FlowRunReopened(run.key, resuming)
            await TaskRunReopened(stand_in.key, resuming)
        return
    if stand_in is not None:
        stand_in.given_name = run.given_name and f"{context.policy.name}-{run.given_name}"
        await TaskRunCreated(stand_in, pending)
    await FlowRunCreated(run, pending)


async def _attempts(context: FlowRunContext) -> State[Any]:
    """Call the function until it completes or no retry is left; return the state it came to."""
    run = context.flow_run
    while True:
        if context.policy.hooks is not NO_HOOKS:
            await call_hooks(context, run.state)
        outcome = await call(context)
        state = await _verdict(context, outcome)
        if context.replay is not None and context.replay.checked:
            state = await _checked(context, context.replay, state)
        if state.type is COMPLETED:
            return state
        await _say_failure(context, outcome, state)
        delay = await retry_delay(context, state)
        if context.brake.why is not None and state.type is FAILED:
            return ended_by(context, "Flow", Abort(context.brake.why), await Now())
        if delay is None:
            return state
        wakes = state.moment + round(delay * SECOND)
        await _enter(context, outcomes.awaiting_retry(state.message, wakes, state.moment))
        after = f"{delay:g} second(s) from now" if delay else "immediately"
        ordinal = f"{run.run_count}/{context.policy.retry.retries}"
        await Say(INFO, f"Retry {ordinal} of the flow run will start {after}", context)
        if delay > 0:
            await Sleep(delay, context.brake)
            context.brake.heed(outermost=False)
        context.start_over()
        await _enter(context, outcomes.stamped(RUNNING, await Now(), "Retrying"))


async def _checked(context: FlowRunContext, replay: Replay, state: State[Any]) -> State[Any]:
    """Return the state of a run that went on: one that has made other calls than the recorded ones has failed."""
    if replay.refusal is not None:
        return outcomes.raised("Flow", replay.refusal, await Now())
    left_out = replay.left_out(context.identity) if state.type is COMPLETED else []
    if left_out:
        calls = ", ".join(step.described() for step in left_out[:3])
        await Say(
            WARNING,
            f"{len(left_out)} recorded step(s) were not called again, so what they did is no part of this attempt: "
            f"{calls}",
            context,
        )
    return state


async def _verdict(context: FlowRunContext, outcome: Outcome) -> State[Any]:
    """Return the state that a call came to, once the tasks that it submitted have ended."""
    error = outcome.error
    if error is not None and not isinstance(error, (Exception, Pause)) and outcome.timeout is None:
        await Abandon(context, error)
    while pending := context.unfinished():
        await Wait(pending)
    if error is None and context.brake.why is not None:  # it has swallowed that, or tasks of it were dropped
        error = Abort(context.brake.why)
    if outcome.timeout is not None and context.policy.timeout is not None:
        return outcomes.timed_out("Flow", context.policy.timeout, outcome.timeout, outcome.moment)
    if error is not None:
        return ended_by(context, "Flow", error, await Now())
    waiting = [r.source for r in find_references(outcome.value) if not isinstance(r.source, State)]
    unfinished = [source for source in waiting if not source.done()]
    if unfinished:
        await Wait(unfinished)
    return outcomes.returned(outcome.value, await Now())


async def _say_failure(context: FlowRunContext, outcome: Outcome, state: State[Any]) -> None:
    if state.type is PAUSED or context.brake.why is not None:
        return  # its end says it all
    if outcome.timeout is not None:
        await Say(ERROR, f"Flow run exceeded timeout of {context.policy.timeout:g} second(s)", context)
    elif outcome.error is not None:
        await Say(ERROR, f"Encountered exception during execution: {outcome.error!r}", context, outcome.error)


async def _end(context: FlowRunContext, state: State[Any], stored: StoredResult | None) -> None:
    """Bring a run, and the task run that stands for it, into the final state; one that has ended stays as it is."""
    run, stand_in = context.flow_run, context.stand_in
    if run.end is None:
        run.state = state
        await FlowRunMoved(run.key, state, run.run_count, stored, run.given_name)
        run.end = state.moment if state.is_final() else None
    if stand_in is not None and stand_in.end is None:
        stand_in.state = state
        await TaskRunMoved(stand_in.key, state, run.run_count, None, stand_in.given_name)
        stand_in.end = state.moment
        around = None if context.parent is None else context.parent.flow_context
        if around is not None and around.replay is not None and context.identity_here is not None:
            stand_in.child_flow_run_key = run.key
            around.replay.note(context.identity_here, noted(stand_in, state, stored))


async def _announce(context: FlowRunContext, state: State[Any]) -> None:
    """Say what a run came to, and call the hooks."""
    if state.type is PAUSED:
        await Say(INFO, f"{state.name}; have it go on with: sluiceway resume {context.flow_run.id}", context)
        return
    level = _everyday(context) if state.type is COMPLETED else ERROR
    await Say(level, lambda: f"Finished in state {state}", context)
    if context.policy.hooks is not NO_HOOKS:
        await call_hooks(context, state)


async def _enter(context: FlowRunContext, state: State[Any]) -> None:
    """Bring a run, and the task run that stands for it, into a state, and tell the journal."""
    run, stand_in = context.flow_run, context.stand_in
    run.state = state
    if state.type is RUNNING:
        run.run_count += 1
        run.start = run.start or state.moment
    await FlowRunMoved(run.key, state, run.run_count, None, run.given_name)
    if stand_in is not None:
        stand_in.state, stand_in.start, stand_in.run_count = state, run.start, run.run_count
        await TaskRunMoved(stand_in.key, state, run.run_count, None, stand_in.given_name)


def _everyday(context: FlowRunContext) -> int:
    """Return the level of what goes as it should: child runs, of which there may be thousands, say it quietly."""
    return INFO if context.stand_in is None else DEBUG


async def _kept(context: FlowRunContext, state: State[Any]) -> StoredResult | None:
    """Store what a run came to, where something may need it."""
    if not _may_be_needed(context):
        return None
    if state.type is COMPLETED:
        policy = context.policy.result
        stored = await Keep(state.data, policy, policy.storage_key, context.strict)
    elif state.type is FAILED and state.data is not None:
        stored = await Keep(state.data, ResultPolicy(), None, context.strict)
    else:
        return None
    if stored.why_not is not None:
        state.state_details.untrackable_result = stored.why_not
        await Say(DEBUG, f"The result was not stored: {stored.why_not}", context)
    return stored


async def _kept_call(context: FlowRunContext) -> StoredResult | None:
    """Store the arguments of a run that no other run has called: going on with it may need them."""
    if not context.parameters or context.recorded is not None or context.policy.result.persist is False:
        return None
    return await Keep(context.parameters, ResultPolicy(), None, context.strict)


def _may_be_needed(context: FlowRunContext) -> bool:
    """Whether somebody may need the result: the parent that goes on from it, or who calls with the same key."""
    policy = context.policy
    persist = policy.result.persist
    if persist is None:
        persist = context.services.settings.results_persist
    if persist is not None:
        return persist
    return context.stand_in is not None or policy.idempotency_key is not None or policy.run_id is not None
