"""A clock that skips the waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sluiceway.base import times
from sluiceway.base.times import SECOND, Moment

if TYPE_CHECKING:
    from sluiceway.ports.store import Bell


class VirtualClock:
    """A clock that stands still, but for the waiting: that passes at once, and the clock goes forward by it.

    It stands in for the system's clock in retry delays and in the times that are recorded. Timeouts are
    not its business: they end real calls after real seconds.

    Args:
        start: What it shows at first; by default the present time.

    Example:
        ```python
        with test_harness(clock="virtual") as harness:
            flaky_flow()
            assert harness.clock.slept == [10.0, 20.0]
        ```
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._moment = times.now() if start is None else times.from_datetime(start)
        self._lock = threading.Lock()
        self.slept: list[float] = []
        """The seconds of each sleep, in the order in which they began."""

    def now(self) -> Moment:
        """Return the present moment."""
        return self._moment

    @property
    def time(self) -> datetime:
        """What the clock shows."""
        return times.to_datetime(self._moment).astimezone(UTC)

    def advance(self, seconds: float) -> None:
        """Put the clock forward.

        Args:
            seconds: By how much; not negative.

        Raises:
            ValueError: It is negative.
        """
        if seconds < 0:
            raise ValueError(f"A clock does not go back: {seconds} seconds.")
        with self._lock:
            self._moment += round(seconds * SECOND)

    def sleep(self, seconds: float, is_over: Callable[[], bool] | None = None, bell: Bell | None = None) -> None:
        """Put the clock forward instead of blocking.

        Args:
            seconds: How long the sleep is to have been.
            is_over: Does not matter, as the sleep is over at once.
            bell: Does not matter either.
        """
        self.slept.append(seconds)
        self.advance(max(0.0, seconds))

    async def asleep(self, seconds: float, bell: Bell | None = None) -> None:
        """Put the clock forward, and let others in the event loop have a turn.

        Args:
            seconds: How long the sleep is to have been.
            bell: Does not matter, as the sleep is over at once.
        """
        import asyncio  # lazy: only async code gets here

        self.sleep(seconds)
        await asyncio.sleep(0)
