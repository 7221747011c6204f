"""Processes that are killed in the midst of strict steps: what returned is in the journal, whenever that was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sluiceway import wiring

pytestmark = pytest.mark.slow

PROGRAM = """
import asyncio, os, signal, sys
from sluiceway import flow, task
from sluiceway.task_runners import ThreadPoolTaskRunner

colour, point = sys.argv[1], int(sys.argv[2])
notes = os.open("returned.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

def die_at(x):
    if x == point:
        os.kill(os.getpid(), signal.SIGKILL)

@task(durability="strict")
def step(x):
    die_at(x)
    return x

@task(durability="strict", name="step")
async def async_step(x):
    die_at(x)
    return x

def note(x):
    os.write(notes, b"%d\\n" % x)

@task
def noting(x):
    note(step(x))

async def async_noting(x):
    note(await async_step(x))

@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def sync(count):
    for x in range(count):
        note(step(x))

@flow(task_runner=ThreadPoolTaskRunner(max_workers=8))
def threads(count):
    noting.map(range(count)).wait()

@flow
async def loop(count):
    for x in range(0, count, 7):
        await asyncio.gather(*(async_noting(y) for y in range(x, min(x + 7, count))))

if colour == "async":
    asyncio.run(loop(80))
else:
    {"sync": sync, "threads": threads}[colour](80)
"""


@pytest.mark.parametrize("colour", ["sync", "async", "threads"])
def test_of_a_killed_process_every_strict_step_that_returned_is_in_the_journal(
    tmp_path: Path, sluiceway_home: Path, colour: str
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    told = 0
    for attempt in range(17):
        place = tmp_path / f"{attempt}"
        place.mkdir()
        point = random.randrange(80)
        killed = subprocess.run(
            [sys.executable, program, colour, str(point)],
            cwd=place,
            env={**os.environ, "SLUICEWAY_HOME": str(place / "home"), "SLUICEWAY_FLUSH_INTERVAL": "1000"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        notes = place / "returned.txt"
        returned = {int(line) for line in notes.read_text().split()} if notes.exists() else set()
        assert returned <= _completed(place / "home"), (point, returned)
        told += len(returned)
    assert told, "some steps returned"


def _completed(home: Path) -> set[int]:
    """Return what the steps returned that have completed by the journal, which is sound."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLUICEWAY_HOME", str(home))
        wiring.reset()
        services = wiring.services()
        try:
            if not (home / "sluiceway.db").exists():
                return set()
            assert services.store.check() == []
            runs = [run for run in services.store.read_task_runs().items if run.task_name == "step"]
            ended = [run for run in runs if run.state is not None and run.state.name == "Completed"]
            results = [services.store.read_result(run.key) for run in ended]
            return {services.results.open(result) for result in results if result is not None}
        finally:
            wiring.reset()
