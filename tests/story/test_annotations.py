"""Marks on arguments: `unmapped`, `allow_failure`, `quote`, and their kin."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway import allow_failure, flow, quote, task, unmapped
from sluiceway.exceptions import MappingMissingIterable, UpstreamTaskError
from sluiceway.futures import Future
from sluiceway.testing import Harness
from sluiceway.utilities.annotations import BaseAnnotation, freeze, opaque

pytestmark = pytest.mark.usefixtures("sluiceway_harness")

MARKS = [unmapped, allow_failure, quote, opaque, freeze]


@task
def ident(*values: Any) -> Any:
    return values


@task
def pair(each: Any, whole: Any = None) -> tuple[Any, Any]:
    return each, whole


@task
def fails() -> int:
    raise LookupError("upstream")


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_holds_its_value(mark: type[BaseAnnotation[Any]]) -> None:
    marked = mark([1])
    assert marked.value == marked.unwrap() == [1]
    assert marked.rewrap(2) == mark(2)
    assert type(marked.rewrap(2)) is mark
    assert repr(marked) == f"{mark.__name__}([1])"
    assert hash(mark(1)) == hash(mark(1))


def test_marks_of_different_kinds_are_different() -> None:
    assert len({mark(1) for mark in MARKS}) == len(MARKS)
    assert unmapped(1) != quote(1)
    assert unmapped(1) != 1


@pytest.mark.parametrize("mark", MARKS)
def test_a_function_receives_the_value_without_the_mark(mark: type[BaseAnnotation[Any]]) -> None:
    assert ident(mark([1, 2])) == ([1, 2],)

    @flow(validate_parameters=False)
    def outer(x: Any) -> Any:
        return x, ident.submit(mark({"a": 1})).result()

    assert outer(mark(5)) == (5, ({"a": 1},))


def test_unmapped_goes_to_each_call_whole() -> None:
    @flow
    def outer() -> list[Any]:
        return pair.map([1, 2], whole=unmapped([8, 9])).result()

    assert outer() == [(1, [8, 9]), (2, [8, 9])]
    assert unmapped([8, 9])[0] == [8, 9]


def test_a_future_can_be_unmapped() -> None:
    @flow
    def outer() -> list[Any]:
        whole = ident.submit("a", "b")
        return pair.map([1, 2], whole=unmapped(whole)).result()

    assert outer() == [(1, ("a", "b")), (2, ("a", "b"))]


def test_only_marked_arguments_are_nothing_to_map_over() -> None:
    with pytest.raises(MappingMissingIterable):
        pair.map(unmapped([1]), quote([2]))


def test_allow_failure_passes_the_exception_and_runs() -> None:
    @flow
    def outer() -> Any:
        failed = fails.submit()
        (received,) = ident(allow_failure(failed))
        ((nested,),) = ident([allow_failure(failed)])
        return [type(received).__name__, type(nested).__name__]

    assert outer() == ["LookupError", "LookupError"]


def test_allow_failure_holds_for_waiting_too() -> None:
    @flow
    def outer() -> Any:
        failed = fails.submit()
        with pytest.raises(UpstreamTaskError):
            pair(1, wait_for=[failed])
        return [pair(2, wait_for=[allow_failure(failed)])]

    assert outer() == [(2, None)]


def test_allow_failure_holds_for_each_item_of_a_map() -> None:
    @task
    def sometimes(x: int) -> int:
        if x % 2:
            raise LookupError(x)
        return x

    @flow
    def outer() -> list[Any]:
        return pair.map(allow_failure(sometimes.map([0, 1, 2]))).result()

    (zero, _), (one, _), (two, _) = outer()
    assert (zero, repr(one), two) == (0, "LookupError(1)", 2)


@pytest.mark.parametrize("mark", [quote, opaque])
def test_what_is_quoted_is_not_looked_into_and_nothing_is_waited_for(
    mark: type[BaseAnnotation[Any]], sluiceway_harness: Harness
) -> None:
    @flow
    def outer() -> bool:
        failed = fails.submit()
        ((received,),) = ident(mark([failed]))
        return isinstance(received, Future) and received is failed

    assert outer()
    sluiceway_harness.drain()
    run = next(run for run in sluiceway_harness.client.read_task_runs() if run.task_name == "ident")
    assert run.task_inputs == {}


def test_quote_and_freeze_give_their_value_by_name() -> None:
    assert quote(1).unquote() == 1
    assert freeze(1).unfreeze() == 1


def test_marks_are_taken_off_at_any_depth() -> None:
    marked = [unmapped(1), {"quoted": quote(2)}, (allow_failure(3),)]
    expected = ([1, {"quoted": 2}, (3,)],)
    assert ident(marked) == expected
    assert ident(marked, wait_for=[ident(1, return_state=True)]) == expected

    @flow
    def outer() -> Any:
        return ident(marked), ident(marked, ident.submit(4))

    assert outer() == (expected, (*expected, (4,)))


@pytest.mark.parametrize("options", [{}, {"task_run_name": "named"}])
def test_what_is_quoted_stays_so_beside_other_futures_and_names(options: dict[str, Any]) -> None:
    @flow
    def outer() -> bool:
        failed, fine = fails.submit(), ident.submit(1)
        named = ident.with_options(**options)
        received = [
            named(quote(failed))[0],
            named(quote(failed), fine)[0],
            named(quote(failed), wait_for=[fine])[0],
            named.submit(quote(failed), wait_for=[fine]).result()[0],
        ]
        return all(future is failed for future in received)

    assert outer()
