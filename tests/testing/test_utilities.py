"""The names that people know from elsewhere."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sluiceway import State, flow
from sluiceway.exceptions import ObjectNotFound
from sluiceway.filesystems import LocalFileSystem
from sluiceway.serializers import PickleSerializer
from sluiceway.testing.utilities import (
    assert_does_not_warn,
    assert_uses_result_serializer,
    assert_uses_result_storage,
    exceptions_equal,
    get_most_recent_flow_run,
    sluiceway_test_harness,
)


@flow
def first() -> None: ...


@flow
def second() -> None: ...


def test_exceptions_are_equal_by_type_and_arguments() -> None:
    assert exceptions_equal(ValueError("x", 1), ValueError("x", 1))
    assert not exceptions_equal(ValueError("x"), ValueError("y"))
    assert not exceptions_equal(ValueError("x"), TypeError("x"))
    assert not exceptions_equal(KeyError("x"), LookupError("x"))


def test_a_warning_within_fails() -> None:
    with pytest.raises(AssertionError, match="beware"), assert_does_not_warn():
        warnings.warn("beware", UserWarning, stacklevel=1)


def test_an_ignored_kind_of_warning_does_not_fail() -> None:
    entered = False
    with assert_does_not_warn(ignore_warnings=[DeprecationWarning]):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        entered = True
    assert entered


def test_another_exception_within_passes_through() -> None:
    with pytest.raises(KeyError), assert_does_not_warn():
        raise KeyError("x")


def test_the_most_recent_flow_run_is_the_newest_one() -> None:
    with sluiceway_test_harness():
        first()
        second()
        newest = asyncio.run(get_most_recent_flow_run())
        of_first = asyncio.run(get_most_recent_flow_run(flow_name="first"))
    assert (newest.flow_name, of_first.flow_name) == ("second", "first")


def test_there_is_no_most_recent_run_where_none_ran() -> None:
    with sluiceway_test_harness(server_startup_timeout=None):
        with pytest.raises(ObjectNotFound, match="No flow has run"):
            asyncio.run(get_most_recent_flow_run())
        with pytest.raises(ObjectNotFound, match="'first'"):
            asyncio.run(get_most_recent_flow_run(flow_name="first"))


def test_how_and_where_a_result_was_stored_can_be_held(tmp_path: Path) -> None:
    @flow(persist_result=True, result_serializer="json", result_storage=tmp_path / "own")
    def kept() -> int:
        return 1

    @flow(persist_result=True)
    def usual() -> int:
        return 1

    def state_of(ran: Callable[[], int]) -> State[Any]:
        ran()
        state = asyncio.run(get_most_recent_flow_run()).state
        assert state is not None
        return state

    with sluiceway_test_harness():
        state = state_of(kept)
        asyncio.run(assert_uses_result_serializer(state, "json"))
        asyncio.run(assert_uses_result_storage(state, LocalFileSystem(tmp_path / "own")))
        with pytest.raises(AssertionError, match="with json, not with pickle"):
            asyncio.run(assert_uses_result_serializer(state, PickleSerializer()))
        with pytest.raises(AssertionError, match=r"is at file://.*, not in file://.*/other/"):
            asyncio.run(assert_uses_result_storage(state, tmp_path / "other"))
        with pytest.raises(AssertionError, match="in the run database"):
            asyncio.run(assert_uses_result_storage(state_of(usual), tmp_path / "own"))
        with pytest.raises(AssertionError, match="not read by a client"):
            asyncio.run(assert_uses_result_storage(kept(return_state=True), tmp_path / "own"))
