"""A program with one flow of many, which other processes send inputs to, and kill; it prints the id of its run."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from sluiceway import flow, runtime, task, wiring
from sluiceway.input import RunInput, receive_input, send_input
from sluiceway.task_runners import ProcessPoolTaskRunner

DIED = Path("died")


class Order(RunInput):
    size: int


def begin() -> None:
    """Tell that the run is under way, once the journal has it."""
    wiring.services().recorder.drain()
    print(runtime.flow_run.id, flush=True)


def die_once() -> None:
    """End this process as nothing else does, the first time."""
    if not DIED.exists():
        DIED.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@task
def notes(text: str) -> str:
    with Path("notes.txt").open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
    return text


@flow
def receives() -> list[str]:
    """Receive until it is told to stop, and die in between."""
    begin()
    got = []
    for name in receive_input(str, timeout=60):
        if name == "stop":
            break
        if name == "die":
            die_once()
        got.append(notes(name))
    return got


@flow
async def areceives() -> list[int]:
    begin()
    got = []
    async for order in Order.receive(timeout=60):
        if order.size == 0:
            break
        if order.size == 2:
            die_once()
        got.append(order.size)
    notes(str(got))
    return got


@flow
def goes_without() -> str:
    """Wait for nothing, die, and come by again when there is something."""
    begin()
    first = list(receive_input(str, timeout=0.05))
    die_once()
    second = receive_input(str, timeout=60).next()
    return notes(f"{first} {second}")


@flow
def sends() -> None:
    """Send twice the same and once another, and die before the end."""
    begin()
    if not DIED.exists():
        Path("other").write_text(sys.argv[2], encoding="utf-8")
    other = UUID(Path("other").read_text(encoding="utf-8"))
    for name in ("same", "same", "other"):
        send_input(name, other)
    die_once()
    send_input("last", other)


@task
def takes(number: int) -> str:
    """Receive, die once, and say what came."""
    name = receive_input(str, timeout=60).next()
    if number == 1:
        die_once()
    return notes(f"{number} {name}")


@flow
def takes_in_tasks() -> list[str]:
    begin()
    return [takes(0), takes(1), takes(2)]


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def takes_in_processes() -> None:
    begin()
    for future in takes.map([0, 2]):
        future.result()


if __name__ == "__main__":
    chosen: Any = globals()[sys.argv[1]]
    if chosen.isasync:
        asyncio.run(chosen())
    else:
        chosen()
