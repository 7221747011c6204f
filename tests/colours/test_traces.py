"""One engine: what a task leaves in the journal does not depend on its colour, nor on where it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from sluiceway import Task, flow
from sluiceway.model.queries import LogQuery
from sluiceway.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from sluiceway.testing import Harness
from tests.colours.programs import made

COLOURS = ("sync", "async", "generator", "async generator")

WAYS = ("called", "in threads", "in processes")


class Trace(NamedTuple):
    """What a task run left in the journal.

    Args:
        task: The name of the task.
        states: The names of the states that it went through.
        run_count: How many times it started to run.
        result: A text of what is stored of its result; None for nothing.
        parent: The task that called it.
        lines: The first line of each text that was logged.
    """

    task: str
    states: tuple[str, ...]
    run_count: int
    result: str | None
    parent: str | None = None
    lines: tuple[str, ...] = ()


EXPECTED = {
    "success": [Trace("success", ("Pending", "Running", "Completed"), 1, "7")],
    "failure": [
        Trace(
            "failure",
            ("Pending", "Running", "Failed"),
            1,
            "LookupError('nowhere')",
            lines=(
                "Task run failed with exception: LookupError('nowhere')",
                "Finished in state Failed('Task run encountered an exception LookupError: nowhere')",
            ),
        )
    ],
    "retried": [
        Trace(
            "retried",
            ("Pending", "Running", "Retrying", "Retrying", "Completed"),
            3,
            "7",
            lines=(
                "Task run failed with exception: ValueError('not yet') - Retry 1/2 will start immediately",
                "Task run failed with exception: ValueError('not yet') - Retry 2/2 will start immediately",
            ),
        )
    ],
    "exhausted": [
        Trace(
            "exhausted",
            ("Pending", "Running", "AwaitingRetry", "Retrying", "Failed"),
            2,
            "ValueError('never')",
            lines=(
                "Task run failed with exception: ValueError('never') - Retry 1/1 will start 0.01 second(s) from now",
                "Task run failed with exception: ValueError('never') - Retries are exhausted",
                "Finished in state Failed('Task run encountered an exception ValueError: never')",
            ),
        )
    ],
    "late": [
        Trace(
            "late",
            ("Pending", "Running", "TimedOut"),
            1,
            "TaskRunTimeoutError('Task run exceeded timeout of 0.1 second(s)')",
            lines=(
                "Task run failed with exception: TaskRunTimeoutError('Task run exceeded timeout of 0.1 second(s)')",
                "Finished in state TimedOut('Task run exceeded timeout of 0.1 second(s)', type=FAILED)",
            ),
        )
    ],
    "cached": [
        Trace("cached", ("Pending", "Running", "Completed"), 1, "7"),
        Trace("cached", ("Pending", "Running", "Cached"), 1, "7"),
    ],
    "nested": [
        Trace("nested", ("Pending", "Running", "Completed"), 1, "7"),
        Trace("inner", ("Pending", "Running", "Completed"), 1, "7", parent="nested"),
    ],
    "logged": [
        Trace("logged", ("Pending", "Running", "Completed"), 1, "7", lines=("a line of logged", "a print")),
    ],
}
"""The traces of each program. It runs twice where the first time makes a difference to the second."""


def _runs(harness: Harness) -> list[Trace]:
    """Return the traces of all task runs, in the order in which they were called."""
    harness.drain()
    store = harness.services.store
    runs = sorted(store.read_task_runs().items, key=lambda run: run.key)
    names = {run.key: run.task_name for run in runs}
    return [
        Trace(
            run.task_name,
            tuple(state.name for state in store.read_history(run.key)),
            run.run_count,
            getattr(store.read_result(run.key), "preview", None),
            None if run.parent_key is None else names[run.parent_key],
            tuple(line.message.splitlines()[0] for line in store.read_logs(LogQuery(task_run_keys=(run.key,))).items),
        )
        for run in runs
    ]


def _call(program: Task[..., Any], colour: str) -> None:
    if colour == "sync":
        program()
    elif colour == "generator":
        list(program())
    elif colour == "async":
        asyncio.run(program())
    else:
        asyncio.run(_exhausted(program()))


async def _exhausted(values: Any) -> list[Any]:
    return [value async for value in values]


def _run_in_flow(program: Task[..., Any], colour: str, way: str, times: int) -> None:
    runner = ProcessPoolTaskRunner(1) if way == "in processes" else ThreadPoolTaskRunner(1)

    @flow(task_runner=runner)
    def around() -> None:
        for _ in range(times):
            if way == "called":
                with suppress(LookupError, ValueError, TimeoutError):
                    _call(program, colour)
            else:
                program.submit().wait()

    around()


@pytest.mark.slow
@pytest.mark.parametrize("program", EXPECTED)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("colour", COLOURS)
def test_a_task_leaves_the_same_trace_in_every_colour_and_everywhere(
    colour: str, way: str, program: str, sluiceway_harness: Harness
) -> None:
    _run_in_flow(made(program, colour), colour, way, times=2 if program == "cached" else 1)
    assert _runs(sluiceway_harness) == _in_colour(EXPECTED[program], colour, way)


GOOD = ("Completed", "Cached")


def _in_colour(traces: Iterable[Trace], colour: str, way: str) -> list[Trace]:
    """Return the traces with the values that a generator leaves: what it yielded, unless somebody iterated.

    What went to whoever iterated was not kept, so that there is nothing for the cache.
    """
    if "generator" not in colour:
        return list(traces)
    return [
        _of_generator(trace, way == "called") if trace.states[-1] in GOOD and trace.parent is None else trace
        for trace in traces
    ]


def _of_generator(trace: Trace, iterated: bool) -> Trace:
    if not iterated:
        return trace._replace(result=f"[{trace.result}]")
    return trace._replace(
        result="None", states=tuple("Completed" if state == "Cached" else state for state in trace.states)
    )
