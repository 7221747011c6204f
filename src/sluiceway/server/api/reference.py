"""The reference of the API as a page: made from its OpenAPI document, and loading nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from sluiceway.server.rendering import page

router: APIRouter = APIRouter(include_in_schema=False)

_VERBS = ("get", "post", "put", "patch", "delete")
_SUBJECTS = ("flows", "flow runs", "task runs", "logs", "events", "artifacts", "variables", "journal")
"""The order in which people look for them; others follow."""


class Field(NamedTuple):
    """A parameter of a request, or a field of a body or an answer.

    Args:
        name: Its name.
        place: Where it stands: `query`, `path`, `header` or `body`.
        kind: What it may be.
        text: What it is for.
        required: Whether it has to be there.
    """

    name: str
    place: str
    kind: str
    text: str
    required: bool


class Operation(NamedTuple):
    """What can be asked for at an address.

    Args:
        verb: The method.
        path: The address.
        text: What it does.
        fields: What it takes.
        answers: What it may answer, as status and text.
    """

    verb: str
    path: str
    text: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]


class Shape(NamedTuple):
    """What a value looks like.

    Args:
        name: Its name.
        text: What it is.
        fields: Its fields.
        choices: Its values, where they can be listed.
    """

    name: str
    text: str
    fields: tuple[Field, ...]
    choices: tuple[str, ...]


@router.get("/docs")
def show_reference(request: Request) -> HTMLResponse:
    """Return the page.

    Args:
        request: The request.
    """
    document = request.app.openapi()
    return page(request, "reference.html", groups=groups_of(document), shapes=shapes_of(document))


def groups_of(document: dict[str, Any]) -> dict[str, list[Operation]]:
    """Return what the API can do, by subject.

    Args:
        document: The OpenAPI document.
    """
    groups: dict[str, list[Operation]] = {}
    for path, item in document["paths"].items():
        for verb in (verb for verb in _VERBS if verb in item):
            operation = item[verb]
            subject = (operation.get("tags") or ["other"])[0]
            groups.setdefault(subject, []).append(_operation(verb, path, operation, document))
    for operations in groups.values():
        operations.sort(key=lambda each: (_VERBS.index(each.verb), each.path))
    return dict(sorted(groups.items(), key=lambda item: _SUBJECTS.index(item[0]) if item[0] in _SUBJECTS else 99))


def shapes_of(document: dict[str, Any]) -> list[Shape]:
    """Return what values look like, by name.

    Args:
        document: The OpenAPI document.
    """
    return [
        Shape(name, schema.get("description", ""), tuple(_fields(schema, "")), tuple(map(str, schema.get("enum", ()))))
        for name, schema in sorted(document["components"]["schemas"].items())
    ]


def kind_of(schema: dict[str, Any]) -> str:
    """Return in words what a value may be.

    Args:
        schema: Its JSON schema.
    """
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(map(kind_of, several)))
    if "enum" in schema or "const" in schema:
        return " | ".join(map(str, schema.get("enum", [schema.get("const")])))
    match schema.get("type"):
        case "array":
            return f"list of {kind_of(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"object of {kind_of(schema['additionalProperties'])}"
        case None:
            return "anything"
        case kind:
            return " ".join(filter(None, (str(schema.get("format") or kind), _bounds(schema))))


def _bounds(schema: dict[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"from {least:g} to {most:g}"
    return "" if least is None else f"of at least {least:g}"


def _operation(verb: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> Operation:
    fields = [
        Field(
            each["name"],
            each["in"],
            kind_of(each["schema"]).removesuffix(" or null"),  # it may be left out, rather
            each.get("description", ""),
            each.get("required", False),
        )
        for each in operation.get("parameters", ())
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        fields += _fields(_resolved(content["schema"], document), "body")
    answers = tuple((status, _answer(answer)) for status, answer in operation["responses"].items())
    return Operation(verb, path, _first_line(operation.get("description", "")), tuple(fields), answers)


def _answer(answer: dict[str, Any]) -> str:
    for content in answer.get("content", {}).values():
        kind = kind_of(content.get("schema", {}))
        return kind if answer["description"] == "Successful Response" else f"{answer['description']} ({kind})"
    return str(answer["description"])


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body, which may be left out."""
    for each in (schema, *schema.get("anyOf", ())):
        if "$ref" in each:
            found: dict[str, Any] = document["components"]["schemas"][each["$ref"].rpartition("/")[2]]
            return found
    return schema


def _fields(schema: dict[str, Any], place: str) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield Field(name, place, kind_of(each), each.get("description", ""), name in required)


def _first_line(text: str) -> str:
    return re.sub(r"\s+", " ", text.partition("\n\n")[0]).strip()
