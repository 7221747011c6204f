"""The workloads in the vocabulary that Sluiceway and Prefect share: `flow`, `task`, `submit`, `map`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from . import Engine, Workload
from .memory import kept_bytes

GATHERED_AT_ONCE = 1_000

Decorator = Callable[..., Any]


def engine(
    flow: Decorator, task: Decorator, drain: Callable[[], None] | None, strict: Mapping[str, Any] | None = None
) -> Engine:
    """Write the workloads with one library's decorators.

    Args:
        flow: The library's `flow`.
        task: The library's `task`.
        drain: Blocks until all that was recorded is written; None where the library offers no such wait.
        strict: Options of a flow whose every step is on disk when its call returns; None where there is no such.
    """
    clocked = Clocked(flow, drain or _no_wait)
    work = Work(flow, task)
    workloads = {
        "direct": clocked.blocking(work.direct),
        "submitted": clocked.blocking(work.submitted),
        "mapped": clocked.blocking(work.mapped),
        "children": clocked.blocking(work.children),
        "awaited": clocked.looping(work.awaited),
        "gathered": clocked.looping(work.gathered),
    }
    if strict is not None:
        workloads["strict"] = clocked.blocking(work.direct, name="strict", **strict)
        workloads["shared"] = clocked.blocking(work.mapped, name="shared", **strict)
    return Engine(
        workloads=workloads,
        kept=clocked.kept(work.mapped),
        drains=drain is not None,
    )


class Work:
    """What happens inside a flow, `count` times."""

    def __init__(self, flow: Decorator, task: Decorator) -> None:
        self._noop: Any = task(_noop)
        self._async_noop: Any = task(_async_noop)
        self._child: Any = flow(_child)

    def direct(self, count: int) -> None:
        for _ in range(count):
            self._noop()

    def submitted(self, count: int) -> None:
        for _ in range(count):
            self._noop.submit().result()

    def mapped(self, count: int) -> object:
        futures = self._noop.map(range(count))
        for future in futures:
            future.result()
        return futures

    def children(self, count: int) -> None:
        for _ in range(count):
            self._child()

    async def awaited(self, count: int) -> None:
        for _ in range(count):
            await self._async_noop()

    async def gathered(self, count: int) -> None:
        for start in range(0, count, GATHERED_AT_ONCE):
            size = min(GATHERED_AT_ONCE, count - start)
            await asyncio.gather(*(self._async_noop() for _ in range(size)))


class Clocked:
    """Puts work inside a flow, with the clock inside too: what the flow itself costs is not the work's."""

    def __init__(self, flow: Decorator, wait: Callable[[], None]) -> None:
        self._flow = flow
        self._wait = wait

    def blocking(self, work: Callable[[int], object], **options: Any) -> Workload:
        def workload(count: int) -> float:
            def body() -> float:
                begin = perf_counter()
                work(count)
                self._wait()
                return (perf_counter() - begin) / count

            return float(self._flow(body, **{"name": work.__name__, **options})())

        return workload

    def looping(self, work: Callable[[int], Awaitable[None]]) -> Workload:
        def workload(count: int) -> float:
            async def body() -> float:
                begin = perf_counter()
                await work(count)
                self._wait()
                return (perf_counter() - begin) / count

            return float(asyncio.run(self._flow(body, name=work.__name__)()))

        return workload

    def kept(self, work: Callable[[int], object]) -> Workload:
        def workload(count: int) -> float:
            def body() -> float:
                return kept_bytes(work, count, self._wait)

            return float(self._flow(body, name="kept")())

        return workload


def _no_wait() -> None:
    pass


def _noop(item: object = None) -> None:
    pass


async def _async_noop() -> None:
    pass


def _child() -> None:
    pass
