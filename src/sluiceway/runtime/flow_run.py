"""What is known of the flow run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import Any

from sluiceway.drivers.running import FLOW_RUN

__all__ = list(FLOW_RUN)  # noqa: PLE0605 - the names are those of the table  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in FLOW_RUN:
        return FLOW_RUN[name]()
    raise AttributeError(f"sluiceway.runtime.flow_run has no attribute {name!r}; it has: {', '.join(FLOW_RUN)}")


def __dir__() -> list[str]:
    return sorted(FLOW_RUN)
