"""A flow on a cluster. Tasks note when they begin, and in which process; some wait until a gate is opened."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from sluiceway import flow, runtime, task, wiring
from sluiceway.task_runners import DaskTaskRunner, RayTaskRunner

RUNNERS: dict[str, Any] = {"DaskTaskRunner": DaskTaskRunner, "RayTaskRunner": RayTaskRunner}


def note(folder: str, what: str) -> None:
    with open(f"{folder}/notes", "a", encoding="utf-8") as notes:
        notes.write(f"{what} {os.getpid()}\n")


@task
def ends(folder: str, number: int) -> int:
    note(folder, f"ends-{number}")
    return number


@task
def waits(folder: str, number: int) -> int:
    note(folder, f"waits-{number}")
    while not os.path.exists(f"{folder}/gate"):
        time.sleep(0.01)
    return number


def described_runner() -> Any:
    """Return the task runner that the environment describes."""
    kind, options = json.loads(os.environ["CLUSTER"])
    return RUNNERS[kind](**options)


@flow(task_runner=described_runner())
def across(folder: str) -> int:
    again = os.path.exists(f"{folder}/gate")
    waiting = [waits.submit(folder, 10)]
    ended = [ends.submit(folder, number) for number in range(6)[:: -1 if again else 1]]  # in another order
    total = sum(future.result() for future in ended)
    waiting += [waits.submit(folder, number) for number in (11, 12)]
    while Path(folder, "notes").read_text(encoding="utf-8").count("waits-") < 2:
        time.sleep(0.01)
    wiring.services().recorder.drain()
    print(runtime.flow_run.id, flush=True)
    return total + sum(future.result() for future in waiting)


if __name__ == "__main__":
    across(sys.argv[1])
