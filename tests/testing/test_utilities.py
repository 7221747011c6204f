"""The names that people know from elsewhere."""

from __future__ import annotations

import asyncio
import warnings

import pytest

from sluiceway import flow
from sluiceway.exceptions import ObjectNotFound
from sluiceway.testing.utilities import (
    assert_does_not_warn,
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
