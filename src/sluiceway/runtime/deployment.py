"""What is known of the deployment of the run that this code belongs to. Each name is read anew when it is asked for."""

from __future__ import annotations

from typing import Any

from sluiceway.drivers.running import DEPLOYMENT

__all__ = list(DEPLOYMENT)  # noqa: PLE0605 - the names are those of the table  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in DEPLOYMENT:
        return DEPLOYMENT[name]()
    raise AttributeError(f"sluiceway.runtime.deployment has no attribute {name!r}; it has: {', '.join(DEPLOYMENT)}")


def __dir__() -> list[str]:
    return sorted(DEPLOYMENT)
