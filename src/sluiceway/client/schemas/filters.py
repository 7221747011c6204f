"""The filters of the client. Each part that is set narrows the choice.

A part can be given as a plain dictionary: `FlowRunFilter(state={"type": {"any_": ["FAILED"]}})`.
A part that does not exist is refused when the filter is made, so that no filter is ever passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sluiceway.model.states import StateType

__all__ = [
    "ArtifactCollectionFilter",
    "ArtifactFilter",
    "ArtifactFilterFlowRunId",
    "ArtifactFilterId",
    "ArtifactFilterKey",
    "ArtifactFilterTaskRunId",
    "ArtifactFilterType",
    "FlowFilter",
    "FlowFilterId",
    "FlowFilterName",
    "FlowRunFilter",
    "FlowRunFilterExpectedStartTime",
    "FlowRunFilterId",
    "FlowRunFilterName",
    "FlowRunFilterParentFlowRunId",
    "FlowRunFilterParentTaskRunId",
    "FlowRunFilterState",
    "FlowRunFilterStateName",
    "FlowRunFilterStateType",
    "FlowRunFilterTags",
    "LogFilter",
    "LogFilterFlowRunId",
    "LogFilterLevel",
    "LogFilterTaskRunId",
    "LogFilterTextSearch",
    "LogFilterTimestamp",
    "TaskRunFilter",
    "TaskRunFilterExpectedStartTime",
    "TaskRunFilterFlowRunId",
    "TaskRunFilterId",
    "TaskRunFilterName",
    "TaskRunFilterState",
    "TaskRunFilterStateName",
    "TaskRunFilterStateType",
    "TaskRunFilterTags",
    "TaskRunFilterTaskName",
    "VariableFilter",
    "VariableFilterName",
    "VariableFilterTags",
]


class _Filter(BaseModel):
    """A filter whose unknown parts are refused by name."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_each_part(cls, parts: Any) -> Any:
        unknown = sorted(set(parts) - set(cls.model_fields)) if isinstance(parts, Mapping) else []
        if unknown:
            known = ", ".join(cls.model_fields)
            raise ValueError(f"{cls.__name__} cannot filter by {', '.join(unknown)}; it can by {known}.")
        return parts


class _AnyId(_Filter):
    any_: list[UUID] | None = Field(default=None, description="One of these identifiers.")


class _AnyName(_Filter):
    any_: list[str] | None = Field(default=None, description="One of these names.")


class _NameLike(_AnyName):
    like_: str | None = Field(default=None, description="A name that contains this text.")


class _Period(_Filter):
    after_: datetime | None = Field(default=None, description="At or after this time.")
    before_: datetime | None = Field(default=None, description="Before this time.")


class _StateTypes(_Filter):
    any_: list[StateType] | None = Field(default=None, description="One of these types.")
    not_any_: list[StateType] | None = Field(default=None, description="None of these types.")


class _AllTags(_Filter):
    all_: list[str] | None = Field(default=None, description="All of these tags.")


# --- flows ----------------------------------------------------------------------------------------


class FlowFilterId(_AnyId):
    """Flows of these identifiers."""


class FlowFilterName(_NameLike):
    """Flows by name."""


class FlowFilter(_Filter):
    """Which flows to read, or which flows runs are to belong to."""

    id: FlowFilterId | None = None
    name: FlowFilterName | None = None


# --- flow runs --------------------------------------------------------------------------------------


class FlowRunFilterId(_AnyId):
    """Flow runs of these identifiers."""


class FlowRunFilterName(_NameLike):
    """Flow runs by name."""


class FlowRunFilterTags(_AllTags):
    """Flow runs by tags."""


class FlowRunFilterStateType(_StateTypes):
    """Flow runs by the type of their present state."""


class FlowRunFilterStateName(_AnyName):
    """Flow runs by the name of their present state."""


class FlowRunFilterState(_Filter):
    """Flow runs by their present state."""

    type: FlowRunFilterStateType | None = None
    name: FlowRunFilterStateName | None = None


class FlowRunFilterExpectedStartTime(_Period):
    """Flow runs by when they were to start: for a call, that is when it was made."""


class FlowRunFilterParentFlowRunId(_Filter):
    """Child runs of a flow run."""

    any_: list[UUID] | None = Field(
        default=None, min_length=1, max_length=1, description="The calling run, one at a time."
    )


class FlowRunFilterParentTaskRunId(_Filter):
    """Child runs by the task run that stands for them in their parent."""

    any_: list[UUID] | None = Field(default=None, description="One of these task runs.")
    is_null_: Literal[True] | None = Field(default=None, description="Only runs that no other run called.")


class FlowRunFilter(_Filter):
    """Which flow runs to read."""

    id: FlowRunFilterId | None = None
    name: FlowRunFilterName | None = None
    tags: FlowRunFilterTags | None = None
    state: FlowRunFilterState | None = None
    expected_start_time: FlowRunFilterExpectedStartTime | None = None
    parent_flow_run_id: FlowRunFilterParentFlowRunId | None = None
    parent_task_run_id: FlowRunFilterParentTaskRunId | None = None


# --- task runs --------------------------------------------------------------------------------------


class TaskRunFilterId(_AnyId):
    """Task runs of these identifiers."""


class TaskRunFilterName(_AnyName):
    """Task runs by the names that were given to them; generated names are not searched."""


class TaskRunFilterTaskName(_AnyName):
    """Task runs by the name of the task."""


class TaskRunFilterTags(_AllTags):
    """Task runs by tags."""


class TaskRunFilterStateType(_StateTypes):
    """Task runs by the type of their present state."""


class TaskRunFilterStateName(_AnyName):
    """Task runs by the name of their present state."""


class TaskRunFilterState(_Filter):
    """Task runs by their present state."""

    type: TaskRunFilterStateType | None = None
    name: TaskRunFilterStateName | None = None


class TaskRunFilterExpectedStartTime(_Period):
    """Task runs by when they were to start: for a call, that is when it was made."""


class TaskRunFilterFlowRunId(_AnyId):
    """Task runs of these flow runs."""


class TaskRunFilter(_Filter):
    """Which task runs to read."""

    id: TaskRunFilterId | None = None
    name: TaskRunFilterName | None = None
    task_name: TaskRunFilterTaskName | None = None
    tags: TaskRunFilterTags | None = None
    state: TaskRunFilterState | None = None
    expected_start_time: TaskRunFilterExpectedStartTime | None = None
    flow_run_id: TaskRunFilterFlowRunId | None = None


# --- logs -------------------------------------------------------------------------------------------


class LogFilterLevel(_Filter):
    """Log lines by level."""

    ge_: int | None = Field(default=None, description="This level of the standard `logging` module or a higher one.")


class LogFilterTimestamp(_Period):
    """Log lines by when they were written."""


class LogFilterFlowRunId(_AnyId):
    """Log lines of these flow runs, those of their tasks included."""


class LogFilterTaskRunId(_AnyId):
    """Log lines of these task runs."""


class LogFilterTextSearch(_Filter):
    """Log lines by what they say."""

    query: str = Field(description="Lines that contain this text, without regard to case.")


class LogFilter(_Filter):
    """Which log lines to read."""

    level: LogFilterLevel | None = None
    timestamp: LogFilterTimestamp | None = None
    flow_run_id: LogFilterFlowRunId | None = None
    task_run_id: LogFilterTaskRunId | None = None
    text: LogFilterTextSearch | None = None


# --- artifacts ------------------------------------------------------------------------------------


class ArtifactFilterId(_AnyId):
    """Artifacts of these identifiers."""


class ArtifactFilterKey(_AnyName):
    """Artifacts of these keys."""


class ArtifactFilterType(_AnyName):
    """Artifacts of these types."""


class ArtifactFilterFlowRunId(_AnyId):
    """Artifacts made in these flow runs, also in their tasks."""


class ArtifactFilterTaskRunId(_AnyId):
    """Artifacts made in these task runs."""


class ArtifactFilter(_Filter):
    """Which artifacts to read."""

    id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    type: ArtifactFilterType | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None


class ArtifactCollectionFilter(_Filter):
    """Of which keys to read the newest version, by what that is."""

    latest_id: ArtifactFilterId | None = None
    key: ArtifactFilterKey | None = None
    type: ArtifactFilterType | None = None
    flow_run_id: ArtifactFilterFlowRunId | None = None
    task_run_id: ArtifactFilterTaskRunId | None = None


# --- variables ------------------------------------------------------------------------------------


class VariableFilterName(_AnyName):
    """Variables of these names."""


class VariableFilterTags(_AllTags):
    """Variables with all of these tags."""


class VariableFilter(_Filter):
    """Which variables to read."""

    name: VariableFilterName | None = None
    tags: VariableFilterTags | None = None
