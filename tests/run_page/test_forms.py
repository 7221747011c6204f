"""Forms made from JSON schemas."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.server.pages.forms import PREFIX, BadFieldError, controls_of, read_fields

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "approved", "colour"],
    "properties": {
        "name": {"type": "string", "title": "Name", "description": "Who says so"},
        "approved": {"type": "boolean"},
        "limit": {"type": "integer", "default": 3},
        "share": {"type": "number"},
        "colour": {"$ref": "#/$defs/Colour"},
        "rows": {"type": "array"},
        "token": {"type": "string", "format": "password", "default": ""},
        "day": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        "loud": {"type": "boolean", "default": True},
    },
    "$defs": {"Colour": {"enum": ["red", "green"], "type": "string"}},
}


def test_each_kind_of_value_has_its_kind_of_field() -> None:
    fields = {field.name.removeprefix(PREFIX): field for field in controls_of(SCHEMA)}
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds == {
        "name": "text",
        "approved": "choice",
        "limit": "number",
        "share": "number",
        "colour": "choice",
        "rows": "json",
        "token": "password",
        "day": "date",
        "loud": "choice",
    }
    assert fields["loud"].value == "true"
    assert fields["name"].label == "Name"
    assert fields["name"].hint == "Who says so"
    assert fields["name"].required
    assert fields["limit"].value == "3"
    assert (fields["limit"].step, fields["share"].step) == ("1", "any")
    assert fields["colour"].choices == (('"red"', "red"), ('"green"', "green"))


def test_what_is_filled_in_comes_back_as_data() -> None:
    given = {"name": "Ada", "approved": "true", "limit": "10", "share": "1", "colour": '"red"', "rows": "[1, 2]"}
    posted = {PREFIX + name: text for name, text in given.items()}
    values = {"name": "Ada", "approved": True, "limit": 10, "share": 1.0, "colour": "red", "rows": [1, 2]}
    assert read_fields(SCHEMA, posted) == values


def test_what_is_left_empty_is_left_out_but_for_a_text_that_has_to_be_there() -> None:
    posted = {PREFIX + "approved": "false", PREFIX + "colour": '"green"', PREFIX + "loud": "", PREFIX + "day": ""}
    assert read_fields(SCHEMA, posted) == {"name": "", "approved": False, "colour": "green"}


def test_what_is_missing_is_refused_by_name() -> None:
    with pytest.raises(BadFieldError, match=r"approved.*colour"):
        read_fields(SCHEMA, {PREFIX + "name": "Ada"})


@pytest.mark.parametrize(
    ("name", "text"), [("rows", "[1,"), ("rows", "1"), ("limit", "1.5"), ("approved", "perhaps"), ("colour", '"blue"')]
)
def test_what_does_not_fit_is_refused_by_name(name: str, text: str) -> None:
    good = {PREFIX + "name": "Ada", PREFIX + "approved": "true", PREFIX + "colour": '"red"'}
    with pytest.raises(BadFieldError, match=name):
        read_fields(SCHEMA, {**good, PREFIX + name: text})


def test_known_values_stand_in_their_fields_where_they_fit_and_secrets_in_none() -> None:
    known = {"name": "Ada", "limit": 9, "share": "much", "colour": "blue", "token": "hush", "rows": [1], "other": 1}
    values = {field.name.removeprefix(PREFIX): field.value for field in controls_of(SCHEMA, known)}
    assert (values["name"], values["limit"], values["rows"]) == ("Ada", "9", "[1]")
    assert (values["share"], values["colour"], values["token"]) == ("", "", "")
    assert "other" not in values


def test_a_field_goes_by_its_own_name_and_not_by_that_of_the_class_it_takes() -> None:
    schema = {
        "properties": {"home": {"$ref": "#/$defs/Address"}},
        "$defs": {"Address": {"title": "Address", "type": "object"}},
    }
    (field,) = controls_of(schema)
    assert (field.label, field.kind, field.takes) == ("home", "json", "object")
