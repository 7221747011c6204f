"""Caching: a result that is there is taken over instead of running the task again."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, task, wiring
from sluiceway.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
)
from sluiceway.client import get_client
from sluiceway.tasks import task_input_hash
from sluiceway.testing import Harness, VirtualClock

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


class Counted:
    """A function that counts its calls, as a task with a cache policy.

    Args:
        options: Options of the task.
    """

    def __init__(self, **options: Any) -> None:
        calls: list[tuple[int, int]] = []
        self.calls = calls

        def add(x: int, y: int = 0) -> int:
            calls.append((x, y))
            return x + y

        self.task = task(**options)(add)


def in_a_flow(call: Callable[[], Any], **parameters: Any) -> Any:
    @flow
    def outer(day: int = 1) -> Any:
        return call()

    return outer(**parameters)


# --- policies -------------------------------------------------------------------------------------


def test_by_inputs_a_result_is_taken_over_in_any_run(sluiceway_harness: Harness) -> None:
    counted = Counted(cache_policy=INPUTS)
    assert [counted.task(1), in_a_flow(lambda: counted.task(1)), in_a_flow(lambda: counted.task(1, 0))] == [1, 1, 1]
    assert counted.task(2) == 2
    assert counted.calls == [(1, 0), (2, 0)]
    states = [run.state_name for run in sluiceway_harness.client.read_task_runs()]
    assert sorted(map(str, states)) == ["Cached", "Cached", "Completed", "Completed"]


def test_by_run_id_a_result_is_taken_over_within_one_flow_run() -> None:
    counted = Counted(cache_policy=RUN_ID)
    in_a_flow(lambda: [counted.task(1), counted.task(1)])
    assert len(counted.calls) == 1
    in_a_flow(lambda: counted.task(1))
    assert len(counted.calls) == 2


def test_by_flow_parameters_a_result_is_taken_over_in_runs_with_the_same() -> None:
    counted = Counted(cache_policy=FLOW_PARAMETERS)
    for day in (1, 1, 2):
        in_a_flow(lambda: counted.task(1), day=day)
    assert len(counted.calls) == 2


def test_by_source_two_functions_with_the_same_text_and_other_constants_do_not_share_results() -> None:
    def scaled(factor: int) -> Any:
        @task(cache_policy=INPUTS + TASK_SOURCE)
        def scale(x: int) -> int:
            return x * factor

        return scale

    assert [scaled(2)(3), scaled(5)(3), scaled(2)(3, return_state=True).name] == [6, 15, "Cached"]


def test_by_default_policy_a_result_is_taken_over_for_equal_inputs_source_and_run() -> None:
    counted = Counted(cache_policy=DEFAULT)
    in_a_flow(lambda: [counted.task(1), counted.task(1), counted.task(2)])
    assert counted.calls == [(1, 0), (2, 0)]
    in_a_flow(lambda: counted.task(1))
    assert len(counted.calls) == 3


@pytest.mark.parametrize("policy", [NO_CACHE, NONE, None])
def test_with_no_cache_each_call_runs(policy: Any) -> None:
    counted = Counted(cache_policy=policy)
    in_a_flow(lambda: [counted.task(1), counted.task(1)])
    assert len(counted.calls) == 2


def test_without_a_policy_each_call_runs() -> None:
    counted = Counted()
    in_a_flow(lambda: [counted.task(1), counted.task(1)])
    assert len(counted.calls) == 2


def test_an_input_can_be_left_out_of_the_key() -> None:
    counted = Counted(cache_policy=INPUTS - "y")
    assert [counted.task(1, 10), counted.task(1, 20), counted.task(2, 20)] == [11, 11, 22]
    joined = Counted(cache_policy=INPUTS + TASK_SOURCE - "y")
    assert [joined.task(1, 10), joined.task(1, 20)] == [11, 11]


def test_a_key_function_receives_the_context_and_the_parameters() -> None:
    received = []

    def key(context: Any, parameters: dict[str, Any]) -> str:
        received.append((context.task.name, dict(parameters)))
        return f"key-{parameters['x']}"

    by_argument = Counted(cache_key_fn=key)
    by_policy = Counted(cache_policy=CacheKeyFnPolicy(cache_key_fn=key))
    assert [by_argument.task(1, 5), by_argument.task(1, 6), by_policy.task(1, 7)] == [6, 6, 6]
    assert received == [("add", {"x": 1, "y": y}) for y in (5, 6, 7)]


def test_a_key_function_that_gives_none_means_no_cache() -> None:
    counted = Counted(cache_key_fn=lambda context, parameters: None)
    assert [counted.task(1), counted.task(1)] == [1, 1]
    assert len(counted.calls) == 2


def test_a_key_function_that_fails_is_logged_and_the_task_runs(sluiceway_harness: Harness) -> None:
    def key(context: Any, parameters: dict[str, Any]) -> str:
        raise LookupError("no key")

    counted = Counted(cache_key_fn=key)
    assert counted.task(1, return_state=True).name == "Completed"
    sluiceway_harness.drain()
    assert "LookupError('no key')" in " ".join(line.message for line in sluiceway_harness.client.read_logs())


def test_the_hash_of_inputs_and_source_is_a_key_function() -> None:
    counted = Counted(cache_key_fn=task_input_hash)
    assert [counted.task(1), counted.task(1), counted.task(2)] == [1, 1, 2]
    assert len(counted.calls) == 2


def test_a_policy_of_ones_own_needs_only_a_key() -> None:
    class ByParity(CachePolicy):
        def compute_key(self, task_ctx: Any, inputs: Any, flow_parameters: Any, **kwargs: Any) -> str | None:
            return f"parity-{inputs['x'] % 2}"

    counted = Counted(cache_policy=ByParity())
    assert [counted.task(1), counted.task(3), counted.task(4)] == [1, 1, 4]


# --- hits -----------------------------------------------------------------------------------------


def test_a_hit_is_a_state_named_cached_with_the_stored_result_and_the_key(sluiceway_harness: Harness) -> None:
    counted = Counted(cache_key_fn=lambda *_: "the-key")
    counted.task(1)
    state = counted.task(1, return_state=True)
    assert (state.name, state.type.value, state.result()) == ("Cached", "COMPLETED", 1)
    assert state.state_details.cache_key == "the-key"
    run = sluiceway_harness.client.read_task_runs()[0]
    assert (run.state_name, run.cache_key, run.state.result()) == ("Cached", "the-key", 1)


def test_hooks_of_completion_are_called_for_a_hit() -> None:
    seen = []
    counted = Counted(cache_policy=INPUTS, on_completion=[lambda task, run, state: seen.append(state.name)])
    counted.task(1), counted.task(1)
    assert seen == ["Completed", "Cached"]


@pytest.mark.parametrize("value", [None, 0, "", [], {"a": (1, 2)}])
def test_any_value_can_be_cached(value: Any) -> None:
    calls = []

    @task(cache_key_fn=lambda *_: "any")
    def returns() -> Any:
        calls.append(1)
        return value

    assert [returns(), returns()] == [value, value]
    assert len(calls) == 1


def test_what_was_cached_does_not_change_with_the_object_that_was_returned() -> None:
    @task(cache_key_fn=lambda *_: "list")
    def returns() -> list[int]:
        return [1]

    returns().append(2)
    assert returns() == [1]


def test_a_failure_is_not_cached() -> None:
    calls = []

    @task(cache_policy=INPUTS)
    def fails(x: int) -> int:
        calls.append(x)
        raise ValueError("bad")

    fails(1, return_state=True), fails(1, return_state=True)
    assert calls == [1, 1]


def test_a_result_expires(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    counted = Counted(cache_policy=INPUTS, cache_expiration=timedelta(hours=1))
    counted.task(1)
    sluiceway_harness.drain()  # in an hour's time the journal has it
    virtual_clock.advance(3_599)
    assert counted.task(1, return_state=True).name == "Cached"
    virtual_clock.advance(2)
    assert counted.task(1, return_state=True).name == "Completed"
    assert len(counted.calls) == 2


def test_a_result_without_expiration_stays(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    counted = Counted(cache_policy=INPUTS)
    counted.task(1)
    sluiceway_harness.drain()  # in ten years' time the journal has it
    virtual_clock.advance(10 * 365 * 86_400)
    assert counted.task(1, return_state=True).name == "Cached"


def test_refresh_cache_runs_in_any_case_and_caches_anew() -> None:
    results = iter("ab")

    @task(cache_key_fn=lambda *_: "refreshed")
    def letter() -> str:
        return next(results)

    assert letter() == "a"
    assert letter.with_options(refresh_cache=True)() == "b"
    assert letter() == "b"


def test_results_that_are_not_to_be_stored_are_not_cached() -> None:
    counted = Counted(cache_policy=INPUTS, persist_result=False)
    assert [counted.task(1), counted.task(1)] == [1, 1]
    assert len(counted.calls) == 2


# --- at once, and elsewhere -----------------------------------------------------------------------


def test_misses_of_one_key_at_once_each_give_the_right_result() -> None:
    both = threading.Barrier(4, timeout=20)

    @task(cache_policy=INPUTS)
    def slow(x: int) -> int:
        both.wait()
        return x * 10

    @flow
    def outer() -> list[int]:
        futures = [slow.submit(x) for x in (1, 1, 2, 2)]
        return [future.result() for future in futures]

    assert outer() == [10, 10, 20, 20]
    assert slow(1, return_state=True).name == "Cached"


@pytest.mark.usefixtures("sluiceway_home")
def test_a_result_is_found_after_a_restart(sluiceway_home: Path) -> None:
    counted = Counted(cache_policy=INPUTS)
    with wiring.use(wiring.build(wiring.process_settings())):
        counted.task(1)
    with wiring.use(wiring.build(wiring.process_settings())):
        assert counted.task(1, return_state=True).name == "Cached"
    assert len(counted.calls) == 1
    assert (sluiceway_home / "sluiceway.db").exists()


PROGRAM = """
import sys
from sluiceway import task
from sluiceway.cache_policies import INPUTS, TASK_SOURCE

@task(cache_policy=INPUTS + TASK_SOURCE)
def large(n):
    print("running", flush=True)
    return "x" * n

@task(cache_policy=INPUTS)
def small(items):
    print("running", flush=True)
    return sorted(items)

print(len(large(100_000)), small({"b", "a", "c"}))
"""


@pytest.mark.slow
def test_results_are_taken_over_by_other_processes(tmp_path: Path, sluiceway_home: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)

    def run() -> list[str]:
        ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
        return ran.stdout.splitlines()

    assert run() == ["running", "running", "100000 ['a', 'b', 'c']"]
    assert run() == ["100000 ['a', 'b', 'c']"]
    with wiring.use(wiring.build(wiring.process_settings())), get_client(sync_client=True) as client:
        assert sorted(str(run.state_name) for run in client.read_task_runs()) == ["Cached"] * 2 + ["Completed"] * 2


def test_key_storage_is_where_results_are_looked_up(tmp_path: Path) -> None:
    counted = Counted(cache_policy=INPUTS.configure(key_storage=tmp_path / "keys"))
    assert counted.task(1) == counted.task(1) == 1
    assert len(counted.calls) == 1
    for entry in (tmp_path / "keys").iterdir():
        entry.unlink()
    assert counted.task(1) == 1
    assert len(counted.calls) == 2, "nothing is looked up anywhere else"
