"""The yardsticks: the standard library's thread pool, recording nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from . import Workload

_CHUNK = 1_000


def hop(count: int) -> float:
    """One `ThreadPoolExecutor(1).submit(f).result()`: into another thread and back."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(_nothing).result()
        begin = perf_counter()
        for _ in range(count):
            threads.submit(_nothing).result()
        return (perf_counter() - begin) / count


def pool(count: int) -> float:
    """One item of `ThreadPoolExecutor().map`, a thousand at a time so that its own futures do not pile up."""
    with ThreadPoolExecutor() as threads:
        list(threads.map(_nothing, range(_CHUNK)))
        begin = perf_counter()
        for start in range(0, count, _CHUNK):
            list(threads.map(_nothing, range(start, min(start + _CHUNK, count))))
        return (perf_counter() - begin) / count


YARDSTICKS: dict[str, Workload] = {"hop": hop, "pool": pool}


def _nothing(_item: object = None) -> None:
    pass
