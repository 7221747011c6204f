"""Filters: the queries of the journal as parameters of a request, each named and described as its part of the query."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args, get_type_hints
from uuid import UUID

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, Field, StringConstraints

from sluiceway.base import times
from sluiceway.model.keepsakes import ArtifactQuery, VariableQuery
from sluiceway.model.queries import PAGE_LIMIT, FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.states import StateType
from sluiceway.server.api.shapes import arguments_of, wire_name

Q = TypeVar("Q")

MOST_VALUES = 100
"""How many values a part of a filter may have."""

LONGEST_TEXT = 500
"""Characters of a text that is looked for."""

LONGEST_CURSOR = 2_000

LONGEST_SECONDS = 10**9

SomeText = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
HexPrefix = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,32}$")]
When = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9999, 1, 1, tzinfo=UTC))]
"""A moment that a journal can hold."""

DurationSeconds = Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]


Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="How many rows at most.")]
Cursor = Annotated[str | None, Query(max_length=LONGEST_CURSOR, description="The `cursor` of the page before.")]
OrderOfRuns = Annotated[RunOrder, Query(description="In which order.")]


def filter_by(kind: type[Q]) -> Callable[..., Q]:
    """Return what makes a query of the parameters of a request, for `Depends`.

    Args:
        kind: The class of the query; each of its fields is a parameter.
    """
    hints, texts = get_type_hints(kind), arguments_of(kind)
    parts = {wire_name(name, hint): (name, *_wire(name, hint)) for name, hint in hints.items()}

    def chosen(**given: Any) -> Q:
        made = {
            field: _converted(convert, given[wire], wire)
            for wire, (field, _, convert) in parts.items()
            if given.get(wire) is not None
        }
        return kind(**made)

    parameters = [
        inspect.Parameter(
            wire,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[annotation | None, Query(description=texts.get(field))],
        )
        for wire, (field, annotation, _) in parts.items()
    ]
    chosen.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what FastAPI looks at
    return chosen


def _converted(convert: Callable[[Any], Any], value: Any, name: str) -> Any:
    try:
        return convert(value)
    except ValueError as error:
        problem = {"type": "value_error", "loc": ("query", name), "msg": str(error), "input": value}
        raise RequestValidationError([problem]) from error


def _wire(name: str, hint: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the type of a parameter, and what makes the part of the query of it."""
    inner = next((part for part in get_args(hint) if part is not type(None)), hint)
    if name == "parameters":
        return Annotated[list[SomeText], Field(max_length=MOST_VALUES)], _parameters
    if name == "key_prefix":
        return HexPrefix, str
    if name.startswith("duration_"):
        return DurationSeconds, _microseconds
    if inner is int and name.endswith(("_after", "_before")) and not name.startswith("number_"):
        return When, times.from_datetime
    if inner is int:
        return Annotated[int, Field(ge=0, le=2**62)], int
    return _SIMPLE[inner]


def _keys(values: list[UUID]) -> tuple[bytes, ...]:
    return tuple(value.bytes for value in values)


def _microseconds(seconds: float) -> int:
    return round(seconds * times.SECOND)


def _parameters(texts: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"{text!r} should be NAME=JSON, such as limit=10.")
        try:
            json.loads(value)
        except ValueError as error:
            raise ValueError(f"The value of {name!r} is not JSON: {error}. A text needs quotes.") from error
        pairs.append((name, value))
    return tuple(pairs)


_SIMPLE: dict[Any, tuple[Any, Callable[[Any], Any]]] = {
    bool: (bool, bool),
    str: (SomeText, str),
    bytes: (UUID, lambda value: value.bytes),
    tuple[bytes, ...]: (Annotated[list[UUID], Field(max_length=MOST_VALUES)], _keys),
    tuple[str, ...]: (Annotated[list[SomeText], Field(max_length=MOST_VALUES)], tuple),
    tuple[StateType, ...]: (Annotated[list[StateType], Field(max_length=len(StateType))], tuple),
}
"""By the type of a part of a query, that of the parameter, and what makes the one of the other."""


FlowRuns = Annotated[FlowRunQuery, Depends(filter_by(FlowRunQuery))]
TaskRuns = Annotated[TaskRunQuery, Depends(filter_by(TaskRunQuery))]
LogLines = Annotated[LogQuery, Depends(filter_by(LogQuery))]
Artifacts = Annotated[ArtifactQuery, Depends(filter_by(ArtifactQuery))]
Variables = Annotated[VariableQuery, Depends(filter_by(VariableQuery))]
