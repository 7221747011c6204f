"""Flows, their runs, the task runs of these, and what they logged: as the journal has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException

from sluiceway.base import times
from sluiceway.base.ids import RunId
from sluiceway.model.holding import NEVER
from sluiceway.model.overview import MOST_BUCKETS, MOST_STEPS, Attention, Bucket, FlowSummary, LogOutline, Step
from sluiceway.model.queries import LogLine, Page, RunOrder
from sluiceway.ports.store import Store
from sluiceway.server.api import filters, shapes
from sluiceway.server.api.paging import Paging, PagingHere, there
from sluiceway.server.api.shapes import plain, result_shape, shape_of
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

Texts = Annotated[list[filters.SomeText], Query(max_length=filters.MOST_VALUES, description="The names of the flows.")]
DAY = timedelta(days=1)


# --- flows --------------------------------------------------------------------------------------------


@router.get("/flows", response_model=shapes.Page[shapes.Flow], tags=["flows"])
def read_flows(
    store: StoreHere,
    page: PagingHere,
    names: Annotated[
        list[filters.SomeText] | None,
        Query(max_length=filters.MOST_VALUES, description="Flows of these names; all by default."),
    ] = None,
) -> Any:
    """Return the flows by name."""
    return page.read(store.read_flows, names=None if names is None else tuple(names))


@router.get("/flows/summaries", response_model=list[shape_of(FlowSummary)], tags=["flows"])  # type: ignore[misc]
def summarise_flows(
    store: StoreHere,
    names: Texts,
    since: Annotated[filters.When | None, Query(description="Runs that were created at this moment or after.")] = None,
    until: Annotated[filters.When | None, Query(description="Runs that were created before this moment.")] = None,
    last: Annotated[int, Query(ge=0, le=200, description="How many of the newest runs of each to tell of.")] = 30,
) -> Any:
    """Return how the runs of flows went that were created within a span of time, by default the last day."""
    now = datetime.now(UTC)
    begin, end = times.from_datetime(since or now - DAY), times.from_datetime(until or now)
    return plain(store.read_flow_summaries(names, begin, end, last=last))


@router.get("/flows/{flow_id}", response_model=shapes.Flow, tags=["flows"])
def read_flow(flow_id: UUID, store: StoreHere) -> Any:
    """Return a flow."""
    return there(store.read_flow(flow_id.bytes), "flow", flow_id)


# --- flow runs ----------------------------------------------------------------------------------------


@router.get("/flow_runs", response_model=shapes.Page[shapes.FlowRun], tags=["flow runs"])
def read_flow_runs(
    store: StoreHere, page: PagingHere, query: filters.FlowRuns, order: filters.OrderOfRuns = RunOrder.NEWEST_FIRST
) -> Any:
    """Return flow runs with their present states."""
    return page.read(store.read_flow_runs, query, order=order)


@router.get("/flow_runs/count", response_model=shapes.Count, tags=["flow runs"])
def count_flow_runs(store: StoreHere, query: filters.FlowRuns) -> Any:
    """Return how many flow runs there are."""
    return shapes.Count(count=store.count_flow_runs(query))


@router.get("/flow_runs/states", response_model=list[shapes.StateCount], tags=["flow runs"])
def count_flow_runs_by_state(store: StoreHere, query: filters.FlowRuns) -> Any:
    """Return how many flow runs there are by state."""
    counts = store.count_flow_runs_by_state(query)
    return [shapes.StateCount(type=kind, name=name, count=count) for (kind, name), count in counts.items()]


@router.get("/flow_runs/history", response_model=list[shape_of(Bucket)], tags=["flow runs"])  # type: ignore[misc]
def read_flow_run_history(
    store: StoreHere,
    query: filters.FlowRuns,
    start: Annotated[filters.When, Query(description="When the first span begins.")],
    width: Annotated[float, Query(ge=0.001, le=filters.LONGEST_SECONDS, description="How long each is, in seconds.")],
    count: Annotated[int, Query(ge=1, le=MOST_BUCKETS, description="How many there are.")],
) -> Any:
    """Return how many flow runs were created in each of several spans that follow one another, by present state."""
    moment, span = times.from_datetime(start), round(width * times.SECOND)
    if moment + span * count > NEVER:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "The last span ends after the year 9999.")
    return plain(store.read_flow_run_history(query, moment, span, count))


@router.get("/flow_runs/attention", response_model=shape_of(Attention), tags=["flow runs"])
def read_attention(
    store: StoreHere,
    since: Annotated[filters.When | None, Query(description="Since when failed runs count; by default a day.")] = None,
    limit: Annotated[int, Query(ge=1, le=100, description="How many runs of a kind at most.")] = 20,
) -> Any:
    """Return what a person should know of now: what fails, runs, is late or stuck."""
    begin = times.from_datetime(since or datetime.now(UTC) - DAY)
    return plain(store.read_attention(begin, times.now(), limit=limit))


@router.get("/flow_runs/{flow_run_id}", response_model=shapes.FlowRun, tags=["flow runs"])
def read_flow_run(flow_run_id: UUID, store: StoreHere) -> Any:
    """Return a flow run with its present state."""
    return there(store.read_flow_run(flow_run_id.bytes), "flow run", flow_run_id)


@router.get("/flow_runs/{flow_run_id}/states", response_model=list[shapes.State], tags=["flow runs"])
def read_flow_run_states(flow_run_id: UUID, store: StoreHere) -> Any:
    """Return the states of a flow run in order."""
    there(store.read_flow_run(flow_run_id.bytes), "flow run", flow_run_id)
    return plain(store.read_history(flow_run_id.bytes))


@router.get("/flow_runs/{flow_run_id}/result", response_model=shapes.Result | None, tags=["flow runs"])
def read_flow_run_result(flow_run_id: UUID, store: StoreHere) -> Any:
    """Return what is known of the result of a flow run; null where it has none."""
    there(store.read_flow_run(flow_run_id.bytes), "flow run", flow_run_id)
    return _result(store, flow_run_id.bytes)


@router.get("/flow_runs/{flow_run_id}/tasks", response_model=list[shapes.TaskCount], tags=["flow runs"])
def count_tasks_of_flow_run(flow_run_id: UUID, store: StoreHere) -> Any:
    """Return how many task runs of a flow run there are by the name of the task and that of the state."""
    there(store.read_flow_run(flow_run_id.bytes), "flow run", flow_run_id)
    counts = store.count_task_runs_by_state(flow_run_id.bytes)
    return [shapes.TaskCount(task_name=task, state_name=state, count=count) for (task, state), count in counts.items()]


@router.get("/flow_runs/{flow_run_id}/timeline", response_model=shapes.Page[shape_of(Step)], tags=["flow runs"])  # type: ignore[misc]
def read_timeline(
    flow_run_id: UUID,
    store: StoreHere,
    limit: Annotated[int, Query(ge=1, le=MOST_STEPS, description="How many steps at most.")] = 1_000,
    after: filters.Cursor = None,
) -> Any:
    """Return the task runs of a flow run as bars on a timeline, the oldest first."""
    there(store.read_flow_run(flow_run_id.bytes), "flow run", flow_run_id)
    return Paging(limit, after).read(store.read_timeline, flow_run_id.bytes)


# --- task runs ----------------------------------------------------------------------------------------


@router.get("/task_runs", response_model=shapes.Page[shapes.TaskRun], tags=["task runs"])
def read_task_runs(
    store: StoreHere, page: PagingHere, query: filters.TaskRuns, order: filters.OrderOfRuns = RunOrder.NEWEST_FIRST
) -> Any:
    """Return task runs with their present states."""
    return page.read(store.read_task_runs, query, order=order)


@router.get("/task_runs/count", response_model=shapes.Count, tags=["task runs"])
def count_task_runs(store: StoreHere, query: filters.TaskRuns) -> Any:
    """Return how many task runs there are."""
    return shapes.Count(count=store.count_task_runs(query))


@router.get("/task_runs/{task_run_id}", response_model=shapes.TaskRun, tags=["task runs"])
def read_task_run(task_run_id: UUID, store: StoreHere) -> Any:
    """Return a task run with its present state."""
    return there(store.read_task_run(task_run_id.bytes), "task run", task_run_id)


@router.get("/task_runs/{task_run_id}/states", response_model=list[shapes.State], tags=["task runs"])
def read_task_run_states(task_run_id: UUID, store: StoreHere) -> Any:
    """Return the states of a task run in order."""
    there(store.read_task_run(task_run_id.bytes), "task run", task_run_id)
    return plain(store.read_history(task_run_id.bytes))


@router.get("/task_runs/{task_run_id}/result", response_model=shapes.Result | None, tags=["task runs"])
def read_task_run_result(task_run_id: UUID, store: StoreHere) -> Any:
    """Return what is known of the result of a task run; null where it has none."""
    there(store.read_task_run(task_run_id.bytes), "task run", task_run_id)
    return _result(store, task_run_id.bytes)


def _result(store: Store, key: RunId) -> shapes.Result | None:
    result = store.read_result(key)
    return None if result is None else result_shape(result)


# --- logs ---------------------------------------------------------------------------------------------


@router.get("/logs", response_model=shapes.Page[shape_of(LogLine)], tags=["logs"])  # type: ignore[misc]
def read_logs(
    store: StoreHere,
    page: PagingHere,
    query: filters.LogLines,
    newest_first: Annotated[bool, Query(description="Whether the last line comes first.")] = False,
) -> Any:
    """Return log lines in the order they were written. A page of a search may be short, or empty, with more to come."""

    def read(query: Any, limit: int, after: str | None) -> Any:
        found = store.scan_logs(query, limit=limit, after=after, newest_first=newest_first)
        return Page(found.lines, found.cursor)

    return page.read(read, query)


@router.get("/logs/count", response_model=shapes.Count, tags=["logs"])
def count_logs(store: StoreHere, query: filters.LogLines) -> Any:
    """Return how many log lines there are."""
    return shapes.Count(count=store.count_logs(query))


@router.get("/logs/outline", response_model=shape_of(LogOutline), tags=["logs"])
def outline_logs(store: StoreHere, query: filters.LogLines) -> Any:
    """Return how many log lines there are, and where it becomes serious."""
    return plain(store.outline_logs(query))
