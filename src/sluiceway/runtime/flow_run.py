"""What is known of the flow run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.drivers.running import FLOW_RUN

if TYPE_CHECKING:
    from datetime import datetime

    id: str | None  # noqa: A001 - the public name
    tags: list[str]
    scheduled_start_time: datetime
    name: str | None
    flow_name: str | None
    flow_version: str | None
    parameters: dict[str, Any]
    parent_flow_run_id: str | None
    parent_deployment_id: str | None
    root_flow_run_id: str | None
    run_count: int
    api_url: str | None
    ui_url: str | None
    job_variables: dict[str, Any] | None

__all__ = [
    "api_url",
    "flow_name",
    "flow_version",
    "id",
    "job_variables",
    "name",
    "parameters",
    "parent_deployment_id",
    "parent_flow_run_id",
    "root_flow_run_id",
    "run_count",
    "scheduled_start_time",
    "tags",
    "ui_url",
]


def __getattr__(name: str) -> Any:
    if name in FLOW_RUN:
        return FLOW_RUN[name]()
    raise AttributeError(f"sluiceway.runtime.flow_run has no attribute {name!r}; it has: {', '.join(FLOW_RUN)}")


def __dir__() -> list[str]:
    return sorted(FLOW_RUN)
