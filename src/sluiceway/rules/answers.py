"""What a paused flow run asks for, as a form to fill in; and whether an answer fits it.

All of it comes from the JSON schema that is recorded when the run pauses, so that nobody needs the user's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sluiceway.rules.schemas import Fault, Schema, choices_of, faults, kind_of, options_of, resolved

FieldKind = Literal["text", "number", "integer", "boolean", "choice", "date", "date-time", "time", "secret", "json"]
"""What a person fills a field in with; `json` for what has parts."""


class Field(NamedTuple):
    """A field of a form.

    Args:
        name: What it is called in the answer.
        title: What to call it for people.
        kind: What a person fills it in with.
        takes: What it takes, in a few words.
        required: Whether it has to be filled in.
        nullable: Whether it may be null.
        default: What it is where it is left alone; None where it is required, too.
        description: What to tell whoever fills it in.
        choices: The values to choose from, where there are some.
        schema: Its own JSON schema.
    """

    name: str
    title: str
    kind: FieldKind
    takes: str
    required: bool
    nullable: bool
    default: Any
    description: str | None
    choices: tuple[Any, ...]
    schema: Schema


class Form(NamedTuple):
    """What is to be filled in.

    Args:
        title: What is asked for.
        description: What to tell whoever answers.
        fields: The fields.
        schema: The JSON schema that it is made of.
    """

    title: str
    description: str | None
    fields: tuple[Field, ...]
    schema: Schema

    def initial(self) -> dict[str, Any]:
        """Return what the fields are that have a value already, by name."""
        return {field.name: field.default for field in self.fields if not field.required}


def form_of(schema: Schema) -> Form:
    """Return the form to fill in for a JSON schema.

    Args:
        schema: The schema, of an object.
    """
    top = resolved(schema, schema)
    required = top.get("required", ())
    fields = (_field(name, part, name in required, schema) for name, part in top.get("properties", {}).items())
    return Form(_title(top), top.get("description"), tuple(fields), schema)


def _title(schema: Schema) -> str:
    """Return what to call what is asked for: a class that was made for a single value has no name of its own."""
    title = str(schema.get("title", "Input"))
    return "Value" if title.startswith("Automatic") and list(schema.get("properties", ())) == ["value"] else title


def _field(name: str, schema: Schema, required: bool, root: Schema) -> Field:
    title = str(schema.get("title", name))  # not that of the class it may refer to, which is the name of no field
    schema = resolved(schema, root)
    options = [resolved(option, root) for option in options_of(schema)]
    others = [option for option in options if option.get("type") != "null"]
    only = {**others[0], **schema} if len(others) == 1 else schema
    choices = choices_of(only)
    return Field(
        name,
        title,
        _kind(only, choices, len(others)),
        kind_of(schema, root),
        required,
        schema.get("type") == "null" or len(others) < len(options),
        schema.get("default"),
        schema.get("description") or only.get("description"),
        tuple(choices or ()),
        schema,
    )


def _kind(schema: Schema, choices: list[Any] | None, options: int) -> FieldKind:
    """Return what a person fills in a field with that may be one of several things, or has choices."""
    if choices is not None:
        return "choice"
    kind = schema.get("type")
    if options > 1 or kind not in ("string", "number", "integer", "boolean"):
        return "json"
    if kind != "string":
        return kind  # type: ignore[no-any-return]  # one of those three
    form = schema.get("format")
    return "secret" if form == "password" else form if form in ("date", "date-time", "time") else "text"


# --- filling in -------------------------------------------------------------------------------------


def filled_in(form: Form, texts: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the answer that a filled-in form stands for, and what is wrong with it, a sentence for each field.

    Args:
        form: The form.
        texts: What was filled in by the name of the field, as a browser sends it: without boxes that are not ticked.
    """
    answer: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in form.fields:
        try:
            if _is_filled_in(field, texts.get(field.name)):
                answer[field.name] = read_text(field, texts.get(field.name, ""))
            elif field.required and field.nullable:
                answer[field.name] = None
        except ValueError as error:
            wrong[field.name] = str(error)
    for name, message in faults_by_field(form.schema, answer).items():
        wrong.setdefault(name, message)
    return answer, wrong


def _is_filled_in(field: Field, text: str | None) -> bool:
    """Whether a field counts as filled in: an empty one is left to its default, or is missing."""
    if field.kind == "boolean":
        return not (field.nullable and text is None)
    if text:
        return True
    is_text = field.kind == "text" and text is not None and not field.nullable
    return is_text and (field.required or field.default not in (None, ""))


def read_text(field: Field, text: str) -> Any:
    """Return the value that a person has written into a field.

    Args:
        field: The field.
        text: What was written: JSON, or plain text where the field takes one.

    Raises:
        ValueError: It is none; the message says what is wanted.
    """
    if field.kind == "boolean":
        return _read_boolean(field, text.strip().lower())
    if field.kind in ("text", "secret", "date", "date-time", "time"):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        if any(choice == text for choice in field.choices) or _takes_text(field.schema):
            return text
        if field.kind == "json":
            raise ValueError(f"{field.name!r} should be JSON ({field.takes}), and {text!r} is not: {error}") from None
        raise ValueError(f"{field.name!r} should be {field.takes}, not {text!r}") from None
    is_text = any(choice == text for choice in field.choices)
    return text if is_text and value not in field.choices else value


_BOOLEANS = {**dict.fromkeys(("true", "on", "yes", "1"), True), **dict.fromkeys(("false", "off", "no", "0", ""), False)}


def _read_boolean(field: Field, text: str) -> bool | None:
    if text == "null" and field.nullable:
        return None
    if text not in _BOOLEANS:
        raise ValueError(f"{field.name!r} should be true or false, not {text!r}")
    return _BOOLEANS[text]


def _takes_text(schema: Schema) -> bool:
    return schema.get("type") == "string" or any(option.get("type") == "string" for option in options_of(schema))


# --- whether it fits --------------------------------------------------------------------------------


def faults_by_field(schema: Schema, answer: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with an answer, a sentence for each field.

    Args:
        schema: The JSON schema of what is wanted.
        answer: The answer, by name.
    """
    told: dict[str, str] = {}
    for fault in faults(schema, answer):
        name = str(fault.path[0]) if fault.path else ""
        told[name] = f"{told[name]}; {_sentence(fault)}" if name in told else _sentence(fault)
    return told


def _sentence(fault: Fault) -> str:
    return f"{fault.place!r} {fault.message}" if fault.path else f"the answer {fault.message}"


def misfit(schema: Schema | None, answer: Mapping[str, Any] | None) -> str | None:
    """Return why an answer does not fit; None where it does, as far as one can tell.

    Args:
        schema: The JSON schema; None where no answer is wanted.
        answer: The answer by name; None where none is given.
    """
    if schema is None:
        return None
    told = faults_by_field(schema, answer or {})
    if not told:
        return None
    return f"{'; '.join(told.values())}. It takes {wanted(schema)}."


def wanted(schema: Schema) -> str:
    """Return what a run asks for, on one line: each field with what it takes, and what it is if it is left alone.

    Args:
        schema: The JSON schema of what is wanted.
    """
    fields = form_of(schema).fields
    return ", ".join(_told(field) for field in fields) or "nothing"


def _told(field: Field) -> str:
    left_alone = "" if field.required else f" = {json.dumps(field.default, default=repr)}"
    return f"{field.name}: {field.takes}{left_alone}"
