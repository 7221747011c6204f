"""What helps to test flows: a private place for runs, a clock that skips the waiting, fixtures for pytest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.testing.clock import VirtualClock
    from sluiceway.testing.harness import Harness, drain, test_harness
    from sluiceway.testing.scripts import DieAt, play

__all__ = ["DieAt", "Harness", "VirtualClock", "drain", "play", "test_harness"]

_HOMES = {"DieAt": "scripts", "VirtualClock": "clock", "play": "scripts"}


def __getattr__(name: str) -> Any:
    """Import what is asked for: pytest loads this package in every project that has Sluiceway installed."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'harness')}"), name)
