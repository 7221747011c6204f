"""Futures in collections, replaced by states or results."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.exceptions import SluicewayError
from sluiceway.futures import resolve_futures_to_results, resolve_futures_to_states
from sluiceway.states import Completed, Failed

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def ident(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


@flow
def submitted(*values: Any) -> Any:
    """Submit tasks, and hand their futures out."""
    held.extend(ident.submit(value) for value in values)


held: list[Any] = []


@pytest.fixture
def futures() -> list[Any]:
    held.clear()
    submitted(1, ConnectionError("down"))
    return held


def test_futures_are_replaced_by_states_at_any_depth(futures: list[Any]) -> None:
    good, bad = futures
    told = resolve_futures_to_states({"a": [good, 3], "b": (bad,), good: 1})
    assert [state.name for state in (told["a"][0], told["b"][0])] == ["Completed", "Failed"]
    assert told["a"][1] == 3
    assert told[good.state] == 1
    assert resolve_futures_to_states(good) is good.state
    assert resolve_futures_to_states(3) == 3


def test_futures_are_replaced_by_results_at_any_depth(futures: list[Any]) -> None:
    good, bad = futures
    state = Failed()
    assert resolve_futures_to_results({"a": [good, state]}) == {"a": [1, state]}
    assert resolve_futures_to_results(good) == 1
    with pytest.raises(SluicewayError, match="did not complete successfully") as caught:
        resolve_futures_to_results([good, bad])
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_futures_are_waited_for() -> None:
    @flow
    def waiting() -> tuple[Any, Any]:
        return (resolve_futures_to_results([ident.submit(1)])[0], resolve_futures_to_states(ident.submit(2)).data)

    assert waiting() == (1, 2)
    assert resolve_futures_to_states(Completed(data=1)).data == 1
