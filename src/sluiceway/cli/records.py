"""Runs, states and log lines as plain data, for `--json`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sluiceway.base import ids, times
from sluiceway.model.queries import LogLine, StoredState
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State


def flow_run_record(run: FlowRun) -> dict[str, Any]:
    """Return a flow run as plain data."""
    return {
        "id": str(run.id),
        "name": run.name,
        "flow": run.flow_name,
        "version": run.flow_version,
        "parameters": dict(run.parameters),
        "parent_flow_run_id": _id(run.parent_key),
        "started_by": run.started_by,
        **_common(run),
    }


def task_run_record(run: TaskRun) -> dict[str, Any]:
    """Return a task run as plain data."""
    inputs: Mapping[str, tuple[ids.RunId, ...]] = run.inputs or {}
    return {
        "id": str(run.id),
        "name": run.name,
        "task": run.task_name,
        "flow_run_id": _id(run.flow_run_key),
        "parent_task_run_id": _id(run.parent_key),
        "child_flow_run_id": _id(run.child_flow_run_key),
        "call": run.call_preview,
        "inputs": {name: [str(ids.to_uuid(key)) for key in keys] for name, keys in inputs.items()},
        **_common(run),
    }


def history_record(history: tuple[StoredState, ...]) -> list[dict[str, Any]]:
    """Return the states of a run as plain data."""
    return [_stated(state) for state in history]


def result_record(result: StoredResult | None) -> dict[str, Any] | None:
    """Return what is known of a stored result as plain data, without opening it."""
    if result is None:
        return None
    return {
        "preview": result.preview,
        "bytes": result.size,
        "serializer": result.serializer,
        "location": result.location,
        "why_not": result.why_not,
    }


def log_record(line: LogLine) -> dict[str, Any]:
    """Return a log line as plain data."""
    return {
        "time": _time(line.moment),
        "level": logging.getLevelName(line.level),
        "logger": line.logger,
        "flow_run_id": _id(line.flow_run_key),
        "task_run_id": _id(line.task_run_key),
        "message": line.message,
    }


def _common(run: FlowRun | TaskRun) -> dict[str, Any]:
    return {
        "tags": sorted(run.tags),
        "state": None if run.state is None else _stated(run.state),
        "run_count": run.run_count,
        "created": run.created.isoformat(),
        "start": _time(run.start),
        "end": _time(run.end),
    }


def _stated(state: State[Any] | StoredState) -> dict[str, Any]:
    return {
        "type": state.type.value,
        "name": state.name,
        "message": state.message,
        "since": _time(state.moment),
    }


def _id(key: ids.RunId | None) -> str | None:
    return None if key is None else str(ids.to_uuid(key))


def _time(moment: times.Moment | None) -> str | None:
    return None if moment is None else times.to_datetime(moment).isoformat()
