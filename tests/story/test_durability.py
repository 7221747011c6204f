"""Durability: who is strict, and what is on disk when a strict call returns."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from sluiceway import flow, task, wiring
from sluiceway.model.facts import Fact
from sluiceway.stores.sqlite.store import SqliteStore
from sluiceway.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from tests.story.disk import Journal, step, strict_async_step, strict_step

Level = Literal["batched", "strict"]


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing written that nobody waits for, so that what is there has been waited for."""
    monkeypatch.setenv("SLUICEWAY_FLUSH_INTERVAL", "1000")


@pytest.fixture
def journal(sluiceway_home: Path) -> Journal:
    return Journal(sluiceway_home / "sluiceway.db")


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return, for each transaction that was written, whether it waited for the disk."""
    made: list[bool] = []
    write = SqliteStore.write

    def counted(self: SqliteStore, facts: Sequence[Fact], *rest: Any, durable: bool = False, **others: Any) -> None:
        write(self, facts, *rest, durable=durable, **others)
        made.append(durable)

    monkeypatch.setattr(SqliteStore, "write", counted)
    return made


# --- who is strict --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "of_flow", "of_task", "strict"),
    [
        ("batched", None, None, False),
        ("strict", None, None, True),
        ("strict", "batched", None, False),
        ("batched", "strict", None, True),
        ("strict", "strict", "batched", False),
        ("batched", "batched", "strict", True),
        ("batched", None, "strict", True),
        ("strict", None, "batched", False),
    ],
)
def test_a_task_says_how_durable_it_is_before_its_flow_and_that_before_the_setting(
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    of_flow: Level | None,
    of_task: Level | None,
    strict: bool,
) -> None:
    monkeypatch.setenv("SLUICEWAY_DURABILITY", setting)
    seen: list[str | None] = []

    @flow(durability=of_flow)
    def outer() -> None:
        step.with_options(durability=of_task)()
        seen.append(journal.states().get("step"))

    outer()
    assert seen == ["Completed" if strict else None]


@pytest.mark.parametrize(
    ("setting", "of_task", "strict"),
    [
        ("batched", None, False),
        ("strict", None, True),
        ("strict", "batched", False),
        ("batched", "strict", True),
    ],
)
def test_a_task_outside_flows_goes_by_itself_and_by_the_setting(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, setting: str, of_task: Level | None, strict: bool
) -> None:
    monkeypatch.setenv("SLUICEWAY_DURABILITY", setting)
    step.with_options(durability=of_task)()
    assert journal.states() == ({"step": "Completed"} if strict else {})


@pytest.mark.parametrize(("of_child", "strict"), [(None, True), ("batched", False)])
def test_a_child_flow_is_as_durable_as_its_parent_unless_it_says_otherwise(
    journal: Journal, of_child: Level | None, strict: bool
) -> None:
    seen: list[dict[str, str]] = []

    @flow(durability=of_child)
    def child() -> None:
        seen.append(journal.states())
        step()
        seen.append(journal.states())

    @flow(durability="strict")
    def parent() -> None:
        child()
        seen.append(journal.states())

    parent()
    assert [found.get("child") for found in seen] == (["Running", "Running", "Completed"] if strict else [None] * 3)
    assert seen[1].get("step") == ("Completed" if strict else None)


def test_a_task_called_in_a_task_goes_by_the_flow_not_by_that_task(journal: Journal) -> None:
    seen: list[dict[str, str]] = []

    @task(durability="strict")
    def outer() -> None:
        step()
        seen.append(journal.states())

    @flow
    def batched() -> None:
        outer()
        seen.append(journal.states())

    batched()
    assert seen[0] == {}
    assert (seen[1]["outer"], seen[1]["step"]) == ("Completed", "Completed")


# --- what is on disk ------------------------------------------------------------------------------


def test_a_strict_flow_run_is_on_disk_before_its_body_begins_and_when_its_call_returns(journal: Journal) -> None:
    seen: list[dict[str, str]] = []

    @flow(durability="strict")
    def strict() -> None:
        seen.append(journal.states())

    strict()
    assert seen == [{"strict": "Running"}]
    assert journal.states() == {"strict": "Completed"}


def test_a_strict_flow_run_that_fails_or_gets_bad_parameters_is_on_disk_too(journal: Journal) -> None:
    @flow(durability="strict")
    def typed(x: int) -> None:
        raise LookupError("none")

    with pytest.raises(LookupError):
        typed(1)
    assert journal.states() == {"typed": "Failed"}
    assert typed.with_options(name="again")("many", return_state=True).is_failed()  # type: ignore[call-overload]
    assert journal.states() == {"typed": "Failed", "again": "Failed"}


def test_the_result_of_a_strict_step_is_on_disk_with_it(journal: Journal) -> None:
    found: list[bytes | None] = []

    @flow
    def outer() -> None:
        strict_step(41)
        found.append(journal.result("step"))

    outer()
    assert found == [wiring.services().results.keep(42, step.policy.result).blob]


def test_a_strict_step_that_fails_for_good_is_on_disk_when_its_call_raises(journal: Journal) -> None:
    @task(durability="strict", retries=1)
    def hopeless() -> None:
        raise LookupError("none")

    with pytest.raises(LookupError):
        hopeless()
    assert [state.name for state in journal.history("hopeless")] == ["Pending", "Running", "Retrying", "Failed"]


def _direct() -> None:
    strict_step()


def _future() -> None:
    strict_step.submit().result()


def _future_waited_for() -> None:
    strict_step.submit().wait()


def _mapped() -> None:
    strict_step.map([1, 2, 3]).wait()


def _async_in_threads() -> None:
    strict_async_step.submit().result()


def _state() -> None:
    strict_step(return_state=True)


def _generator() -> None:
    @task(name="step", durability="strict")
    def steps() -> Iterator[int]:
        yield 1

    assert list(steps()) == [1]


@pytest.mark.parametrize("work", [_direct, _future, _future_waited_for, _mapped, _async_in_threads, _state, _generator])
def test_however_a_strict_step_is_called_it_is_on_disk_when_its_end_is_known(
    journal: Journal, work: Callable[[], None]
) -> None:
    seen: list[str | None] = []

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
    def outer() -> None:
        work()
        states = journal.states()
        seen.append(states.get("step", states.get("async_step")))

    outer()
    assert seen == ["Completed"]


def test_an_async_strict_step_is_on_disk_when_it_has_been_awaited_and_the_loop_goes_on_meanwhile(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, seen = threading.Event(), list[str | None]()
    write = SqliteStore.write

    def slow(self: SqliteStore, facts: Sequence[Fact], *rest: Any, **options: Any) -> None:
        assert gate.wait(20) or not facts
        write(self, facts, *rest, **options)

    @flow
    async def outer() -> None:
        waiting = asyncio.ensure_future(strict_async_step(1))
        for _ in range(20):
            await asyncio.sleep(0.001)  # which would not return, if the loop were held up
        assert not waiting.done()
        gate.set()
        assert await waiting == 2
        seen.append(journal.states().get("async_step"))

    monkeypatch.setattr(SqliteStore, "write", slow)
    asyncio.run(outer())
    assert seen == ["Completed"]


def test_an_async_generator_that_is_strict_is_on_disk_when_it_has_been_gone_through(journal: Journal) -> None:
    @task(durability="strict")
    async def counts() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def go_through() -> list[int]:
        return [number async for number in counts()]

    assert asyncio.run(go_through()) == [1, 2]
    assert journal.states() == {"counts": "Completed"}


def test_a_strict_flow_can_be_drawn_and_waits_for_nothing_then(commits: list[bool]) -> None:
    @flow(durability="strict")
    def outer() -> int:
        return step.with_options(viz_return_value=2)(1)

    @flow(durability="strict")
    async def async_outer() -> int:
        return await strict_async_step.with_options(viz_return_value=2)(1)

    assert "step" in outer.generate_mermaid_graph()
    assert "async_step" in asyncio.run(async_outer.agenerate_mermaid_graph())
    assert commits == []


@pytest.mark.slow
def test_a_strict_step_called_in_another_process_is_on_disk_with_the_one_that_called_it(journal: Journal) -> None:
    seen: list[dict[str, str]] = []

    @task
    def calls() -> int:
        return step(1) + 1

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1), durability="strict")
    def outer() -> None:
        assert calls.submit().result() == 3
        seen.append(journal.states())

    outer()
    assert seen == [{"outer": "Running", "calls": "Completed", "step": "Completed"}]


@pytest.mark.slow
def test_a_strict_step_in_another_process_is_on_disk_when_its_future_is_done(journal: Journal) -> None:
    seen: list[str | None] = []

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def outer() -> None:
        assert strict_step.submit(1).result() == 2
        seen.append(journal.states().get("step"))

    outer()
    assert seen == ["Completed"]


@pytest.mark.parametrize("durability", ["batched", "strict"])
def test_a_large_result_of_a_strict_step_is_on_disk_and_its_name_in_the_folders(
    sluiceway_home: Path, monkeypatch: pytest.MonkeyPatch, durability: Level
) -> None:
    synchronised: list[str] = []
    fsync = os.fsync

    def noted(number: int) -> None:
        fsync(number)
        synchronised.append(os.readlink(f"/proc/self/fd/{number}"))

    monkeypatch.setattr(os, "fsync", noted)

    @task(durability=durability)
    def large() -> str:
        return "x" * 100_000

    @flow
    def outer() -> int:
        return len(large())

    assert outer() == 100_000
    results = sluiceway_home / "results"
    (file,) = [path for path in results.rglob("*") if path.is_file()]
    expected = [str(file), str(file.parent), str(file.parent.parent), str(results)]
    assert synchronised == (expected if durability == "strict" else [])


def test_a_result_of_a_strict_step_that_could_not_be_stored_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    @task
    def locks() -> Any:
        return threading.Lock()

    @flow
    def outer(durability: Level) -> None:
        locks.with_options(durability=durability)()

    outer("batched")
    assert [record.levelname for record in caplog.records if "was not stored" in record.message] == []
    outer("strict")
    assert [record.levelname for record in caplog.records if "was not stored" in record.message] == ["WARNING"]


def test_a_deferred_call_of_a_strict_task_waits_for_the_disk(commits: list[bool]) -> None:
    step.delay(1)
    strict_step.delay(2)
    assert commits == [False, True]


# --- many at once, and mixed ----------------------------------------------------------------------


def test_many_strict_steps_in_threads_share_their_commits(journal: Journal, commits: list[bool]) -> None:
    together = threading.Barrier(16)

    @task(durability="strict")
    def meets(x: int) -> int:
        together.wait(20)
        return x

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=16))
    def outer() -> list[int]:
        return meets.map(range(16)).result()

    assert outer() == list(range(16))
    assert len(commits) <= 8, "one for who comes first, few for the others"
    assert journal.states()["meets"] == "Completed"


def test_many_strict_steps_in_an_event_loop_share_their_commits(journal: Journal, commits: list[bool]) -> None:
    @flow
    async def outer() -> list[int]:
        return await asyncio.gather(*(strict_async_step(x) for x in range(200)))

    assert asyncio.run(outer()) == list(range(1, 201))
    assert len(commits) <= 40
    assert journal.states()["async_step"] == "Completed"


def test_steps_that_are_not_strict_wait_for_nothing_beside_some_that_are(commits: list[bool]) -> None:
    @flow
    def outer() -> None:
        for _ in range(5):
            step()
        strict_step()
        for _ in range(5):
            step()

    outer()
    assert commits == [True], "the five before it are in its transaction, the others wait for the end"
    assert wiring.services().recorder.drain(20)
    assert commits == [True, False]
