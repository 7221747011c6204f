"""Pauses: a flow run waits for somebody to have it go on, in its process or without one.

The journal has each pause by its key, and what was given to it; so a run that goes on after a crash, or from a
suspension, passes those that have ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sluiceway.base.errors import FlowPauseTimeout, Pause
from sluiceway.base.times import SECOND, Moment
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.ops import ERROR, INFO, Call, Now, Say, Settle, Sleep
from sluiceway.model import holding
from sluiceway.model.facts import FlowRunMoved
from sluiceway.model.states import RUNNING, State
from sluiceway.rules import outcomes

FIRST_LOOK, LONGEST_LOOK = 0.05, 1.0
"""Seconds between two looks whether somebody has the run go on: short at first, then ever longer."""


class Wish(NamedTuple):
    """What a pause is to be like.

    Args:
        timeout: Seconds after which it ends by itself, and the run fails; None for never.
        read: Returns the value that an answer, as JSON, stands for; raises where it does not fit.
        schema: What an answer is to be like, as a JSON schema; None where none is wanted.
        key: What tells it from others of the run; None for its number.
        poll_interval: Seconds between two looks at most.
        suspends: Whether the run unwinds, so that its process may end.
    """

    timeout: float | None
    read: Callable[[str | None], Any]
    schema: dict[str, Any] | None = None
    key: str | None = None
    poll_interval: float = LONGEST_LOOK
    suspends: bool = False


async def pause(context: FlowRunContext, wish: Wish) -> Any:
    """Wait until somebody has a flow run go on, and return what was given to it.

    Args:
        context: The run, in the midst of its function.
        wish: What the pause is to be like.

    Raises:
        Pause: The run is to unwind, and wait without a process.
        FlowPauseTimeout: Nobody came in time.
    """
    run, store = context.flow_run, context.services.store
    context.pauses += 1
    key = wish.key or str(context.pauses)
    await Settle()  # the pause is one of a run that the journal has
    now = await Now()
    place = (await Call(store.begin_pause, run.key, key, _end_of(wish, now), now)).get()
    answered, value = await _read(context, wish, place)
    if answered:
        return value
    await _enter(context, wish, place)
    look = FIRST_LOOK
    while not answered:
        if context.brake.on:
            context.brake.heed(outermost=False)
        if await Now() >= place.until:
            await _go_on(context)
            raise FlowPauseTimeout(f"Flow run {run.name!r} was paused, and nobody resumed it in time.")
        await Sleep(min(look, wish.poll_interval), brake=context.brake)
        look = min(2 * look, LONGEST_LOOK)
        place = (await Call(_find, store, run.key, key)).get() or place
        answered, value = await _read(context, wish, place)
    await _go_on(context)
    return value


def _find(store: Any, run_key: bytes, key: str) -> holding.Pause | None:
    return next((place for place in store.read_pauses(run_key) if place.key == key), None)


async def _read(context: FlowRunContext, wish: Wish, place: holding.Pause) -> tuple[bool, Any]:
    """Return whether somebody had the run go on there, with what fits; and what that is."""
    if place.resumed is None:
        return False, None
    outcome = await Call(wish.read, place.answer)
    if outcome.error is None:
        return True, outcome.value
    await Say(ERROR, f"The run stays paused, since what it was given does not fit: {outcome.error}", context)
    until = _end_of(wish, outcome.moment)
    (await Call(context.services.store.reopen_pause, place.run_key, place.key, until)).get()
    return False, None


async def _enter(context: FlowRunContext, wish: Wish, place: holding.Pause) -> None:
    """Bring the run into its state, or have it unwind into that.

    Raises:
        Pause: It unwinds.
    """
    state: State[Any] = outcomes.paused(place.key, place.until, await Now(), wish.suspends, wish.schema)
    if wish.suspends:
        raise Pause(state=state)
    run = context.flow_run
    run.state = state
    await FlowRunMoved(run.key, state, run.run_count)
    await Say(INFO, f"Paused; have it go on with: sluiceway resume {run.id}", context)


async def _go_on(context: FlowRunContext) -> None:
    run = context.flow_run
    run.state = outcomes.stamped(RUNNING, await Now())
    await FlowRunMoved(run.key, run.state, run.run_count)
    await Say(INFO, "Goes on after the pause", context)


def _end_of(wish: Wish, now: Moment) -> Moment:
    return holding.NEVER if wish.timeout is None else now + round(wish.timeout * SECOND)
