"""Locks among all who use one run database."""

from __future__ import annotations

import logging
import os
import threading
import weakref

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.base.errors import StoreError
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
        self._changed = threading.Condition()
        self._held: dict[tuple[str, str], Store] = {}
        """What is to be prolonged: key and holder, and where."""
        self._thread: threading.Thread | None = None
        _managers.add(self)

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
        with self._changed:
            if hold_timeout is None:
                self._held[key, holder] = store
                self._start()
            else:
                self._held.pop((key, holder), None)
        return True

    def _holder_of(self, key: str) -> str | None:
        return wiring.services().store.read_lock_owner(key, times.now())

    def _unlock(self, key: str, holder: str) -> bool:
        self._drop(key, holder)
        return wiring.services().store.release_lock(key, holder, times.now())

    # --- prolonging ---------------------------------------------------------------------------------

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._prolong, name="sluiceway-locks", daemon=True)
            self._thread.start()

    def _drop(self, key: str, holder: str) -> None:
        with self._changed:
            self._held.pop((key, holder), None)
            self._changed.notify_all()

    def _prolong(self) -> None:
        """Prolong what is held, three times in a lease, until nothing is."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._held, self.lease / 3)
                if not self._held:
                    self._thread = None
                    return
                held = dict(self._held)
            for (key, holder), store in held.items():
                self._prolong_one(store, key, holder)

    def _prolong_one(self, store: Store, key: str, holder: str) -> None:
        try:
            with self._changed:  # lest one that is given back meanwhile be taken again
                lost = (key, holder) in self._held and not _claim(store, key, holder, self.lease)
        except StoreError as error:
            _logger.warning("The lock on %r could not be prolonged: %s", key, error)
            return
        if lost:
            self._drop(key, holder)
            _logger.warning("The lock on %r was lost: it was not prolonged in time, and somebody else has it.", key)

    def _forget(self) -> None:
        """Leave to its parent what a forked child has inherited."""
        self._changed = threading.Condition()
        self._held, self._thread = {}, None


def _claim(store: Store, key: str, holder: str, seconds: float) -> bool:
    now = times.now()
    return store.claim_lock(key, holder, now + round(seconds * times.SECOND), now)


_managers: weakref.WeakSet[StoreLockManager] = weakref.WeakSet()


def _forget_in_child() -> None:
    for manager in list(_managers):
        manager._forget()


os.register_at_fork(after_in_child=_forget_in_child)
