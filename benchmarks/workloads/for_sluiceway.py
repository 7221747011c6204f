"""Sluiceway's workloads. Each ends with the wait until every fact is on disk, which is part of its time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from sluiceway import flow, task
from sluiceway.client import get_client
from sluiceway.testing import drain

from . import Engine, vocabulary


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Engine]:
    """Offer the workloads; `SLUICEWAY_HOME`, set by the caller, is where the journal lies."""
    engine = vocabulary.engine(flow, task, drain, strict={"durability": "strict"})
    yield engine._replace(recorded=_recorded)


def _recorded() -> int:
    with get_client(sync_client=True) as client:
        return client.count_task_runs()
