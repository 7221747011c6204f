"""Pausing the flow run that code is part of, and having paused runs go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sluiceway.base.errors import (
    FlowPauseTimeout,
    FlowVisualizationError,
    MissingContextError,
    NotPausedError,
    ParameterTypeError,
    RunNotStoppableError,
)
from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import SECOND, Moment, to_datetime
from sluiceway.drivers import blocking, in_hand, scope
from sluiceway.drivers.resuming import recorded_run
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.pausing import Wish, pause
from sluiceway.model.holding import FROM_OUTSIDE, NEVER, Pause
from sluiceway.model.restoring import live_state
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import CRASHED, FAILED, PAUSED
from sluiceway.ports.services import Services
from sluiceway.rules import outcomes
from sluiceway.rules.answers import Form, form_of, misfit
from sluiceway.rules.stopping import refusal

GoOn = Callable[[], FlowRunContext]
"""Takes a run in hand, and returns the call that goes on with it."""


# --- from within ----------------------------------------------------------------------------------


def pause_here(wish: Wish, verb: str) -> Any:
    """Pause the flow run that the executing code is part of, and return what it is given when it goes on.

    Args:
        wish: What the pause is to be like.
        verb: The function that was called, for messages.

    Raises:
        MissingContextError: This is no code of a flow.
        Pause: The run is to unwind.
        FlowPauseTimeout: Nobody came in time.
    """
    context = _flow_here(wish, verb)
    if context.drawn:
        return _passed(wish, verb)
    return blocking.drive(pause(context, wish), context.services)


async def apause_here(wish: Wish, verb: str) -> Any:
    """Pause the flow run that the executing code is part of; `pause_here` for async code.

    Args:
        wish: What the pause is to be like.
        verb: The function that was called, for messages.
    """
    from sluiceway.drivers import looping  # lazy: for async code only

    context = _flow_here(wish, verb)
    if context.drawn:
        return _passed(wish, verb)
    return await looping.drive(pause(context, wish), context.services)


def _passed(wish: Wish, verb: str) -> None:
    """Pass a pause of a flow that is only drawn: nobody has it go on.

    Raises:
        FlowVisualizationError: The flow wants to be told something.
    """
    if wish.schema is not None:
        raise FlowVisualizationError(
            f"The flow uses what {verb}() returns, which is not known while the flow is drawn: nobody is asked then."
        )


def _flow_here(wish: Wish, verb: str) -> FlowRunContext:
    context = scope.current()
    if context is None:
        raise MissingContextError(f"{verb}() stops the flow run that calls it, and this is no code of a flow.")
    if not isinstance(context, FlowRunContext):
        raise MissingContextError(
            f"{verb}() stops flow runs, and this is code of the task {context.policy.name!r}; call it in the flow."
        )
    if wish.suspends and not context.outermost:
        raise MissingContextError(
            f"{verb}() stops outermost flow runs, and {context.flow_run.name!r} was called by another one; "
            "call it there, or use pause_flow_run()."
        )
    return context


# --- from outside ---------------------------------------------------------------------------------


def suspend_another(run_key: RunId, timeout: float | None, key: str | None, services: Services) -> None:
    """Have a flow run unwind before it calls its next task, in whichever process it is under way.

    Args:
        run_key: The run.
        timeout: Seconds after which it cannot be resumed any more; None for never.
        key: What tells the pause from others of the run.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotStoppableError: It has ended, is paused already, or nobody has it in hand.
    """
    run = recorded_run(run_key, services)
    refused = refusal(run, "suspend")
    if refused is None and (run.state_type is PAUSED or not _is_alive(run, services)):
        refused = f"Flow run {run.name!r} is {run.state_name}, and no process is at work on it."
    if refused is not None:
        raise RunNotStoppableError(refused)
    now = services.clock.now()
    until = NEVER if timeout is None else now + round(timeout * SECOND)
    place = services.store.begin_pause(run_key, f"{FROM_OUTSIDE}{key or new_id().hex()}", until, now)
    if place.resumed is None:
        in_hand.suspend(run_key, outcomes.paused(place.key, place.until, now, True, None))


def have_go_on(run_key: RunId, answer: Mapping[str, Any] | None, services: Services, go_on: GoOn) -> Any:
    """Have a flow run go on: end its pause; if no process has it in hand, return the call that goes on with it here.

    Args:
        run_key: The run.
        answer: What is given to it, by name; None for nothing.
        services: Where to read and write.
        go_on: Takes the run in hand.

    Returns:
        The call; None where the process goes on with the run that has it in hand.

    Raises:
        ObjectNotFound: There is no such run.
        NotPausedError: It is not paused, and nothing else is to be resumed.
        FlowPauseTimeout: The time of the pause is over.
        ParameterTypeError: The answer does not fit what the run asks for.
    """
    run = recorded_run(run_key, services)
    place, schema = _place_of(run, services)
    if answer is not None and place is None:
        raise NotPausedError(f"Flow run {run.name!r} is {run.state_name}, not paused, so there is nothing to answer.")
    if place is None:
        return go_on()
    alive = run.state_type is PAUSED and _is_alive(run, services)
    if place.until <= services.clock.now() and run.state_type is PAUSED:
        _refuse_late(run, place, alive, services)
    why = misfit(schema, answer)
    if why is not None:
        raise ParameterTypeError(f"The input for flow run {run.name!r} does not fit: {why}")
    given = None if answer is None else json.dumps(dict(answer), default=str)
    context = None if alive else go_on()
    ended = services.store.end_pause(run_key, place.key, given, services.clock.now())
    if alive and not ended:
        raise NotPausedError(f"Flow run {run.name!r} was resumed by somebody else just now.")
    return context


class Asked(NamedTuple):
    """What a paused run waits for.

    Args:
        run: The run.
        key: What tells the pause from others of the run.
        until: When the pause ends by itself; `NEVER` where it does not.
        suspended: Whether the run waits without a process.
        form: What is to be filled in; None where the run only waits for somebody to have it go on.
        overdue: Whether the time of the pause is over, so that the run goes on no more.
    """

    run: FlowRun
    key: str
    until: Moment
    suspended: bool
    form: Form | None
    overdue: bool


def asked_by(run_key: RunId, services: Services) -> Asked | None:
    """Return what a run waits for that is paused, or was when its process died; None where it waits for nothing.

    Args:
        run_key: The run.
        services: Where to read.

    Raises:
        ObjectNotFound: There is no such run.
    """
    run = recorded_run(run_key, services)
    place, schema = _place_of(run, services)
    if place is None:
        return None
    is_paused = run.state_type is PAUSED
    suspended = is_paused and run.state_name != "Paused"
    overdue = is_paused and place.until <= services.clock.now()
    return Asked(run, place.key, place.until, suspended, None if schema is None else form_of(schema), overdue)


_PARTS = ("description", "response", "schema")
"""The last words of the keys by which a pause is asked about: see `sluiceway.input.keysets`."""


def told_by_key(run_key: RunId, key: str, services: Services) -> str | None:
    """Return what a pause has by a key of its keyset, as JSON; None where it has nothing, or the key is another one.

    Args:
        run_key: The run.
        key: The key, such as `suspended-1-response`.
        services: Where to read.
    """
    state, _, rest = key.partition("-")
    pause_key, _, part = rest.rpartition("-")
    if state not in ("paused", "suspended") or not pause_key or part not in _PARTS:
        return None
    if part == "response":
        return next((place.answer for place in services.store.read_pauses(run_key) if place.key == pause_key), None)
    for stored in reversed(services.store.read_history(run_key)):
        details = live_state(stored).state_details
        if stored.type is PAUSED and details.pause_key == pause_key and details.pause_schema is not None:
            told = details.pause_schema if part == "schema" else details.pause_schema.get("description")
            return None if told is None else json.dumps(told)
    return None


def _place_of(run: FlowRun, services: Services) -> tuple[Pause | None, dict[str, Any] | None]:
    """Return the pause that a run is at, or was at when it crashed, and the schema of the answer."""
    if run.state_type not in (PAUSED, CRASHED):
        return None, None
    waiting = {place.key: place for place in services.store.read_pauses(run.key) if place.resumed is None}
    for stored in reversed(services.store.read_history(run.key) if waiting else ()):
        if stored.type is PAUSED:
            details = live_state(stored).state_details
            return waiting.get(details.pause_key or ""), details.pause_schema
    return None, None


def _is_alive(run: FlowRun, services: Services) -> bool:
    """Return whether a process is at work on a run, or on the one that has called it."""
    return services.store.read_holder(run.root_key) is not None or run.root_key in in_hand.under_way()


def _refuse_late(run: FlowRun, place: Pause, alive: bool, services: Services) -> None:
    """Refuse to have a run go on after its time; where no process sees to it, it fails.

    Raises:
        FlowPauseTimeout: It is too late.
    """
    ended = to_datetime(place.until).isoformat(timespec="seconds")
    error = FlowPauseTimeout(f"Flow run {run.name!r} could be resumed until {ended}, and has failed.")
    if not alive:
        failed = outcomes.stamped(FAILED, services.clock.now(), None, outcomes.flow_message(error))
        services.store.end_flow_run(run.key, failed)
    raise error
