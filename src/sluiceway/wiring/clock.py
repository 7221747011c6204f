"""The system's clock."""

from __future__ import annotations

import time

from sluiceway.base.times import Moment


class SystemClock:
    """The time of the system."""

    __slots__ = ()

    def now(self) -> Moment:
        """Return the present moment."""
        return time.time_ns() // 1_000

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for a time.

        Args:
            seconds: How long.
        """
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Suspend the calling coroutine for a time.

        Args:
            seconds: How long.
        """
        import asyncio  # lazy: only async code gets here

        await asyncio.sleep(seconds)
