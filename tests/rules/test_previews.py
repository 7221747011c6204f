"""A preview is short whatever the value, and no code of the value's class runs for it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import uuid
from collections import Counter, deque
from typing import Any

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.previews import preview

FLAT = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.just({1, 2}),
)


@given(ANYTHING, st.integers(10, 300))
@settings(max_examples=50)
def test_a_preview_is_never_longer_than_asked(value: object, limit: int) -> None:
    assert len(preview(value, limit)) <= limit


@given(FLAT | st.lists(FLAT, max_size=6) | st.dictionaries(st.text(max_size=5), FLAT, max_size=6))
def test_small_plain_values_are_shown_as_they_are(value: object) -> None:
    assert preview(value, 1_000) == repr(value)


class Colour(enum.Enum):
    RED = 1


class Hostile:
    secret = "hunter2"

    def __repr__(self) -> str:
        raise AssertionError("repr was called")

    __str__ = __repr__

    def __len__(self) -> int:
        raise AssertionError("len was called")


class HostileList(list[Any]):
    def __repr__(self) -> str:
        raise AssertionError("repr was called")

    def __len__(self) -> int:
        raise AssertionError("len was called")

    def __iter__(self) -> Any:
        raise AssertionError("it was iterated over")


class Account(pydantic.BaseModel):
    password: pydantic.SecretStr = pydantic.SecretStr("hunter2")
    token: str = "hunter2"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "two", None], "[1, 'two', None]"),
        ({"a": (1,), "b": {2}}, "{'a': (1,), 'b': {2}}"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, … 994 more]"),
        ([[[[[1]]]]], "[[[[…]]]]"),
        ([], "[]"),
        (set(), "set()"),
        (deque([1, 2]), "deque([1, 2])"),
        (10**100, "int of 333 bits"),
        (dt.date(2024, 2, 29), "datetime.date(2024, 2, 29)"),
        (decimal.Decimal("1.10"), "Decimal('1.10')"),
        (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
        (pathlib.PurePosixPath("/a"), "PurePosixPath('/a')"),
        (Colour.RED, "Colour.RED"),
        (ValueError("wrong", 3), "ValueError('wrong', 3)"),
        (Colour, "class Colour"),
        (len, "function len"),
        (Counter("aab"), "Counter of 2 items"),
        (Hostile(), "Hostile object"),
        (HostileList([1, 2]), "HostileList of 2 items"),
        ([Hostile()], "[Hostile object]"),
        (Account(), "Account object"),
    ],
)
def test_what_is_shown_of_a_value(value: object, text: str) -> None:
    assert preview(value) == text


def test_a_long_text_is_cut_before_it_is_written_out() -> None:
    assert preview("x" * 10_000_000, 20) == "'" + "x" * 18 + "…"
    assert preview(["x" * 10_000_000] * 3, 40).startswith("['xxx")


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in preview("\x1b[31mred")
    assert "\n" not in preview("a\nb")


def test_tables_and_arrays_tell_their_shape() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    assert preview(numpy.zeros((3, 4))) == "ndarray (3, 4) float64"
    assert preview(pandas.DataFrame({"a": [1, 2]})) == "DataFrame (2, 1)"


def test_a_value_whose_parts_fail_still_has_a_preview() -> None:
    class Zone(dt.tzinfo):
        def __repr__(self) -> str:
            raise RuntimeError("changed")

    assert preview(dt.datetime(2024, 1, 1, tzinfo=Zone())) == "datetime object"
