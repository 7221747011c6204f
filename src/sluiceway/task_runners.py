"""Task runners: where submitted tasks run. Each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway.wiring import runners as _runners

if TYPE_CHECKING:
    from sluiceway.wiring.runners import (
        ConcurrentTaskRunner,
        DaskTaskRunner,
        ProcessPoolTaskRunner,
        RayTaskRunner,
        TaskRunner,
        ThreadPoolTaskRunner,
    )

__all__ = [
    "ConcurrentTaskRunner",
    "DaskTaskRunner",
    "ProcessPoolTaskRunner",
    "RayTaskRunner",
    "TaskRunner",
    "ThreadPoolTaskRunner",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(_runners, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
