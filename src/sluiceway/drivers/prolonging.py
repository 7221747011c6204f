"""Prolonging: what this process holds for a time only, a thread of its own keeps for as long as it is needed.

A lock, a slot or a place in a line is a row with a time until which it holds. So what the dead held comes free by
itself, and the living put off the time, three times in each of their leases.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from sluiceway.base.errors import StoreClosedError, StoreError
from sluiceway.ports.store import Store

Key = TypeVar("Key")

_LINGER = 0.05
"""Seconds that the thread waits for more to do, since what is held briefly is often held again soon."""


class Held(NamedTuple):
    """What is to be prolonged.

    Args:
        store: Where it is held.
        lease: For how many seconds it holds if it is not prolonged.
    """

    store: Store
    lease: float


Prolong = Callable[[Store, Mapping[Key, float]], Iterable[Key]]
"""Prolongs what is held on a store, each for the seconds of its lease; returns what was lost. Never for long."""


class Prolonger(Generic[Key]):
    """Prolongs what this process holds, from a thread that ends when nothing is held.

    Args:
        name: The name of the thread.
        prolong: Called with the store and what is held on it.
        lost: Called with what is not held any more, though nobody gave it back.
        logger: Where it is told that prolonging failed; it is tried again.
    """

    def __init__(self, name: str, prolong: Prolong[Key], lost: Callable[[Key], object], logger: logging.Logger) -> None:
        self._name = name
        self._prolong = prolong
        self._lost = lost
        self._logger = logger
        self._turn = threading.Lock()
        """Held while something is prolonged, lest what is given back meanwhile be taken again."""
        self._changed = threading.Condition()
        self._held: dict[Key, Held] = {}
        self._thread: threading.Thread | None = None
        self._last = 0.0
        """When it was last prolonged, in seconds of the monotonic clock."""
        _prolongers.add(self)

    def keep(self, key: Key, store: Store, lease: float) -> None:
        """Prolong something from now on.

        Args:
            key: What it is known by.
            store: Where it is held.
            lease: For how many seconds it holds if it is not prolonged.
        """
        with self._changed:
            if not self._held:
                self._last = time.monotonic()
            self._held[key] = Held(store, lease)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def drop(self, key: Key) -> bool:
        """Prolong something no longer, and return whether it was held until now.

        Args:
            key: What it is known by.
        """
        with self._turn, self._changed:
            dropped = self._held.pop(key, None)
            self._changed.notify_all()
        return dropped is not None

    def _work(self) -> None:
        while self._wait():
            with self._turn:
                self._prolong_all()

    def _wait(self) -> bool:
        """Wait until it is time to prolong; false when nothing is held, and the thread is to end."""
        with self._changed:
            while True:
                if not self._held and not self._changed.wait_for(lambda: self._held, _LINGER):
                    self._thread = None
                    return False
                left = self._last + min(held.lease for held in self._held.values()) / 3 - time.monotonic()
                if left <= 0:
                    self._last = time.monotonic()
                    return True
                self._changed.wait(left)

    def _prolong_all(self) -> None:
        by_store: dict[int, tuple[Store, dict[Key, float]]] = {}
        with self._changed:
            before = dict(self._held)
        for key, held in before.items():
            by_store.setdefault(id(held.store), (held.store, {}))[1][key] = held.lease
        for store, leases in by_store.values():
            try:
                lost = set(self._prolong(store, leases))
            except StoreClosedError as error:
                self._logger.warning("What is held is not prolonged any more: %s", error)
                self._give_up(store)
                continue
            except StoreError as error:
                self._logger.warning("What is held could not be prolonged, and will be tried again: %s", error)
                continue
            with self._changed:
                lost = {key for key in lost if self._held.get(key) is before[key]}  # and not kept anew meanwhile
                for key in lost:
                    del self._held[key]
            for key in lost:
                self._lost(key)

    def _give_up(self, store: Store) -> None:
        """Forget what is held on a store that was closed, since it never comes back."""
        with self._changed:
            self._held = {key: held for key, held in self._held.items() if held.store is not store}

    def _forget(self) -> None:
        """Leave to its parent what a forked child has inherited."""
        self._turn, self._changed = threading.Lock(), threading.Condition()
        self._held, self._thread = {}, None


_prolongers: weakref.WeakSet[Prolonger[Any]] = weakref.WeakSet()


def _forget_in_child() -> None:
    for prolonger in list(_prolongers):
        prolonger._forget()


os.register_at_fork(after_in_child=_forget_in_child)
