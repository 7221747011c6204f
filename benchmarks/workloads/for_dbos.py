"""DBOS's workloads. A task is a step; what is submitted, mapped or a child is a workflow.

DBOS starts no steps by themselves, only workflows. A step is on disk when its call returns and a workflow
when its result is there, so there is nothing to wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from . import Engine, Workload
from .memory import kept_bytes


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Engine]:
    """Launch DBOS with a SQLite system database in `home`, without its admin server."""
    dbos = importlib.import_module("dbos").DBOS
    dbos(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{home / 'dbos.sqlite'}",
            "run_admin_server": False,
        }
    )
    engine = _engine(dbos)
    dbos.launch()
    try:
        yield engine
    finally:
        dbos.destroy()


def _engine(dbos: Any) -> Engine:
    work = Work(dbos)

    def kept(count: int) -> float:
        return kept_bytes(work.mapped, count, _already_on_disk)

    return Engine(
        workloads={
            "direct": _blocking(dbos, work.direct),
            "submitted": _blocking(dbos, work.submitted),
            "mapped": _blocking(dbos, work.mapped),
            "children": _blocking(dbos, work.children),
            "awaited": _looping(dbos, work.awaited),
            "gathered": _looping(dbos, work.gathered),
            "strict": _blocking(dbos, work.direct, "strict"),
            "shared": _blocking(dbos, work.mapped, "shared"),
        },
        kept=dbos.workflow(name="kept")(kept),
        drains=True,
    )


class Work:
    """What happens inside a workflow, `count` times."""

    def __init__(self, dbos: Any) -> None:
        self._start: Any = dbos.start_workflow
        self._noop: Any = dbos.step()(_noop)
        self._async_noop: Any = dbos.step()(_async_noop)
        self._child: Any = dbos.workflow()(_child)

    def direct(self, count: int) -> None:
        for _ in range(count):
            self._noop()

    def submitted(self, count: int) -> None:
        for _ in range(count):
            self._start(self._child).get_result()

    def mapped(self, count: int) -> list[Any]:
        handles = [self._start(self._child, item) for item in range(count)]
        for handle in handles:
            handle.get_result()
        return handles

    def children(self, count: int) -> None:
        for _ in range(count):
            self._child()

    async def awaited(self, count: int) -> None:
        for _ in range(count):
            await self._async_noop()

    async def gathered(self, count: int) -> None:
        await asyncio.gather(*(self._async_noop() for _ in range(count)))


def _blocking(dbos: Any, work: Callable[[int], object], name: str | None = None) -> Workload:
    def body(count: int) -> float:
        begin = perf_counter()
        work(count)
        return (perf_counter() - begin) / count

    workload: Workload = dbos.workflow(name=name or work.__name__)(body)
    return workload


def _looping(dbos: Any, work: Callable[[int], Awaitable[None]]) -> Workload:
    async def body(count: int) -> float:
        begin = perf_counter()
        await work(count)
        return (perf_counter() - begin) / count

    workflow = dbos.workflow(name=work.__name__)(body)

    def workload(count: int) -> float:
        return float(asyncio.run(workflow(count)))

    return workload


def _already_on_disk() -> None:
    pass


def _noop(item: object = None) -> None:
    pass


async def _async_noop() -> None:
    pass


def _child(item: object = None) -> None:
    pass
