"""A program with one flow of many, which other processes cancel, pause and resume; it prints the id of its run."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from sluiceway import flow, pause_flow_run, runtime, suspend_flow_run, task, wiring
from sluiceway.input import RunInput
from sluiceway.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

ENDLESS = 600


class Approval(RunInput):
    approved: bool
    reason: str = "none"


def begin() -> None:
    """Tell that the run is under way, once the journal has it."""
    wiring.services().recorder.drain()
    print(runtime.flow_run.id, flush=True)


def told(subject: Any, run: Any, state: Any) -> None:
    print(f"hook of {run.flow_name}: {state.name}", flush=True)


@task
def naps(number: int = 0) -> int:
    time.sleep(ENDLESS)
    return number


@task
def counts(number: int = 0) -> int:
    while True:
        number += 1


@task
def notes(text: str) -> str:
    with Path("notes.txt").open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return text


@flow(on_cancellation=[told])
def sleeps() -> None:
    begin()
    time.sleep(ENDLESS)


@flow(on_cancellation=[told])
async def awaits() -> None:
    begin()
    await asyncio.sleep(ENDLESS)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
def maps() -> None:
    counted = counts.map(range(2))
    naps.map(range(4))
    begin()
    counted.wait()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def maps_in_processes() -> None:
    futures = naps.map(range(3))
    time.sleep(1)  # so that the children are in the midst of it
    begin()
    futures.wait()


@flow(on_cancellation=[told])
def inner() -> None:
    naps()


@flow(on_cancellation=[told])
def outer() -> None:
    begin()
    inner()


@flow
def swallows() -> None:
    begin()
    while True:
        with suppress(BaseException):  # the worst that user code can do
            time.sleep(0.05)


@flow
def has_children() -> None:
    sleeps_long = [sys.executable, "-c", "import time; time.sleep(60)"]
    child = subprocess.Popen(sleeps_long, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    Path("child.txt").write_text(str(child.pid), encoding="utf-8")
    swallows.fn()


@flow
def generates() -> Iterator[int]:
    begin()
    time.sleep(ENDLESS)
    yield 1


@flow
def pauses() -> str:
    notes("before")
    begin()
    answer = pause_flow_run(wait_for_input=Approval)
    return notes(f"after {answer.reason}")


@flow
def suspends() -> str:
    notes("before")
    begin()
    answer = suspend_flow_run(wait_for_input=Approval)
    return notes(f"after {answer.reason}")


@flow
def steps() -> int:
    begin()
    for number in range(10_000):
        notes(str(number))
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    chosen: Any = globals()[sys.argv[1]]
    if chosen is generates:
        print(list(generates()))
    elif chosen.isasync:
        asyncio.run(chosen())
    else:
        chosen()
