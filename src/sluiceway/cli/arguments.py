"""Arguments of a flow on the command line: JSON values, plain text where the parameter is a text."""

from __future__ import annotations

import inspect
import json
import shlex
import types
import typing
from collections.abc import Iterable
from typing import Any

from sluiceway.cli.printing import Refusal
from sluiceway.flows import Flow


def parse_arguments(flow: Flow[..., Any], given: Iterable[str], whole: str | None) -> dict[str, Any]:
    """Return the arguments of a flow by name, not yet validated.

    Args:
        flow: The flow.
        given: Texts `name=value`.
        whole: A JSON object with arguments, which `given` goes before.

    Raises:
        Refusal: A text has no name or is no JSON; the message says how to write it.
    """
    annotations = _annotations(flow)
    arguments = {} if whole is None else _object(whole)
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Refusal(f"--param {text!r} should be NAME=VALUE, such as --param limit=10.")
        arguments[name] = _value(name, value, annotations.get(name))
    return arguments


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refusal(f"--params is not JSON: {error}. {_EXAMPLE}") from None
    if not isinstance(value, dict):
        raise Refusal(f"--params should be a JSON object, not {text}. {_EXAMPLE}")
    return value


_EXAMPLE = """An example: --params '{"name": "Ada", "limit": 10}'"""


def _value(name: str, text: str, annotation: Any) -> Any:
    """Return the value of a text: for a parameter that is a text, the text itself unless it is quoted."""
    try:
        value = json.loads(text)
    except ValueError as error:
        if _may_be_text(annotation):
            return text
        quoted = shlex.quote(f"{name}={json.dumps(text)}")
        raise Refusal(
            f"The value of parameter {name!r} is not JSON: {text} ({error}). A text needs quotes: --param {quoted}"
        ) from None
    return text if annotation is str and not isinstance(value, str) else value


def _may_be_text(annotation: Any) -> bool:
    """Whether a parameter with this annotation takes a text: `str`, or a union with it."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _may_be_text(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(map(_may_be_text, typing.get_args(annotation)))
    return annotation is str


def _annotations(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return the annotations of a flow's parameters; those as written where a name in them is not known."""
    try:
        return typing.get_type_hints(flow.fn, include_extras=True)
    except Exception:  # whatever evaluating an annotation raises: the flow tells when it validates
        return dict(inspect.get_annotations(flow.fn))
