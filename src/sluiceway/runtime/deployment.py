"""What is known of the deployment of the run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.drivers.running import DEPLOYMENT

if TYPE_CHECKING:
    id: str | None  # noqa: A001 - the public name
    """Always None as yet: there are no deployments."""
    flow_run_id: str | None
    """The identifier of the flow run, as text."""
    name: str | None
    """Always None as yet: there are no deployments."""
    parameters: dict[str, Any]
    """Always empty as yet: there are no deployments."""
    version: str | None
    """Always None as yet: there are no deployments."""

__all__ = [
    "flow_run_id",
    "id",
    "name",
    "parameters",
    "version",
]


def __getattr__(name: str) -> Any:
    if name in DEPLOYMENT:
        return DEPLOYMENT[name]()
    raise AttributeError(f"sluiceway.runtime.deployment has no attribute {name!r}; it has: {', '.join(DEPLOYMENT)}")


def __dir__() -> list[str]:
    return sorted(DEPLOYMENT)
