"""Prolonging: what is held stays held while its holder lives, and what was lost is told once."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sluiceway import get_client, wiring
from sluiceway.base.errors import StoreClosedError, StoreError
from sluiceway.client.schemas.actions import GlobalConcurrencyLimitCreate
from sluiceway.concurrency.sync import concurrency
from sluiceway.drivers.prolonging import Prolonger
from sluiceway.locking.store import StoreLockManager
from sluiceway.ports.store import Store
from sluiceway.stores.memory import MemoryStore

LEASE = 0.03

logger = logging.getLogger("sluiceway.prolonging")


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.002)


class Watched:
    """A prolonger, and what it was asked to prolong."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, dict[str, float]]] = []
        self.lost: list[str] = []
        self.gone: set[str] = set()
        self.broken = 0
        self.closed: Store | None = None
        self.prolonger: Prolonger[str] = Prolonger("sluiceway-test", self.prolong, self.lost.append, logger)

    def prolong(self, store: Store, leases: Mapping[str, float]) -> set[str]:
        self.calls.append((id(store), dict(leases)))
        if self.broken:
            self.broken -= 1
            raise StoreError("the disk is full")
        if store is self.closed:
            raise StoreClosedError("the store was closed")
        return self.gone & leases.keys()


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    for key in list(made.prolonger._held):
        made.prolonger.drop(key)


def test_all_that_is_held_on_a_store_is_prolonged_together_again_and_again(watched: Watched) -> None:
    store, other = MemoryStore(), MemoryStore()
    watched.prolonger.keep("a", store, LEASE)
    watched.prolonger.keep("b", store, 60.0)
    watched.prolonger.keep("c", other, 60.0)
    wait_for(lambda: len(watched.calls) >= 6)
    assert (id(store), {"a": LEASE, "b": 60.0}) in watched.calls
    assert (id(other), {"c": 60.0}) in watched.calls


def test_what_is_given_back_is_not_prolonged_and_the_thread_ends(watched: Watched) -> None:
    watched.prolonger.keep("a", MemoryStore(), LEASE)
    thread = watched.prolonger._thread
    assert thread is not None
    assert watched.prolonger.drop("a")
    assert not watched.prolonger.drop("a")
    thread.join(10)
    assert not thread.is_alive()
    assert watched.prolonger._thread is None


def test_a_lease_that_is_shorter_than_those_before_is_prolonged_in_time(watched: Watched) -> None:
    store = MemoryStore()
    watched.prolonger.keep("long", store, 3_600.0)
    watched.prolonger.keep("short", store, LEASE)
    wait_for(lambda: watched.calls)
    assert watched.calls[0][1].keys() == {"long", "short"}


def test_what_was_lost_is_told_once_and_prolonged_no_more(watched: Watched) -> None:
    watched.gone = {"a"}
    store = MemoryStore()
    watched.prolonger.keep("a", store, LEASE)
    watched.prolonger.keep("b", store, LEASE)
    wait_for(lambda: watched.calls and watched.calls[-1][1].keys() == {"b"})
    assert watched.lost == ["a"]
    assert not watched.prolonger.drop("a")


def test_a_store_that_fails_for_a_moment_is_told_and_tried_again(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.broken = 1
    watched.prolonger.keep("a", MemoryStore(), LEASE)
    wait_for(lambda: len(watched.calls) >= 2)
    assert caplog.messages == ["What is held could not be prolonged, and will be tried again: the disk is full"]
    assert watched.lost == []


def test_what_is_held_on_a_closed_store_is_told_once_and_prolonged_no_more(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    watched.closed, other = MemoryStore(), MemoryStore()
    watched.prolonger.keep("a", watched.closed, LEASE)
    watched.prolonger.keep("b", watched.closed, LEASE)
    watched.prolonger.keep("c", other, LEASE)
    wait_for(lambda: len([calls for calls in watched.calls if calls[0] == id(other)]) >= 3)
    assert caplog.messages == ["What is held is not prolonged any more: the store was closed"]
    assert watched.prolonger._held.keys() == {"c"}
    assert watched.lost == []


def test_a_forked_child_prolongs_nothing_of_its_parent() -> None:
    managers = [StoreLockManager(), StoreLockManager()]  # equal ones, which are two all the same
    for number, manager in enumerate(managers):
        manager.acquire_lock(f"key {number}", "me")
    child = os.fork()
    if child == 0:
        os._exit(sum(len(manager._prolonger._held) for manager in managers))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for number, manager in enumerate(managers):
        manager.release_lock(f"key {number}", "me")


def test_slots_that_cannot_be_given_back_are_told_and_the_block_ends_as_it_would(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate("db", 1))
    store = wiring.services().store

    def refuse(owner: str, at: int) -> bool:
        raise StoreError("the disk is full")

    with concurrency("db", lease_duration=0.05):
        monkeypatch.setattr(store, "release_slots", refuse)
    assert caplog.messages == ["Slots could not be given back, and come free in 0.05 seconds: the disk is full"]
    with concurrency("db", timeout_seconds=10):
        monkeypatch.undo()
