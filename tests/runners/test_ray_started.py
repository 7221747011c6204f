"""The Ray runner where there is no Ray yet: one is started for the flow run, and ended after it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROGRAM = """
import threading, time
import ray
from sluiceway import flow, task
from sluiceway.task_runners import RayTaskRunner
from sluiceway.testing import test_harness
from tests.runners.clusters import small_ray

begun = threading.Event()

@task
def double(x):
    return 2 * x

@task(on_running=[lambda *_: begun.set()])
def endless():
    time.sleep(60)

with test_harness() as harness, small_ray() as options:

    @flow(task_runner=RayTaskRunner(init_kwargs=options))
    def interrupted():
        print(double.submit(21).result(), ray.is_initialized())
        endless.submit()
        assert begun.wait(10)
        raise KeyboardInterrupt

    try:
        interrupted()
    except KeyboardInterrupt:
        print("interrupted", ray.is_initialized())
    harness.drain()
    print(*sorted(f"{run.task_key.rpartition('.')[2]}:{run.state_name}" for run in harness.client.read_task_runs()))
"""


@pytest.mark.slow
def test_an_interrupted_flow_ends_the_ray_that_was_started_for_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.splitlines() == [
        "42 True",
        "interrupted False",
        "double:Completed endless:Crashed",
    ], done.stderr
