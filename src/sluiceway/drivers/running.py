"""What the executing code can ask of its runs, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sluiceway.base import times
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext

if TYPE_CHECKING:
    from uuid import UUID


def _text(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def _flow(read: Callable[[FlowRunContext], Any], default: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that reads something off the flow run here, or gives a default outside flows."""

    def value() -> Any:
        context = FlowRunContext.get()
        return default() if context is None else read(context)

    return value


def _task(read: Callable[[TaskRunContext], Any], default: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that reads something off the task run here, or gives a default outside tasks."""

    def value() -> Any:
        context = TaskRunContext.get()
        return default() if context is None else read(context)

    return value


def _nothing() -> None:
    """Stand for what is not known outside runs."""


def _scheduled(context: FlowRunContext) -> datetime:
    return context.flow_run.expected_start_time


FLOW_RUN: Mapping[str, Callable[[], Any]] = {
    "id": _flow(lambda c: str(c.flow_run.id), _nothing),
    "tags": _flow(lambda c: sorted(c.flow_run.tags), list),
    "scheduled_start_time": _flow(_scheduled, lambda: times.to_datetime(times.now())),
    "name": _flow(lambda c: c.flow_run.name, _nothing),
    "flow_name": _flow(lambda c: c.flow_run.flow_name, _nothing),
    "flow_version": _flow(lambda c: c.flow_run.flow_version, _nothing),
    "parameters": _flow(lambda c: dict(c.parameters), dict),
    "parent_flow_run_id": _flow(lambda c: _text(c.flow_run.parent_flow_run_id), _nothing),
    "parent_deployment_id": _nothing,
    "root_flow_run_id": _flow(lambda c: str(c.flow_run.root_flow_run_id), _nothing),
    "run_count": _flow(lambda c: c.flow_run.run_count, int),
    "api_url": _nothing,
    "ui_url": _nothing,
    "job_variables": _nothing,
}
"""What can be read of the flow run, and how."""

TASK_RUN: Mapping[str, Callable[[], Any]] = {
    "id": _task(lambda c: str(c.task_run.id), _nothing),
    "tags": _task(lambda c: sorted(c.task_run.tags), list),
    "name": _task(lambda c: c.task_run.name, _nothing),
    "parameters": _task(lambda c: dict(c.parameters), dict),
    "run_count": _task(lambda c: c.task_run.run_count, int),
    "task_name": _task(lambda c: c.task_run.task_name, _nothing),
    "api_url": _nothing,
    "ui_url": _nothing,
}
"""What can be read of the task run, and how."""

DEPLOYMENT: Mapping[str, Callable[[], Any]] = {
    "id": _nothing,
    "flow_run_id": FLOW_RUN["id"],
    "name": _nothing,
    "parameters": dict,
    "version": _nothing,
}
"""What can be read of the deployment that a run comes from: none has one yet."""
