"""The life of a task run."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any

from sluiceway.base.errors import ConfigurationError, HashError
from sluiceway.base.ops import Op
from sluiceway.base.times import SECOND
from sluiceway.engine.calling import call, call_hooks, chosen_name, ended_by, retry_delay
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.ops import (
    DEBUG,
    ERROR,
    WARNING,
    Hold,
    Invoke,
    Join,
    Keep,
    Limits,
    Load,
    Now,
    Open,
    Outcome,
    Publish,
    Say,
    Settle,
    Ship,
    Sleep,
    Wait,
)
from sluiceway.engine.recalling import kept_failure, noted, recalled_task, reopen
from sluiceway.engine.transaction import settle_run
from sluiceway.model.facts import ResultCached, TaskRunCreated, TaskRunMoved, TaskRunReopened, TaskRunStarted
from sluiceway.model.policies import NO_HOOKS
from sluiceway.model.results import NOTHING, CachedResult, StoredResult
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import COMPLETED, PENDING, RUNNING, SCHEDULED, State
from sluiceway.model.transactions import IsolationLevel
from sluiceway.rules import outcomes
from sluiceway.rules.resolution import resolve, resolved_result

_MAY_TELL_STATE = (State, list, tuple, set)


def run_task(context: TaskRunContext) -> Coroutine[Op[Any], Any, State[Any]]:
    """Return the script that runs a task, from its creation to its final state, which it returns.

    Args:
        context: The call.
    """
    return _within_limits(context) if context.tags else _run(context)


async def _within_limits(context: TaskRunContext) -> State[Any]:
    """Run a task that has to heed the limits by its tags, if there are any."""
    slots = context.slots = await Limits(context)
    if slots is None:
        return await _run(context)
    context.unlike_most = True
    try:
        return await _run(context)
    finally:
        slots.give_back()  # no operation, since the script may be torn apart


async def _run(context: TaskRunContext) -> State[Any]:
    run, policy, unlike_most = context.task_run, context.policy, context.unlike_most
    try:
        if context.references or policy.run_name is not None or (unlike_most and _begins_otherwise(context)):
            settled = await prepare(context)
            if settled is not None:
                return settled
        else:
            run.start, run.run_count = context.started, 1
            await TaskRunStarted(run, context.called)
        if policy.plain and not (unlike_most and _is_drawn(context)):
            outcome = await _attempt(context)
            state = _completed(outcome) or await _seen_through(context, outcome)
            stored = None
            if _is_to_be_kept(context, state):
                stored = NOTHING if state.data is None else await _kept(context, state, None)
        else:
            state, stored = await _perform(context)
        if unlike_most or context.transaction is not None or state.type is not COMPLETED:
            stored = await _see_to(context, state, stored)
        if context.abandoned:
            return state
        run.state, run.end = state, state.moment
        await TaskRunMoved(run.key, state, run.run_count, stored, run.given_name, run.cache_key)
    except GeneratorExit:
        raise
    except BaseException as error:
        # Whatever tears through the script itself, such as Ctrl-C between two operations, is recorded.
        await _crash(context, error)
        raise
    if context.strict or state.type is not COMPLETED or policy.hooks is not NO_HOOKS:
        await _conclude(context, state)
    return state


def _begins_otherwise(context: TaskRunContext) -> bool:
    """Return whether a run does not begin at once: it waits for slots, or an earlier attempt has recorded it."""
    return context.slots is not None or context.recorded is not None


def _is_drawn(context: TaskRunContext) -> bool:
    return context.flow_context is not None and context.flow_context.drawn


async def _see_to(context: TaskRunContext, state: State[Any], stored: StoredResult | None) -> StoredResult | None:
    """See to what most runs have nothing to do with: transactions, failures, further attempts of the flow run.

    Returns:
        What is stored of the result, or of the exception.
    """
    if context.transaction is not None or state.type is not COMPLETED:
        await settle_run(context, state)
        stored = stored or await kept_failure(context, state)
    if context.replay is not None:
        context.replay.note(context.identity, noted(context.task_run, state, stored))
    return stored


async def _crash(context: TaskRunContext, error: BaseException) -> None:
    """Say what ended a run, unless the flow run that it belongs to has said it."""
    moment, brake = await Now(), context.brake
    halted = None if brake is None else brake.verdict(error, moment)
    if not context.abandoned:
        await _enter(context.task_run, halted or outcomes.crashed("Task", error, moment))


async def _conclude(context: TaskRunContext, state: State[Any]) -> None:
    """Wait for the disk if the run is strict, say what it came to if that is not what it should, call the hooks."""
    if context.strict:
        await Settle(strict=True)
    if state.type is not COMPLETED:
        await Say(ERROR, f"Finished in state {state}", context)
    await call_hooks(context, state)


async def prepare(context: TaskRunContext) -> State[Any] | None:
    """Wait for the upstream runs of a call, resolve its parameters, name the run, take its slots, and start it.

    Args:
        context: The call, whose parameters are changed.

    Returns:
        The state of a run that cannot start, because an upstream run did not complete, or need not, because an
        earlier attempt has; else None.
    """
    run = context.task_run
    if context.recorded is not None and (recalled := await recalled_task(context, context.recorded)) is not None:
        return recalled
    run.state = outcomes.stamped(PENDING, context.called)
    if context.recorded is not None and context.recorded.own:
        reopen(run, context.recorded)
        await TaskRunReopened(run.key, run.state)
    else:
        await TaskRunCreated(run, run.state)
    unfinished = [r.source for r in context.references if not isinstance(r.source, State) and not r.source.done()]
    if unfinished:
        await Wait(unfinished)
    blocked = outcomes.not_ready(context.references, await Now())
    if blocked is None and context.references:
        resolved = await Invoke(resolve, (context.parameters, resolved_result), {}, context)
        if resolved.error is None:
            context.parameters, context.references = resolved.value, []
        else:
            blocked = outcomes.raised("Task", resolved.error, resolved.moment)
    if blocked is not None:
        await Say(ERROR, f"Finished in state {blocked}", context)
        await _enter(run, blocked)
        if context.strict:
            await Settle(strict=True)
        return blocked
    if context.policy.run_name is not None and run.given_name is None:
        run.given_name = await chosen_name(context)
    if context.slots is not None:
        await _take_slots(context)
    await _enter(run, outcomes.stamped(RUNNING, await Now()))
    return None


async def _perform(context: TaskRunContext) -> tuple[State[Any], StoredResult | None]:
    """Take the result of a run that has started from where it is at hand, or call the function.

    Returns:
        The final state, and what is stored of the result.
    """
    if context.flow_context is not None and _is_drawn(context):
        context.flow_context.draw(context)
    policy, key = context.policy, None
    if policy.hooks is not NO_HOOKS:
        await call_hooks(context, context.task_run.state)
    txn = await Join(context, bool(policy.hooks.commit or policy.hooks.rollback))
    if policy.cache is not None and not context.iterated:
        key = await _cache_key(context)
        if txn is not None:
            txn.key = key
        if key is not None and policy.cache.isolation_level == IsolationLevel.SERIALIZABLE:
            return await _alone(context, key)
    return await _find_or_make(context, key)


async def _alone(context: TaskRunContext, key: str) -> tuple[State[Any], StoredResult | None]:
    """Find or make a result while nobody else does; in a transaction, nobody does before that has ended."""
    locks, txn = context.policy.cache.lock_manager, context.transaction
    if locks is None:
        error = ConfigurationError(
            "The cache policy is SERIALIZABLE, for which it needs a lock manager: "
            "configure(isolation_level=…, lock_manager=…), with one of sluiceway.locking."
        )
        return outcomes.raised("Task", error, await Now()), None
    awaited = txn is not None and txn.awaited
    holder = context.task_run.key.hex()
    if txn is not None and awaited:
        holder = txn.holder
        txn.root.note_lock(locks, key, holder)
    try:
        outcome = await Hold(locks, key, holder)
        if outcome.error is not None:
            raise outcome.error
        made = await _find_or_make(context, key)
        if not awaited:
            await Settle()  # whoever gets the lock next is to find the result, in another process, too
        return made
    finally:
        # No operation, since the script may be torn apart: giving a lock back never waits.
        if not awaited and locks.is_lock_holder(key, holder):
            locks.release_lock(key, holder)


async def _find_or_make(context: TaskRunContext, key: str | None) -> tuple[State[Any], StoredResult | None]:
    """Take the result from the cache, or call the function."""
    txn = context.transaction
    cached = await _from_cache(context, key)
    if cached is not None:
        if txn is not None:
            txn.take_over()
        return cached
    outcome = await _attempt(context)
    state = _completed(outcome) or await _seen_through(context, outcome)
    stored = await _kept(context, state, key) if _is_to_be_kept(context, state) else None
    return state, stored


def _attempt(context: TaskRunContext) -> Awaitable[Outcome]:
    """Return what, awaited, calls the function, here or elsewhere."""
    return Ship(context) if context.remote else call(context)


def _completed(outcome: Outcome) -> State[Any] | None:
    """Return the state of a run whose call returned a plain value; None where there is more to it."""
    value = outcome.value
    if outcome.error is not None or (isinstance(value, _MAY_TELL_STATE) and outcomes.tells_state(value)):
        return None
    return outcomes.stamped(COMPLETED, outcome.moment, None, None, value)


async def _seen_through(context: TaskRunContext, outcome: Outcome) -> State[Any]:
    """Call the function again until it completes or no retry is left; return the state it came to.

    Args:
        context: The run.
        outcome: What came of the first call.
    """
    run = context.task_run
    while True:
        state = _verdict(context, outcome)
        if state.type is COMPLETED:
            return state
        delay = await retry_delay(context, state)
        await _say_failure(context, state, delay)
        if delay is None:
            return state
        if delay > 0:
            wakes = state.moment + round(delay * SECOND)
            await _enter(run, outcomes.awaiting_retry(state.message, wakes, state.moment))
            if context.slots is not None:
                context.slots.rest()
            await Sleep(delay, context.brake)
            if context.brake is not None:
                context.brake.heed(outermost=False)
            if context.slots is not None:
                await _take_slots(context)
        await _enter(run, outcomes.stamped(RUNNING, await Now(), "Retrying"))
        if context.policy.hooks is not NO_HOOKS:
            await call_hooks(context, run.state)
        outcome = await _attempt(context)


async def _take_slots(context: TaskRunContext) -> None:
    """Take the slots that a run needs by its tags. While it waits for them, its state says so."""
    from sluiceway.engine.slots import take  # lazy: few programs have limits

    async def wait() -> None:
        await _enter(context.task_run, outcomes.stamped(SCHEDULED, await Now(), "AwaitingConcurrencySlot"))

    await take(context.slots, wait, context.brake)


def _verdict(context: TaskRunContext, outcome: Outcome) -> State[Any]:
    """Return the state that a call came to."""
    if outcome.timeout is not None and context.policy.timeout is not None:
        return outcomes.timed_out("Task", context.policy.timeout, outcome.timeout, outcome.moment)
    if outcome.error is not None:
        return ended_by(context, "Task", outcome.error, outcome.moment)
    return _completed(outcome) or outcomes.told(outcome.value, outcome.moment)


async def _say_failure(context: TaskRunContext, state: State[Any], delay: float | None) -> None:
    if context.brake is not None and context.brake.why is not None:
        return  # its end says it all
    error = state.data if isinstance(state.data, BaseException) else None
    retry = context.policy.retry
    if delay is not None:
        after = f"{delay:g} second(s) from now" if delay else "immediately"
        ending = f" - Retry {context.task_run.run_count}/{retry.retries} will start {after}"
    else:
        ending = " - Retries are exhausted" if retry.retries and context.task_run.run_count > retry.retries else ""
    level = ERROR if delay is None else WARNING
    await Say(level, f"Task run failed with exception: {error!r}{ending}", context, error if delay is None else None)


async def _enter(run: TaskRun, state: State[Any]) -> None:
    """Bring a run into a state, and tell the journal."""
    run.state = state
    if state.type is RUNNING:
        run.run_count += 1
        run.start = run.start or state.moment
    elif state.is_final():
        run.end = state.moment
    await TaskRunMoved(run.key, state, run.run_count, None, run.given_name)


# --- results and the cache ----------------------------------------------------------------------


def _is_to_be_kept(context: TaskRunContext, state: State[Any]) -> bool:
    """Whether there is a result that a cache, a retry or a resume may need: the one rule for persistence."""
    if state.type is not COMPLETED:
        return False
    persist = context.policy.result.persist
    if persist is None:
        persist = context.services.settings.results_persist
    if persist is None:
        return context.flow_context is not None or context.policy.cache is not None
    return persist


async def _cache_key(context: TaskRunContext) -> str | None:
    """Return the cache key of a call; None where it has none, which the log tells."""
    compute = context.policy.cache.compute_key
    inputs = {
        "task_ctx": context,
        "inputs": context.parameters,
        "flow_parameters": context.flow_parameters,
    }
    outcome = await Invoke(compute, (), inputs, context)
    if outcome.error is None:
        context.task_run.cache_key = outcome.value
        return context.task_run.cache_key
    if not isinstance(outcome.error, Exception):
        raise outcome.error
    if isinstance(outcome.error, HashError):
        await Say(WARNING, f"The result will not be cached: {outcome.error}", context)
    else:
        await Say(ERROR, f"The cache key could not be computed: {outcome.error!r}", context, outcome.error)
    return None


async def _from_cache(context: TaskRunContext, key: str | None) -> tuple[State[Any], StoredResult] | None:
    """Return the state of a run whose result is cached, and what is stored of it; else None."""
    if key is None or context.policy.refresh_cache:
        return None
    entry = await Load(key, context.policy.result)
    if entry is None:
        return None
    outcome = await Open(entry.result)
    if outcome.error is None:
        state = outcomes.stamped(COMPLETED, outcome.moment, "Cached", data=outcome.value)
        state.state_details.cache_key = key
        return state, entry.result
    await Say(WARNING, f"The cached result cannot be used, so the task runs: {outcome.error}", context)
    return None


async def _kept(context: TaskRunContext, state: State[Any], key: str | None) -> StoredResult:
    """Store the value of a run that completed, under its cache key."""
    if state.data is None and key is None:
        return NOTHING
    policy = context.policy.result
    name = key if key is not None else _storage_key(context)
    stored = await Keep(state.data, policy, name, context.strict)
    if stored.why_not is not None:
        state.state_details.untrackable_result = stored.why_not
        loud = policy.persist or context.policy.cache is not None or context.strict
        await Say(WARNING if loud else DEBUG, f"The result was not stored: {stored.why_not}", context)
    elif key is not None:
        expiration = context.policy.cache_expiration
        expires = None if expiration is None else state.moment + round(expiration.total_seconds() * SECOND)
        entry = CachedResult(key, stored, state.moment, expires)
        txn = context.transaction
        if txn is not None and txn.awaited:
            txn.entry = entry, policy
        elif await Publish(entry, policy):
            await ResultCached(entry)
    return stored


def _storage_key(context: TaskRunContext) -> str | None:
    """Return the name that the task gives its stored result, its template filled in."""
    template = context.policy.result.storage_key
    return None if template is None else template.format(**context.parameters, parameters=context.parameters)
