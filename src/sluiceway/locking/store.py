"""Locks among all who use one run database."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.drivers.prolonging import Prolonger
from sluiceway.drivers.trying import TryingLockManager
from sluiceway.ports.store import Store

__all__ = ["StoreLockManager"]

_logger = logging.getLogger("sluiceway.locking")


class StoreLockManager(TryingLockManager):
    """Gives out locks among all processes with the same run database.

    A lock is a row with an owner and a time until which it holds. A thread of this process prolongs those that it
    has, so that the lock of a process that died is free again after one lease at the latest.

    Args:
        lease: For how many seconds a lock holds if it is not prolonged.

    Raises:
        ValueError: The lease is not positive.
    """

    def __init__(self, lease: float = 30.0) -> None:
        if lease <= 0:
            raise ValueError(f"lease must be positive, not {lease}.")
        self.lease: float = lease
        self._prolonger = Prolonger[tuple[str, str]]("sluiceway-locks", _prolong, _tell_of_loss, _logger)

    def __reduce__(self) -> tuple[type[StoreLockManager], tuple[float]]:
        return type(self), (self.lease,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StoreLockManager) and self.lease == other.lease

    def __hash__(self) -> int:
        return hash(self.lease)

    def _try_to_lock(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        store = wiring.services().store
        if not _claim(store, key, holder, self.lease if hold_timeout is None else hold_timeout):
            return False
        if hold_timeout is None:
            self._prolonger.keep((key, holder), store, self.lease)
        else:
            self._prolonger.drop((key, holder))
        return True

    def _holder_of(self, key: str) -> str | None:
        return wiring.services().store.read_lock_owner(key, times.now())

    def _unlock(self, key: str, holder: str) -> bool:
        self._prolonger.drop((key, holder))
        return wiring.services().store.release_lock(key, holder, times.now())


def _prolong(store: Store, leases: Mapping[tuple[str, str], float]) -> list[tuple[str, str]]:
    """Claim locks again, and return those that others have by now."""
    return [(key, holder) for (key, holder), lease in leases.items() if not _claim(store, key, holder, lease)]


def _tell_of_loss(lock: tuple[str, str]) -> None:
    _logger.warning("The lock on %r was lost: it was not prolonged in time, and somebody else has it.", lock[0])


def _claim(store: Store, key: str, holder: str, seconds: float) -> bool:
    now = times.now()
    return store.claim_lock(key, holder, now + round(seconds * times.SECOND), now)
