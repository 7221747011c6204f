"""A clock that is put back or forward while flows run: what is told of them stays sensible."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sluiceway import flow, task, wiring
from sluiceway.client import get_client
from sluiceway.wiring.clock import SystemClock

HOUR = 3_600_000_000


class Jumping(SystemClock):
    """The time of a machine whose clock somebody puts back or forward."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


@pytest.fixture
def clock() -> Iterator[Jumping]:
    """The clock that runs go by, over a database."""
    services, made = wiring.build(wiring.process_settings()), Jumping()
    services.clock = made
    with wiring.use(services):
        yield made


@task
def step(number: int) -> int:
    """Do next to nothing."""
    return number


def jumps(clock: Jumping, by: int) -> int:
    """Run a flow in the midst of which, and of a task of which, the clock jumps."""

    @task
    def jump() -> None:
        clock.ahead += by

    @flow
    def lives_through_it() -> int:
        first = step(1)
        jump()
        return first + step(2)

    return lives_through_it()


@pytest.mark.parametrize("by", [-HOUR, HOUR], ids=["back", "forward"])
def test_durations_are_never_negative_and_lists_are_in_the_order_in_which_runs_were_made(
    clock: Jumping, by: int
) -> None:
    assert [jumps(clock, by), jumps(clock, by)] == [3, 3]
    with get_client(sync_client=True) as client:
        flow_runs, task_runs = client.read_flow_runs(), client.read_task_runs()
    assert [run.state_name for run in [*flow_runs, *task_runs]] == ["Completed"] * 8
    assert all(run.total_run_time >= timedelta(0) for run in [*flow_runs, *task_runs])
    first, second = reversed(flow_runs)
    assert first.id < second.id
    steps = [run for run in task_runs if run.flow_run_id == second.id]
    assert sorted(run.name.partition("-")[0] for run in steps) == ["jump", "step", "step"]


@pytest.mark.slow
def test_the_command_line_shows_runs_whose_clock_was_put_back(clock: Jumping) -> None:
    assert jumps(clock, -HOUR) == 3
    wiring.services().recorder.drain()
    for command in ("ls", "show", "logs"):
        done = subprocess.run(
            [sys.executable, "-m", "sluiceway", command], capture_output=True, text=True, check=True, timeout=60
        )
        assert "lives-through-it" in done.stdout
        assert not re.search(r"-\d+(\.\d+)? ?(µs|ms|s|m|h)\b", done.stdout)


def test_a_run_goes_on_though_the_clock_was_put_back_meanwhile(clock: Jumping) -> None:
    crash = [True]

    @flow
    def crashes() -> int:
        first = step(1)
        if crash.pop() if crash else False:
            clock.ahead -= HOUR
            raise KeyboardInterrupt
        return first + step(2)

    keyed = crashes.with_options(idempotency_key="k")
    with pytest.raises(KeyboardInterrupt):
        keyed()
    assert keyed() == 3
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        assert len(client.read_task_runs()) == 2
    assert (run.state_name, run.total_run_time >= timedelta(0)) == ("Completed", True)
