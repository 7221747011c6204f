"""Forms made from a JSON schema: its fields as a page shows them, and what was filled in as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

PREFIX = "field."
"""What the names of fields begin with, so that they are no others of the form."""

_NUMBERS = {"integer": int, "number": float}


class Field(NamedTuple):
    """A field of a form.

    Args:
        name: What it is called in the form.
        label: The name of the value.
        kind: `text`, `number`, `choice` or `json`.
        value: What stands in it.
        choices: What can be chosen, each as JSON with what a person reads.
        required: Whether it has to be filled in.
        hint: What the schema says about it.
        step: Which numbers it takes: `1` for whole ones, else `any`.
    """

    name: str
    label: str
    kind: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    hint: str = ""
    step: str = "any"


class BadFieldError(ValueError):
    """A field holds what it cannot; the message names it and says what it takes."""


def fields_of(schema: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> list[Field]:
    """Return the fields of a form.

    Args:
        schema: The JSON schema of an object.
        values: What stands in them, by name; by default what the schema gives.
    """
    return [
        _field(name, part, name in schema.get("required", ()), (values or {}).get(name, part.get("default")))
        for name, part in _properties(schema)
    ]


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, part in schema.get("properties", {}).items():
        yield str(name), _resolved(schema, part if isinstance(part, Mapping) else {})


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a part of a schema without the reference that it may be."""
    name = str(part.get("$ref", "")).rpartition("/")[2]
    found = schema.get("$defs", schema.get("definitions", {})).get(name) if name else None
    return {**found, **{key: value for key, value in part.items() if key != "$ref"}} if found else part


def _field(name: str, part: Mapping[str, Any], required: bool, value: Any) -> Field:
    hint = str(part.get("description") or "")
    label = str(part.get("title") or name)
    choices: tuple[tuple[str, str], ...] = tuple((_json(choice), str(choice)) for choice in part.get("enum", ()))
    if part.get("type") == "boolean":
        choices = (("true", "yes"), ("false", "no"))
    if choices:
        return Field(PREFIX + name, label, "choice", "" if value is None else _json(value), choices, required, hint)
    kind = part.get("type")
    if kind == "string":
        return Field(PREFIX + name, label, "text", "" if value is None else str(value), (), required, hint)
    if kind in _NUMBERS:
        step = "1" if kind == "integer" else "any"
        return Field(PREFIX + name, label, "number", "" if value is None else _json(value), (), required, hint, step)
    return Field(PREFIX + name, label, "json", "" if value is None else _json(value), (), required, hint)


def read_fields(schema: Mapping[str, Any], posted: Mapping[str, str]) -> dict[str, Any]:
    """Return what was filled in as plain data; what was left empty is left out.

    Args:
        schema: The JSON schema of an object.
        posted: The fields of the form.

    Raises:
        BadFieldError: A field holds what it cannot.
    """
    values: dict[str, Any] = {}
    for name, part in _properties(schema):
        text = posted.get(PREFIX + name, "")
        kind = part.get("type")
        is_text = kind == "string" and "enum" not in part
        if text or (is_text and name in schema.get("required", ())):
            values[name] = text if is_text else _value(name, text, kind)
    return values


def _value(name: str, text: str, kind: Any) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadFieldError(f'{name} is no JSON: {error}. A text needs quotes, such as "Ada".') from None
    if kind == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind == "integer" and not (isinstance(value, int) and not isinstance(value, bool)):
        raise BadFieldError(f"{name} is {text}; it takes a whole number.")
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
