"""How the ends of deferred runs are seen: one thread looks for all of them, while there is something to look for."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway.base.errors import StoreError
from sluiceway.drivers import deferred as deferred_module
from sluiceway.drivers.deferred import DeferredFuture
from sluiceway.model.facts import TaskRunDeferred, TaskRunMoved
from sluiceway.model.states import StateType
from sluiceway.testing import Harness, test_harness
from tests.stores.making import NOON, state, task_run

LONG = 30
"""Seconds after which a test is given up."""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    """A private place for runs, where everybody looks often."""
    monkeypatch.setenv("SLUICEWAY_DEFERRED_POLL_INTERVAL", "0.005")
    with test_harness() as harness:
        yield harness


def deferred(place: Harness) -> DeferredFuture[Any]:
    run = task_run()
    run.state = state(StateType.SCHEDULED)
    place.services.store.write([TaskRunDeferred(run, run.state, NOON, b"")])
    return DeferredFuture(run, place.services)


def end(place: Harness, future: DeferredFuture[Any]) -> None:
    place.services.store.write([TaskRunMoved(future.run_key, state(StateType.COMPLETED), 1)])


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sluiceway-watcher"]


def test_one_thread_looks_for_all_runs_and_ends_when_none_is_left(place: Harness) -> None:
    futures = [deferred(place) for _ in range(5)]
    told = threading.Semaphore(0)
    for future in futures:
        future.when_done(told.release)
        future.when_done(told.release)
    (thread,) = watchers()
    for future in futures:
        end(place, future)
    for _ in range(10):
        assert told.acquire(timeout=LONG)
    thread.join(LONG)
    assert watchers() == []
    late = deferred(place)
    late.when_done(told.release)
    end(place, late)
    assert told.acquire(timeout=LONG)


def test_waiting_needs_no_thread(place: Harness) -> None:
    future = deferred(place)
    future.wait(timeout=0.02)
    assert watchers() == []
    end(place, future)
    future.wait(timeout=LONG)
    assert future.done()


def test_two_futures_of_one_run_are_both_told(place: Harness) -> None:
    first = deferred(place)
    second: DeferredFuture[Any] = DeferredFuture(first.run, place.services)
    told = threading.Semaphore(0)
    first.when_done(told.release)
    second.when_done(told.release)
    end(place, first)
    assert told.acquire(timeout=LONG)
    assert told.acquire(timeout=LONG)


def test_the_thread_ends_with_the_services_though_a_run_never_does() -> None:
    with test_harness() as harness:
        future = deferred(harness)
        future.when_done(lambda: None)
        assert len(watchers()) == 1
    assert watchers() == []
    assert not future._state


def test_a_journal_that_cannot_be_read_is_told_once_and_tried_again(
    place: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read, looks = place.services.store.read_task_runs, itertools.count(1)

    def read_task_runs(*arguments: Any, **named: Any) -> Any:
        if next(looks) <= 3:
            raise StoreError("The disk is away.")
        return read(*arguments, **named)

    monkeypatch.setattr(place.services.store, "read_task_runs", read_task_runs)
    future = deferred(place)
    told = threading.Event()
    future.when_done(told.set)
    end(place, future)
    assert told.wait(LONG)
    complaints = [record.getMessage() for record in caplog.records if "The disk is away." in record.getMessage()]
    assert len(complaints) == 1


def test_a_forked_child_looks_for_itself(place: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, other = deferred(place), deferred(place)
    monkeypatch.setattr("sluiceway.drivers.deferred.FIRST_LOOK", 1000.0)  # so that the thread holds no lock
    waiting.when_done(lambda: None)
    assert len(watchers()) == 1
    child = os.fork()
    if child == 0:
        monkeypatch.undo()
        told = threading.Event()
        other.when_done(told.set)
        end(place, other)
        os._exit(0 if told.wait(LONG) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_that_is_forked_while_another_thread_makes_the_watcher_does_not_wait_for_it(place: Harness) -> None:
    waiting = deferred(place)
    with deferred_module._making:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            waiting.when_done(lambda: None)
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
