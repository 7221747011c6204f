"""Tasks: dependencies, mapping, retries, hooks, names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sluiceway import allow_failure, flow, quote, task, unmapped
from sluiceway.exceptions import (
    InvalidOptionError,
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    ReservedArgumentError,
    SluicewayError,
    UpstreamTaskError,
)
from sluiceway.futures import Future, FutureList
from sluiceway.tasks import exponential_backoff
from sluiceway.testing import Harness, VirtualClock

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def ident(x: Any) -> Any:
    return x


@task
def add(a: int, b: int = 10) -> int:
    return a + b


@task
def bad() -> int:
    raise ValueError("bad")


def test_a_name_may_have_the_characters_that_those_of_flows_may_not() -> None:
    assert task(name="load / clean > 50% & save")(ident.fn).name == "load / clean > 50% & save"


# --- dependencies -------------------------------------------------------------------------------


@dataclass
class Pair:
    left: Any
    right: Any


def test_futures_and_states_are_resolved_at_any_depth() -> None:
    import pydantic

    class Model(pydantic.BaseModel):
        held: Any

    @flow
    def deep() -> list[Any]:
        one = ident.submit(1)
        state = ident(2, return_state=True)
        return [
            ident.submit(one).result(),
            ident(state),
            ident.submit([one, (state, {one})]).result(),
            ident.submit({"k": {"n": one}}).result(),
            ident.submit(Pair(one, [state])).result(),
            ident.submit(Model(held=one)).result().held,
        ]

    assert deep() == [1, 2, [1, (2, {1})], {"k": {"n": 1}}, Pair(1, [2]), 1]


def test_dependencies_are_recorded_as_the_inputs_of_the_run(sluiceway_harness: Harness) -> None:
    @flow
    def chain() -> None:
        first = ident.submit(1)
        second = ident.submit(2)
        add.submit(first, 5, wait_for=[second]).wait()

    chain()
    runs = sluiceway_harness.client.read_task_runs()
    (joined,) = [run for run in runs if run.name.startswith("add")]
    sources = {run.id for run in runs if run.name.startswith("ident")}
    assert set(joined.task_inputs) == {"a", "wait_for"}
    assert {key for keys in joined.task_inputs.values() for key in keys} == sources


def test_wait_for_waits_without_passing() -> None:
    order: list[str] = []

    @task
    def note(text: str) -> None:
        order.append(text)

    @flow
    def ordered() -> None:
        first = note.submit("first")
        note.submit("second", wait_for=[first]).wait()

    ordered()
    assert order == ["first", "second"]


def test_an_upstream_that_did_not_complete_leaves_the_run_not_ready() -> None:
    @flow
    def chain() -> None:
        upstream = bad.submit()
        for downstream in (ident.submit(upstream), ident.submit(1, wait_for=[upstream]), ident.submit([{1: upstream}])):
            with pytest.raises(UpstreamTaskError, match="did not reach a 'COMPLETED' state"):
                downstream.result()
            assert (downstream.state.type.value, downstream.state.name) == ("PENDING", "NotReady")
            assert ident.submit(downstream, return_state=True).name == "NotReady"
        with pytest.raises(UpstreamTaskError):
            ident(upstream)

    chain()


def test_allow_failure_lets_a_run_start_with_the_exception() -> None:
    @flow
    def chain() -> Any:
        upstream = bad.submit()
        upstream.wait()
        return ident(allow_failure(upstream)), ident.submit(allow_failure([upstream])).result()

    error, (listed,) = chain()
    assert isinstance(error, ValueError)
    assert isinstance(listed, ValueError)


def test_quote_passes_futures_as_they_are() -> None:
    @flow
    def quoted() -> bool:
        future = ident.submit(1)
        return isinstance(ident(quote(future)), Future)

    assert quoted()


def test_a_large_plain_argument_is_passed_as_the_same_object() -> None:
    numbers = list(range(100_000))
    assert ident(numbers) is numbers


def test_a_list_that_holds_itself_is_passed() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert ident(loop) is loop


# --- map ----------------------------------------------------------------------------------------


def test_map_pairs_iterables_of_equal_length() -> None:
    @flow
    def mapped() -> list[int]:
        futures = add.map([1, 2], (10, 20))
        assert isinstance(futures, FutureList)
        futures.wait()
        return futures.result()

    assert mapped() == [11, 22]


def test_map_takes_ranges_generators_sets_defaults_and_single_values() -> None:
    @flow
    def mapped() -> list[Any]:
        return [
            add.map(range(2)).result(),
            add.map((n for n in (1, 2)), 5).result(),
            add.map([1, 2], unmapped(7)).result(),
            ident.map(["ab", "cd"]).result(),
            add.map([], 3).result(),
        ]

    assert mapped() == [[10, 11], [6, 7], [8, 9], ["ab", "cd"], []]


def test_map_accepts_futures_of_iterables_and_iterables_of_futures() -> None:
    @flow
    def mapped() -> list[Any]:
        whole = ident.submit([1, 2])
        parts = [ident.submit(3), ident.submit(4)]
        return [add.map(whole).result(), add.map(parts).result(), add.map(add.map([0, 1])).result()]

    assert mapped() == [[11, 12], [13, 14], [20, 21]]


def test_map_of_unequal_lengths_names_them() -> None:
    @flow
    def mapped() -> None:
        add.map([1, 2], [1, 2, 3])

    with pytest.raises(MappingLengthMismatch, match="'a': 2, 'b': 3"):
        mapped()


@pytest.mark.parametrize("argument", ["text", b"bytes", 5, {"a": 1}, unmapped([1])])
def test_map_without_an_iterable_says_so(argument: Any) -> None:
    @flow
    def mapped() -> None:
        ident.map(argument)

    with pytest.raises(MappingMissingIterable, match="at least one iterable"):
        mapped()


def test_map_accepts_states_of_iterables() -> None:
    @flow
    def mapped() -> list[Any]:
        return add.map(ident([1, 2], return_state=True)).result()

    assert mapped() == [11, 12]


def test_map_over_the_items_of_a_failed_run_says_which_one_it_was() -> None:
    @flow
    def mapped() -> None:
        failed = bad.submit()
        with pytest.raises(UpstreamTaskError, match=f"Upstream task run '{failed.task_run_id}' did not reach"):
            ident.map(failed)
        with pytest.raises(UpstreamTaskError, match=r"Upstream state Failed\('Task run encountered"):
            ident.map(bad(return_state=True))

    mapped()


def test_map_waits_for_a_single_future_or_several() -> None:
    @flow
    def mapped() -> list[Any]:
        first = ident.submit(0)
        with pytest.raises(SluicewayError, match="wait_for takes a future or a collection of futures, not 3"):
            ident.map([1], wait_for=3)
        return [ident.map([1], wait_for=first).result(), ident.map([2], wait_for=ident.map([1])).result()]

    assert mapped() == [[1], [2]]


def test_map_over_a_failed_upstream_leaves_that_item_not_ready() -> None:
    @flow
    def mapped() -> list[str]:
        return [state.name for state in ident.map([bad.submit(), ident.submit(1)], return_state=True)]

    assert mapped() == ["NotReady", "Completed"]


# --- retries ------------------------------------------------------------------------------------


def failing(**options: Any) -> Any:
    @task(**options)
    def fails() -> None:
        raise ValueError("always")

    return fails


@pytest.mark.parametrize(
    ("delay", "slept"),
    [
        (2, [2.0, 2.0, 2.0]),
        (0.5, [0.5, 0.5, 0.5]),
        ([1, 5], [1.0, 5.0, 5.0]),
        (exponential_backoff(3), [3.0, 6.0, 12.0]),
        (lambda retries: [retries] * retries, [3.0, 3.0, 3.0]),
        ([], []),
    ],
)
def test_retry_delay_seconds_is_a_number_a_list_or_a_callable(
    delay: Any, slept: list[float], virtual_clock: VirtualClock
) -> None:
    failing(retries=3, retry_delay_seconds=delay)(return_state=True)
    assert virtual_clock.slept == slept


def test_retry_jitter_factor_stretches_the_delays_at_random(virtual_clock: VirtualClock) -> None:
    failing(retries=20, retry_delay_seconds=10, retry_jitter_factor=0.5)(return_state=True)
    assert all(10 <= seconds <= 15 for seconds in virtual_clock.slept)
    assert len(set(virtual_clock.slept)) > 1


def test_retry_condition_fn_receives_task_run_and_state_and_decides() -> None:
    seen = []

    def condition(*arguments: Any) -> bool:
        given, run, state = arguments
        seen.append((given, run.run_count, state.type.value))
        return len(seen) < 2

    fails = failing(retries=5, retry_condition_fn=condition)
    fails(return_state=True)
    assert seen == [(fails, 1, "FAILED"), (fails, 2, "FAILED")]


def test_a_failing_retry_condition_means_no_retry() -> None:
    def condition(*_: Any) -> bool:
        raise RuntimeError("broken")

    state = failing(retries=5, retry_condition_fn=condition)(return_state=True)
    assert state.message == "Task run encountered an exception ValueError: always"


def test_a_retried_run_passes_through_awaiting_retry_and_retrying(
    sluiceway_harness: Harness, virtual_clock: VirtualClock
) -> None:
    failing(retries=1, retry_delay_seconds=5)(return_state=True)
    (run,) = sluiceway_harness.client.read_task_runs()
    history = sluiceway_harness.client.read_task_run_states(run.id)
    assert [state.name for state in history] == ["Pending", "Running", "AwaitingRetry", "Retrying", "Failed"]
    assert run.run_count == 2


def test_on_a_flow_retry_a_completed_task_is_not_run_again() -> None:
    calls: list[str] = []

    @task
    def costly(x: int) -> list[int]:
        calls.append(f"costly {x}")
        return [x]

    @flow(retries=2)
    def flaky() -> list[int]:
        values = costly(1) + costly.submit(2).result() + [value for [value] in costly.map([3, 3]).result()]
        calls.append("attempt")
        if calls.count("attempt") < 3:
            raise ValueError
        return values

    assert flaky() == [1, 2, 3, 3]
    assert sorted(calls) == ["attempt"] * 3 + ["costly 1", "costly 2", "costly 3", "costly 3"]


# --- hooks --------------------------------------------------------------------------------------


def test_hooks_are_called_with_the_task_the_run_and_the_state() -> None:
    seen: list[tuple[str, str]] = []

    def hook(given: Any, run: Any, state: Any) -> None:
        seen.append((given.name, state.name))
        assert run.state is state

    fails = failing(retries=1, on_running=[hook], on_failure=[hook], on_completion=[hook])
    fails(return_state=True)
    assert seen == [("fails", "Running"), ("fails", "Retrying"), ("fails", "Failed")]


def test_hooks_can_be_added_by_decorators_and_be_async() -> None:
    seen: list[str] = []

    @task
    def works() -> None: ...

    @works.on_completion
    async def completed(given: Any, run: Any, state: Any) -> None:
        seen.append("completion")

    @works.on_running
    def running(given: Any, run: Any, state: Any) -> None:
        seen.append("running")

    works()
    assert seen == ["running", "completion"]


def test_a_failing_hook_is_logged_and_changes_nothing(sluiceway_harness: Harness) -> None:
    seen: list[str] = []

    def broken(*_: Any) -> None:
        raise RuntimeError("hook broke")

    @task(on_completion=[broken, lambda *_: seen.append("next")])
    def works() -> int:
        return 1

    assert works() == 1
    assert seen == ["next"]
    assert any("running hook 'broken'" in line.message for line in sluiceway_harness.client.read_logs())


# --- names and options --------------------------------------------------------------------------


def test_task_run_name_may_be_a_function_without_or_with_parameters(sluiceway_harness: Harness) -> None:
    from sluiceway import runtime

    ident.with_options(task_run_name=lambda: f"of {runtime.task_run.task_name}")(1)
    ident.with_options(task_run_name=lambda parameters: f"x is {parameters['x']}")(2)
    assert {run.name for run in sluiceway_harness.client.read_task_runs()} == {"of ident", "x is 2"}


def test_a_bad_name_template_leaves_the_generated_name_and_says_so(sluiceway_harness: Harness) -> None:
    assert ident.with_options(task_run_name="{missing}")(1) == 1
    (run,) = sluiceway_harness.client.read_task_runs()
    assert run.name == "ident"
    assert any("KeyError" in line.message for line in sluiceway_harness.client.read_logs())


def test_the_task_key_is_stable_over_processes() -> None:
    assert ident.task_key == f"{__name__}.ident"
    assert ident.with_options(name="other").task_key == f"{__name__}.ident:other"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "`retries` must not be negative"),
        ({"retries": 1.5}, "`retries` must be a whole number"),
        ({"timeout_seconds": -1}, "`timeout_seconds` must not be negative"),
        ({"timeout_seconds": "x"}, "`timeout_seconds` must be a number"),
        ({"retry_delay_seconds": "z"}, "`retry_delay_seconds` must be"),
        ({"retry_delay_seconds": [1, -1]}, "`retry_delay_seconds` must be"),
        ({"retries": 60, "retry_delay_seconds": [1] * 51}, "at most 50"),
        ({"retry_jitter_factor": -1}, "`retry_jitter_factor`"),
        ({"retry_condition_fn": 3}, "`retry_condition_fn` must be a function"),
        ({"on_completion": print}, "`on_completion` must be a list"),
        ({"on_failure": [3]}, "`on_failure` must list functions"),
        ({"task_run_name": 3}, "`task_run_name` must be"),
    ],
)
def test_a_bad_option_is_one_clear_error_that_names_it(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidOptionError, match=message):
        task(**options)(lambda: None)


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    with pytest.raises(TypeError, match=r"@task has no option 'retrys'.*retries"):
        task(retrys=3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="no option 'foo'"):
        ident.with_options(foo=1)


def test_only_functions_can_be_tasks() -> None:
    with pytest.raises(TypeError, match="builtin 'len'"):
        task(len)
    with pytest.raises(TypeError, match="goes on a function"):
        task(3)  # type: ignore[call-overload]


def test_reserved_parameter_names_are_refused() -> None:
    with pytest.raises(ReservedArgumentError, match="'wait_for'"):

        @task
        def reserved(wait_for: int) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, "takes 2 positional arguments but 3 were given"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
        ((1,), {"c": 2}, "unexpected keyword argument 'c'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_a_run_exists(
    args: Any, kwargs: Any, message: str, sluiceway_harness: Harness
) -> None:
    for call in (add, add.submit):
        with pytest.raises(ParameterBindError, match=message):
            call(*args, **kwargs)
    assert sluiceway_harness.client.read_task_runs() == []


# --- where tasks can be called ------------------------------------------------------------------


def test_tasks_may_be_called_submitted_and_mapped_without_a_flow(sluiceway_harness: Harness) -> None:
    assert add(1) == 11
    assert add.submit(1).result() == 11
    assert add.map([1, 2]).result() == [11, 12]
    assert {run.flow_run_id for run in sluiceway_harness.client.read_task_runs()} == {None}


def test_tasks_may_call_tasks(sluiceway_harness: Harness) -> None:
    @task
    def outer(x: int) -> int:
        return add(x) + add.submit(x).result()

    @flow
    def nested() -> int:
        return outer(1)

    assert nested() == 22
    runs = sluiceway_harness.client.read_task_runs()
    (parent,) = [run for run in runs if run.name.startswith("outer")]
    assert len(runs) == 3
    assert len({run.flow_run_id for run in runs}) == 1
    assert parent.parent_task_run_id is None
    assert {run.parent_task_run_id for run in runs if run is not parent} == {parent.id}


def test_methods_can_be_tasks_in_either_decorator_order() -> None:
    class Box:
        def __init__(self) -> None:
            self.base = 100

        @task
        def plain(self, x: int) -> int:
            return self.base + x

        @classmethod
        @task
        def inside(cls, x: int) -> str:
            return f"{cls.__name__}{x}"

        @task
        @classmethod
        def outside(cls, x: int) -> str:
            return f"{cls.__name__}{x}"

        @staticmethod
        @task
        def free(x: int) -> int:
            return x

        @task
        @staticmethod
        def loose(x: int) -> int:
            return x

    box = Box()
    assert [box.plain(1), box.plain.submit(2).result(), box.plain.map([3]).result()] == [101, 102, [103]]
    assert [Box.plain(box, 4), Box.inside(1), Box.outside(2), box.outside.submit(3).result()] == [
        104,
        "Box1",
        "Box2",
        "Box3",
    ]
    assert [box.free(5), Box.loose(6), box.loose.submit(7).result()] == [5, 6, 7]


def test_each_of_two_hundred_submissions_at_once_has_its_own_result() -> None:
    @flow
    def many() -> list[int]:
        return [future.result() for future in [add.submit(n) for n in range(200)]]

    assert many() == [n + 10 for n in range(200)]
