"""Answers on the command line: what a paused run asks for, by the names of the fields."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from typing import Any

from sluiceway.base.previews import on_one_line
from sluiceway.cli.printing import Refusal
from sluiceway.drivers.pausing import Asked
from sluiceway.rules.answers import Field, Form, faults_by_field, read_text


def parse_answer(asked: Asked | None, given: Iterable[str], whole: str | None) -> dict[str, Any] | None:
    """Return an answer by name; None where nothing was given.

    Args:
        asked: What the run waits for; None where it waits for nothing.
        given: Texts `name=value`, or JSON objects with several fields.
        whole: A JSON object with the answer, which `given` goes before.

    Raises:
        Refusal: A text has no name or is no JSON, or the answer does not fit; the message says what is wanted.
    """
    form = None if asked is None else asked.form
    answer = {} if whole is None else _object("--input-json", whole)
    any_given = whole is not None
    for text in given:
        any_given = True
        if text.lstrip().startswith("{"):
            answer.update(_object("--input", text))
        else:
            answer.update(_named(form, text))
    if form is not None:
        _check(form, answer, asked)
    return answer if any_given else None


def _object(option: str, text: str) -> dict[str, Any]:
    example = f"""An example: {option} '{{"approved": true}}'"""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refusal(f"{option} is not JSON: {error}. {example}") from None
    if not isinstance(value, dict):
        raise Refusal(f"{option} should be a JSON object, not {text}. {example}")
    return value


def _named(form: Form | None, text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Refusal(f"--input {text!r} should be NAME=VALUE, such as --input approved=true.{_fields_of(form)}")
    if form is None:
        return {name: value}  # which nothing asks for: refused with what the state is
    fields = {field.name: field for field in form.fields}
    if name not in fields:
        raise Refusal(f"--input {text!r}: there is no field {name!r}.{_fields_of(form)}")
    try:
        return {name: read_text(fields[name], value)}
    except ValueError as error:
        raise Refusal(f"--input {text!r}: {error}.{_fields_of(form)}") from None


def _check(form: Form, answer: dict[str, Any], asked: Asked | None) -> None:
    """Refuse an answer that does not fit, and show how to write one that does."""
    told = faults_by_field(form.schema, answer)
    if not told:
        return
    name = "" if asked is None else on_one_line(asked.run.name)
    wrong = [field for field in form.fields if field.name in told or field.required]
    example = " ".join(f"--input {shlex.quote(f'{field.name}={_example(field)}')}" for field in wrong)
    why = "\n".join(f"  {on_one_line(message)}" for message in told.values())
    raise Refusal(
        f"Flow run {name!r} waits for {_titled(form)}, and this does not fit:\n{why}\n"
        f"What is wanted:{_fields_of(form)}\nAn example: sluiceway resume {shlex.quote(name)} {example}"
    )


def _titled(form: Form) -> str:
    about = f" ({on_one_line(form.description)})" if form.description else ""
    return f"{on_one_line(form.title)}{about}"


def _fields_of(form: Form | None) -> str:
    """Return the fields of a form, each on a line of its own."""
    if form is None:
        return ""
    lines = []
    for field in form.fields:
        left_alone = "" if field.required else f", or else {json.dumps(field.default, default=repr)}"
        about = f" - {field.description}" if field.description else ""
        lines.append(f"\n  {on_one_line(f'{field.name}: {field.takes}{left_alone}{about}')}")
    return "".join(lines)


_EXAMPLES = {
    "boolean": "true",
    "integer": "1",
    "number": "1.5",
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "json": "…",
}


def _example(field: Field) -> str:
    if field.choices:
        return str(field.choices[0])
    return _EXAMPLES.get(field.kind, "text")
