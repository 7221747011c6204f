"""A process that runs a flow of many tasks, beside others: `python many_process.py TASKS`, once it reads a line."""

from __future__ import annotations

import sys

from sluiceway import flow, task


@task
def double(number: int) -> int:
    """Do next to nothing."""
    return 2 * number


@flow
def many(count: int) -> int:
    """Call tasks, half of them directly, half in threads."""
    half = count // 2
    return sum(double(number) for number in range(half)) + sum(double.map(range(half, count)).result())


if __name__ == "__main__":
    print("ready", flush=True)
    sys.stdin.readline()
    count = int(sys.argv[1])
    assert many(count) == count * (count - 1)
