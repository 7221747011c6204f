"""What is known of the task run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.drivers.running import TASK_RUN

if TYPE_CHECKING:
    id: str | None  # noqa: A001 - the public name
    tags: list[str]
    name: str | None
    parameters: dict[str, Any]
    run_count: int
    task_name: str | None
    api_url: str | None
    ui_url: str | None

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
