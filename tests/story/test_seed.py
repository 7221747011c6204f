"""The founding text, sentence by sentence."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from sluiceway import flow, tags, task
from sluiceway.cache_policies import FLOW_PARAMETERS, INPUTS, NO_CACHE, RUN_ID, TASK_SOURCE
from sluiceway.exceptions import FlowRunTimeoutError, TaskRunTimeoutError
from sluiceway.task_runners import ThreadPoolTaskRunner
from sluiceway.testing import Harness

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


def test_a_python_function_becomes_a_workflow_by_the_flow_decorator(sluiceway_harness: Harness) -> None:
    @flow
    def my_flow(x: int) -> int:
        return x + 1

    assert my_flow(1) == 2
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state_name == "Completed"


def test_tasks_and_child_flows_organise_the_workflow(sluiceway_harness: Harness) -> None:
    @task
    def double(x: int) -> int:
        return 2 * x

    @flow
    def child(x: int) -> int:
        return double(x)

    @flow
    def parent() -> int:
        return child(double(1))

    assert parent() == 4
    runs = {run.name: run for run in sluiceway_harness.client.read_flow_runs()}
    children = [run for run in runs.values() if run.parent_task_run_id is not None]
    assert len(runs) == 2
    assert len(children) == 1


def test_a_flow_that_runs_for_too_long_is_cancelled_by_timeout_seconds() -> None:
    @flow(timeout_seconds=0.05)
    def endless() -> None:
        time.sleep(30)

    with pytest.raises(FlowRunTimeoutError):
        endless()
    state = endless(return_state=True)
    assert state.name == "TimedOut"
    assert state.is_failed()


def test_a_task_that_runs_for_too_long_is_cancelled_by_timeout_seconds() -> None:
    @task(timeout_seconds=0.05)
    def endless() -> None:
        time.sleep(30)

    with pytest.raises(TaskRunTimeoutError):
        endless()


async def _sleep_long() -> None:
    import asyncio

    await asyncio.sleep(30)


def test_async_tasks_are_cancelled_at_an_await_point() -> None:
    import asyncio

    @task(timeout_seconds=0.02)
    async def waits() -> None:
        await _sleep_long()

    state = asyncio.run(waits(return_state=True))
    assert state.name == "TimedOut"
    assert "await" in state.state_details.guarantee


def test_sync_tasks_called_directly_are_interrupted_by_signals_even_in_blocking_calls() -> None:
    @task(timeout_seconds=0.05)
    def blocks() -> None:
        threading.Event().wait(30)

    state = blocks(return_state=True)
    assert state.name == "TimedOut"
    assert "signal" in state.state_details.guarantee


def test_a_blocking_call_in_a_thread_ends_first_and_then_the_timeout_takes_effect() -> None:
    ended = []

    @task(timeout_seconds=0.02)
    def blocks() -> None:
        time.sleep(0.08)
        ended.append("sleep")

    @flow
    def submits():  # type: ignore[no-untyped-def]
        return blocks.submit(return_state=True)

    state = submits(return_state=True)
    assert state.is_failed()
    (inner,) = [state.data]
    assert isinstance(inner, TimeoutError)
    assert ended == []


def test_the_description_is_the_argument_or_else_the_docstring() -> None:
    @flow(description="given")
    def described() -> None:
        """Not this."""

    @flow
    def documented() -> None:
        """From the docstring."""

    @task
    def task_documented() -> None:
        """Of the task."""

    assert described.description == "given"
    assert documented.description == "From the docstring."
    assert task_documented.description == "Of the task."
    assert task_documented.with_options(description="x").description == "x"


def test_the_name_is_the_argument_or_else_inferred_from_the_function() -> None:
    @flow
    def some_flow() -> None: ...

    @task
    def some_task() -> None: ...

    assert some_flow.name == "some-flow"
    assert some_task.name == "some_task"
    assert some_flow.with_options(name="Other").name == "Other"
    assert some_task.with_options(name="Other").name == "Other"


def test_a_flow_is_retried_on_failure() -> None:
    attempts = []

    @flow(retries=2)
    def flaky() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return len(attempts)

    assert flaky() == 3


def test_retry_delay_seconds_is_the_wait_before_retrying_and_only_applies_if_there_are_retries(
    virtual_clock,  # type: ignore[no-untyped-def]
) -> None:
    def fails() -> None:
        raise ValueError

    flow(retries=2, retry_delay_seconds=7)(fails)(return_state=True)
    assert virtual_clock.slept == [7.0, 7.0]
    flow(retry_delay_seconds=9)(fails)(return_state=True)
    task(retries=1, retry_delay_seconds=3)(fails)(return_state=True)
    assert virtual_clock.slept == [7.0, 7.0, 3.0]


def test_flow_run_name_is_a_template_over_the_parameters_or_a_function(sluiceway_harness: Harness) -> None:
    @flow(flow_run_name="{name}-{count:03d}")
    def templated(name: str, count: int) -> None: ...

    @flow(flow_run_name=lambda: "made")
    def made() -> None: ...

    templated("ada", 7)
    made()
    assert {run.name for run in sluiceway_harness.client.read_flow_runs()} == {"ada-007", "made"}


def test_submitted_tasks_run_in_the_given_task_runner_or_else_in_threads() -> None:
    @task
    def thread_name() -> str:
        return threading.current_thread().name

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def given() -> list[str]:
        return [thread_name.submit().result() for _ in range(3)]

    @flow
    def default() -> str:
        return thread_name.submit().result()

    assert len(set(given())) == 1
    assert default() != threading.current_thread().name


def test_parameters_are_validated_by_pydantic_unless_told_otherwise() -> None:
    def echo(x: int) -> object:
        return x

    assert flow(echo)("5") == 5  # type: ignore[arg-type]
    assert flow(validate_parameters=False)(echo)("5") == "5"  # type: ignore[arg-type]


def test_the_version_is_given_or_else_a_hash_of_the_file_or_null() -> None:
    @flow
    def here() -> None: ...

    @flow(version="1.2")
    def given() -> None: ...

    namespace: dict[str, object] = {}
    exec("def nowhere(): ...", namespace)
    assert here.version is not None
    assert len(here.version) == 32
    assert here.with_options(name="other").version == here.version
    assert given.version == "1.2"
    assert flow(namespace["nowhere"]).version is None  # type: ignore[call-overload]


def test_task_tags_are_combined_with_those_of_the_context(sluiceway_harness: Harness) -> None:
    @task(tags={"own"})
    def tagged() -> None: ...

    with tags("outer"), tags("inner"):
        tagged()
    (run,) = sluiceway_harness.client.read_task_runs()
    assert set(run.tags) == {"own", "outer", "inner"}


def test_a_cache_key_function_restores_a_completed_result_instead_of_running_again() -> None:
    calls = []

    @task(cache_key_fn=lambda context, parameters: f"key-{parameters['x']}")
    def costly(x: int) -> int:
        calls.append(x)
        return x * 10

    assert [costly(1), costly(1), costly(2)] == [10, 10, 20]
    assert calls == [1, 2]
    assert costly(1, return_state=True).name == "Cached"


def test_cache_policies_can_be_combined_by_plus() -> None:
    calls = []

    @task(cache_policy=INPUTS + TASK_SOURCE)
    def costly(x: int) -> int:
        calls.append(x)
        return x

    @task(cache_policy=NO_CACHE)
    def uncached(x: int) -> int:
        calls.append(x)
        return x

    @task(cache_policy=INPUTS + RUN_ID + FLOW_PARAMETERS)
    def of_the_run(x: int) -> int:
        calls.append(x)
        return x

    costly(1), costly(1)
    assert calls == [1]
    uncached(2), uncached(2)
    assert calls == [1, 2, 2]

    @flow
    def twice(y: int) -> None:
        of_the_run(3), of_the_run(3)

    twice(1), twice(1)
    assert calls == [1, 2, 2, 3, 3]


def test_cached_results_expire_after_cache_expiration_or_never() -> None:
    calls = []

    def costly() -> int:
        calls.append(1)
        return len(calls)

    short = task(cache_key_fn=lambda *_: "short", cache_expiration=timedelta(milliseconds=1))(costly)
    short()
    time.sleep(0.005)
    short()
    assert len(calls) == 2
    for_ever = task(cache_key_fn=lambda *_: "for ever")(costly)
    for_ever(), for_ever()
    assert len(calls) == 3


def test_a_task_is_retried_on_failure() -> None:
    attempts = []

    @task(retries=1)
    def flaky() -> str:
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError("not yet")
        return "done"

    assert flaky() == "done"


def test_log_prints_logs_what_is_printed(sluiceway_harness: Harness) -> None:
    @task(log_prints=True)
    def talks() -> None:
        print("hello from the task")

    talks()
    assert "hello from the task" in [line.message for line in sluiceway_harness.client.read_logs()]


def test_task_run_name_takes_the_standard_format_syntax(sluiceway_harness: Harness) -> None:
    @task(task_run_name="{name:>5}-{share:.1%}")
    def shared(name: str, share: float) -> None: ...

    shared("ada", 0.125)
    (run,) = sluiceway_harness.client.read_task_runs()
    assert run.name == "  ada-12.5%"
