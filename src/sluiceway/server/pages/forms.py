"""What a paused run asks for as a page shows it; `rules.answers` says what the fields are, and what fits them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sluiceway.rules.answers import Field, filled_in, form_of

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


def controls_of(schema: Mapping[str, Any]) -> list[Control]:
    """Return the fields of a form, with what they are if they are left alone.

    Args:
        schema: The JSON schema of an object.
    """
    return [_control(field) for field in form_of(schema).fields]


def _control(field: Field) -> Control:
    choices = tuple((_json(choice), str(choice)) for choice in field.choices)
    if field.kind == "boolean":
        choices = _YES_OR_NO
    kind = "choice" if choices else "json" if field.kind == "json" else _INPUTS.get(field.kind, "text")
    is_text = kind in ("text", "date", "password")
    value = "" if field.default is None else str(field.default) if is_text else _json(field.default)
    step = "1" if field.kind == "integer" else "any"
    required = field.required and not field.nullable
    return Control(PREFIX + field.name, field.title, kind, value, choices, required, field.description or "", step)


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
