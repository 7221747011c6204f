"""Locks among the threads and coroutines of one process."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar, NamedTuple

from sluiceway.drivers.trying import TryingLockManager

__all__ = ["MemoryLockManager"]


class MemoryLockManager(TryingLockManager):
    """Gives out locks within this process. All managers of this kind are one, so they agree on who holds what."""

    _only: ClassVar[MemoryLockManager | None] = None
    _making: ClassVar[threading.Lock] = threading.Lock()
    _turn: threading.Lock
    _locks: dict[str, _Lock]

    def __new__(cls, *args: Any, **kwargs: Any) -> MemoryLockManager:
        """Return the manager of this process.

        Args:
            args: Not used.
            kwargs: Not used.
        """
        with cls._making:
            if cls._only is None:
                made = cls._only = super().__new__(cls)
                made._turn, made._locks = threading.Lock(), {}
            return cls._only

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()

    def _try_to_lock(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        with self._turn:
            if self._present(key) not in (None, holder):
                return False
            self._locks[key] = _Lock(holder, None if hold_timeout is None else time.monotonic() + hold_timeout)
            return True

    def _holder_of(self, key: str) -> str | None:
        with self._turn:
            return self._present(key)

    def _unlock(self, key: str, holder: str) -> bool:
        with self._turn:
            if self._present(key) != holder:
                return False
            del self._locks[key]
            return True

    def _present(self, key: str) -> str | None:
        """Return who holds a lock, and forget one whose time is over."""
        lock = self._locks.get(key)
        if lock is None:
            return None
        if lock.deadline is not None and lock.deadline <= time.monotonic():
            del self._locks[key]
            return None
        return lock.holder


class _Lock(NamedTuple):
    """A lock that is held.

    Args:
        holder: By whom.
        deadline: When its time is over, in seconds of the monotonic clock; None for never.
    """

    holder: str
    deadline: float | None
