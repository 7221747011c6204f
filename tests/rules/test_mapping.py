"""The calls that `map` makes of its arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.exceptions import MappingLengthMismatch, MappingMissingIterable
from sluiceway.model.annotations import allow_failure, quote, unmapped
from sluiceway.rules.mapping import expand

few = settings(max_examples=50)

names = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=5, unique=True)
singles = st.one_of(st.integers(), st.text(), st.binary(), st.none(), st.dictionaries(st.text(max_size=1), st.none()))
turns = {
    "list": list,
    "tuple": tuple,
    "generator": lambda items: (item for item in items),
    "keys": lambda items: dict(enumerate(items)).values(),
}


@st.composite
def calls(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, list[int]], int]:
    """Draw parameters, those of them that are gone through as lists, and how many calls they make."""
    length = draw(st.integers(0, 5))
    parameters: dict[str, Any] = {}
    columns: dict[str, list[int]] = {}
    for index, name in enumerate(draw(names)):
        if index == 0 or draw(st.booleans()):
            columns[name] = draw(st.lists(st.integers(), min_size=length, max_size=length))
            parameters[name] = turns[draw(st.sampled_from(sorted(turns)))](columns[name])
        else:
            parameters[name] = draw(singles)
    order = draw(st.permutations(list(parameters)))
    return {name: parameters[name] for name in order}, columns, length


@few
@given(calls())
def test_each_call_gets_a_row_and_what_all_share_in_the_order_of_the_signature(drawn: Any) -> None:
    parameters, columns, length = drawn
    made = list(expand(parameters, {}))
    assert len(made) == length
    for row, call in enumerate(made):
        assert list(call) == list(parameters)
        for name, value in call.items():
            if name in columns:
                assert value == columns[name][row]
            else:
                assert value is parameters[name]


@few
@given(calls())
def test_calls_do_not_share_their_parameters(drawn: Any) -> None:
    made = list(expand(drawn[0], {}))
    assert len({id(call) for call in made}) == len(made)


@few
@given(st.dictionaries(st.text("abc", min_size=1), st.lists(st.none(), max_size=4), min_size=2, max_size=4))
def test_unequal_lengths_are_refused_and_listed(columns: dict[str, list[None]]) -> None:
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) == 1:
        assert len(list(expand(columns, {}))) == next(iter(lengths.values()))
        return
    with pytest.raises(MappingLengthMismatch) as caught:
        expand(columns, {})
    assert str(lengths) in str(caught.value)
    assert "`unmapped`" in str(caught.value)


@few
@given(st.dictionaries(st.text("abc", min_size=1), singles))
def test_without_an_iterable_there_is_nothing_to_map(parameters: dict[str, Any]) -> None:
    with pytest.raises(MappingMissingIterable):
        expand(parameters, {})


@pytest.mark.parametrize("whole", [[1, 2, 3], (), {"a": 1}, "text", range(9)])
def test_what_is_unmapped_goes_to_each_call_as_it_is(whole: Any) -> None:
    made = list(expand({"each": [1, 2], "whole": unmapped(whole)}, {}))
    assert all(call["whole"] is whole for call in made)
    assert len(made) == 2


def test_a_quoted_iterable_is_one_value() -> None:
    quoted = quote([1, 2, 3])
    assert [call["q"] for call in expand({"each": [1, 2], "q": quoted}, {})] == [quoted, quoted]


def test_allowed_failures_are_allowed_item_by_item() -> None:
    made = list(expand({"x": allow_failure([1, 2])}, {}))
    assert made == [{"x": allow_failure(1)}, {"x": allow_failure(2)}]


def test_a_default_that_was_left_out_is_not_gone_through() -> None:
    default = (1, 2, 3)
    assert [call["y"] for call in expand({"x": [1, 2], "y": default}, {"y": default})] == [default, default]
    assert [call["y"] for call in expand({"x": [1, 2], "y": (1, 2)}, {"y": default})] == [1, 2]


def test_a_class_with_iter_is_one_value() -> None:
    assert next(expand({"x": [1], "kind": dict}, {}))["kind"] is dict


def test_calls_are_made_one_by_one() -> None:
    made = expand({"x": range(1_000_000)}, {})
    assert isinstance(made, Iterator)
    assert next(made) == {"x": 0}
