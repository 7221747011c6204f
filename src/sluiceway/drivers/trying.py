"""Waiting for locks by trying again: what all managers do alike, for blocking and for async code."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
"""Seconds between attempts: ever longer ones, so that a short wait is short and a long one costs little."""


class TryingLockManager(ABC):
    """A manager of locks that are tried for again and again until they are free."""

    @abstractmethod
    def _try_to_lock(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        """Lock a key if it is free or the holder's already, and return whether it is locked now."""

    @abstractmethod
    def _holder_of(self, key: str) -> str | None:
        """Return who has a key locked; None where nobody does."""

    @abstractmethod
    def _unlock(self, key: str, holder: str) -> bool:
        """Unlock a key if the holder has it, and return whether it had."""

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Lock a key, and return whether that was possible in time.

        Args:
            key: The key.
            holder: Who is to have the lock; who has it already gets it again.
            acquire_timeout: How long to wait at most, in seconds; None for as long as it takes.
            hold_timeout: After how many seconds others may take the lock; None for never.
        """
        return _wait(lambda: self._try_to_lock(key, holder, hold_timeout), acquire_timeout)

    async def aacquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Lock a key; `acquire_lock` for async code.

        Args:
            key: The key.
            holder: Who is to have the lock.
            acquire_timeout: How long to wait at most, in seconds; None for as long as it takes.
            hold_timeout: After how many seconds others may take the lock; None for never.
        """
        return await _await(lambda: self._try_to_lock(key, holder, hold_timeout), acquire_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        """Give a lock back.

        Args:
            key: The key.
            holder: Who has the lock.

        Raises:
            ValueError: The holder does not have the lock.
        """
        if not self._unlock(key, holder):
            raise ValueError(f"No lock on {key!r} is held by {holder!r}.")

    def is_locked(self, key: str) -> bool:
        """Return whether anybody has a key locked.

        Args:
            key: The key.
        """
        return self._holder_of(key) is not None

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Return whether somebody has a key locked.

        Args:
            key: The key.
            holder: Who.
        """
        return self._holder_of(key) == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked, and return whether that came in time.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        return _wait(lambda: self._holder_of(key) is None, timeout)

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked; `wait_for_lock` for async code.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        return await _await(lambda: self._holder_of(key) is None, timeout)


def _pauses(timeout: float | None) -> Iterator[float]:
    """Yield the seconds to pause before each further attempt, until the time is over."""
    deadline = None if timeout is None else time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            return
        yield min(pause, left)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _wait(succeeds: Callable[[], bool], timeout: float | None) -> bool:
    if succeeds():
        return True
    for pause in _pauses(timeout):
        time.sleep(pause)
        if succeeds():
            return True
    return False


async def _await(succeeds: Callable[[], bool], timeout: float | None) -> bool:
    if succeeds():
        return True
    import asyncio  # lazy: only async callers need it

    for pause in _pauses(timeout):
        await asyncio.sleep(pause)
        if succeeds():
            return True
    return False
