"""What the client is told to make or change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

__all__ = [
    "ArtifactCreate",
    "ArtifactUpdate",
    "GlobalConcurrencyLimitCreate",
    "GlobalConcurrencyLimitUpdate",
    "VariableCreate",
    "VariableUpdate",
]


@dataclass(frozen=True, slots=True)
class GlobalConcurrencyLimitCreate:
    """A limit to be made.

    Args:
        name: What it is asked for by; `tag:` and a tag for task runs with that tag.
        limit: How many slots may be taken at once; 1 or more.
        active: Whether it limits anything.
        slot_decay_per_second: How many slots come free in a second by themselves; 0 for none.
    """

    name: str
    limit: int
    active: bool = True
    slot_decay_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class GlobalConcurrencyLimitUpdate:
    """What is to change of a limit; None for what is to stay.

    Args:
        name: Its new name.
        limit: How many slots may be taken at once; 1 or more.
        active: Whether it limits anything.
        slot_decay_per_second: How many slots come free in a second by themselves; 0 for none.
    """

    name: str | None = None
    limit: int | None = None
    active: bool | None = None
    slot_decay_per_second: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactCreate:
    """An artifact to be made.

    Args:
        key: What its versions have in common: lower-case letters, digits and dashes; None for one without versions.
        type: What the data is, such as `markdown`, `table`, `progress` or `image`.
        description: What it is for, in Markdown.
        data: The data, which JSON has to know.
        metadata_: What else goes with it, texts by name.
        flow_run_id: The flow run that it is of; by default the one whose code makes it.
        task_run_id: The task run that it is of; by default the one whose code makes it.
    """

    key: str | None = None
    type: str | None = None
    description: str | None = None
    data: Any = None
    metadata_: dict[str, str] | None = None
    flow_run_id: UUID | None = None
    task_run_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactUpdate:
    """What an artifact is to be.

    Args:
        data: The data, which JSON has to know.
        description: What it is for, in Markdown; None to leave that.
        type: What the artifact has to be; None for anything.
    """

    data: Any
    description: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableCreate:
    """A variable to be made.

    Args:
        name: What it is read by: lower-case letters, digits, underscores and dashes.
        value: The value, which JSON has to know.
        tags: The tags.
    """

    name: str
    value: Any
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableUpdate:
    """What a variable is to be.

    Args:
        name: The name of the variable.
        value: The value, which JSON has to know.
        tags: The tags; None to leave them.
    """

    name: str
    value: Any
    tags: Sequence[str] | None = None
