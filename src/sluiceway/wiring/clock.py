"""The system's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from sluiceway.base.times import Moment

if TYPE_CHECKING:
    from sluiceway.ports.store import Bell

_LOOK_SECONDS = 0.25
"""How long a sleep that somebody may cut short goes on before it looks."""


class SystemClock:
    """The time of the system."""

    __slots__ = ()

    def now(self) -> Moment:
        """Return the present moment."""
        return time.time_ns() // 1_000

    def sleep(self, seconds: float, is_over: Callable[[], bool] | None = None, bell: Bell | None = None) -> None:
        """Block the calling thread for a time.

        Args:
            seconds: How long.
            is_over: Tells whether to sleep no longer; asked several times a second.
            bell: Ends the sleep when it rings.
        """
        if is_over is None and bell is None:
            time.sleep(seconds)
            return
        wait = time.sleep if bell is None else bell.rung.wait
        deadline = time.monotonic() + seconds
        while not (is_over and is_over()) and (left := deadline - time.monotonic()) > 0:
            if wait(min(left, _LOOK_SECONDS)):
                return

    async def asleep(self, seconds: float, bell: Bell | None = None) -> None:
        """Suspend the calling coroutine for a time.

        Args:
            seconds: How long.
            bell: Ends the sleep when it rings.
        """
        import asyncio  # lazy: only async code gets here

        if bell is None:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(bell.heard(), seconds)
