"""What manages locks: the protocol, for managers of your own."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["LockManager"]


@runtime_checkable
class LockManager(Protocol):
    """Gives out locks on keys, each to one holder at a time.

    A holder is a text of the caller's; who has a lock already gets it again.
    """

    def acquire_lock(
        self, key: str, holder: str, acquire_timeout: float | None = None, hold_timeout: float | None = None
    ) -> bool:
        """Lock a key, and return whether that was possible in time.

        Args:
            key: The key.
            holder: Who is to have the lock.
            acquire_timeout: How long to wait at most, in seconds; None for as long as it takes.
            hold_timeout: After how many seconds others may take the lock; None for never.
        """
        ...

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
        ...

    def release_lock(self, key: str, holder: str) -> None:
        """Give a lock back.

        Args:
            key: The key.
            holder: Who has the lock.

        Raises:
            ValueError: The holder does not have the lock.
        """
        ...

    def is_locked(self, key: str) -> bool:
        """Return whether anybody has a key locked.

        Args:
            key: The key.
        """
        ...

    def is_lock_holder(self, key: str, holder: str) -> bool:
        """Return whether somebody has a key locked.

        Args:
            key: The key.
            holder: Who.
        """
        ...

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked, and return whether that came in time.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        ...

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked; `wait_for_lock` for async code.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        ...
