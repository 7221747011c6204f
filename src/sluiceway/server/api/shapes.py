"""Shapes: what the values of the model look like on the wire.

A named tuple has the shape that its fields, their types and its docstring give it, so that nothing is written twice.
Runs and flows, whose attributes are more than the wire has, name those that travel; their texts are theirs, too.
Everywhere: identifiers are UUIDs, moments are times with their zone, durations are seconds.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, JsonValue, create_model

from sluiceway.base import ids, times
from sluiceway.model import runs, states
from sluiceway.model.queries import StoredState
from sluiceway.model.restoring import live_state
from sluiceway.model.results import StoredResult
from sluiceway.model.states import StateType

T = TypeVar("T")
S = TypeVar("S", bound=BaseModel)

MOMENTS = frozenset(
    "at created end ended expires moment newest next_start oldest resumed since start started until updated".split()
)
"""Fields that hold a moment: to the type checker it is a number like others."""

DURATIONS = frozenset({"mean", "median"})
"""Fields that hold a duration in microseconds."""

RENAMED = {"moment": "timestamp"}
"""Fields that go by a plainer name."""

HIDDEN = frozenset({("ProcessInfo", "lock"), ("ProcessInfo", "boot"), ("Sizes", "location")})
"""What is of no use to others, or a place on the disk of the server."""


JSON_TEXTS = frozenset({("Artifact", "data"), ("Variable", "value")})
"""Fields that hold JSON as text."""


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _plain_details(value: Any) -> Any:
    return value.as_dict() if isinstance(value, states.StateDetails) else value


def _identified(value: Any) -> Any:
    return ids.to_uuid(value) if isinstance(value, bytes) else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
Identifier = Annotated[UUID, BeforeValidator(_identified)]


def arguments_of(kind: type) -> dict[str, str]:
    """Return the texts that the docstring of a class has for its arguments.

    Args:
        kind: The class.
    """
    _, _, section = (inspect.getdoc(kind) or "").partition("Args:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).strip() for name, text in found}


def described_by(source: type) -> Any:
    """Return a decorator that gives the fields of a shape the texts of a class.

    Args:
        source: The class, whose properties and arguments have the texts.
    """

    def describe(shape: type[S]) -> type[S]:
        texts = {**arguments_of(runs.FlowRun), **arguments_of(source)}
        for name, field in shape.model_fields.items():
            member = inspect.getattr_static(source, name, None)
            text = inspect.getdoc(member.fget) if isinstance(member, property) else None
            field.description = field.description or text or texts.get(name)
        shape.model_rebuild(force=True)
        return shape

    return describe


class State(BaseModel, from_attributes=True):
    """Where a run is in its life."""

    type: StateType = Field(description="One of the nine kinds.")
    name: str = Field(description="What refines the kind, such as `Retrying`.")
    message: str | None = Field(description="What to tell a person.")
    timestamp: datetime = Field(description="Since when.")
    details: Annotated[dict[str, Any], BeforeValidator(_plain_details)] = Field(
        validation_alias=AliasChoices("details", "state_details"), description="What goes with it."
    )


@described_by(runs.FlowInfo)
class Flow(BaseModel, from_attributes=True):
    """A flow as the journal knows it."""

    id: UUID
    name: str
    created: datetime
    description: str | None = Field(description="What it is for, as its code says.")
    parameter_schema: dict[str, Any] | None = Field(
        description="The JSON schema of its parameters, as it last ran; null where nothing told it."
    )


@described_by(runs.FlowRun)
class Run(BaseModel, from_attributes=True):
    """What flow runs and task runs have in common."""

    id: UUID
    name: str
    tags: list[str]
    state: State | None
    run_count: int = Field(description="How many times the run has started to run.")
    created: datetime
    start_time: datetime | None
    end_time: datetime | None
    total_run_time: Seconds
    next_scheduled_start_time: datetime | None
    parent_task_run_id: UUID | None


@described_by(runs.FlowRun)
class FlowRun(Run):
    """One call of a flow."""

    flow_name: str
    flow_id: UUID | None
    flow_version: str | None
    parameters: dict[str, Any]
    expected_start_time: datetime
    parent_flow_run_id: UUID | None
    root_flow_run_id: UUID
    started_by: str | None = Field(description="Who called it: the user, the machine and the program.")
    entrypoint: str | None = Field(description="Where its flow is; None where it cannot be imported.")
    epoch: int = Field(description="How many times the run has been taken in hand again.")
    auto_resume: int = Field(description="How many times it goes on by itself after a crash.")


@described_by(runs.TaskRun)
class TaskRun(Run):
    """One call of a task."""

    task_name: str
    task_key: str
    flow_run_id: UUID | None
    child_flow_run_key: Identifier | None = Field(
        serialization_alias="child_flow_run_id", description="The flow run that this task run stands for."
    )
    call_preview: str | None
    dynamic_key: str
    cache_key: str | None = Field(description="The key that its result is cached by.")
    task_inputs: dict[str, list[UUID]]


class Result(BaseModel):
    """What is known of a stored result; the value itself is opened by programs that have its classes, never here."""

    preview: str | None = Field(description="A short text of the value, made by the process that wrote it.")
    size: int = Field(description="The number of bytes.")
    serializer: str = Field(description="How the bytes were made.")
    kept: str = Field(description="Where: `journal`, `storage` or `nowhere`.")
    why_not: str | None = Field(description="Why the value is not stored.")


class NewVariable(BaseModel, extra="forbid"):
    """What a variable is set to."""

    value: JsonValue = Field(description="A text, number, boolean, null, list or object.")
    tags: list[str] = Field(default=[], max_length=100, description="Its tags.")


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T] = Field(description="The rows.")
    cursor: str | None = Field(
        description="What to ask for the next page with, as `after`; None where this is the last."
    )


class Count(BaseModel):
    """How many there are."""

    count: int = Field(description="The number.")


class Storage(BaseModel):
    """How much the journal holds."""

    schema_version: int | None = Field(default=None, description="The number of its form.")
    rows: dict[str, int] = Field(description="How many rows, by kind.")
    bytes: int | None = Field(default=None, description="The size of its files.")


class StateCount(BaseModel):
    """How many runs are in a state."""

    type: StateType
    name: str = Field(description="The name of the state.")
    count: int = Field(description="How many.")


class TaskCount(BaseModel):
    """How many runs of a task are in a state."""

    task_name: str = Field(description="The name of the task.")
    state_name: str = Field(description="The name of the state.")
    count: int = Field(description="How many.")


def result_shape(result: StoredResult) -> Result:
    """Return the shape of a stored result.

    Args:
        result: What the journal knows of it.
    """
    kept = "nowhere" if result.why_not is not None else "journal" if result.location is None else "storage"
    return Result(
        preview=result.preview, size=result.size, serializer=result.serializer, kept=kept, why_not=result.why_not
    )


# --- shapes that follow from the model --------------------------------------------------------------


_OWN: dict[type, type[BaseModel]] = {
    runs.FlowInfo: Flow,
    runs.FlowRun: FlowRun,
    runs.TaskRun: TaskRun,
    states.State: State,
    StoredState: State,
}


@cache
def shape_of(kind: type) -> type[BaseModel]:
    """Return the shape of a class of the model.

    Args:
        kind: A named tuple, or one of those that have a shape of their own.
    """
    if kind in _OWN:
        return _OWN[kind]
    hints, texts = get_type_hints(kind), arguments_of(kind)
    fields: dict[str, Any] = {
        wire_name(name, hints[name]): (
            Any if (kind.__name__, name) in JSON_TEXTS else wire_type(hints[name], name),
            Field(description=texts.get(name)),
        )
        for name in getattr(kind, "_fields", ())
        if (kind.__name__, name) not in HIDDEN
    }
    return create_model(kind.__name__, __doc__=(inspect.getdoc(kind) or "").partition("\n")[0], **fields)


def plain(value: Any, name: str = "") -> Any:
    """Return a value of the model as the data that its shape has.

    Args:
        value: The value.
        name: The name of the field that it stands in.
    """
    if isinstance(value, StoredState):
        return live_state(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        kind, hints = type(value), get_type_hints(type(value))
        return {
            wire_name(each, hints[each]): _opened(kind, each, getattr(value, each))
            for each in hints
            if (kind.__name__, each) not in HIDDEN
        }
    if isinstance(value, (tuple, frozenset)):
        return [plain(item) for item in value]
    return _plain_scalar(value, name)


def _opened(kind: type, name: str, value: Any) -> Any:
    if (kind.__name__, name) in JSON_TEXTS:
        return None if value is None else json.loads(value)
    return plain(value, name)


def _plain_scalar(value: Any, name: str) -> Any:
    if isinstance(value, bytes):
        return ids.to_uuid(value)
    if isinstance(value, int) and name in MOMENTS:
        return times.to_datetime(value)
    if isinstance(value, int) and name in DURATIONS:
        return value / times.SECOND
    return value


def wire_name(name: str, hint: Any) -> str:
    """Return the name that a field has on the wire.

    Args:
        name: Its name in the model.
        hint: Its type there.
    """
    if name in RENAMED:
        return RENAMED[name]
    if bytes not in _parts(hint):
        return name
    return "id" if name == "key" else re.sub(r"(?:_key|key)(s?)$", r"_id\1", name).lstrip("_")


def wire_type(hint: Any, name: str) -> Any:
    """Return the type that a field has on the wire.

    Args:
        hint: Its type in the model.
        name: Its name there.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return Union[tuple(wire_type(argument, name) for argument in arguments)]  # noqa: UP007  # from a list of types
    if origin in (tuple, frozenset):
        return list[wire_type(arguments[0], name)]  # type: ignore[misc]  # as many as there are
    if hint is bytes:
        return UUID
    if hint is int and name in MOMENTS:
        return datetime
    if hint is int and name in DURATIONS:
        return float
    is_model = isinstance(hint, type) and (hint in _OWN or hasattr(hint, "_fields"))
    return shape_of(hint) if is_model else hint


def _parts(hint: Any) -> set[Any]:
    """Return the types that a type is made of."""
    arguments = get_args(hint)
    return (
        {hint}
        if not arguments or (isinstance(hint, type) and issubclass(hint, Enum))
        else set().union(*(_parts(argument) for argument in arguments))
    )
