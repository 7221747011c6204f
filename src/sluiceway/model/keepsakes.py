"""Keepsakes: what the journal keeps beside runs, that is artifacts, variables and sealed secrets.

Data and values are JSON texts here: stores write and return them as they are.
"""

from __future__ import annotations

from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment


class Artifact(NamedTuple):
    """Something that code made for people to look at.

    Args:
        id: Its identifier, which increases with time.
        key: What its versions have in common, the latest of which is shown by it; None for one without versions.
        type: What the data is, such as `markdown`, `table`, `progress` or `image`; None where nobody said.
        data: The data, as a JSON text; None where there is none, or it was not asked for.
        description: What it is for, in Markdown.
        metadata: What else goes with it, texts by name.
        flow_run_key: The flow run that it was made in; None outside flows.
        task_run_key: The task run that it was made in; None outside tasks.
        created: When it was made.
        updated: When its data was changed last.
        size: How many bytes the data takes.
    """

    id: RunId
    key: str | None
    type: str | None
    data: str | None
    description: str | None
    metadata: dict[str, str] | None
    flow_run_key: RunId | None
    task_run_key: RunId | None
    created: Moment
    updated: Moment
    size: int


class ArtifactQuery(NamedTuple):
    """Which artifacts to read. Each part that is set narrows the choice; a tuple means any of its members.

    Args:
        ids: The artifacts themselves.
        keys: Those of these keys.
        types: Those of these types.
        flow_run_keys: Those made in these flow runs, also in their tasks.
        task_run_keys: Those made in these task runs.
        created_after: Those made at or after this moment, to the millisecond.
        created_before: Those made before this moment, to the millisecond.
    """

    ids: tuple[RunId, ...] | None = None
    keys: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    flow_run_keys: tuple[RunId, ...] | None = None
    task_run_keys: tuple[RunId, ...] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None


class Variable(NamedTuple):
    """A value that any run can read, and that is set from outside.

    Args:
        id: Its identifier, which stays when its value is changed.
        name: What it is read by.
        value: The value, as a JSON text.
        tags: The tags.
        created: When it was made.
        updated: When it was set last.
    """

    id: RunId
    name: str
    value: str
    tags: tuple[str, ...]
    created: Moment
    updated: Moment


class VariableQuery(NamedTuple):
    """Which variables to read. Each part that is set narrows the choice.

    Args:
        names: Those of any of these names.
        tags: Those that have all of these tags.
    """

    names: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


class SealedSecret(NamedTuple):
    """A secret as the journal has it: encrypted, by a key that is not in the journal.

    Args:
        id: Its identifier, which stays when its value is changed.
        name: What it is loaded by.
        sealed: The encrypted value.
        created: When it was made.
        updated: When it was saved last.
    """

    id: RunId
    name: str
    sealed: bytes
    created: Moment
    updated: Moment
