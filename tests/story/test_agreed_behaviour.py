"""Small programs that give the same in Prefect 3.8 and here: what those who come from there rely on.

Each was run in both, and what both gave is written down. Where the two differ on purpose, the page on moving from
Prefect says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from sluiceway import allow_failure, flow, get_run_logger, quote, runtime, states, tags, task, unmapped
from sluiceway.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    ParameterTypeError,
    UpstreamTaskError,
)
from sluiceway.futures import as_completed, wait
from sluiceway.states import State
from sluiceway.testing import Harness

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def ident(x: Any) -> Any:
    return x


@task
def pair(a: Any, b: Any = 10) -> tuple[Any, Any]:
    return (a, b)


@task
def bad() -> int:
    raise ValueError("bad")


def in_flow(program: Callable[[], Any]) -> Any:
    """Return what a program gives within a flow, untouched by how flows judge what they return."""
    box: list[Any] = []

    @flow
    def around() -> None:
        box.append(program())

    around()
    return box[0]


def told(state: State[Any]) -> tuple[str, str, str | None]:
    return state.type.value, state.name, state.message


# --- mapping --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapped", "results"),
    [
        (lambda: pair.map([1, 2]), [(1, 10), (2, 10)]),
        (lambda: pair.map([1, 2], [3, 4]), [(1, 3), (2, 4)]),
        (lambda: pair.map([1, 2], b=3), [(1, 3), (2, 3)]),
        (lambda: pair.map([1, 2], b=unmapped([3])), [(1, [3]), (2, [3])]),
        (lambda: pair.map(a=[1, 2], b=[3, 4]), [(1, 3), (2, 4)]),
        (lambda: pair.map([], b=[]), []),
        (lambda: pair.map([], b=5), []),
        (lambda: pair.map([1, 2], "xy"), [(1, "xy"), (2, "xy")]),
        (lambda: pair.map([1, 2], None), [(1, None), (2, None)]),
        (lambda: ident.map(range(3)), [0, 1, 2]),
        (lambda: ident.map(i for i in range(3)), [0, 1, 2]),
        (lambda: ident.map(iter([1, 2])), [1, 2]),
        (lambda: ident.map({7}), [7]),
        (lambda: ident.map(ident.submit([1, 2])), [1, 2]),
        (lambda: ident.map(ident.map([1, 2])), [1, 2]),
        (lambda: ident.map([ident.submit(1), 2]), [1, 2]),
        (lambda: ident.map(ident([1, 2], return_state=True)), [1, 2]),
        (lambda: ident.map(ident.submit([])), []),
        (lambda: pair.map([1, 2], unmapped(ident.submit(5))), [(1, 5), (2, 5)]),
        (lambda: pair.map([1, 2], ident.submit([3, 4])), [(1, 3), (2, 4)]),
        (lambda: pair.map(ident.submit([3, 4]), "ab"), [(3, "ab"), (4, "ab")]),
    ],
)
def test_map_gives_one_result_for_each_item(mapped: Callable[[], Any], results: list[Any]) -> None:
    assert in_flow(lambda: mapped().result()) == results


@pytest.mark.parametrize(
    ("mapped", "error"),
    [
        (lambda: pair.map([1, 2], [3]), MappingLengthMismatch),
        (lambda: ident.map(1), MappingMissingIterable),
        (lambda: ident.map("abc"), MappingMissingIterable),
        (lambda: ident.map(b"abc"), MappingMissingIterable),
        (lambda: ident.map(unmapped([1, 2])), MappingMissingIterable),
        (lambda: ident.map(ident.submit(1)), MappingMissingIterable),
        (lambda: ident.map(bad.submit()), UpstreamTaskError),
        (lambda: ident.map([1], nope=[2]), ParameterBindError),
    ],
)
def test_what_cannot_be_mapped_is_refused_at_once(mapped: Callable[[], Any], error: type[Exception]) -> None:
    def program() -> None:
        with pytest.raises(error):
            mapped()

    in_flow(program)


def test_a_default_that_can_be_gone_through_is_not_unless_it_is_given() -> None:
    @task
    def with_list(a: int, b: list[int] = [1, 2, 3]) -> tuple[int, list[int]]:  # noqa: B006 - it is not changed
        return a, b

    assert in_flow(lambda: with_list.map([1, 2]).result()) == [(1, [1, 2, 3]), (2, [1, 2, 3])]


def test_results_of_a_map_come_with_the_exceptions_where_that_is_asked_for() -> None:
    @task
    def picky(x: int) -> int:
        if x == 2:
            raise ValueError("two")
        return x

    def program() -> list[Any]:
        results = picky.map([1, 2, 3]).result(raise_on_failure=False)
        with pytest.raises(ValueError, match="two"):
            picky.map([1, 2, 3]).result()
        return results

    first, second, third = in_flow(program)
    assert (first, type(second), third) == (1, ValueError, 3)


# --- dependencies ---------------------------------------------------------------------------------


def test_what_depends_on_a_failed_run_is_not_ready_however_far_down() -> None:
    def program() -> list[tuple[str, str, str | None]]:
        failed = bad.submit()
        second = ident.submit(failed)
        futures = [
            second,
            ident.submit(second),
            ident.submit(1, wait_for=[failed]),
            ident.submit(allow_failure(failed)),
            ident.submit(allow_failure(second)),
            ident.submit(1, wait_for=[allow_failure(failed)]),
        ]
        wait(futures)
        return [told(future.state)[:2] for future in futures]

    blocked, fine = ("PENDING", "NotReady"), ("COMPLETED", "Completed")
    assert in_flow(program) == [blocked, blocked, blocked, fine, fine, fine]


@dataclass
class Point:
    x: Any
    y: Any = 2


def test_futures_and_states_are_resolved_in_containers_and_quoted_ones_are_not() -> None:
    def program() -> list[Any]:
        future, state = ident.submit(1), ident(2, return_state=True)
        return [
            ident([future]),
            ident({"k": future, "l": (future, state)}),
            ident(Point(future, state)),
            ident.submit([[future], [state]]).result(),
            ident({future}),
            ident(quote([1])),
            ident(unmapped(3)),
        ]

    assert in_flow(program) == [[1], {"k": 1, "l": (1, 2)}, Point(1, 2), [[1], [2]], {1}, [1], 3]


def test_a_failed_upstream_leaves_a_child_flow_not_ready_and_a_good_one_is_coerced() -> None:
    @flow
    def child(number: int) -> int:
        return number

    def program() -> tuple[Any, ...]:
        return (
            child(ident.submit("4")),
            child(ident("5", return_state=True)),
            told(child(bad.submit(), return_state=True))[:2],
        )

    assert in_flow(program) == (4, 5, ("PENDING", "NotReady"))


# --- parameters -----------------------------------------------------------------------------------


class Colour(Enum):
    RED = "r"
    BLUE = "b"


class Model(BaseModel):
    a: int
    b: str = "z"


@flow
def coerced(
    a: int,
    b: float = "3",  # type: ignore[assignment]  # defaults are validated, too
    c: str | None = None,
    d: Colour = "r",  # type: ignore[assignment]
    e: datetime = "2024-01-01",  # type: ignore[assignment]
    g: int | str = "5",
    m: Model = {"a": "1"},  # type: ignore[assignment]  # noqa: B006
    p: Point = {"x": "1"},  # type: ignore[assignment]  # noqa: B006
    items: list[int] = ["1"],  # type: ignore[list-item]  # noqa: B006
    *args: int,
    k: Annotated[int, Field(gt=0)] = 1,
    **kw: int,
) -> tuple[Any, ...]:
    return (a, b, c, d, e, g, m, p, items, args, k, kw)


def test_parameters_and_defaults_are_coerced_and_variable_ones_are_passed_as_they_are() -> None:
    day, model = datetime(2024, 1, 1), Model(a=1)
    assert coerced("1") == (1, 3.0, None, Colour.RED, day, "5", model, Point("1"), [1], (), 1, {})
    assert coerced(1, 2, "c", "b", "2024-01-02T03:04:05", 6, {"a": 1}, {"x": 1}, [2], "7", k="4", extra="9") == (
        *(1, 2.0, "c", Colour.BLUE, datetime(2024, 1, 2, 3, 4, 5), 6, model, Point(1), [2]),
        *(("7",), 4, {"extra": "9"}),
    )
    assert coerced(1, m=model)[6] == model


@pytest.mark.parametrize(
    ("arguments", "complaints"),
    [
        ({"a": "x"}, ["a: Input should be a valid integer, unable to parse string as an integer"]),
        ({"a": 1, "k": 0}, ["k: Input should be greater than 0"]),
        (
            {"a": "x", "b": "y"},
            [
                "a: Input should be a valid integer, unable to parse string as an integer",
                "b: Input should be a valid number, unable to parse string as a number",
            ],
        ),
    ],
)
def test_each_bad_parameter_has_a_line_and_the_run_fails_before_it_begins(
    arguments: dict[str, Any], complaints: list[str], sluiceway_harness: Harness
) -> None:
    with pytest.raises(ParameterTypeError) as raised:
        coerced(**arguments)
    assert str(raised.value).splitlines()[1:] == [f" - {complaint}" for complaint in complaints]
    state = coerced(**arguments, return_state=True)
    assert told(state)[:2] == ("FAILED", "Failed")
    assert str(state.message).startswith("Validation of flow parameters failed with error: ParameterTypeError: ")


@pytest.mark.parametrize("decorate", [flow, task])
def test_arguments_that_do_not_fit_the_signature_are_refused(decorate: Any) -> None:
    @decorate
    def function(a: Any, b: Any = 2) -> Any:
        return a, b

    @decorate
    def strict(a: Any, /, b: Any, *, c: Any) -> Any:
        return a, b, c

    for arguments, options in (((), {}), ((1, 2, 3), {}), ((1,), {"c": 3}), ((1,), {"a": 3})):
        with pytest.raises(ParameterBindError):
            function(*arguments, **options)
    assert strict(1, b=2, c=3) == strict(1, 2, c=3) == (1, 2, 3)
    with pytest.raises(ParameterBindError, match="takes the argument 'a' by position only"):
        strict(a=1, b=2, c=3)


def test_an_argument_is_not_copied() -> None:
    @flow
    def fills(items: list[int]) -> None:
        items.append(1)

    @task
    def fills_too(items: list[int]) -> None:
        items.append(2)

    mine: list[int] = []
    fills.with_options(validate_parameters=False)(mine)
    fills_too(mine)
    assert mine == [1, 2]


def test_literals_texts_of_truth_and_paths_are_understood() -> None:
    @flow
    def settings(on: bool, how: Literal["a", "b"] = "a", raw: bytes = b"") -> tuple[Any, ...]:
        return on, how, raw

    assert settings("yes", raw="x") == (True, "a", b"x")
    for arguments in ({"on": "maybe"}, {"on": 1, "how": "q"}):
        with pytest.raises(ParameterTypeError):
            settings(**arguments)


# --- names ----------------------------------------------------------------------------------------


def test_templates_and_functions_name_runs_once_their_parameters_are_known() -> None:
    def named(parameters: dict[str, Any]) -> str:
        return f"p{parameters['x']}"

    @task(task_run_name="{x:05d}-{y}-{d:%A}")
    def templated(x: int, y: int = 4, d: date = date(2024, 1, 1)) -> str | None:
        return runtime.task_run.name

    @task(task_run_name=named)
    def computed(x: int) -> str | None:
        return runtime.task_run.name

    @flow(flow_run_name=lambda: f"{runtime.flow_run.parameters['x']}-{runtime.flow_run.flow_name}")
    def looked_up(x: int) -> str | None:
        return runtime.flow_run.name

    def program() -> list[Any]:
        return [
            templated(3),
            computed(ident.submit(5)),
            computed.submit(ident.submit(6)).result(),
            computed.map([7, 8]).result(),
            looked_up(3),
        ]

    assert in_flow(program) == ["00003-4-Monday", "p5", "p6", ["p7", "p8"], "3-looked-up"]


# --- hooks ----------------------------------------------------------------------------------------


def test_hooks_are_called_in_their_order_whatever_their_colour_and_one_that_fails_changes_nothing() -> None:
    seen: list[str] = []

    async def coloured(*arguments: Any) -> None:
        seen.append(f"async {arguments[2].name}")

    def broken(*_: Any) -> None:
        seen.append("broken")
        raise ValueError("hook")

    def last(*_: Any) -> None:
        seen.append("last")

    options: dict[str, Any] = {"on_completion": [broken, coloured, last]}

    @flow(**options)
    def sync_flow() -> int:
        return 1

    @flow(**options)
    async def async_flow() -> int:
        return 1

    @task(**options)
    def sync_task() -> int:
        return 1

    for call in (sync_flow, lambda: asyncio.run(async_flow()), sync_task):
        assert call() == 1  # type: ignore[operator]  # each is callable
    assert seen == ["broken", "async Completed", "last"] * 3


@pytest.mark.parametrize(
    ("mode", "of_flow", "of_task"),
    [
        ("ok", ["running", "completion"], ["running", "completion"]),
        ("retry", ["running", "running", "completion"], ["running", "running", "completion"]),
        ("fail", ["running", "running", "failure"], ["running", "running", "failure"]),
        ("crash", ["running", "crashed"], ["running"]),
    ],
)
def test_each_state_calls_its_hooks_and_a_try_that_will_be_repeated_none_of_failure(
    mode: str, of_flow: list[str], of_task: list[str]
) -> None:
    seen: list[str] = []

    def hook(name: str) -> Callable[..., None]:
        return lambda *_: seen.append(name)

    def function() -> int:
        tries = seen.count("running")
        if mode == "crash":
            raise SystemExit(3)
        if mode == "fail" or (mode == "retry" and tries == 1):
            raise ValueError(mode)
        return 1

    hooks = {f"on_{kind}": [hook(kind)] for kind in ("running", "completion", "failure")}
    for decorated, expected in (
        (flow(retries=1, on_crashed=[hook("crashed")], **hooks)(function), of_flow),
        (task(retries=1, **hooks)(function), of_task),
    ):
        seen.clear()
        if mode == "crash":
            with pytest.raises(SystemExit):
                decorated()
        else:
            decorated(return_state=True)
        assert seen == expected


def test_hooks_see_the_result_or_the_error_and_the_run_that_they_are_about() -> None:
    seen: list[Any] = []

    def note(_: Any, run: Any, state: State[Any]) -> None:
        seen.append((run.id == runtime_of(run).id or str(run.id) == runtime_of(run).id, type(state.result(False))))

    def runtime_of(run: Any) -> Any:
        return runtime.flow_run if type(run).__name__ == "FlowRun" else runtime.task_run

    def function(fails: bool) -> int:
        if fails:
            raise ValueError("so")
        return 7

    for decorate in (flow, task):
        decorated = decorate(on_completion=[note], on_failure=[note])(function)
        decorated(False, return_state=True)
        decorated(True, return_state=True)
    assert seen == [(True, int), (True, ValueError)] * 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_run_from_outside_goes_on_up_though_its_state_is_asked_for(
    error: type[BaseException], sluiceway_harness: Harness
) -> None:
    def function() -> None:
        raise error("x")

    async def coroutine() -> None:
        raise error("x")

    @flow
    def goes_on() -> str:
        task(function)(return_state=True)
        return "went on"

    for call in (
        lambda: task(function)(return_state=True),
        lambda: flow(function)(return_state=True),
        lambda: asyncio.run(flow(coroutine)(return_state=True)),
        goes_on,
    ):
        with pytest.raises(error, match="x"):
            call()
    assert {run.state_name for run in sluiceway_harness.client.read_flow_runs()} == {"Crashed"}


# --- retries --------------------------------------------------------------------------------------


def test_a_returned_failure_is_tried_again_and_other_ends_are_not() -> None:
    calls: list[str] = []

    def program(made: Callable[..., State[Any]]) -> tuple[str, int]:
        calls.clear()

        @task(retries=2)
        def returns() -> State[Any]:
            calls.append("")
            return made(message="m")

        return told(returns(return_state=True))[1], len(calls)

    assert program(states.Failed) == ("Failed", 3)
    assert program(states.Crashed) == ("Crashed", 1)
    assert program(states.Cancelled) == ("Cancelled", 1)


def test_a_retry_condition_that_fails_means_no_retry() -> None:
    asked: list[tuple[str, int, str]] = []

    def condition(given: Any, run: Any, state: State[Any]) -> bool:
        asked.append((given.name, run.run_count, state.name))
        raise KeyError("c")

    @task(retries=5, retry_condition_fn=condition)
    def fails() -> None:
        raise ValueError("x")

    assert told(fails(return_state=True))[1] == "Failed"
    assert asked == [("fails", 1, "Failed")]


# --- colours and nesting --------------------------------------------------------------------------


def test_sync_and_async_flows_and_tasks_call_each_other() -> None:
    @task
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    @flow
    def sync_child() -> int:
        return ident(9)  # type: ignore[no-any-return]

    @flow
    async def child() -> list[Any]:
        return [
            ident(1),
            await later(2),
            later.submit(3).result(),
            ident.submit(4).result(),
            later.map([5, 6]).result(),
            await asyncio.gather(later(7), later(8)),
            sync_child(),
        ]

    @flow
    async def parent() -> list[Any]:
        return await child()

    @flow
    def from_sync() -> list[Any]:
        return asyncio.run(child())

    expected = [1, 2, 3, 4, [5, 6], [7, 8], 9]
    assert asyncio.run(parent()) == expected
    assert from_sync() == expected
    assert in_flow(lambda: later.submit(2).result()) == 2


def test_tasks_call_tasks_and_flows_in_every_way() -> None:
    @task
    def outer(x: int) -> int:
        return ident(x) + ident.submit(x).result() + sum(ident.map([1, 2]).result())  # type: ignore[no-any-return]

    @flow
    def child(x: int) -> int:
        return x

    @task
    def flower(x: int) -> int:
        return child(x)

    def program() -> list[int]:
        return [outer(1), outer.submit(1).result(), flower(3), flower.submit(4).result()]

    assert in_flow(program) == [5, 5, 3, 4]
    assert (outer(1), flower(5)) == (5, 5)


def test_gathered_failures_are_returned_where_that_is_asked_for() -> None:
    @task
    async def fine(x: int) -> int:
        return x

    @task
    async def fails() -> None:
        raise ValueError("no")

    @flow
    async def gathered() -> list[Any]:
        return await asyncio.gather(fine(1), fails(), return_exceptions=True)

    one, error = asyncio.run(gathered())
    assert (one, repr(error)) == (1, "ValueError('no')")


# --- generators -----------------------------------------------------------------------------------


def test_generators_of_both_colours_yield_as_they_go() -> None:
    def counts(n: int) -> Iterator[int]:
        yield from range(n)

    async def counts_async(n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number

    async def collected(items: AsyncGenerator[int, None]) -> list[int]:
        return [item async for item in items]

    for decorate in (flow, task):
        assert list(decorate(counts)(3)) == [0, 1, 2]
        assert asyncio.run(collected(decorate(counts_async)(3))) == [0, 1, 2]
    assert in_flow(lambda: task(counts).submit(3).result()) == [0, 1, 2]


def test_a_generator_that_fails_has_yielded_before_and_one_that_is_retried_begins_anew() -> None:
    tries: list[int] = []

    @task
    def fails() -> Generator[int, None, None]:
        yield 1
        raise ValueError("g")

    @task(retries=1)
    def retried() -> Generator[Any, None, None]:
        tries.append(1)
        yield len(tries)
        if len(tries) == 1:
            raise ValueError("x")
        yield "end"

    got = []
    with pytest.raises(ValueError, match="g"):
        got.extend(fails())
    items = fails()
    assert next(items) == 1
    with pytest.raises(ValueError, match="g"):
        next(items)
    assert list(retried()) == [1, 2, "end"]


# --- methods --------------------------------------------------------------------------------------


class Account:
    def __init__(self) -> None:
        self.total = 5

    @flow
    def add(self, x: int) -> int:
        return self.total + x

    @task
    def plus(self, x: int) -> int:
        return self.total + x

    @flow
    async def later(self, x: int) -> int:
        return self.total + x

    @flow
    @classmethod
    def flow_outside(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @classmethod
    @flow
    def flow_inside(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @task
    @classmethod
    def task_outside(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @classmethod
    @task
    def task_inside(cls, x: int) -> tuple[str, int]:
        return cls.__name__, x

    @staticmethod
    @flow
    def static_flow(x: int) -> int:
        return x

    @staticmethod
    @task
    def static_task(x: int) -> int:
        return x


class Savings(Account):
    pass


@pytest.mark.parametrize("of", [Account, Account()])
def test_class_and_static_methods_work_on_the_class_and_on_an_instance(of: Any) -> None:
    for name in ("flow_outside", "flow_inside", "task_outside", "task_inside"):
        assert getattr(of, name)(1) == ("Account", 1)
    assert (of.static_flow(1), of.static_task(1)) == (1, 1)


def test_methods_know_their_instance_and_subclasses_themselves() -> None:
    account: Any = Account()
    assert (account.add("1"), account.plus(1), asyncio.run(account.later("1"))) == (6, 6, 6)
    assert (account.add.name, account.plus.name) == ("add", "plus")
    assert account.add.with_options(name="other")(1) == 6
    assert in_flow(lambda: (account.plus.submit(1).result(), account.plus.map([1, 2]).result())) == (6, [6, 7])
    assert (Savings.flow_outside(1), Savings.flow_inside(1)) == (("Savings", 1), ("Savings", 1))
    assert Savings().add(1) == 6


def test_a_partial_with_a_name_is_a_task() -> None:
    def join(a: int, b: int) -> int:
        return a + b

    assert task(partial(join, 1), name="joined")(2) == 3  # type: ignore[call-overload]


# --- context and logging --------------------------------------------------------------------------


def test_tags_of_contexts_reach_runs_in_threads_and_those_of_the_task_join_them() -> None:
    @task(tags=["own"])
    def looks() -> list[str]:
        return sorted(runtime.task_run.tags)

    @flow
    def tagged() -> list[Any]:
        with tags("a", "b"):
            inner = [looks(), looks.submit().result()]
            with tags("c"):
                inner.append(looks())
        return [*inner, looks(), sorted(runtime.flow_run.tags)]

    with tags("outer"):
        seen = tagged()
    inner = ["a", "b", "outer", "own"]
    assert seen == [inner, inner, ["a", "b", "c", "outer", "own"], ["outer", "own"], ["outer"]]


def test_outside_of_runs_the_runtime_knows_nothing() -> None:
    assert (runtime.flow_run.id, runtime.flow_run.name, runtime.task_run.id, runtime.deployment.id) == (None,) * 4
    assert (runtime.flow_run.tags, runtime.flow_run.parameters, runtime.task_run.parameters) == ([], {}, {})
    assert (runtime.flow_run.run_count, runtime.task_run.run_count) == (0, 0)
    with pytest.raises(AttributeError):
        runtime.flow_run.nope  # noqa: B018


def test_prints_become_lines_as_print_would_have_written_them(caplog: pytest.LogCaptureFixture) -> None:
    @flow(log_prints=True)
    def prints() -> None:
        print("a", 3, end="!")
        print("b", "c", sep="-")
        print()
        print("two\nlines")
        get_run_logger(x="y").info("w %s", 3)

    with caplog.at_level("INFO", "sluiceway.flow_runs"):
        prints()
    lines = [record.getMessage() for record in caplog.records]
    assert lines[1:-1] == ["a 3!", "b-c", "", "two\nlines", "w 3"]
    assert vars(caplog.records[-2])["x"] == "y"


# --- futures --------------------------------------------------------------------------------------


def test_futures_can_be_waited_for_in_several_ways() -> None:
    import threading

    gate = threading.Event()

    @task
    def held() -> int:
        gate.wait(10)
        return 1

    def program() -> None:
        done, late = ident.submit(4), held.submit()
        done.wait()
        with pytest.raises(TimeoutError):
            late.result(timeout=0.001)
        assert late.wait(0.001) is None  # type: ignore[func-returns-value]
        ended = wait([done, late], timeout=0.001)
        assert (len(ended.done), len(ended.not_done)) == (1, 1)
        with pytest.raises(TimeoutError, match=r"1 \(of 1\) futures unfinished"):
            list(as_completed([late], timeout=0.001))
        gate.set()
        assert late.result() == 1
        assert sorted(future.result() for future in as_completed([ident.submit(i) for i in range(3)])) == [0, 1, 2]
        heard: list[bool] = []
        done.add_done_callback(lambda future: heard.append(future is done))
        assert heard == [True]
        assert ident.submit(4, return_state=True).result() == 4

    in_flow(program)
