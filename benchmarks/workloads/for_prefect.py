"""Prefect's workloads: Sluiceway's text, without the wait for the disk, which Prefect does not offer."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from pathlib import Path

from . import Engine, vocabulary


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Engine]:
    """Offer the workloads; `PREFECT_HOME` and the rest of the environment are set by the caller."""
    prefect = importlib.import_module("prefect")
    yield vocabulary.engine(prefect.flow, prefect.task, drain=None)
