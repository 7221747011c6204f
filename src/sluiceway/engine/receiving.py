"""Inputs: what is sent to a flow run, and what a call that receives gets of it.

A call that receives is a place, as a pause is. The journal has each place by the run that makes the call and the
number of the call; so a run that goes on after a crash, or is retried, gets what it got before, or goes without where
nothing came in time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sluiceway.base.errors import ObjectAlreadyExists, ObjectNotFound
from sluiceway.base.ids import to_uuid
from sluiceway.base.times import SECOND, Moment
from sluiceway.engine.brakes import Brake
from sluiceway.engine.ops import Call, Listen, Now, Settle
from sluiceway.engine.pausing import FIRST_LOOK, LONGEST_LOOK
from sluiceway.model.holding import NEVER
from sluiceway.model.inputs import InputPlace, Reception, SentInput

SHORTEST_LOOK = 0.005
"""Seconds between two looks at least, whatever is asked for."""


class Ask(NamedTuple):
    """What a call waits for, and for how long.

    Args:
        place: The call.
        timeout: Seconds after which it comes to nothing; None for never.
        poll_interval: Seconds between two looks at most.
        brake: Brings the run to a halt that makes the call; None outside runs.
        outermost: Whether an outermost flow makes the call, which can be suspended.
        elsewhere: Whether the inputs are those of a run that somebody named.
        again: Whether the call may be made again, by a run that goes on: what it comes to is noted then, though that
            be nothing.
    """

    place: InputPlace
    timeout: float | None
    poll_interval: float = LONGEST_LOOK
    brake: Brake | None = None
    outermost: bool = False
    elsewhere: bool = False
    again: bool = True


async def receive(ask: Ask, store: Any, bell: Any) -> SentInput | None:
    """Wait until there is an input for a call, and return it; None where none came in time.

    Args:
        ask: What the call waits for.
        store: The journal.
        bell: Rings when an input is sent to the run in this process.

    Raises:
        Abort: The run that makes the call is to end.
        Pause: It is to be suspended.
        ObjectNotFound: There is no such flow run.
    """
    await Settle()  # the run is one that the journal has
    run_key = ask.place.run_key
    if ask.elsewhere and (await Call(store.read_flow_run, run_key)).get() is None:
        raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(run_key)}.")
    until: Moment = NEVER if ask.timeout is None else await Now() + round(ask.timeout * SECOND)
    look, brake = FIRST_LOOK, ask.brake
    while True:
        if brake is not None and brake.on:
            brake.heed(ask.outermost)
        now = await Now()
        over = now >= until
        came: Reception | None = (await Call(_look, store, ask.place, now, over and ask.again)).get()
        if came is not None:
            return came.input
        if over:
            return None
        await Listen(min(look, max(ask.poll_interval, SHORTEST_LOOK), (until - now) / SECOND), bell, brake)
        look = min(2 * look, LONGEST_LOOK)


def _look(store: Any, place: InputPlace, now: Moment, last: bool) -> Reception | None:
    found: Reception | None = store.receive_input(place, now, last=last)
    return found


async def send(sent: SentInput, store: Any, once: bool) -> None:
    """Send an input to a flow run.

    Args:
        sent: The input.
        store: The journal.
        once: Whether its key stands for this very call, which an earlier attempt of the run may have made.

    Raises:
        ObjectNotFound: There is no such flow run.
        ObjectAlreadyExists: It has another input of that key.
    """
    await Settle()
    sent = sent._replace(sent=await Now())
    is_new = (await Call(_send, store, sent, once)).get()
    if is_new or once:
        return
    there: SentInput | None = (await Call(store.read_input, sent.run_key, sent.key)).get()
    if there is None or (there.value, there.sender) != (sent.value, sent.sender):
        raise ObjectAlreadyExists(
            f"Flow run {to_uuid(sent.run_key)} has an input with the key {sent.key!r} already. "
            "Choose another key, or delete that one."
        )


def _send(store: Any, sent: SentInput, once: bool) -> bool:
    return bool(store.send_input(sent, once=once))
