"""Sleeping on behalf of others: one thread for any number of sleeps, on any clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from sluiceway.ports.store import Clock


class Sleeper:
    """A thread with an event loop, in which sleeps pass side by side and can be broken off."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="sluiceway-sleeper", daemon=True)
        self._thread.start()

    def sleep(self, clock: Clock, seconds: float, then: Callable[[], object]) -> None:
        """Let time pass, then call something on the thread of the sleeper.

        Args:
            clock: The clock by which it passes.
            seconds: How long.
            then: What to call.
        """

        async def pass_time() -> None:
            await clock.asleep(seconds)
            then()

        asyncio.run_coroutine_threadsafe(pass_time(), self._loop)

    def close(self) -> None:
        """Break off all sleeps; nothing is called for them any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.get_loop().run_forever()
