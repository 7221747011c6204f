"""The same few pieces of work, written for each engine that is measured, and without any.

A workload takes a count and returns the seconds that one of that many operations took. The clock runs
inside the flow, around the operations and, where the engine has one, the wait until all of them are on
disk.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

Workload = Callable[[int], float]


class Engine(NamedTuple):
    """One engine's workloads by name, ready to be run in this process."""

    workloads: dict[str, Workload]
    kept: Workload
    """Maps that many tasks and returns the bytes kept for each of them instead of the seconds it took."""
    drains: bool
    """Whether everything is recorded when a workload returns, and the wait for that is part of its time."""
    recorded: Callable[[], int] | None = None
    """Tells how many task runs the database holds; None where the engine is not asked."""


@contextlib.contextmanager
def opened(name: str, home: Path) -> Iterator[Engine]:
    """Start an engine whose database lies in `home` and close it at the end of the block.

    Args:
        name: `sluiceway`, `prefect` or `dbos`; it must be installed for the interpreter at hand.
        home: An existing folder.
    """
    module = importlib.import_module(f"benchmarks.workloads.for_{name}")
    with module.opened(home) as engine:
        yield engine
