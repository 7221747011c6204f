"""Calls: a run is driven in the colour of its function."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from sluiceway.base.ops import Op
from sluiceway.drivers import blocking, iterate, performing
from sluiceway.drivers.in_hand import Hold, ThreadHold
from sluiceway.drivers.signals import termination_raises
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.flow import run_flow
from sluiceway.engine.ops import Join
from sluiceway.engine.task import run_task
from sluiceway.model.states import CANCELLED, COMPLETED, CRASHED, State
from sluiceway.ports.services import Services

Script = Coroutine[Op[Any], Any, State[Any]]


def _join(_: Services, op: Join) -> Any:
    from sluiceway.drivers.transactions import transaction_of  # lazy: most programs have none

    return transaction_of(op.context, op.make)


# Both drivers do it alike, but transactions are driven themselves, so these do not know of them.
blocking.HANDLERS[Join] = performing.SHARED[Join] = _join


def call_task(context: TaskRunContext, colour: str, return_state: bool) -> Any:
    """Run a planned call of a task, and return what its caller is to get.

    Args:
        context: The call.
        colour: What calling the function gives, as `base.signatures.colour_of` tells.
        return_state: Whether the caller wants the state rather than the value.
    """
    services: Services = context.services
    if colour == "sync" or (return_state and colour == "generator"):
        state = blocking.drive(run_task(context), services)
        if return_state:
            return _unless_ended(state)
        return state.data if state.type is COMPLETED else state.result()
    if colour == "generator":
        context.iterated = True
        return iterate.iterate(run_task(context), services, _beginning(context))
    return _loop_call(context, run_task(context), colour, return_state, _nothing)


def call_flow(context: FlowRunContext, colour: str, return_state: bool) -> Any:
    """Run a planned call of a flow, and return what its caller is to get.

    Args:
        context: The call.
        colour: What calling the function gives, as `base.signatures.colour_of` tells.
        return_state: Whether the caller wants the state rather than the value.
    """
    services: Services = context.services
    close = context.close
    if colour == "sync" or (return_state and colour == "generator"):
        with termination_raises(context.parent is None, services.recorder):
            hold = ThreadHold(context) if context.outermost else None
            try:
                state = blocking.drive(run_flow(context), services)
            finally:
                if hold is not None:
                    hold.release()
                close()
            return _unless_ended(state) if return_state else state.result()
    if colour == "generator":
        context.iterated = True
        return iterate.iterate(run_flow(context), services, _beginning(context))
    return _loop_call(context, run_flow(context), colour, return_state, close)


def _beginning(context: TaskRunContext | FlowRunContext) -> Callable[[], Callable[[], None]]:
    """Return what is called when a generator run begins: an outermost flow run is in hand then, until it is over."""

    def begin() -> Callable[[], None]:
        if isinstance(context, TaskRunContext):
            return _nothing
        close_runner = context.close
        if not context.outermost:
            return close_runner
        hold = Hold(context)

        def close() -> None:
            hold.release()
            close_runner()

        return close

    return begin


def _loop_call(
    context: TaskRunContext | FlowRunContext,
    script: Script,
    colour: str,
    return_state: bool,
    close: Callable[[], None],
) -> Any:
    """Run a script in the caller's event loop: return a coroutine, or an async generator."""
    from sluiceway.drivers import looping  # lazy: only an async function needs asyncio

    services = context.services
    if colour == "async generator" and not return_state:
        context.iterated = True
        return iterate.aiterate(script, services, looping.perform, _beginning(context))

    async def run() -> Any:
        try:
            state = await looping.drive(script, services)
        finally:
            close()
        return _unless_ended(state) if return_state else state.result()

    if not isinstance(context, FlowRunContext) or not context.outermost:
        return run()
    if context.parent is not None:
        return looping.run_in_hand(run, context)
    return looping.run_until_signalled(lambda: looping.run_in_hand(run, context), services.recorder)


def _unless_ended(state: State[Any]) -> State[Any]:
    """Return the state of a run, unless that was ended from outside: Ctrl-C and the like are meant for the caller, too.

    Raises:
        BaseException: What ended it.
    """
    error = state.data
    if state.type in (CRASHED, CANCELLED) and isinstance(error, BaseException) and not isinstance(error, Exception):
        raise error
    return state


def _nothing() -> None:
    """Nothing is to be released when a task run is over."""
