"""Programs that run on any cluster, and what each has to come to."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from sluiceway import flow, get_run_logger, runtime, tags, task
from sluiceway.testing import Harness

R = TypeVar("R")


@task
def double(x: int) -> int:
    return 2 * x


@task
async def triple(x: int) -> int:
    return 3 * x


@task
def fails() -> None:
    raise LookupError("nowhere")


@task(retries=1)
def flaky() -> int:
    if runtime.task_run.run_count == 1:
        raise ValueError("not yet")
    return runtime.task_run.run_count


@task(timeout_seconds=0.2)
def too_slow() -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        time.sleep(0.01)


@task
def dies() -> None:
    os._exit(3)


@task(log_prints=True)
def tells() -> str:
    get_run_logger().info("a line")
    print("a print")
    return runtime.flow_run.name or ""


@task
def nests(x: int) -> int:
    return double(x) + double.submit(x).result()


def in_flow(runner: Any, body: Callable[[], R]) -> R:
    """Return what a function returns that is called in a flow, whose final state does not matter."""
    results: list[R] = []

    @flow(task_runner=runner)
    def calls() -> None:
        results.append(body())

    calls()
    return results[0]


def check_values(runner: Any) -> None:
    """Sync and async tasks, mapped and chained ones return what they return anywhere."""

    def values() -> list[Any]:
        return [double.map(range(20)).result(), triple.submit(double.submit(1)).result(), nests.submit(3).result()]

    assert in_flow(runner, values) == [list(range(0, 40, 2)), 6, 12]


def check_failures(runner: Any) -> None:
    """Failures, retries and timeouts come to the states that they come to anywhere."""

    def failures() -> list[Any]:
        return [submitted.submit(return_state=True) for submitted in (fails, flaky, too_slow)]

    states = in_flow(runner, failures)
    assert [(state.type.value, state.name, type(state.data).__name__) for state in states] == [
        ("FAILED", "Failed", "LookupError"),
        ("COMPLETED", "Completed", "int"),
        ("FAILED", "TimedOut", "TaskRunTimeoutError"),
    ]


def check_journal(runner: Any, harness: Harness) -> None:
    """Runs are recorded with their tags and parents, and lines with their runs."""

    def recorded() -> tuple[str, str]:
        with tags("nightly"):
            seen = tells.submit()
        nests.submit(1).wait()
        return seen.result(), runtime.flow_run.name or ""

    inside, outside = in_flow(runner, recorded)
    assert inside == outside
    harness.drain()
    runs = {run.name.rpartition("-")[0]: run for run in harness.client.read_task_runs()}
    assert {name: (run.state_name, set(run.tags)) for name, run in runs.items()} == {
        "tells": ("Completed", {"nightly"}),
        "nests": ("Completed", set()),
        "double": ("Completed", set()),
    }
    assert runs["double"].parent_task_run_id == runs["nests"].id
    lines = [line for line in harness.client.read_logs() if line.task_run_id == runs["tells"].id]
    assert [line.message for line in lines] == ["a line", "a print"]


def check_death(runner: Any, dead: str) -> None:
    """A task whose worker dies has crashed, and the others go on."""

    def deadly() -> tuple[Any, list[int]]:
        return dies.submit(return_state=True), double.map(range(5)).result()

    state, values = in_flow(runner, deadly)
    assert (state.name, values) == ("Crashed", [0, 2, 4, 6, 8])
    assert dead in state.message


@contextmanager
def small_ray(*, token: bool = False) -> Iterator[dict[str, Any]]:
    """Arguments of `ray.init` for a small Ray, on this machine only, with its files in a folder of its own.

    Who connects to it from another process needs a token, which is in the folder; Ray makes one only if nobody has
    imported it before.
    """
    with (
        tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):  # a short path: it is to hold sockets, whose paths have 107 bytes at most
        patch.setenv("HOME", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        if token:
            patch.setenv("RAY_AUTH_MODE", "token")
        yield {
            "num_cpus": 2,
            "include_dashboard": False,
            "object_store_memory": 80_000_000,
            "logging_level": logging.ERROR,
            "log_to_driver": False,
            "_node_ip_address": "127.0.0.1",
            "_temp_dir": folder,
        }
