"""What is known of the task run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.drivers.running import TASK_RUN

if TYPE_CHECKING:
    id: str | None  # noqa: A001 - the public name
    """The identifier of the task run, as text."""
    tags: list[str]
    """Its tags, sorted."""
    name: str | None
    """Its name."""
    parameters: dict[str, Any]
    """Its arguments by name; empty outside tasks."""
    run_count: int
    """How many times it has started; 0 outside tasks."""
    task_name: str | None
    """The name of the task."""
    api_url: str | None
    """Always None as yet: there is no server."""
    ui_url: str | None
    """Always None as yet: there are no pages."""

__all__ = [
    "api_url",
    "id",
    "name",
    "parameters",
    "run_count",
    "tags",
    "task_name",
    "ui_url",
]


def __getattr__(name: str) -> Any:
    if name in TASK_RUN:
        return TASK_RUN[name]()
    raise AttributeError(f"sluiceway.runtime.task_run has no attribute {name!r}; it has: {', '.join(TASK_RUN)}")


def __dir__() -> list[str]:
    return sorted(TASK_RUN)
