"""The life of a flow run."""

from __future__ import annotations

from typing import Any

from sluiceway.base.times import SECOND
from sluiceway.engine.calling import call, call_hooks, chosen_name, retry_delay
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.ops import (
    DEBUG,
    ERROR,
    INFO,
    Abandon,
    Invoke,
    Keep,
    Now,
    Outcome,
    Say,
    Sleep,
    Wait,
)
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved, TaskRunCreated, TaskRunMoved
from sluiceway.model.policies import NO_HOOKS
from sluiceway.model.results import StoredResult
from sluiceway.model.states import COMPLETED, PENDING, RUNNING, State
from sluiceway.rules import outcomes
from sluiceway.rules.resolution import find_references, resolve, resolved_result


async def run_flow(context: FlowRunContext) -> State[Any]:
    """Run a flow, from its creation to its final state, which is returned.

    Args:
        context: The call.
    """
    try:
        state, stored = await _run(context)
        await _end(context, state, stored)
    except GeneratorExit:
        raise
    except BaseException as error:
        # Whatever tears through the script itself, such as Ctrl-C between two operations, is recorded.
        await Abandon(context, error)
        if context.flow_run.state is None:
            await _create(context)
        crashed = outcomes.crashed("Flow", error, await Now())
        await _end(context, crashed, None)
        await _announce(context, crashed)
        raise
    await _announce(context, state)
    return state


async def _run(context: FlowRunContext) -> tuple[State[Any], StoredResult | None]:
    """Create a run and run it; return the state it came to, and what is stored of its result."""
    unfit = await _prepare(context)
    await _create(context)
    if unfit is not None:
        return unfit, None
    run = context.flow_run
    await Say(_everyday(context), f"Beginning flow run {run.name!r} for flow {context.policy.name!r}", context)
    await _enter(context, outcomes.stamped(RUNNING, await Now()))
    state = await _attempts(context)
    stored = None
    if state.type is COMPLETED and _may_be_needed(context):
        stored = await Keep(state.data, context.policy.result, context.policy.result.storage_key)
        if stored.why_not is not None:
            state.state_details.untrackable_result = stored.why_not
            await Say(DEBUG, f"The result was not stored: {stored.why_not}", context)
    return state, stored


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
    if unfit is None and context.policy.run_name is not None:
        context.flow_run.given_name = await chosen_name(context)
    return unfit


async def _create(context: FlowRunContext) -> None:
    """Tell the journal that the flow was called, and so does the task run that stands for it in its parent."""
    run, stand_in = context.flow_run, context.stand_in
    pending = outcomes.stamped(PENDING, context.called)
    run.state = pending
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
        if state.type is COMPLETED:
            return state
        await _say_failure(context, outcome, state)
        delay = await retry_delay(context, state)
        if delay is None:
            return state
        wakes = state.moment + round(delay * SECOND)
        await _enter(context, outcomes.awaiting_retry(state.message, wakes, state.moment))
        after = f"{delay:g} second(s) from now" if delay else "immediately"
        ordinal = f"{run.run_count}/{context.policy.retry.retries}"
        await Say(INFO, f"Retry {ordinal} of the flow run will start {after}", context)
        if delay > 0:
            await Sleep(delay)
        context.start_over()
        await _enter(context, outcomes.stamped(RUNNING, await Now(), "Retrying"))


async def _verdict(context: FlowRunContext, outcome: Outcome) -> State[Any]:
    """Return the state that a call came to, once the tasks that it submitted have ended."""
    if outcome.error is not None and not isinstance(outcome.error, Exception) and outcome.timeout is None:
        await Abandon(context, outcome.error)
    while pending := context.unfinished():
        await Wait(pending)
    if outcome.timeout is not None and context.policy.timeout is not None:
        return outcomes.timed_out("Flow", context.policy.timeout, outcome.timeout, outcome.moment)
    if outcome.error is not None:
        return outcomes.raised("Flow", outcome.error, await Now())
    waiting = [r.source for r in find_references(outcome.value) if not isinstance(r.source, State)]
    unfinished = [source for source in waiting if not source.done()]
    if unfinished:
        await Wait(unfinished)
    return outcomes.returned(outcome.value, await Now())


async def _say_failure(context: FlowRunContext, outcome: Outcome, state: State[Any]) -> None:
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
        run.end = state.moment
    if stand_in is not None and stand_in.end is None:
        stand_in.state = state
        await TaskRunMoved(stand_in.key, state, run.run_count, None, stand_in.given_name)
        stand_in.end = state.moment


async def _announce(context: FlowRunContext, state: State[Any]) -> None:
    """Say what a run came to, and call the hooks."""
    level = _everyday(context) if state.type is COMPLETED else ERROR
    await Say(level, f"Finished in state {state}", context)
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


def _may_be_needed(context: FlowRunContext) -> bool:
    """Whether a retry or a resume may need the result: that of a child run, whose parent goes on from it."""
    persist = context.policy.result.persist
    if persist is None:
        persist = context.services.settings.results_persist
    return context.stand_in is not None if persist is None else persist
