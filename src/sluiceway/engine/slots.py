"""Waiting for slots of limits, as task runs and blocks of code do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from sluiceway.base.times import SECOND
from sluiceway.engine.brakes import Brake
from sluiceway.engine.ops import Now, Sleep, Take
from sluiceway.model.slots import SlotReply, Verdict
from sluiceway.rules.slots import pause


async def take(
    slots: Any, before_waiting: Callable[[], Awaitable[object]] | None = None, brake: Brake | None = None
) -> None:
    """Take slots, all or none, once they are free and nobody has waited longer.

    Args:
        slots: What is to be taken. Whoever asks gives it back, also where this is broken off.
        before_waiting: Awaited once, if they are not to be had at once.
        brake: What brings the run that waits for them to a halt; None where it is no run.

    Raises:
        ConcurrencySlotAcquisitionError: They can never be had.
        AcquireConcurrencySlotTimeoutError: They were not to be had in time.
        Abort: The run is to end.
    """
    reply: SlotReply = await Take(slots)
    if reply.verdict is Verdict.GRANTED:
        return
    if before_waiting is not None:
        await before_waiting()
    began, looks = await Now(), 0
    while True:
        seconds = pause(reply.uses, looks)
        if slots.patience is not None:
            left = slots.patience - (await Now() - began) / SECOND
            if left <= 0:
                raise slots.too_late(reply)
            seconds = min(seconds, left)
        await Sleep(seconds, brake, in_line=True)
        if brake is not None:
            brake.heed(outermost=False)
        line = [use.waiting for use in reply.uses]
        reply = await Take(slots)
        if reply.verdict is Verdict.GRANTED:
            return
        looks = looks + 1 if line == [use.waiting for use in reply.uses] else 0
