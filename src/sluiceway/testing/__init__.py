"""What helps to test flows: a private place for runs, a clock that skips the waiting, fixtures for pytest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.testing.clock import VirtualClock
    from sluiceway.testing.harness import Harness, drain, test_harness

__all__ = ["Harness", "VirtualClock", "drain", "test_harness"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: pytest loads this package in every project that has Sluiceway installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "clock" if name == "VirtualClock" else "harness"
    return getattr(import_module(f"{__name__}.{module}"), name)
