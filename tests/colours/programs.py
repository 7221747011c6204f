"""Small tasks that can be had in every colour: sync, async, generator and async generator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from sluiceway import Task, get_run_logger, runtime, task
from sluiceway.cache_policies import INPUTS

ENDLESS = 30.0
"""Seconds that nobody waits for."""

NAP = 0.01
"""Seconds that a thread may sleep, which is not interrupted before it wakes."""


@task
def inner(x: int) -> int:
    return x + 1


def success() -> int:
    return 7


def failure() -> int:
    raise LookupError("nowhere")


def retried() -> int:
    if runtime.task_run.run_count < 3:
        raise ValueError("not yet")
    return 7


def exhausted() -> int:
    raise ValueError("never")


def nested() -> int:
    return inner(6)


def logged() -> int:
    get_run_logger().warning("a line of %s", runtime.task_run.task_name)
    print("a print")
    return 7


PROGRAMS: dict[str, tuple[Callable[..., int], dict[str, Any]]] = {
    "success": (success, {}),
    "failure": (failure, {}),
    "retried": (retried, {"retries": 2}),
    "exhausted": (exhausted, {"retries": 1, "retry_delay_seconds": 0.01}),
    "cached": (success, {"cache_policy": INPUTS}),
    "nested": (nested, {}),
    "logged": (logged, {"log_prints": True}),
}
"""The function of each task, and its options."""


def made(name: str, colour: str) -> Task[..., Any]:
    """Return one of the tasks in a colour."""
    if name == "late":
        return task(_late(colour), name="late", timeout_seconds=0.1)
    function, options = PROGRAMS[name]
    return task(_coloured(function, colour), name=name, **options)


def _coloured(function: Callable[[], int], colour: str) -> Callable[[], Any]:
    def sync(x: int = 0) -> int:
        return function()

    async def awaited(x: int = 0) -> int:
        await asyncio.sleep(0)
        return function()

    def generator(x: int = 0) -> Iterator[int]:
        yield function()

    async def async_generator(x: int = 0) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield function()

    return {"sync": sync, "async": awaited, "generator": generator, "async generator": async_generator}[colour]


def _naps() -> None:
    for _ in range(int(ENDLESS / NAP)):
        time.sleep(NAP)


def _late(colour: str) -> Callable[[], Any]:
    def sync() -> None:
        _naps()

    async def awaited() -> None:
        await asyncio.sleep(ENDLESS)

    def generator() -> Iterator[None]:
        _naps()
        yield

    async def async_generator() -> AsyncIterator[None]:
        await asyncio.sleep(ENDLESS)
        yield

    return {"sync": sync, "async": awaited, "generator": generator, "async generator": async_generator}[colour]
