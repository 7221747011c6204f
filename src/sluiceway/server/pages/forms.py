"""What a flow takes, or a paused run asks for, as a page shows it; `rules.answers` says what the fields are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sluiceway.rules.answers import Field, filled_in, form_of
from sluiceway.rules.schemas import faults

PREFIX = "field."
"""What the names of fields begin with, so that they are no others of the form."""

_YES_OR_NO = (("true", "yes"), ("false", "no"))
_INPUTS = {"secret": "password", "integer": "number", "number": "number", "date": "date"}
"""The inputs that browsers have for kinds of fields; times stay texts, since a browser's have no zone."""


class Control(NamedTuple):
    """A field as a page shows it.

    Args:
        name: What it is called in the form.
        label: The name of the value.
        kind: `choice`, `json`, or the type of an input: `text`, `number`, `date` or `password`.
        value: What stands in it.
        choices: What can be chosen, each as JSON with what a person reads.
        required: Whether it has to be filled in.
        hint: What the schema says about it.
        step: Which numbers it takes: `1` for whole ones, else `any`.
        takes: What it takes, in a few words.
    """

    name: str
    label: str
    kind: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    hint: str = ""
    step: str = "any"
    takes: str = ""


class BadFieldError(ValueError):
    """A field holds what it cannot; the message names it and says what it takes."""


def controls_of(schema: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> list[Control]:
    """Return the fields of a form, with what they are if they are left alone.

    Args:
        schema: The JSON schema of an object.
        known: Values to begin with, by name; one that does not fit gives way to the default. No secret is shown.
    """
    given = known or {}
    fields = form_of(schema).fields
    fitting = {field.name for field in fields if field.name in given and _fits(field, given[field.name], schema)}
    return [_control(field._replace(default=given[field.name]) if field.name in fitting else field) for field in fields]


def _fits(field: Field, value: Any, schema: Mapping[str, Any]) -> bool:
    return field.kind != "secret" and not faults(field.schema, value, schema)


def _control(field: Field) -> Control:
    choices = tuple((_json(choice), str(choice)) for choice in field.choices)
    if field.kind == "boolean":
        choices = _YES_OR_NO
    kind = "choice" if choices else "json" if field.kind == "json" else _INPUTS.get(field.kind, "text")
    is_text = kind in ("text", "date", "password")
    value = "" if field.default is None else str(field.default) if is_text else _json(field.default)
    step = "1" if field.kind == "integer" else "any"
    required = field.required and not field.nullable
    hint = field.description or ""
    return Control(PREFIX + field.name, field.title, kind, value, choices, required, hint, step, field.takes)


def read_fields(schema: Mapping[str, Any], posted: Mapping[str, str]) -> dict[str, Any]:
    """Return what was filled in as plain data; what was left empty is left out, but for a text that has to be there.

    Args:
        schema: The JSON schema of an object.
        posted: The fields of the form.

    Raises:
        BadFieldError: A field holds what it cannot, or one is missing.
    """
    form = form_of(schema)
    texts = {field.name: posted.get(PREFIX + field.name, "") for field in form.fields}
    # Unlike a box that is not ticked, a choice between yes and no that nobody has made is no answer.
    chosen = tuple(field for field in form.fields if texts[field.name] or field.kind != "boolean")
    answer, wrong = filled_in(form._replace(fields=chosen), texts)
    if wrong:
        raise BadFieldError("; ".join(wrong.values()) + ".")
    return answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
