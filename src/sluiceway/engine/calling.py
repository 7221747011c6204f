"""Steps that flow runs and task runs share: calling user code, hooks, retries, names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Any

from sluiceway.base.errors import Abort
from sluiceway.base.times import SECOND, Moment
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.ops import ERROR, Draw, Emit, Invoke, Now, Outcome, Say
from sluiceway.model.policies import Hooks, RetryPolicy
from sluiceway.model.states import (
    CANCELLED,
    CANCELLING,
    COMPLETED,
    CRASHED,
    FAILED,
    RUNNING,
    State,
    StateType,
)
from sluiceway.rules import outcomes
from sluiceway.rules.retrying import delay_before, retries_left

Context = TaskRunContext | FlowRunContext


def call(context: Context) -> Awaitable[Outcome]:
    """Return what, awaited, calls the function of a run, through to the end of what it yields.

    Args:
        context: The run; its parameters are resolved.
    """
    if context.generator:
        return exhaust(context)
    args, kwargs = context.signature.arguments(context.parameters)
    return Invoke(context.fn, args, kwargs, context, context.policy.timeout)


async def exhaust(context: Context) -> Outcome:
    """Run a generator function, sync or async, through to its end.

    What it yields goes to whoever iterates over the run; where nobody does, the run's value is the list of it.
    The timeout holds for the function's own time, not for that of whoever iterates.

    Args:
        context: The run; its parameters are resolved.
    """
    args, kwargs = context.signature.arguments(context.parameters)
    outcome = await Invoke(context.fn, args, kwargs, context)
    if outcome.error is not None:
        return outcome
    generator: Any = outcome.value
    send = getattr(generator, "asend", None) or generator.send
    throw = getattr(generator, "athrow", None) or generator.throw
    step, argument, left = send, None, context.policy.timeout
    gathered: list[Any] = []
    while True:
        began = outcome.moment if left is None else await Now()
        outcome = await Invoke(step, (argument,), {}, context, left)
        if isinstance(outcome.error, (StopIteration, StopAsyncIteration)):
            value = getattr(outcome.error, "value", None) if context.iterated else gathered
            return Outcome(value, None, outcome.moment)
        if isinstance(outcome.error, GeneratorExit) and argument is outcome.error:
            return Outcome(None, None, outcome.moment)  # whoever iterated has had enough
        if outcome.error is not None:
            return outcome
        if left is not None:
            left = max(0.0, left - (outcome.moment - began) / SECOND)
        if not context.iterated:
            gathered.append(outcome.value)
            step, argument = send, None
            continue
        answer = await Emit(outcome.value)
        brake = context.brake
        if brake is not None and brake.why is not None and answer.error is None:  # nobody interrupts whoever iterates
            answer.error = Abort(brake.why)
        step, argument = (send, answer.value) if answer.error is None else (throw, answer.error)


_HOOKS_OF_TYPE: dict[StateType, Callable[[Hooks], tuple[Callable[..., Any], ...]]] = {
    RUNNING: lambda hooks: hooks.running,
    COMPLETED: lambda hooks: hooks.completion,
    FAILED: lambda hooks: hooks.failure,
    CANCELLING: lambda hooks: hooks.cancellation,
    CANCELLED: lambda hooks: hooks.cancellation,
    CRASHED: lambda hooks: hooks.crashed,
}


async def call_hooks(context: Context, state: State[Any] | None) -> None:
    """Call the hooks for a state that a run came into. One that fails is logged, and changes nothing.

    Args:
        context: The run.
        state: The state.
    """
    if state is None:
        return
    chosen = _HOOKS_OF_TYPE.get(state.type)
    brake = context.brake if state.is_final() else None
    for hook in chosen(context.policy.hooks) if chosen else ():
        with nullcontext() if brake is None else brake.shield():
            outcome = await Invoke(hook, (context.subject, context.run, state), {}, context)
        if outcome.error is not None:
            name = getattr(hook, "__name__", repr(hook))
            await Say(ERROR, f"An error was encountered while running hook {name!r}", context, outcome.error)
            if not isinstance(outcome.error, Exception):
                raise outcome.error


def ended_by(context: Context, subject: str, error: BaseException, moment: Moment) -> State[Any]:
    """Return the state of a run that ended with an exception: its own, or one that was to bring it to a halt.

    Args:
        context: The run.
        subject: `Task` or `Flow`.
        error: The exception.
        moment: When.
    """
    brake = context.brake
    if brake is not None and brake.why is not None:
        halted = brake.verdict(error, moment, isinstance(context, FlowRunContext) and context.outermost)
        if halted is not None:
            return halted
    return outcomes.raised(subject, error, moment)


async def retry_delay(context: Context, state: State[Any]) -> float | None:
    """Return the seconds to wait before the next try of a run that failed; None if there is none.

    Args:
        context: The run.
        state: The state that the last try came to.
    """
    policy: RetryPolicy = context.policy.retry
    tries = context.run.run_count - context.tries_before()
    if not policy.retries or state.type is not FAILED or not retries_left(policy, tries):
        return None
    if context.brake is not None and context.brake.why is not None:
        return None
    if policy.condition is not None and not await _condition_holds(context, policy.condition, state):
        return None
    chance = await Draw() if policy.jitter else 0.0
    return delay_before(policy, tries, chance)


async def _condition_holds(context: Context, condition: Callable[..., Any], state: State[Any]) -> bool:
    outcome = await Invoke(condition, (context.subject, context.run, state), {}, context)
    if outcome.error is None:
        return bool(outcome.value)
    await Say(
        ERROR,
        "An error was encountered while running `retry_condition_fn`; the run will not be retried.",
        context,
        outcome.error,
    )
    return False


async def chosen_name(context: Context) -> str | None:
    """Return the name that the template or function of a policy gives a run; None for a generated one.

    Args:
        context: The run; its parameters are resolved.
    """
    template = context.policy.run_name
    if template is None:
        return None
    if isinstance(template, str):
        outcome = await Invoke(template.format, (), context.parameters, context)
    else:
        wants = getattr(template, "__code__", None)
        takes_parameters = wants is not None and "parameters" in wants.co_varnames[: wants.co_argcount]
        kwargs = {"parameters": context.parameters} if takes_parameters else {}
        outcome = await Invoke(template, (), kwargs, context)
    if outcome.error is None and isinstance(outcome.value, str):
        return outcome.value
    what = "template" if isinstance(template, str) else "function"
    why = outcome.error or TypeError(f"it returned {outcome.value!r}, not a text")
    await Say(
        ERROR,
        f"The {what} for the name of the run could not be used ({type(why).__name__}: {why}); "
        "the run keeps its generated name.",
        context,
    )
    return None
