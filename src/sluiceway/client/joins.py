"""What a reading by several filters asks the journal: those on other lists are looked up first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from sluiceway.base import ids
from sluiceway.client import translation
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, Page, TaskRunQuery
from sluiceway.model.runs import FlowInfo
from sluiceway.ports.store import Store

if TYPE_CHECKING:  # filters are Pydantic models, which who reads without a filter need not import
    from sluiceway.client.schemas import filters

T = TypeVar("T")

JOIN_LIMIT = 10_000
"""The number of rows that a filter on another list may choose at most."""


def flow_run_query(
    store: Store,
    flow_filter: filters.FlowFilter | None,
    flow_run_filter: filters.FlowRunFilter | None,
    task_run_filter: filters.TaskRunFilter | None = None,
) -> FlowRunQuery:
    """Return the query for flow runs that fit every filter.

    Raises:
        ValueError: A filter on another list chooses too many rows.
    """
    query = translation.flow_run_query(flow_run_filter)
    if flow_filter is not None:
        query = query._replace(flow_names=tuple(flow.name for flow in flows(store, flow_filter)))
    if task_run_filter is not None:
        chosen = translation.task_run_query(task_run_filter)
        runs = _few("task_run_filter", lambda after: store.read_task_runs(chosen, after=after))
        query = query._replace(keys=both(query.keys, (run.flow_run_key for run in runs)))
    if flow_run_filter is not None and flow_run_filter.parent_task_run_id is not None:
        query = _of_parent_tasks(store, query, flow_run_filter.parent_task_run_id)
    return query


def task_run_query(
    store: Store,
    flow_filter: filters.FlowFilter | None,
    flow_run_filter: filters.FlowRunFilter | None,
    task_run_filter: filters.TaskRunFilter | None,
) -> TaskRunQuery:
    """Return the query for task runs that fit every filter.

    Raises:
        ValueError: A filter on another list chooses too many rows.
    """
    query = translation.task_run_query(task_run_filter)
    if flow_filter is None and flow_run_filter is None:
        return query
    keys = flow_run_keys(store, flow_filter, flow_run_filter)
    return query._replace(flow_run_keys=both(query.flow_run_keys, keys))


def flows(store: Store, flow_filter: filters.FlowFilter | None) -> Iterator[FlowInfo]:
    """Yield the flows that a filter chooses, by name."""
    named = None
    if flow_filter is not None and flow_filter.name is not None and flow_filter.name.any_ is not None:
        named = tuple(flow_filter.name.any_)
    for flow in walk(lambda after: store.read_flows(names=named, after=after)):
        if flow_filter is None or translation.fits_flow(flow_filter, flow):
            yield flow


def flow_names_of_runs(
    store: Store,
    flow_run_filter: filters.FlowRunFilter | None,
    task_run_filter: filters.TaskRunFilter | None,
) -> frozenset[str] | None:
    """Return the names of the flows that have runs which fit both filters; None where there is no filter."""
    if flow_run_filter is None and task_run_filter is None:
        return None
    query = flow_run_query(store, None, flow_run_filter, task_run_filter)
    runs = _few("flow_run_filter", lambda after: store.read_flow_runs(query, after=after))
    return frozenset(run.flow_name for run in runs)


def flow_run_keys(
    store: Store,
    flow_filter: filters.FlowFilter | None,
    flow_run_filter: filters.FlowRunFilter | None,
) -> Iterable[ids.RunId]:
    """Return the flow runs that fit both filters.

    Raises:
        ValueError: They are too many.
    """
    query = flow_run_query(store, flow_filter, flow_run_filter)
    if query.keys is not None and query == FlowRunQuery(keys=query.keys):
        return query.keys
    name = "flow_filter" if flow_run_filter is None else "flow_run_filter"
    return [run.key for run in _few(name, lambda after: store.read_flow_runs(query, after=after))]


def task_run_keys(store: Store, task_run_filter: filters.TaskRunFilter) -> Iterable[ids.RunId]:
    """Return the task runs that a filter chooses.

    Raises:
        ValueError: They are too many.
    """
    query = translation.task_run_query(task_run_filter)
    return [run.key for run in _few("task_run_filter", lambda after: store.read_task_runs(query, after=after))]


def _of_parent_tasks(store: Store, query: FlowRunQuery, parents: filters.FlowRunFilterParentTaskRunId) -> FlowRunQuery:
    """Narrow a query to the runs that task runs stand for."""
    if parents.any_ is None:
        return query
    runs = (store.read_task_run(ids.from_uuid(parent)) for parent in parents.any_)
    return query._replace(keys=both(query.keys, (run.child_flow_run_key for run in runs if run is not None)))


def _few(name: str, read: Callable[[str | None], Page[T]]) -> list[T]:
    """Return all rows that a filter chooses, unless they are too many to look up."""
    rows = list(islice(walk(read), JOIN_LIMIT + 1))
    if len(rows) > JOIN_LIMIT:
        raise ValueError(f"{name} chooses more than {JOIN_LIMIT:,} runs; narrow it, or read in parts.")
    return rows


def both(chosen: Iterable[ids.RunId] | None, others: Iterable[ids.RunId | None]) -> tuple[ids.RunId, ...]:
    """Return the keys that are among both; no choice means all."""
    keys = dict.fromkeys(key for key in others if key is not None)
    return tuple(keys) if chosen is None else tuple(key for key in chosen if key in keys)
