"""Flows whose runs the pages of runs are tested with; run by a process of its own: `python flows.py NAME [N]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sluiceway import flow, get_run_logger, runtime, suspend_flow_run, task
from sluiceway.cache_policies import INPUTS
from sluiceway.futures import wait
from sluiceway.input import RunInput
from sluiceway.task_runners import ThreadPoolTaskRunner

HOSTILE = "<img src=x onerror=alert(1)> & \x1b[31mred\x1b[0m </script>"


@task
def extract(region: str) -> list[int]:
    """Return rows, and log something that is no markup."""
    get_run_logger().info("extracting %s %s", region, HOSTILE)
    return list(range(12))


@task(retries=2, retry_delay_seconds=0.05)
def shaky() -> str:
    """Fail the first time."""
    time.sleep(0.02)
    if runtime.task_run.run_count == 1:
        raise ConnectionError("not there yet")
    return "there"


@task(cache_policy=INPUTS, persist_result=True)
def scaled(rows: list[int], factor: int) -> list[int]:
    """Return something that is kept for the next one who asks."""
    return [row * factor for row in rows]


@task
def score(row: int) -> int:
    """Fail for one row of many."""
    if row == 14:
        raise ValueError(f"no score for {row}")
    return row


@flow
def region(name: str) -> int:
    """Work on a region: a fan-out within a child run."""
    rows = scaled(extract(name), 2)
    scores = score.map(rows)
    return sum(one.state.is_completed() for one in scores if one.wait() is None)


@task
def publish(total: int) -> None:
    """Fail at the end."""
    raise RuntimeError(f"refused {total} {HOSTILE}")


@flow(log_prints=True)
def nightly(day: str = "2030-01-31", factor: int = 2) -> None:
    """Do a bit of everything, and fail."""
    print("begin")
    region("eu")
    region("us")
    shaky()
    scaled([1, 2], factor)
    scaled([1, 2], factor)
    time.sleep(0.05)
    publish(extract.submit("ap"))  # type: ignore[arg-type]  # what it fails with does not matter


@task
def tiny(number: int) -> int:
    """Do next to nothing."""
    return number


@flow(task_runner=ThreadPoolTaskRunner(max_workers=4))
def many(count: int = 10_000) -> int:
    """Call one task many times."""
    return len(tiny.map(range(count)).result())


@flow
def chatty(lines: int = 3_000) -> None:
    """Log many lines, one of which is an error of several lines."""
    logger = get_run_logger()
    for number in range(lines):
        logger.info("line %d of many", number)
        if number == lines // 2:
            logger.error("the one error\nwith a second line\nand a third")


@task
def wait_for(path: str) -> None:
    """Wait until a file is there."""
    while not Path(path).exists():
        time.sleep(0.02)


@flow
def lasting(folder: str, steps: int = 3) -> None:
    """Go on from step to step as files appear."""
    for number in range(steps):
        wait_for.with_options(task_run_name=f"step {number}")(f"{folder}/{number}")


@flow
def pausing() -> None:
    """Do nothing for a while between two steps."""
    note("before")
    time.sleep(3)
    note("after")


@flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
def queueing() -> None:
    """Have one step wait for another one."""
    wait([slow.submit(1), slow.submit(2)])


@task
def slow(number: int) -> dict[str, int]:
    """Take a moment."""
    time.sleep(0.1)
    return {"number": number}


class Approval(RunInput):
    """What somebody has to say."""

    approved: bool
    reason: str = ""


@task
def note(text: str) -> str:
    """Return what was said."""
    return text


@flow(persist_result=True)
def asking() -> str:
    """Wait until somebody answers."""
    answer = suspend_flow_run(wait_for_input=Approval)
    return note(f"{answer.approved}: {answer.reason}")


@task
def refuse_unless(path: str) -> None:
    """Fail unless a file is there."""
    if not Path(path).exists():
        raise FileNotFoundError(path)


@flow(persist_result=True)
def mended(path: str, label: str = "a") -> str:
    """Fail until a file is there."""
    note(label)
    refuse_unless(path)
    return note(f"done {label}")


if __name__ == "__main__":
    chosen, arguments = globals()[sys.argv[1]], [eval(text) for text in sys.argv[2:]]
    chosen(*arguments, return_state=True)
