"""What is wrong with a value, by its JSON schema: nothing where Pydantic takes it, and what a person can mend."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter

from sluiceway.rules.schemas import Fault, faults, kind_of


class Tree(pydantic.BaseModel):
    name: str
    below: list[Tree] = []


class Closed(pydantic.BaseModel, extra="forbid"):
    size: int


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = Field(le=9)


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


Animal = Annotated[Cat | Dog, Field(discriminator="kind")]


def told(kind: Any, value: Any) -> list[str]:
    return [f"{fault.place} {fault.message}".strip() for fault in faults(TypeAdapter(kind).json_schema(), value)]


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (int, 1, []),
        (int, 1.0, []),
        (int, True, ["should be an integer, not True"]),
        (float, 1, []),
        (Annotated[int, Field(gt=1, lt=5)], 5, ["should be less than 5, not 5"]),
        (Annotated[int, Field(gt=1, lt=5)], 1, ["should be more than 1, not 1"]),
        (Annotated[float, Field(multiple_of=0.1)], 0.3, []),
        (Annotated[int, Field(multiple_of=3)], 4, ["should be a multiple of 3, not 4"]),
        (Annotated[str, Field(min_length=2, max_length=3)], "a", ["should have at least 2 character(s), not 'a'"]),
        (Annotated[str, Field(max_length=3)], "abcd", ["should have at most 3 character(s), not 'abcd'"]),
        (Annotated[str, Field(pattern=r"^[a-z]+$")], "A", ["should match ^[a-z]+$, not be 'A'"]),
        (Annotated[list[int], Field(max_length=1)], [1, 2], ["should have at most 1 item(s), not [1, 2]"]),
        (tuple[int, str], [1, 2], ["[1] should be a text, not 2"]),
        (dict[str, list[int]], {"a": [1, "b"]}, ["a[1] should be an integer, not 'b'"]),
        (datetime, "2026-01-31T12:00:00Z", []),
        (datetime, "1700000000", []),
        (datetime, "soon", ["should be a date-time, not 'soon'"]),
        (time, "25:00", ["should be a time, not '25:00'"]),
        (UUID, "x", ["should be a uuid, not 'x'"]),
        (Decimal, "1.5", []),
        (int | None, None, []),
        (int | None, "x", ["should be integer or null, not 'x'"]),
        (Annotated[int, Field(ge=1)] | None, 0, ["should be at least 1, not 0"]),
        (Any, object, []),
        (Tree, {"name": "a", "below": [{"below": []}]}, ["below[0].name is missing"]),
        (Closed, {"size": 1, "colour": 2}, ["colour is not wanted"]),
        (Animal, {"kind": "cat", "lives": 10}, ["lives should be at most 9, not 10"]),
    ],
)
def test_a_fault_says_where_it_is_and_what_is_wanted(kind: Any, value: Any, why: list[str]) -> None:
    assert told(kind, value) == why


def test_a_schema_that_says_what_nobody_knows_refuses_nothing() -> None:
    assert faults({"type": "string", "pattern": r"\p{L}"}, "a") == []
    assert faults({"type": "matrix", "format": "square"}, [[1]]) == []
    assert faults({"$ref": "#/$defs/gone"}, 1) == []
    endless = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    assert faults(endless, 1) == []
    assert faults({"not": {}}, 1) == []


def test_a_long_value_is_cut_in_the_message() -> None:
    (fault,) = faults({"type": "integer"}, "x" * 500)
    assert len(fault.message) < 120
    assert fault == Fault((), fault.message)


def test_kinds_are_told_in_a_few_words() -> None:
    kinds = (int, str | None, Literal["a", 1], list[date], Tree, Any)
    schemas = [TypeAdapter(kind).json_schema() for kind in kinds]
    words = [kind_of(schema, schema) for schema in schemas]
    assert words == ["integer", "string or null", "'a' or 1", "array of date", "object", "anything"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, 2.0])
    | st.sampled_from(["a", "cat", "2026-01-31"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "kind", "lives"]), inner),
    max_leaves=5,
)

KINDS: list[Any] = [
    *(int, float, str, bool, None, date, list[int], dict[str, int], tuple[int, str], int | list[str]),
    *(Tree, Closed, Animal, Literal["a", 1], Annotated[int, Field(ge=0, lt=3)]),
]


@given(st.sampled_from(KINDS), JSON)
@example(Literal["a", 1], True)
def test_what_is_taken_strictly_is_never_refused(kind: Any, value: Any) -> None:
    """What a schema lets pass, validators may still refuse; what they take is not to be stopped before."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        adapter.validate_json(adapter_json(value), strict=True)
    except pydantic.ValidationError:
        return
    assert faults(adapter.json_schema(), value) == []


def adapter_json(value: Any) -> bytes:
    return TypeAdapter(Any).dump_json(value)
