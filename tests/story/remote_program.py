"""A flow of many small tasks: `python remote_program.py STEPS PAUSE [strict]`; it prints the sum of what they returned.

It says `begun` once the first task has run.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from sluiceway import flow, task


@task
def step(number: int) -> int:
    """Return what was given."""
    return number


@flow
def steps(count: int, pause: float) -> int:
    """Add up the numbers below one."""
    total = 0
    for number in range(count):
        total += step(number)
        if number == 0:
            print("begun", flush=True)
        time.sleep(pause)
    return total


if __name__ == "__main__":
    level = "strict" if "strict" in sys.argv else "batched"
    print(steps.with_options(durability=level)(int(sys.argv[1]), float(sys.argv[2])), flush=True)
    if "killed" in sys.argv:
        time.sleep(1.0)  # longer than anything waits to be written, or kept
        os.kill(os.getpid(), signal.SIGKILL)
