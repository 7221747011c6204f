"""The same small tasks in every colour: sync, async, generator and async generator.

They stand in a module of their own, so that child processes find them by their names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

from sluiceway import get_run_logger, runtime, task
from sluiceway.cache_policies import INPUTS

ENDLESS = 30.0
"""Seconds that nobody waits for."""

NAMES = ("success", "failure", "retried", "exhausted", "late", "cached", "nested", "logged")


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


def cached(x: int = 3) -> int:
    return x + 4


def nested() -> int:
    return inner(6)


def logged() -> int:
    get_run_logger().warning("a line of %s", runtime.task_run.task_name)
    print("a print")
    return 7


OPTIONS: dict[str, dict[str, Any]] = {
    "success": {},
    "failure": {},
    "retried": {"retries": 2},
    "exhausted": {"retries": 1, "retry_delay_seconds": 0.01},
    "late": {"timeout_seconds": 0.1},
    "cached": {"cache_policy": INPUTS},
    "nested": {},
    "logged": {"log_prints": True},
}


class sync:
    """The tasks as plain functions."""

    success = task(success)
    failure = task(failure)
    retried = task(**OPTIONS["retried"])(retried)
    exhausted = task(**OPTIONS["exhausted"])(exhausted)
    cached = task(**OPTIONS["cached"])(cached)
    nested = task(nested)
    logged = task(**OPTIONS["logged"])(logged)

    @task(**OPTIONS["late"])
    @staticmethod
    def late() -> None:
        time.sleep(ENDLESS)
