"""Flows: runs, parameters, children, generators, async, hooks, retries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from sluiceway import Flow, allow_failure, flow, task
from sluiceway.exceptions import (
    FlowRunTimeoutError,
    InvalidNameError,
    InvalidOptionError,
    ParameterBindError,
    ParameterTypeError,
    ReservedArgumentError,
    SignatureMismatchError,
    UpstreamTaskError,
)
from sluiceway.testing import Harness, VirtualClock

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def ident(x: Any) -> Any:
    return x


@task
def bad() -> None:
    raise ValueError("bad")


# --- runs ---------------------------------------------------------------------------------------


def test_every_call_is_a_run_with_id_name_parameters_tags_history_start_and_end(sluiceway_harness: Harness) -> None:
    from sluiceway import tags

    @flow
    def greet(name: str, times: int = 2) -> None: ...

    with tags("nightly"):
        greet("ada")
    client = sluiceway_harness.client
    (run,) = client.read_flow_runs()
    assert run.parameters == {"name": "ada", "times": 2}
    assert set(run.tags) == {"nightly"}
    assert run.name.count("-") == 1
    assert run.start_time is not None
    assert run.start_time <= run.end_time
    assert [state.name for state in client.read_flow_run_states(run.id)] == ["Pending", "Running", "Completed"]


def test_a_flow_called_in_a_flow_is_a_child_linked_to_parent_and_stand_in(sluiceway_harness: Harness) -> None:
    @flow
    def child(x: int) -> int:
        return x

    @flow
    def parent() -> int:
        return child(1) + child(2)

    assert parent() == 3
    client = sluiceway_harness.client
    runs = client.read_flow_runs()
    (root,) = [run for run in runs if run.flow_name == "parent"]
    children = [run for run in runs if run.flow_name == "child"]
    stand_ins = client.read_task_runs()
    assert {run.parent_flow_run_id for run in children} == {root.id}
    assert {run.root_flow_run_id for run in runs} == {root.id}
    assert {run.parent_task_run_id for run in children} == {run.id for run in stand_ins}
    assert {run.state_name for run in stand_ins} == {"Completed"}


def test_return_state_gives_the_state_instead_of_the_value() -> None:
    @flow
    def seven() -> int:
        return 7

    state = seven(return_state=True)
    assert (state.name, state.result()) == ("Completed", 7)


# --- parameters ---------------------------------------------------------------------------------


class Colour(Enum):
    RED = "red"


class Person(BaseModel):
    name: str
    age: int = 0


@dataclass
class Point:
    x: int
    y: int = 0


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (int, "5", 5),
        (list[int], ("1", 2), [1, 2]),
        (datetime, "2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
        (date, "2026-01-02", date(2026, 1, 2)),
        (Colour, "red", Colour.RED),
        (Person, {"name": "ada"}, Person(name="ada")),
        (Point, {"x": "1"}, Point(1)),
        (int | None, None, None),
        (Annotated[int, Field(gt=3)], "4", 4),
        (Any, "5", "5"),
    ],
)
def test_parameters_are_coerced_by_their_annotations(annotation: Any, given: Any, expected: Any) -> None:
    def echo(x):  # type: ignore[no-untyped-def]
        return x

    echo.__annotations__["x"] = annotation
    assert flow(echo)(given) == expected


def test_a_model_that_fits_is_passed_as_the_same_object() -> None:
    @flow
    def echo(person: Person) -> Person:
        return person

    ada = Person(name="ada")
    assert echo(ada) is ada


def test_a_bad_argument_names_flow_parameter_and_reason_before_user_code_runs(sluiceway_harness: Harness) -> None:
    ran = []

    @flow
    def picky(count: int, person: Person) -> None:
        ran.append(1)

    with pytest.raises(ParameterTypeError) as caught:
        picky("many", {"age": "old"})  # type: ignore[arg-type]
    text = str(caught.value)
    assert "flow 'picky'" in text
    assert "- count: Input should be a valid integer" in text
    assert "- person.name: Field required" in text
    assert ran == []
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state_name == "Failed"
    state = picky("many", {}, return_state=True)
    assert state.message.startswith("Validation of flow parameters failed with error: ParameterTypeError")


def test_arguments_that_do_not_fit_the_signature_are_refused() -> None:
    @flow
    def one(x: int) -> None: ...

    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        one()  # type: ignore[call-arg]
    with pytest.raises(SignatureMismatchError, match=r"unknown: \['y'\]"):
        one.validate_parameters({"x": 1, "y": 2})
    with pytest.raises(ParameterTypeError, match="x: Field required"):
        one.validate_parameters({})


def test_futures_and_states_among_the_arguments_are_resolved_first() -> None:
    @flow
    def inner(x: int, more: list[int]) -> list[int]:
        return [x, *more]

    @flow
    def outer() -> Any:
        return inner(ident.submit("1"), [ident.submit("2"), ident("3", return_state=True)])

    assert outer() == [1, 2, 3]


def test_a_flow_whose_upstream_failed_is_not_run() -> None:
    ran = []

    @flow
    def inner(x: Any = None) -> None:
        ran.append(x)

    @flow
    def outer() -> None:
        failed = bad.submit()
        with pytest.raises(UpstreamTaskError):
            inner(failed)
        with pytest.raises(UpstreamTaskError):
            inner(wait_for=[failed])
        inner(allow_failure(failed))

    outer()
    assert [type(x) for x in ran] == [ValueError]


def test_variadic_positional_only_and_keyword_only_parameters_work() -> None:
    @flow
    def all_kinds(a, /, b, *rest, c, d=4, **more):  # type: ignore[no-untyped-def]
        return a, b, rest, c, d, more

    assert all_kinds(1, 2, 3, c=5, e=6) == (1, 2, (3,), 5, 4, {"e": 6})
    assert all_kinds(1, b=2, c=3) == (1, 2, (), 3, 4, {})


def test_an_annotation_that_cannot_be_resolved_is_one_clear_error() -> None:
    @flow
    def unknown(x: Unheard) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ParameterTypeError, match="annotations of flow 'unknown' cannot be resolved"):
        unknown(1)


# --- names, options -----------------------------------------------------------------------------


def test_flow_run_names_take_the_format_syntax_over_validated_parameters(sluiceway_harness: Harness) -> None:
    @flow(flow_run_name="{name}-on-{day:%A}")
    def report(name: str, day: date) -> None: ...

    report("ada", "2026-11-22")  # type: ignore[arg-type]
    assert sluiceway_harness.client.read_flow_runs()[0].name == "ada-on-Sunday"


def test_a_flow_run_name_function_may_read_the_runtime(sluiceway_harness: Harness) -> None:
    from sluiceway import runtime

    @flow(flow_run_name=lambda: f"{runtime.flow_run.flow_name}-{runtime.flow_run.parameters['x']}")
    def named(x: int) -> None: ...

    named(3)
    assert sluiceway_harness.client.read_flow_runs()[0].name == "named-3"


@pytest.mark.parametrize("name", ["a/b", "a%b", "a&b", "a>b", "a<b", "", " "])
def test_a_flow_name_with_banned_characters_is_refused(name: str) -> None:
    def plain() -> None: ...

    with pytest.raises(InvalidNameError):
        flow(name=name)(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "`retries` must not be negative"),
        ({"timeout_seconds": -0.5}, "`timeout_seconds` must not be negative"),
        ({"on_running": 3}, "`on_running` must be a list of functions"),
        ({"flow_run_name": 3}, "`flow_run_name` must be"),
    ],
)
def test_a_bad_option_of_a_flow_names_it(options: dict[str, Any], message: str) -> None:
    def plain() -> None: ...

    with pytest.raises(InvalidOptionError, match=message):
        flow(**options)(plain)


def test_what_cannot_be_a_flow_says_why() -> None:
    with pytest.raises(TypeError, match="lambda, with or without a `name`"):
        flow(lambda: None)
    with pytest.raises(TypeError, match="lambda, with or without a `name`"):
        flow(lambda: None, name="named")
    with pytest.raises(TypeError, match="builtin 'sum'"):
        flow(sum)
    with pytest.raises(TypeError, match="no option 'retry'"):
        flow(retry=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="`task_runner` must be a task runner"):
        flow(task_runner=3)(test_what_cannot_be_a_flow_says_why)
    with pytest.raises(ReservedArgumentError, match="'return_state'"):

        @flow
        def reserved(return_state: bool) -> None: ...


def test_with_options_leaves_the_original_as_it_was() -> None:
    @flow(retries=1)
    def original() -> None: ...

    changed = original.with_options(retries=3, name="changed")
    assert isinstance(changed, Flow)
    assert (original.retries, original.name) == (1, "original")
    assert (changed.retries, changed.name, changed.fn) == (3, "changed", original.fn)


def test_a_run_s_key_and_identifier_stay_with_the_flow_that_they_were_given_to() -> None:
    @flow(durability="strict", auto_resume=2)
    def original() -> None: ...

    keyed = original.with_options(idempotency_key="monday", run_id="018f0000-0000-7000-8000-000000000000")
    varied = keyed.with_options(retries=3, auto_resume=0, durability=None)
    assert original.policy[-4:] == ("strict", 2, None, None)
    assert keyed.policy[-4:] == ("strict", 2, "monday", UUID("018f0000-0000-7000-8000-000000000000"))
    assert varied.policy[-4:] == (None, 0, "monday", UUID("018f0000-0000-7000-8000-000000000000"))
    assert keyed.with_options().policy == keyed.policy
    with pytest.raises(TypeError, match="no option 'run_id'"):
        flow(run_id="018f0000-0000-7000-8000-000000000000")  # type: ignore[call-overload]


def test_methods_can_be_flows() -> None:
    class Box:
        base = 100

        @flow
        def plain(self, x: int) -> int:
            return self.base + x

        @classmethod
        @flow
        def inside(cls, x: int) -> int:
            return cls.base + x

        @staticmethod
        @flow
        def free(x: int) -> int:
            return x

    assert (Box().plain("1"), Box.inside("2"), Box.free("3")) == (101, 102, 3)  # type: ignore[arg-type]


# --- retries, timeouts, hooks -------------------------------------------------------------------


def test_a_flow_retry_passes_through_awaiting_retry_and_retrying(
    sluiceway_harness: Harness, virtual_clock: VirtualClock
) -> None:
    @flow(retries=1, retry_delay_seconds=4)
    def fails() -> None:
        raise ValueError("again")

    fails(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    names = [state.name for state in sluiceway_harness.client.read_flow_run_states(run.id)]
    assert names == ["Pending", "Running", "AwaitingRetry", "Retrying", "Failed"]
    assert run.run_count == 2
    assert virtual_clock.slept == [4.0]


def test_a_users_own_timeout_error_is_a_plain_failure() -> None:
    @flow(timeout_seconds=30)
    def own() -> None:
        raise TimeoutError("mine")

    state = own(return_state=True)
    assert (state.name, state.message) == ("Failed", "Flow run encountered an exception: TimeoutError: mine")


def test_nested_deadlines_each_keep_their_own() -> None:
    import time

    @task(timeout_seconds=0.02)
    def inner() -> None:
        time.sleep(5)

    @flow(timeout_seconds=5)
    def outer() -> str:
        return inner(return_state=True).name

    @flow(timeout_seconds=0.05)
    def impatient() -> None:
        inner.with_options(timeout_seconds=5)()

    assert outer() == "TimedOut"
    with pytest.raises(FlowRunTimeoutError):
        impatient()


def test_an_async_flow_is_cancelled_at_its_await() -> None:
    @flow(timeout_seconds=0.02)
    async def waits() -> None:
        await asyncio.sleep(30)

    with pytest.raises(FlowRunTimeoutError):
        asyncio.run(waits())


def test_hooks_of_a_flow_are_called_in_order_with_flow_run_and_state() -> None:
    seen: list[tuple[str, str]] = []

    def hook(name: str) -> Any:
        def call(given: Any, run: Any, state: Any) -> None:
            assert run.state is state
            seen.append((name, state.name))

        return call

    @flow(on_running=[hook("running")], on_completion=[hook("completion")], on_failure=[hook("failure")], retries=1)
    def fails() -> None:
        raise ValueError

    fails(return_state=True)
    assert seen == [("running", "Running"), ("running", "Retrying"), ("failure", "Failed")]


def test_on_crashed_and_on_cancellation_are_called() -> None:
    from sluiceway.states import Cancelled

    seen: list[str] = []

    @flow(
        on_crashed=[lambda f, r, s: seen.append("crashed")], on_cancellation=[lambda f, r, s: seen.append("cancelled")]
    )
    def ends(how: str) -> Any:
        if how == "exit":
            raise SystemExit(1)
        return Cancelled()

    with pytest.raises(SystemExit):
        ends("exit")
    ends("cancel", return_state=True)
    assert seen == ["crashed", "cancelled"]


def test_hooks_can_be_added_as_decorators_on_the_flow() -> None:
    seen: list[str] = []

    @flow
    def works() -> None: ...

    @works.on_completion
    async def later(given: Any, run: Any, state: Any) -> None:
        seen.append("async")

    works()
    assert seen == ["async"]
    assert callable(later)


# --- generators ---------------------------------------------------------------------------------


def test_a_generator_flow_yields_lazily_and_returns_its_value(sluiceway_harness: Harness) -> None:
    @flow
    def counts(n: int) -> Iterator[int]:
        for i in range(n):
            yield ident(i)
        return "end"

    generator = counts(2)
    assert sluiceway_harness.client.read_flow_runs() == []
    assert [next(generator), next(generator)] == [0, 1]
    with pytest.raises(StopIteration) as stop:
        next(generator)
    assert stop.value.value == "end"
    assert sluiceway_harness.client.read_flow_runs()[0].state_name == "Completed"


def test_send_and_throw_reach_the_body_of_a_generator() -> None:
    @task
    def echo() -> Any:
        received = yield "first"
        try:
            yield received
        except KeyError:
            yield "caught"

    generator = echo()
    assert [next(generator), generator.send("sent"), generator.throw(KeyError())] == ["first", "sent", "caught"]
    generator.close()


def test_a_generator_that_is_closed_early_completes_and_cleans_up(sluiceway_harness: Harness) -> None:
    cleaned = []

    @flow
    def counts() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(1)

    generator = counts()
    next(generator)
    generator.close()
    assert cleaned == [1]
    assert sluiceway_harness.client.read_flow_runs()[0].state_name == "Completed"


def test_an_exception_in_a_generator_comes_after_the_values_so_far(sluiceway_harness: Harness) -> None:
    @flow
    def breaks() -> Iterator[int]:
        yield 1
        raise ValueError("midway")

    generator = breaks()
    assert next(generator) == 1
    with pytest.raises(ValueError, match="midway"):
        next(generator)
    assert sluiceway_harness.client.read_flow_runs()[0].state_name == "Failed"


def test_a_submitted_generator_task_gives_the_list_of_what_it_yields() -> None:
    @task
    def counts(n: int) -> Iterator[int]:
        yield from range(n)

    @flow
    def collects() -> Any:
        return counts.submit(3).result(), counts.map([1, 2]).result()

    assert collects() == ([0, 1, 2], [[0], [0, 1]])


def test_async_generator_flows_yield_and_may_be_closed_early(sluiceway_harness: Harness) -> None:
    @flow
    async def counts(n: int) -> AsyncIterator[int]:
        for i in range(n):
            await asyncio.sleep(0)
            yield i

    async def use() -> list[int]:
        values = [value async for value in counts(3)]
        early = counts(5)
        async for _ in early:
            break
        await early.aclose()  # type: ignore[attr-defined]
        return values

    assert asyncio.run(use()) == [0, 1, 2]
    assert {run.state_name for run in sluiceway_harness.client.read_flow_runs()} == {"Completed"}


# --- async --------------------------------------------------------------------------------------


@task
async def aident(x: Any) -> Any:
    await asyncio.sleep(0)
    return x


def test_an_async_flow_is_awaited_and_calls_tasks_of_both_colours(sluiceway_harness: Harness) -> None:
    @flow
    async def mixed() -> list[Any]:
        awaited = await aident(1)
        called = ident(2)
        submitted = aident.submit(3)
        gathered = await asyncio.gather(*(aident(n) for n in range(4, 7)))
        return [awaited, called, submitted, *gathered]

    assert asyncio.run(mixed()) == [1, 2, 3, 4, 5, 6]
    runs = sluiceway_harness.client.read_task_runs()
    assert len(runs) == 6
    assert {run.state_name for run in runs} == {"Completed"}
    assert len({run.flow_run_id for run in runs}) == 1


def test_async_child_flows_may_run_at_once() -> None:
    @flow
    async def child(x: int) -> int:
        return await aident(x)

    @flow
    async def parent() -> list[int]:
        return list(await asyncio.gather(*(child(n) for n in range(5))))

    assert asyncio.run(parent()) == [0, 1, 2, 3, 4]


def test_async_tasks_can_be_submitted_from_a_sync_flow() -> None:
    @flow
    def syncs() -> list[Any]:
        return [*aident.map([1, 2]).result(), aident.submit(3).result()]

    assert syncs() == [1, 2, 3]


def test_a_cancelled_async_flow_is_recorded_and_the_cancellation_goes_on(sluiceway_harness: Harness) -> None:
    @flow
    async def waits() -> None:
        await aident(1)
        await asyncio.sleep(30)

    async def cancels() -> None:
        running = asyncio.create_task(waits())
        await asyncio.sleep(0.02)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancels())
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state_name == "Crashed"


def test_waiting_for_a_future_does_not_block_the_event_loop_when_an_async_flow_ends() -> None:
    import threading

    gate = threading.Event()

    @task
    def slow() -> str:
        gate.wait(5)
        return "slow"

    @flow
    async def leaves() -> Any:
        return slow.submit()

    async def both() -> Any:
        running = asyncio.create_task(leaves())
        await asyncio.sleep(0.01)
        gate.set()  # the loop gets here only because the flow does not block it
        return await running

    assert asyncio.run(both()) == "slow"
