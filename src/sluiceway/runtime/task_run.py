"""What is known of the task run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import Any

from sluiceway.drivers.running import TASK_RUN

__all__ = list(TASK_RUN)  # noqa: PLE0605 - the names are those of the table  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in TASK_RUN:
        return TASK_RUN[name]()
    raise AttributeError(f"sluiceway.runtime.task_run has no attribute {name!r}; it has: {', '.join(TASK_RUN)}")


def __dir__() -> list[str]:
    return sorted(TASK_RUN)
