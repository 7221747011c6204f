"""What can be asked of the journal: filters, orders and pages.

Each list is read in pages by cursor: `after` is the `cursor` of the page before.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.states import StateType

T = TypeVar("T")

PAGE_LIMIT = 200
"""The number of rows that a page has unless another is asked for."""


class RunOrder(str, Enum):
    """The orders that runs can be read in."""

    NEWEST_FIRST = "newest first"
    OLDEST_FIRST = "oldest first"
    STARTED_FIRST = "started first"
    STARTED_LAST = "started last"
    ENDED_LAST = "ended last"
    NAME = "name"


class FlowRunQuery(NamedTuple):
    """Which flow runs to read. Each part that is set narrows the choice; a tuple means any of its members.

    Args:
        keys: The runs themselves.
        key_prefix: Runs whose identifier (hexadecimal, without dashes) begins so.
        names: Runs of these names.
        name_like: Runs whose name contains this text.
        flow_names: Runs of these flows.
        state_types: Runs whose present state has one of these types.
        state_names: Runs whose present state has one of these names.
        tags: Runs that have all of these tags.
        parent: Child runs of this run.
        roots_only: Runs that no other run called.
        may_resume: Runs that may go on by themselves once more (`auto_resume`), if they crash.
        created_after: Runs created at or after this moment.
        created_before: Runs created before this moment.
        started_after: Runs that first started to run at or after this moment.
        started_before: Runs that first started to run before this moment.
        ended_after: Runs that ended at or after this moment.
        ended_before: Runs that ended before this moment.
        duration_at_least: Runs that have ended, and took this many microseconds or more.
        duration_at_most: Runs that have ended, and took this many microseconds or less.
        parameters: Runs that were called with these parameters: the names, and the values as JSON.
        text: Runs that have this text in their name, the name of their flow, a tag or the parameters as JSON, without
            regard to case (ASCII).
    """

    keys: tuple[RunId, ...] | None = None
    key_prefix: str | None = None
    names: tuple[str, ...] | None = None
    name_like: str | None = None
    flow_names: tuple[str, ...] | None = None
    state_types: tuple[StateType, ...] | None = None
    state_names: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    parent: RunId | None = None
    roots_only: bool = False
    may_resume: bool = False
    created_after: Moment | None = None
    created_before: Moment | None = None
    started_after: Moment | None = None
    started_before: Moment | None = None
    ended_after: Moment | None = None
    ended_before: Moment | None = None
    duration_at_least: int | None = None
    duration_at_most: int | None = None
    parameters: tuple[tuple[str, str], ...] | None = None
    text: str | None = None


class TaskRunQuery(NamedTuple):
    """Which task runs to read. Each part that is set narrows the choice; a tuple means any of its members.

    Args:
        keys: The runs themselves.
        key_prefix: Runs whose identifier (hexadecimal, without dashes) begins so.
        flow_run_keys: Task runs of these flow runs.
        names: Runs of these names, given ones only.
        task_names: Runs of the tasks of these names.
        state_types: Runs whose present state has one of these types.
        state_names: Runs whose present state has one of these names.
        tags: Runs that have all of these tags.
        created_after: Runs created at or after this moment.
        created_before: Runs created before this moment.
        text: Runs that have this text in their name, the name of their task or the preview of their arguments, without
            regard to case (ASCII).
    """

    keys: tuple[RunId, ...] | None = None
    key_prefix: str | None = None
    flow_run_keys: tuple[RunId, ...] | None = None
    names: tuple[str, ...] | None = None
    task_names: tuple[str, ...] | None = None
    state_types: tuple[StateType, ...] | None = None
    state_names: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    text: str | None = None


class LogQuery(NamedTuple):
    """Which log lines to read, in the order they were written.

    Args:
        flow_run_keys: Lines of these flow runs, those of their tasks included.
        task_run_keys: Lines of these task runs.
        level_at_least: Lines of this level or a higher one.
        text: Lines that contain this text, without regard to case (ASCII).
        moment_after: Lines written at or after this moment.
        moment_before: Lines written before this moment.
        number_from: Lines of this number or a higher one.
        number_before: Lines of a lower number.
    """

    flow_run_keys: tuple[RunId, ...] | None = None
    task_run_keys: tuple[RunId, ...] | None = None
    level_at_least: int | None = None
    text: str | None = None
    moment_after: Moment | None = None
    moment_before: Moment | None = None
    number_from: int | None = None
    number_before: int | None = None


class Page(NamedTuple, Generic[T]):
    """A page of a list.

    Args:
        items: The rows.
        cursor: What to ask for the next page with; None where this is the last.
    """

    items: tuple[T, ...]
    cursor: str | None


class LogLine(NamedTuple):
    """A line that a run logged.

    Args:
        number: The place of the line in the journal.
        flow_run_key: The flow run; None for a task called outside flows.
        task_run_key: The task run; None for a line of the flow itself.
        moment: When it was written.
        level: The level of the standard `logging` module.
        logger: The name of the logger.
        message: The line.
    """

    number: int
    flow_run_key: RunId | None
    task_run_key: RunId | None
    moment: Moment
    level: int
    logger: str
    message: str


class StoredState(NamedTuple):
    """A state in the history of a run.

    Args:
        type: The type.
        name: The name.
        moment: Since when.
        message: What it tells a person.
        details: What goes with it, as plain data.
    """

    type: StateType
    name: str
    moment: Moment
    message: str | None = None
    details: dict[str, Any] | None = None
