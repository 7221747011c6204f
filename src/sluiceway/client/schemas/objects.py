"""The objects that the client returns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sluiceway.base import ids, times
from sluiceway.model import keepsakes
from sluiceway.model.inputs import SentInput
from sluiceway.model.queries import LogLine
from sluiceway.model.runs import FlowInfo as Flow
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateDetails, StateType

__all__ = [
    "Artifact",
    "ConcurrencyLeaseHolder",
    "Flow",
    "FlowRun",
    "FlowRunInput",
    "GlobalConcurrencyLimit",
    "Log",
    "State",
    "StateDetails",
    "StateType",
    "TaskRun",
    "Variable",
]


@dataclass(frozen=True, slots=True)
class Log:
    """A line that a run logged.

    Args:
        number: The place of the line in the journal; later lines have higher ones.
        name: The name of the logger.
        level: The level of the standard `logging` module, such as 20 for INFO.
        message: The line.
        timestamp: When it was written.
        flow_run_id: The flow run; None for a task called outside flows.
        task_run_id: The task run; None for a line of the flow itself.
    """

    number: int
    name: str
    level: int
    message: str
    timestamp: datetime
    flow_run_id: UUID | None
    task_run_id: UUID | None

    @classmethod
    def from_line(cls, line: LogLine) -> Log:
        """Return the object for a line of the journal."""
        return cls(
            number=line.number,
            name=line.logger,
            level=line.level,
            message=line.message,
            timestamp=times.to_datetime(line.moment),
            flow_run_id=ids.optional_uuid(line.flow_run_key),
            task_run_id=ids.optional_uuid(line.task_run_key),
        )


@dataclass(frozen=True, slots=True)
class FlowRunInput:
    """What was sent to a flow run.

    Args:
        flow_run_id: The flow run.
        key: What tells it from others of the run.
        value: What was sent, as JSON.
        sender: Who sent it; `sluiceway.flow-run.` and an identifier for a flow run; None where nobody says.
        created: When it was sent.
        received: When somebody received it; None while it waits.
    """

    flow_run_id: UUID
    key: str
    value: str
    sender: str | None = None
    created: datetime | None = None
    received: datetime | None = None

    @property
    def decoded_value(self) -> Any:
        """What was sent."""
        return json.loads(self.value)

    @classmethod
    def from_sent(cls, sent: SentInput) -> FlowRunInput:
        """Return the object for an input of the journal."""
        return cls(
            flow_run_id=ids.to_uuid(sent.run_key),
            key=sent.key,
            value=sent.value,
            sender=sent.sender,
            created=times.to_datetime(sent.sent),
            received=None if sent.received is None else times.to_datetime(sent.received),
        )


@dataclass(frozen=True, slots=True)
class GlobalConcurrencyLimit:
    """How many slots there are by a name, and how many of them are taken.

    Args:
        id: The identifier of the limit.
        name: What it is asked for by; that of a limit for task runs with a tag is `tag:` and the tag.
        limit: How many slots may be taken at once.
        active: Whether it limits anything.
        active_slots: How many are taken now.
        slot_decay_per_second: How many slots come free in a second by themselves; 0 for none.
    """

    id: UUID
    name: str
    limit: int
    active: bool
    active_slots: int
    slot_decay_per_second: float


@dataclass(frozen=True, slots=True)
class ConcurrencyLeaseHolder:
    """Which run is shown as having slots.

    Args:
        type: What kind of run it is.
        id: The identifier of the run.
    """

    type: Literal["flow_run", "task_run", "deployment"]
    id: UUID


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that code made for people to look at.

    Args:
        id: The identifier of the artifact.
        created: When it was made.
        updated: When its data was changed last.
        key: What its versions have in common; None for one without versions.
        type: What the data is, such as `markdown`, `table`, `progress` or `image`.
        description: What it is for, in Markdown.
        data: The data; of a table, its JSON text.
        metadata_: What else goes with it, texts by name.
        flow_run_id: The flow run that it was made in; None outside flows.
        task_run_id: The task run that it was made in; None outside tasks.
    """

    id: UUID
    created: datetime
    updated: datetime
    key: str | None
    type: str | None
    description: str | None
    data: Any
    metadata_: dict[str, str] | None
    flow_run_id: UUID | None
    task_run_id: UUID | None

    @classmethod
    def from_kept(cls, kept: keepsakes.Artifact) -> Artifact:
        """Return the object for an artifact of the journal."""
        data = kept.data if kept.data is None or kept.type == "table" else json.loads(kept.data)
        return cls(
            ids.to_uuid(kept.id),
            times.to_datetime(kept.created),
            times.to_datetime(kept.updated),
            kept.key,
            kept.type,
            kept.description,
            data,
            kept.metadata,
            ids.optional_uuid(kept.flow_run_key),
            ids.optional_uuid(kept.task_run_key),
        )


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that any run can read, and that is set from outside.

    Args:
        id: The identifier of the variable.
        created: When it was made.
        updated: When it was set last.
        name: What it is read by.
        value: The value.
        tags: The tags.
    """

    id: UUID
    created: datetime
    updated: datetime
    name: str
    value: Any
    tags: list[str]

    @classmethod
    def from_kept(cls, kept: keepsakes.Variable) -> Variable:
        """Return the object for a variable of the journal."""
        return cls(
            ids.to_uuid(kept.id),
            times.to_datetime(kept.created),
            times.to_datetime(kept.updated),
            kept.name,
            json.loads(kept.value),
            list(kept.tags),
        )
