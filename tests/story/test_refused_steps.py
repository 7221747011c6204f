"""Strict steps that cannot be recorded: they raise what is in the way, and nothing else does."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, task, wiring
from sluiceway.exceptions import StoreError
from sluiceway.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from tests.story.disk import Journal, async_step, step, strict_async_step, strict_step


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing written that nobody waits for, so that what is there has been waited for."""
    monkeypatch.setenv("SLUICEWAY_FLUSH_INTERVAL", "1000")


@pytest.fixture
def journal(sluiceway_home: Path) -> Journal:
    return Journal(sluiceway_home / "sluiceway.db")


class Trouble:
    """Makes the run database one that cannot be written, and mends it.

    Args:
        pragmas: Statements that every new connection begins with.
    """

    def __init__(self, pragmas: list[str]) -> None:
        self._pragmas = pragmas

    def begin(self) -> None:
        """Let nobody write."""
        self._set("PRAGMA query_only = ON")

    def end(self) -> None:
        """Let everybody write again."""
        self._set()

    def _set(self, *statements: str) -> None:
        self._pragmas[:] = statements
        wiring.services().store._present().writer.close()  # type: ignore[attr-defined]  # so that it is opened anew


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    pragmas: list[str] = []
    connect = sqlite3.connect

    def connect_and_set(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        for statement in pragmas:
            connection.execute(statement)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_set)
    return Trouble(pragmas)


REFUSED = r"The run database .*sluiceway\.db cannot be used: it is read-only.*Let this user write"


def test_a_strict_step_that_cannot_be_recorded_raises_what_is_in_the_way_and_the_others_go_on(
    journal: Journal, trouble: Trouble
) -> None:
    @flow
    def outer() -> int:
        trouble.begin()
        assert step(1) == 2
        with pytest.raises(StoreError, match=REFUSED):
            strict_step(1)
        return step(2)

    assert outer() == 3
    trouble.end()
    assert wiring.services().recorder.drain(20)
    assert journal.states() == {"outer": "Completed", "step": "Completed"}


def test_a_step_that_was_refused_has_completed_and_its_flow_fails(journal: Journal, trouble: Trouble) -> None:
    called: list[object] = []
    noisy = strict_step.with_options(name="noisy", on_completion=[lambda *_: called.append("hook")])

    @flow
    def outer() -> None:
        trouble.begin()
        noisy()
        called.append("went on")

    with pytest.raises(StoreError, match=REFUSED):
        outer()
    assert called == []
    trouble.end()
    assert wiring.services().recorder.drain(20)
    assert journal.states() == {"outer": "Failed", "noisy": "Completed"}


def test_with_return_state_a_refused_step_raises_all_the_same(trouble: Trouble) -> None:
    wiring.services()
    trouble.begin()
    with pytest.raises(StoreError, match=REFUSED):
        strict_step(return_state=True)


def test_a_flow_that_is_retried_after_a_refusal_does_not_run_the_step_again(journal: Journal, trouble: Trouble) -> None:
    ran: list[str] = []

    @task(durability="strict")
    def once() -> str:
        ran.append("once")
        return "done"

    @flow(retries=1)
    def outer() -> str:
        if not ran:
            trouble.begin()
        else:
            trouble.end()
        return once()

    assert outer() == "done"
    assert ran == ["once"]
    assert wiring.services().recorder.drain(20)
    assert journal.states() == {"outer": "Completed", "once": "Completed"}


@pytest.mark.parametrize("which", [strict_step, strict_async_step], ids=["sync", "async"])
def test_a_submitted_step_that_is_refused_has_crashed_for_whoever_waits(trouble: Trouble, which: Any) -> None:
    @flow
    def outer() -> None:
        trouble.begin()
        future = which.submit(1)
        future.wait()
        assert future.state.is_crashed()
        with pytest.raises(StoreError, match=REFUSED):
            future.result()
        assert step.submit(2).result() == 3

    outer()


def test_a_refused_step_in_an_event_loop_raises_for_who_awaits_it_and_for_nobody_else(trouble: Trouble) -> None:
    @flow
    async def outer() -> list[Any]:
        trouble.begin()
        return await asyncio.gather(strict_async_step(1), async_step(2), return_exceptions=True)

    refused, value = asyncio.run(outer())
    assert isinstance(refused, StoreError)
    assert value == 3


@pytest.mark.slow
def test_a_refused_step_in_another_process_has_crashed(trouble: Trouble) -> None:
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def outer() -> None:
        trouble.begin()
        future = strict_step.submit(1)
        with pytest.raises(StoreError, match=REFUSED):
            future.result()
        assert future.state.is_crashed()

    outer()


def test_a_strict_flow_whose_beginning_cannot_be_recorded_does_not_begin(journal: Journal, trouble: Trouble) -> None:
    ran: list[str] = []

    @flow(durability="strict")
    def outer() -> None:
        ran.append("began")

    wiring.services()
    trouble.begin()
    with pytest.raises(StoreError, match=REFUSED):
        outer()
    assert ran == []
    trouble.end()
    assert wiring.services().recorder.drain(20)
    assert journal.states() == {"outer": "Crashed"}


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_strict_flow_whose_end_cannot_be_recorded_raises_instead_of_returning(
    journal: Journal, trouble: Trouble, colour: str
) -> None:
    called: list[str] = []

    def body() -> str:
        trouble.begin()
        return "done"

    async def async_body() -> str:
        return body()

    hooked = flow(name="outer", durability="strict", on_completion=[lambda *_: called.append("hook")])
    wiring.services()
    with pytest.raises(StoreError, match=REFUSED):
        hooked(body)() if colour == "sync" else asyncio.run(hooked(async_body)())
    assert called == []
    trouble.end()
    assert wiring.services().recorder.drain(20)
    assert journal.states() == {"outer": "Completed"}


def test_of_many_refused_steps_in_threads_each_is_told_and_later_ones_are_taken(trouble: Trouble) -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def outer() -> list[str]:
        trouble.begin()
        states = strict_step.map(range(8), return_state=True)
        trouble.end()
        assert strict_step(8) == 9
        return [type(state.result(raise_on_failure=False)).__name__ for state in states]

    assert outer() == ["StoreError"] * 8
