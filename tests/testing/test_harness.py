"""The testing kit: a private place for runs."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from sluiceway import flow, get_client, task, wiring
from sluiceway.base.errors import StoreError
from sluiceway.testing import Harness, VirtualClock, drain, test_harness


@task
def double(number: int) -> int:
    return 2 * number


@flow
def doubled(number: int = 4) -> int:
    return double(number)


def test_a_run_in_the_harness_can_be_read_within() -> None:
    with test_harness() as harness:
        assert doubled() == 8
        (run,) = harness.client.read_flow_runs()
        (task_run,) = harness.client.read_task_runs()
    assert (run.flow_name, run.state_name) == ("doubled", "Completed")
    assert (task_run.task_name, task_run.flow_run_id) == ("double", run.id)


def test_get_client_within_reads_what_ran_within() -> None:
    with test_harness():
        doubled()
        with get_client(sync_client=True) as client:
            assert client.count_flow_runs() == 1


def test_the_harness_leaves_the_home_folder_alone(sluiceway_home: Path) -> None:
    with test_harness() as harness:
        doubled()
        harness.drain()
    assert not sluiceway_home.exists()


def test_the_harness_needs_no_home_folder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("SLUICEWAY_HOME", "/proc/nowhere")
    with test_harness():
        assert doubled() == 8


def test_a_profile_of_the_home_folder_does_not_reach_in(sluiceway_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sluiceway_home.mkdir()
    (sluiceway_home / "profiles.toml").write_text('active = "x"\n[profiles.x]\nlogging_level = "ERROR"\n')
    monkeypatch.setenv("SLUICEWAY_PROFILE", "x")
    with test_harness() as harness:
        assert harness.services.settings.logging_level == "INFO"


def test_what_the_project_says_of_profiles_servers_and_results_does_not_reach_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = "profile = 'shared'\napi_url = 'http://127.0.0.1:4200/api'\nresults_storage = 'results'\n"
    Path("sluiceway.toml").write_text(settings + "flows_default_retries = 2\n")
    with test_harness() as harness:
        settings_within = harness.services.settings
        assert (settings_within.profile, settings_within.api_url) == (None, None)
        assert settings_within.results_storage == f"{settings_within.home}/results"
        assert settings_within.flows_default_retries == 2


def test_each_harness_starts_empty_and_nested_ones_do_not_mix() -> None:
    with test_harness() as outer:
        doubled(1)
        with test_harness() as inner:
            assert inner.client.count_flow_runs() == 0
            doubled(2)
            doubled(3)
            assert inner.client.count_flow_runs() == 2
        doubled(4)
        assert outer.client.count_flow_runs() == 2


def test_what_was_in_force_before_is_in_force_again_after_an_exception() -> None:
    with test_harness():
        before = wiring.services()
        with pytest.raises(RuntimeError, match="stop"), test_harness():
            raise RuntimeError("stop")
        assert wiring.services() is before


def test_the_harness_holds_in_other_threads_too() -> None:
    with test_harness() as harness:
        thread = threading.Thread(target=doubled)
        thread.start()
        thread.join()
        assert harness.client.count_flow_runs() == 1


def test_submitted_tasks_run_in_the_harness() -> None:
    @flow
    def mapped() -> list[int]:
        return double.map([1, 2, 3]).result()

    with test_harness() as harness:
        assert mapped() == [2, 4, 6]
        assert harness.client.count_task_runs() == 3


def test_a_large_result_goes_into_a_folder_that_is_removed() -> None:
    @flow(persist_result=True)
    def large() -> bytes:
        return b"x" * 200_000

    with test_harness() as harness:
        large()
        (run,) = harness.client.read_flow_runs()
        assert run.state is not None
        assert run.state.result() == b"x" * 200_000
        folder = harness.services.settings.home
        assert os.path.isdir(folder)
    assert not os.path.exists(folder)


def test_a_harness_that_stores_nothing_large_makes_no_folder() -> None:
    with test_harness() as harness:
        doubled()
        harness.drain()
        assert not os.path.exists(harness.services.settings.home)


def test_the_harness_is_a_decorator_of_functions() -> None:
    @test_harness()
    def count(by: int) -> int:
        for _ in range(by):
            doubled()
        with get_client(sync_client=True) as client:
            return client.count_flow_runs()

    assert (count(2), count(by=1)) == (2, 1)


def test_the_harness_is_a_decorator_of_coroutine_functions() -> None:
    @test_harness()
    async def count() -> int:
        await asyncio.sleep(0)
        doubled()
        async with get_client() as client:
            return await client.count_flow_runs()

    assert (asyncio.run(count()), asyncio.run(count())) == (1, 1)


def test_a_generator_function_is_refused_since_it_has_no_end_to_wait_for() -> None:
    with pytest.raises(TypeError, match=r"use `with test_harness\(\):` in it"):

        @test_harness()
        def fixture():  # type: ignore[no-untyped-def]
            yield


def test_a_decorator_without_parentheses_is_refused_with_the_remedy() -> None:
    def function() -> None: ...

    with pytest.raises(ValueError, match=r"write @test_harness\(\) with parentheses"):
        test_harness(function)  # type: ignore[arg-type]


def test_an_unknown_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="'sundial'"):
        test_harness(clock="sundial")  # type: ignore[arg-type]


def test_drain_waits_until_all_that_was_recorded_can_be_read() -> None:
    with test_harness() as harness:
        doubled()
        drain()
        assert harness.services.store.count_flow_runs() == 1


def test_drain_says_so_where_the_journal_cannot_be_written(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreError("The journal is full.")

    with test_harness() as harness:
        harness.services.store.write = refuse  # type: ignore[method-assign]
        doubled()
        with pytest.raises(StoreError, match="could be written within 5 s"):
            harness.drain(timeout=5)
    assert "The journal is full." in capfd.readouterr().err


# --- the virtual clock ------------------------------------------------------------------------------


def failing_twice(retry_delay_seconds: float | list[float]) -> list[int]:
    tries: list[int] = []

    @task(retries=2, retry_delay_seconds=retry_delay_seconds)
    def flaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")

    flaky()
    return tries


def test_a_virtual_clock_skips_retry_delays() -> None:
    with test_harness(clock="virtual") as harness:
        began = time.monotonic()
        assert len(failing_twice([3_600, 7_200])) == 3
        assert time.monotonic() - began < 60  # it did not wait for three hours
        clock = harness.clock
        assert isinstance(clock, VirtualClock)
        assert clock.slept == [3_600, 7_200]


def test_recorded_times_are_those_of_the_virtual_clock() -> None:
    with test_harness(clock="virtual") as harness:
        failing_twice(60)
        (run,) = harness.client.read_task_runs()
        assert run.total_run_time.total_seconds() == pytest.approx(120, abs=1)


def test_a_virtual_clock_skips_the_delays_of_async_tasks() -> None:
    tries: list[int] = []

    @task(retries=1, retry_delay_seconds=3_600)
    async def flaky() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("not yet")
        return len(tries)

    with test_harness(clock="virtual"):
        assert asyncio.run(flaky()) == 2


def test_a_clock_of_ones_own_can_be_given() -> None:
    clock = VirtualClock()
    with test_harness(clock=clock) as harness:
        assert harness.clock is clock


def test_a_virtual_clock_stands_still_until_it_is_put_forward() -> None:
    clock = VirtualClock()
    before = clock.now()
    assert clock.now() == before
    clock.advance(1.5)
    assert clock.now() - before == 1_500_000
    assert (clock.time - VirtualClock(clock.time).time).total_seconds() == 0


def test_a_virtual_clock_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        VirtualClock().advance(-1)


def test_the_harness_is_what_it_says_it_is() -> None:
    with test_harness() as harness:
        assert isinstance(harness, Harness)
