"""What is wrong with a value, by the JSON schema of what is wanted, in words for people.

Whoever answers a paused run may be in a process that does not have the class that the run asks for. What a schema
does not say, such as validators of the user's own, the run itself checks when it gets the answer; so a schema that
says something unknown refuses nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

Schema = Mapping[str, Any]


class Fault(NamedTuple):
    """What is wrong with a part of a value.

    Args:
        path: The names and numbers that lead to it; none for the whole.
        message: What is wrong, a clause that goes on where the name of the part ends.
    """

    path: tuple[str | int, ...]
    message: str

    @property
    def place(self) -> str:
        """The path as a person would write it: `items[0].size`."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).lstrip(".")


def faults(schema: Schema, value: Any, root: Schema | None = None) -> list[Fault]:
    """Return what is wrong with a value; nothing where it fits, as far as the schema tells.

    Args:
        schema: What is wanted.
        value: The value, as plain data.
        root: The schema that has the definitions; by default the same one.
    """
    return list(_faults(schema, value, schema if root is None else root, 0))


def resolved(schema: Schema, root: Schema) -> Schema:
    """Return a schema itself where it stands for one that is defined elsewhere, with what it says of its own.

    Args:
        schema: The schema.
        root: The schema that has the definitions.
    """
    for _ in range(_DEEPEST):
        place = schema.get("$ref")
        if not isinstance(place, str) or not place.startswith("#/$defs/"):
            return schema
        found = root.get("$defs", {}).get(place.removeprefix("#/$defs/"), {})
        schema = {**found, **{name: part for name, part in schema.items() if name != "$ref"}}
    return {}


def kind_of(schema: Schema, root: Schema) -> str:
    """Return what a schema takes, in a few words: `integer`, `'mail' or 'hand'`, `string or null`.

    Args:
        schema: The schema.
        root: The schema that has the definitions.
    """
    schema = resolved(schema, root)
    choices = choices_of(schema)
    if choices is not None:
        return " or ".join(map(repr, choices))
    options = options_of(schema)
    if options:
        return " or ".join(dict.fromkeys(kind_of(option, root) for option in options))
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return f"array of {kind_of(schema['items'], root)}"
    if schema.get("type") == "string" and schema.get("format") in _FORMATS:
        return str(schema["format"])
    kind = schema.get("type", "anything")
    return " or ".join(map(str, kind)) if isinstance(kind, list) else str(kind)


def choices_of(schema: Schema) -> list[Any] | None:
    """Return the values that a schema lets one choose from; None where it does not list them.

    Args:
        schema: The schema, resolved.
    """
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return list(found) if isinstance(found, list) else None


def options_of(schema: Schema) -> list[Schema]:
    """Return the schemas one of which a value has to fit; none where there is no such choice.

    Args:
        schema: The schema, resolved.
    """
    return list(schema.get("anyOf") or schema.get("oneOf") or ())


_DEEPEST = 50
"""Steps down into a value, and from definition to definition, at most: a schema may refer to itself."""


def _faults(schema: Schema, value: Any, root: Schema, depth: int) -> Iterator[Fault]:
    if depth > _DEEPEST:
        return
    schema = resolved(schema, root)
    choices, options = choices_of(schema), options_of(schema)
    if choices is not None and not any(_equal(value, choice) for choice in choices):
        yield Fault((), f"should be {' or '.join(map(repr, choices))}, not {_shown(value)}")
        return
    if options:
        found = [list(_faults(option, value, root, depth + 1)) for option in options]
        if all(found):
            yield from _closest(options, found, value, root)
            return
    types = schema.get("type")
    names = types if isinstance(types, list) else [types]
    checks = [_IS_OF_TYPE[name] for name in names if name in _IS_OF_TYPE]
    if checks and not any(check(value) for check in checks):
        yield Fault((), f"should be {' or '.join(_ARTICLES[name] for name in names)}, not {_shown(value)}")
        return
    for part in schema.get("allOf", ()):
        yield from _faults(part, value, root, depth + 1)
    yield from _limits(schema, value)
    yield from _parts(schema, value, root, depth)


def _closest(options: list[Schema], found: list[list[Fault]], value: Any, root: Schema) -> list[Fault]:
    """Return the faults of the option that was most likely meant: of its type, with the fewest faults."""
    meant = [faults for option, faults in zip(options, found, strict=True) if _is_of_type(option, value, root)]
    meant.sort(key=len)
    if len(meant) == 1 or (meant and len(meant[0]) < len(meant[1])):
        return meant[0]
    kinds = " or ".join(dict.fromkeys(kind_of(option, root) for option in options))
    return [Fault((), f"should be {kinds}, not {_shown(value)}")]


def _is_of_type(schema: Schema, value: Any, root: Schema) -> bool:
    name = resolved(schema, root).get("type")
    return isinstance(name, str) and name in _IS_OF_TYPE and _IS_OF_TYPE[name](value)


def _parts(schema: Schema, value: Any, root: Schema, depth: int) -> Iterator[Fault]:
    """Yield what is wrong with what is in a value."""
    if isinstance(value, Mapping):
        yield from _members(schema, value, root, depth)
    elif isinstance(value, (list, tuple)):
        yield from _items(schema, value, root, depth)


def _members(schema: Schema, value: Mapping[str, Any], root: Schema, depth: int) -> Iterator[Fault]:
    known: Schema = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault((name,), "is missing")
    for name, part in value.items():
        wanted = known.get(name, others)
        if wanted is False:
            yield Fault((name,), "is not wanted")
        elif isinstance(wanted, Mapping):
            yield from _below(name, wanted, part, root, depth)


def _items(schema: Schema, value: Sequence[Any], root: Schema, depth: int) -> Iterator[Fault]:
    first: Sequence[Schema] = schema.get("prefixItems", ())
    for index, part in enumerate(value):
        wanted = first[index] if index < len(first) else schema.get("items")
        if isinstance(wanted, Mapping):
            yield from _below(index, wanted, part, root, depth)


def _below(step: str | int, schema: Schema, value: Any, root: Schema, depth: int) -> Iterator[Fault]:
    for path, message in _faults(schema, value, root, depth + 1):
        yield Fault((step, *path), message)


# --- values -----------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_IS_OF_TYPE: dict[Any, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
    "number": _is_number,
    "array": lambda value: isinstance(value, (list, tuple)),
    "object": lambda value: isinstance(value, Mapping),
    "null": lambda value: value is None,
}

_ARTICLES: dict[Any, str] = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "array": "a list",
    "object": "an object",
    "null": "null",
    None: "anything",
}


def _limits(schema: Schema, value: Any) -> Iterator[Fault]:
    """Yield what is wrong with the size, the length or the form of a value."""
    if _is_number(value):
        measured, unit = value, ""
        words = _NUMBERS
    elif isinstance(value, str):
        measured, unit = len(value), " character(s)"
        words = _TEXTS
    elif isinstance(value, (list, tuple)):
        measured, unit = len(value), " item(s)"
        words = _LISTS
    else:
        return
    for word, (fits, told) in words.items():
        limit = schema.get(word)
        if _is_number(limit) and not fits(measured, limit):
            yield Fault((), f"{told.format(limit)}{unit}, not {_shown(value)}")
    if isinstance(value, str):
        yield from _form(schema, value)


_Check = tuple[Callable[[Any, Any], bool], str]

_NUMBERS: dict[str, _Check] = {
    "minimum": (lambda value, limit: value >= limit, "should be at least {}"),
    "maximum": (lambda value, limit: value <= limit, "should be at most {}"),
    "exclusiveMinimum": (lambda value, limit: value > limit, "should be more than {}"),
    "exclusiveMaximum": (lambda value, limit: value < limit, "should be less than {}"),
    "multipleOf": (lambda value, limit: _is_multiple(value, limit), "should be a multiple of {}"),
}

_TEXTS: dict[str, _Check] = {
    "minLength": (lambda length, limit: length >= limit, "should have at least {}"),
    "maxLength": (lambda length, limit: length <= limit, "should have at most {}"),
}

_LISTS: dict[str, _Check] = {
    "minItems": (lambda length, limit: length >= limit, "should have at least {}"),
    "maxItems": (lambda length, limit: length <= limit, "should have at most {}"),
}


def _is_multiple(value: float, limit: float) -> bool:
    if limit == 0 or not math.isfinite(value):
        return True
    ratio = value / limit
    return math.isclose(ratio, round(ratio), rel_tol=1e-9, abs_tol=1e-9)


def _form(schema: Schema, text: str) -> Iterator[Fault]:
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not _matches(pattern, text):
        yield Fault((), f"should match {pattern}, not be {_shown(text)}")
    read = _FORMATS.get(schema.get("format", ""))
    if read is None:
        return
    try:
        read(text)
    except ValueError:
        if not text.lstrip("-").replace(".", "", 1).isdigit():  # seconds since 1970 are taken as well
            yield Fault((), f"should be a {schema['format']}, not {_shown(text)}")


_FORMATS: dict[str, Callable[[str], object]] = {
    "date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "uuid": UUID,
}


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern is found in a text; one that is written as elsewhere, but not in Python, refuses nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _equal(value: Any, choice: Any) -> bool:
    """Whether a value is a choice, as Pydantic sees it: to `Literal[1]`, true is 1, though not in JSON."""
    return bool(value == choice)


_LONGEST = 60


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
