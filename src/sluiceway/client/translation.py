"""From the filters and orders of the client to the queries of the journal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict
from uuid import UUID

from sluiceway.base import ids, times
from sluiceway.client.schemas.sorting import FlowRunSort, TaskRunSort
from sluiceway.model.keepsakes import ArtifactQuery, VariableQuery
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowInfo
from sluiceway.model.states import StateType

if TYPE_CHECKING:  # filters are Pydantic models, which who reads without a filter need not import
    from sluiceway.client.schemas import filters

FLOW_RUN_ORDERS = {
    FlowRunSort.ID_DESC: RunOrder.NEWEST_FIRST,
    FlowRunSort.START_TIME_ASC: RunOrder.STARTED_FIRST,
    FlowRunSort.START_TIME_DESC: RunOrder.STARTED_LAST,
    FlowRunSort.EXPECTED_START_TIME_ASC: RunOrder.OLDEST_FIRST,
    FlowRunSort.EXPECTED_START_TIME_DESC: RunOrder.NEWEST_FIRST,
    FlowRunSort.NAME_ASC: RunOrder.NAME,
    FlowRunSort.END_TIME_DESC: RunOrder.ENDED_LAST,
}

TASK_RUN_ORDERS = {
    TaskRunSort.ID_DESC: RunOrder.NEWEST_FIRST,
    TaskRunSort.EXPECTED_START_TIME_ASC: RunOrder.OLDEST_FIRST,
    TaskRunSort.EXPECTED_START_TIME_DESC: RunOrder.NEWEST_FIRST,
    TaskRunSort.NAME_ASC: RunOrder.NAME,
    TaskRunSort.END_TIME_DESC: RunOrder.ENDED_LAST,
}


class _CommonParts(TypedDict):
    """What the queries for flow runs and task runs have in common."""

    keys: tuple[ids.RunId, ...] | None
    names: tuple[str, ...] | None
    state_types: tuple[StateType, ...] | None
    state_names: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    created_after: times.Moment | None
    created_before: times.Moment | None


def flow_run_query(chosen: filters.FlowRunFilter | None) -> FlowRunQuery:
    """Return the query for a filter; parents that are task runs are looked up by the caller."""
    if chosen is None:
        return FlowRunQuery()
    parents = None if chosen.parent_flow_run_id is None else _keys(chosen.parent_flow_run_id.any_)
    return FlowRunQuery(
        **_common_parts(chosen),
        name_like=None if chosen.name is None else chosen.name.like_,
        parent=parents[0] if parents else None,
        roots_only=chosen.parent_task_run_id is not None and chosen.parent_task_run_id.is_null_ is True,
    )


def task_run_query(chosen: filters.TaskRunFilter | None) -> TaskRunQuery:
    """Return the query for a filter."""
    if chosen is None:
        return TaskRunQuery()
    return TaskRunQuery(
        **_common_parts(chosen),
        task_names=None if chosen.task_name is None else _tuple(chosen.task_name.any_),
        flow_run_keys=None if chosen.flow_run_id is None else _keys(chosen.flow_run_id.any_),
    )


def log_query(chosen: filters.LogFilter | None) -> LogQuery:
    """Return the query for a filter."""
    if chosen is None:
        return LogQuery()
    return LogQuery(
        flow_run_keys=None if chosen.flow_run_id is None else _keys(chosen.flow_run_id.any_),
        task_run_keys=None if chosen.task_run_id is None else _keys(chosen.task_run_id.any_),
        level_at_least=None if chosen.level is None else chosen.level.ge_,
        text=None if chosen.text is None else chosen.text.query,
        moment_after=None if chosen.timestamp is None else _moment(chosen.timestamp.after_),
        moment_before=None if chosen.timestamp is None else _moment(chosen.timestamp.before_),
    )


def artifact_query(chosen: filters.ArtifactFilter | filters.ArtifactCollectionFilter | None) -> ArtifactQuery:
    """Return the query that a filter stands for."""
    if chosen is None:
        return ArtifactQuery()
    identifiers: filters.ArtifactFilterId | None = getattr(chosen, "id", None) or getattr(chosen, "latest_id", None)
    return ArtifactQuery(
        ids=None if identifiers is None else _keys(identifiers.any_),
        keys=None if chosen.key is None else _tuple(chosen.key.any_),
        types=None if chosen.type is None else _tuple(chosen.type.any_),
        flow_run_keys=None if chosen.flow_run_id is None else _keys(chosen.flow_run_id.any_),
        task_run_keys=None if chosen.task_run_id is None else _keys(chosen.task_run_id.any_),
    )


def variable_query(chosen: filters.VariableFilter | None) -> VariableQuery:
    """Return the query that a filter stands for."""
    if chosen is None:
        return VariableQuery()
    return VariableQuery(
        names=None if chosen.name is None else _tuple(chosen.name.any_),
        tags=None if chosen.tags is None else _tuple(chosen.tags.all_),
    )


def fits_flow(chosen: filters.FlowFilter, flow: FlowInfo) -> bool:
    """Return whether a flow is among those that a filter chooses."""
    if chosen.id is not None and chosen.id.any_ is not None and flow.id not in chosen.id.any_:
        return False
    if chosen.name is None:
        return True
    if chosen.name.any_ is not None and flow.name not in chosen.name.any_:
        return False
    return chosen.name.like_ is None or chosen.name.like_.lower() in flow.name.lower()


def _common_parts(chosen: filters.FlowRunFilter | filters.TaskRunFilter) -> _CommonParts:
    state, period = chosen.state, chosen.expected_start_time
    return _CommonParts(
        keys=None if chosen.id is None else _keys(chosen.id.any_),
        names=None if chosen.name is None else _tuple(chosen.name.any_),
        state_types=None if state is None else _state_types(state.type),
        state_names=None if state is None or state.name is None else _tuple(state.name.any_),
        tags=None if chosen.tags is None else _tuple(chosen.tags.all_),
        created_after=None if period is None else _moment(period.after_),
        created_before=None if period is None else _moment(period.before_),
    )


def _state_types(
    chosen: filters.FlowRunFilterStateType | filters.TaskRunFilterStateType | None,
) -> tuple[StateType, ...] | None:
    if chosen is None or (chosen.any_ is None and chosen.not_any_ is None):
        return None
    among = StateType if chosen.any_ is None else chosen.any_
    return tuple(kind for kind in among if kind not in (chosen.not_any_ or ()))


def _keys(chosen: Iterable[UUID] | None) -> tuple[ids.RunId, ...] | None:
    return None if chosen is None else tuple(map(ids.from_uuid, chosen))


def _tuple(chosen: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if chosen is None else tuple(chosen)


def _moment(when: datetime | None) -> times.Moment | None:
    return None if when is None else times.from_datetime(when)
