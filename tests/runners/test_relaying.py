"""The relaying driver: many scripts on few threads."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.drivers.relaying import THREADS, when_all_done
from sluiceway.states import Completed
from sluiceway.testing import Harness, VirtualClock
from tests.runners.here import PATIENCE, HeldTaskRunner, HereTaskRunner

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


ORDER: list[str] = []
"""What ran, in order. The tasks below find it, being called in this process and pickled by their names."""


@pytest.fixture(autouse=True)
def _nothing_has_run() -> None:
    ORDER.clear()


@task
def double(x: Any) -> Any:
    return 2 * x


@task(retries=2, retry_delay_seconds=[10, 20])
def flaky(failures: int) -> None:
    ORDER.append("flaky")
    if ORDER.count("flaky") <= failures:
        raise ValueError("not yet")


@task
def steady() -> None:
    ORDER.append("steady")


def _relay_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("sluiceway-relay")]


def test_two_hundred_calls_under_way_take_no_thread_each() -> None:
    @flow(task_runner=HeldTaskRunner(200))
    def wide() -> int:
        futures = double.map(range(200))
        held = HeldTaskRunner.next(200)
        threads = len(_relay_threads())
        for errand in held:
            HereTaskRunner.send(futures, errand)  # type: ignore[arg-type]  # it needs no more of the runner
        assert futures.result() == [2 * x for x in range(200)]
        return threads

    assert wide() <= THREADS


def test_no_more_calls_are_under_way_than_there_are_places() -> None:
    @flow(task_runner=HeldTaskRunner(2))
    def narrow() -> list[int]:
        futures = double.map(range(5))
        held = HeldTaskRunner.next(2)
        under_way = [len(held)]
        for number in range(3):
            HereTaskRunner.send(futures, held[number])  # type: ignore[arg-type]  # as above
            under_way.append(len(HeldTaskRunner.next()) - number - 1)
        for errand in held[3:]:
            HereTaskRunner.send(futures, errand)  # type: ignore[arg-type]  # as above
        assert futures.result() == [0, 2, 4, 6, 8]
        return under_way

    assert narrow() == [2, 2, 2, 2]


def test_a_run_that_waits_for_its_turn_has_not_begun(sluiceway_harness: Harness) -> None:
    @flow(task_runner=HeldTaskRunner(1))
    def narrow() -> list[str]:
        first, second = double.submit(1), double.submit(2)
        held = HeldTaskRunner.next()
        states = [first.state.name, second.state.name]
        held[0].fail(ValueError("no"))
        HeldTaskRunner.next()[1].fail(ValueError("no"))
        first.wait()
        second.wait()
        return states

    assert narrow() == ["Running", "Pending"]


class SlowClock:
    """A clock whose sleeps end when the test says so."""

    def __init__(self) -> None:
        self.asleep_now = threading.Event()
        self.wakes = threading.Event()

    def now(self) -> int:
        return time.time_ns() // 1_000

    def sleep(self, seconds: float) -> None:
        raise AssertionError("a relay does not block a thread to sleep")

    async def asleep(self, seconds: float) -> None:
        import asyncio

        self.asleep_now.set()
        while not self.wakes.is_set():
            await asyncio.sleep(0.001)


def test_a_run_that_waits_for_its_retry_leaves_its_place_to_others(sluiceway_harness: Harness) -> None:
    clock = SlowClock()
    sluiceway_harness.services.clock = clock

    @flow(task_runner=HereTaskRunner(1))
    def both() -> None:
        first = flaky.submit(failures=1)
        assert clock.asleep_now.wait(PATIENCE)
        steady.submit().result()
        clock.wakes.set()
        first.result()

    both()
    assert ORDER == ["flaky", "steady", "flaky"]


def test_retry_delays_pass_on_the_clock_of_the_runs(virtual_clock: VirtualClock) -> None:
    @flow(task_runner=HereTaskRunner())
    def patient() -> None:
        flaky.submit(failures=2).result()

    patient()
    assert virtual_clock.slept == [10.0, 20.0]


def test_hooks_may_wait_for_other_runs_of_the_same_runner_however_many_do() -> None:
    results: list[int] = []

    def asks(*_: Any) -> None:
        results.append(double.submit(len(results)).result())

    @task(on_completion=[asks])
    def asked(x: int) -> int:
        return x

    @flow(task_runner=HereTaskRunner(50))
    def nested() -> list[int]:
        return asked.map(range(3 * THREADS)).result()

    assert nested() == list(range(3 * THREADS))
    assert len(results) == 3 * THREADS


def test_hooks_see_the_context_variables_of_the_caller() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="outside")
    seen: list[str] = []

    @task(on_completion=[lambda *_: seen.append(variable.get())])
    def plain() -> None:
        return None

    @flow(task_runner=HereTaskRunner())
    def sets() -> None:
        variable.set("inside")
        plain.submit().wait()

    sets()
    assert seen == ["inside"]


def test_a_run_begins_when_its_inputs_have_ended() -> None:
    @flow(task_runner=HereTaskRunner())
    def chain() -> int:
        future = double.submit(1)
        for _ in range(10):
            future = double.submit(future)
        return future.result()

    assert chain() == 2**11


def test_what_an_upstream_failure_holds_back_is_not_ready(sluiceway_harness: Harness) -> None:
    @task
    def bad() -> int:
        raise ValueError("bad")

    @flow(task_runner=HereTaskRunner())
    def broken() -> str:
        return double.submit(bad.submit(), return_state=True).name

    assert broken() == "NotReady"


def test_what_is_called_when_all_are_done_is_called_once_and_at_once_where_nothing_is_awaited() -> None:
    calls: list[str] = []
    when_all_done([Completed(), Completed()], lambda: calls.append("called"))
    assert calls == ["called"]


def test_a_runner_leaves_no_threads_behind() -> None:
    @flow(task_runner=HereTaskRunner(10))
    def many() -> None:
        double.map(range(100)).wait()

    many()
    assert not _relay_threads()
