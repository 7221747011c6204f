"""The journal as another process would find it now, and steps to look for in it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

from sluiceway import task
from sluiceway.model.queries import StoredState
from sluiceway.stores.sqlite.store import SqliteStore


class Journal:
    """The journal as another process would find it now.

    Args:
        path: The run database.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def states(self) -> dict[str, str]:
        """Return the present state of each run by the name of its flow or task; the last one of a name counts."""
        if not self.path.exists():
            return {}
        with closing(SqliteStore(str(self.path))) as store:
            flows = {run.flow_name: run.state for run in reversed(store.read_flow_runs().items)}
            tasks = {run.task_name: run.state for run in reversed(store.read_task_runs().items)}
        return {name: state.name for name, state in {**flows, **tasks}.items() if state is not None}

    def history(self, name: str) -> tuple[StoredState, ...]:
        """Return the states of the one run of a task."""
        with closing(SqliteStore(str(self.path))) as store:
            (run,) = [run for run in store.read_task_runs().items if run.task_name == name]
            return store.read_history(run.key)

    def result(self, name: str) -> bytes | None:
        """Return the stored result of the one run of a task."""
        with closing(SqliteStore(str(self.path))) as store:
            (run,) = [run for run in store.read_task_runs().items if run.task_name == name]
            stored = store.read_result(run.key)
        return None if stored is None else stored.blob


@task
def step(x: int = 0) -> int:
    return x + 1


@task
async def async_step(x: int = 0) -> int:
    await asyncio.sleep(0)
    return x + 1


strict_step, strict_async_step = step.with_options(durability="strict"), async_step.with_options(durability="strict")
