"""Schemas of parameters: what a form needs to know, and nothing that JSON cannot carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from sluiceway import flow
from sluiceway.rules.schemas import faults
from sluiceway.wiring.parameter_schemas import LARGEST


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    """Something with parts."""

    item: str = Field(description="What is ordered")
    count: int = 1


class Plain:
    """A class that nothing is known of."""


class Hostile:
    """A class that refuses to be described, to be compared and to be validated."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(lambda value: value)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        raise RuntimeError("no schema")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = None  # type: ignore[assignment]  # it refuses this, too


def schema_of(fn: Callable[..., Any], **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(flow(**options)(fn).parameter_schema())
    return found


def test_annotations_and_defaults_are_told() -> None:
    def ship(order: Order, colour: Colour = Colour.RED, *, how: Literal["air", "sea"] = "sea", day: date | None = None):  # type: ignore[no-untyped-def]
        ...

    schema = schema_of(ship)
    assert list(schema["properties"]) == ["order", "colour", "how", "day"]
    assert schema["required"] == ["order"]
    assert schema["properties"]["order"] == {"$ref": "#/$defs/Order"}
    assert schema["$defs"]["Order"]["properties"]["item"]["description"] == "What is ordered"
    assert schema["properties"]["colour"]["default"] == "red"
    assert schema["properties"]["how"] == {"enum": ["air", "sea"], "type": "string", "default": "sea"}
    assert schema["properties"]["day"]["default"] is None


def test_what_has_no_annotation_takes_anything_and_tells_its_default_if_that_is_plain() -> None:
    def load(source, limit=5, names=("a",), sink=Plain):  # type: ignore[no-untyped-def]
        ...

    assert schema_of(load) == {
        "type": "object",
        "properties": {"source": {}, "limit": {"default": 5}, "names": {}, "sink": {}},
        "required": ["source"],
    }


def test_a_default_that_a_form_could_not_send_back_is_left_out() -> None:
    def odd(key: SecretStr = SecretStr("x"), most: float = float("inf"), count: int = None, it: Plain = Plain()):  # type: ignore[assignment] # noqa: B008, RUF013
        ...

    schema = schema_of(odd)
    assert schema["required"] == []
    assert [name for name, each in schema["properties"].items() if "default" in each] == []
    assert schema["properties"]["it"] == {}


def test_one_parameter_that_cannot_be_described_does_not_hide_the_others() -> None:
    def mixed(bad: Hostile, good: int, worse: Hostile = Hostile()) -> None:  # noqa: B008
        ...

    properties = schema_of(mixed)["properties"]
    assert properties == {"bad": {}, "good": {"type": "integer"}, "worse": {}}


def test_annotations_that_cannot_be_read_or_are_not_to_be_leave_the_names() -> None:
    def unknown(x: Nowhere = 1) -> None:  # type: ignore[name-defined]  # noqa: F821
        ...

    def unchecked(x: int) -> None: ...

    assert schema_of(unknown)["properties"] == {"x": {"default": 1}}
    assert schema_of(unchecked, validate_parameters=False)["properties"] == {"x": {}}


def test_what_would_be_too_large_for_any_form_is_cut_to_the_names() -> None:
    def large(text: str = "x" * LARGEST, order: Order | None = None) -> None: ...

    text = flow(large).parameter_schema()
    assert len(text) < LARGEST
    assert json.loads(text)["properties"] == {"text": {}, "order": {}}


@pytest.mark.parametrize("kind", [int, str, bool, float, list[int], dict[str, bool], int | None, Colour])
def test_a_default_that_is_told_fits_its_schema(kind: Any) -> None:
    @given(st.from_type(kind))
    def holds(default: Any) -> None:
        def fn(x: Any = default) -> None: ...

        fn.__annotations__["x"] = kind
        schema = schema_of(fn)
        if "default" in schema["properties"]["x"]:
            assert faults(schema["properties"]["x"], schema["properties"]["x"]["default"], schema) == []

    holds()
