"""Describing values: plain data for the journal, bounded in size, for people to read."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.rules.describing import ITEM_LIMIT, TEXT_LIMIT, cut, describe, text_of

few = settings(max_examples=60)


class Colour(Enum):
    RED = "red"


class Grade(int, Enum):
    GOOD = 1


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclass
class Held:
    content: Any


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False))
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)

hashables = st.one_of(
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.complex_numbers(),
    st.uuids(),
    st.just(Colour.RED),
    st.just(Grade.GOOD),
    st.builds(object),
    st.builds(Rude),
    st.just(Path("a") / "b"),
    st.just(int),
)
anything = st.recursive(
    hashables | st.builds(bytearray),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.sets(hashables, max_size=4),
        st.dictionaries(hashables, inner, max_size=4),
        st.dictionaries(hashables, inner, max_size=4).map(OrderedDict),
        st.builds(Held, inner),
    ),
    max_leaves=10,
)


@few
@given(anything)
def test_whatever_it_is_the_description_is_strict_json(value: Any) -> None:
    described = describe(value)
    assert json.loads(json.dumps(described, allow_nan=False)) == described


@few
@given(json_values)
def test_plain_data_of_few_levels_is_described_by_itself(value: Any) -> None:
    if _depth(value) < 6:
        assert describe(value) == value


def _depth(value: Any) -> int:
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, members), default=0) if isinstance(value, (dict, list)) else 0


@pytest.mark.parametrize(
    "large",
    [
        list(range(1_000_000)),
        {n: n for n in range(100_000)},
        "x" * 1_000_000,
        b"x" * 1_000_000,
        [[[list(range(100)) for _ in range(20)] for _ in range(20)] for _ in range(20)],
        ["y" * 10_000] * 10_000,
        10**10_000,
        np.zeros((1000, 1000)),
        pd.DataFrame({"n": range(10_000)}),
        {"x" * 100_000: 1},
    ],
    ids=["list", "dict", "text", "bytes", "nested lists", "texts", "number", "array", "table", "key"],
)
def test_a_large_value_has_a_description_of_bounded_size(large: Any) -> None:
    assert len(json.dumps(describe(large), allow_nan=False)) < 500_000


def test_collections_are_cut_and_say_how_much_is_missing() -> None:
    described = describe(list(range(ITEM_LIMIT + 7)))
    assert described[:ITEM_LIMIT] == list(range(ITEM_LIMIT))
    assert described[ITEM_LIMIT:] == ["… and 7 more"]
    assert describe(dict.fromkeys(map(str, range(ITEM_LIMIT + 1))))["…"] == "and 1 more"


@few
@given(st.text())
def test_a_text_is_cut_only_if_it_is_over_long(text: str) -> None:
    assert cut(text) == text
    long = "x" * TEXT_LIMIT + text
    assert cut(long).startswith("x" * TEXT_LIMIT)
    assert (len(cut(long)) > TEXT_LIMIT) is bool(text)
    assert f"({len(text)} more characters)" in cut(long) or not text


def test_a_value_that_holds_itself_is_described() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    box = Held(None)
    box.content = {"box": box}
    assert json.loads(json.dumps(describe([ring, box])))


def test_numbers_that_json_does_not_know_are_texts() -> None:
    assert [describe(x) for x in (math.inf, -math.inf, math.nan)] == ["inf", "-inf", "nan"]


def test_moments_enumerations_models_and_dataclasses_are_readable() -> None:
    class Model(pydantic.BaseModel):
        name: str

    assert describe(datetime(2024, 1, 2, 3)) == "2024-01-02T03:00:00"
    assert describe([date(2024, 1, 2), time(3)]) == ["2024-01-02", "03:00:00"]
    assert describe(Grade.GOOD) == 1
    assert describe(Path("a") / "b") == "a/b"
    assert describe({"held": Held((1, "two")), "model": Model(name="m")}) == {
        "held": {"content": [1, "two"]},
        "model": {"name": "m"},
    }


def test_a_value_whose_repr_fails_is_described_by_its_type() -> None:
    assert text_of(Rude()) == "<Rude, whose repr raises RuntimeError>"
    assert describe([Rude()]) == ["<Rude, whose repr raises RuntimeError>"]
