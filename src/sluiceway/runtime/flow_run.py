"""What is known of the flow run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.drivers.running import FLOW_RUN

if TYPE_CHECKING:
    from datetime import datetime

    id: str | None  # noqa: A001 - the public name
    """The identifier of the flow run, as text."""
    tags: list[str]
    """Its tags, sorted."""
    scheduled_start_time: datetime
    """When it was to start; the present time outside flows."""
    name: str | None
    """Its name."""
    flow_name: str | None
    """The name of the flow."""
    flow_version: str | None
    """The version of the flow."""
    parameters: dict[str, Any]
    """Its arguments by name; empty outside flows."""
    parent_flow_run_id: str | None
    """The flow run that called it, as text."""
    parent_deployment_id: str | None
    """Always None as yet: there are no deployments."""
    root_flow_run_id: str | None
    """The outermost flow run that it belongs to, as text."""
    run_count: int
    """How many times it has started; 0 outside flows."""
    api_url: str | None
    """Always None as yet: there is no server."""
    ui_url: str | None
    """Always None as yet: there are no pages."""
    job_variables: dict[str, Any] | None
    """Always None as yet: there are no deployments."""

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
