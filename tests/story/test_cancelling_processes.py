"""Cancelling runs of other processes: asked first, then told, then killed; always an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from sluiceway import get_client
from sluiceway.exceptions import RunNotStoppableError
from sluiceway.flow_runs import cancel_flow_run
from sluiceway.states import State
from tests.story import halting_program

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HANGS = 60
"""Seconds that only something that hangs takes."""

Start = Callable[..., tuple["subprocess.Popen[str]", UUID]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a flow of the program in a process of its own; return the process, and the id of the run."""
    processes = []

    def begin(name: str, *, group: bool = False) -> tuple[subprocess.Popen[str], UUID]:
        process = subprocess.Popen(
            [sys.executable, halting_program.__file__, name],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=group,
        )
        processes.append(process)
        assert process.stdout is not None
        return process, UUID(process.stdout.readline().strip())

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    return process.communicate(timeout=HANGS)


def states_of_tasks(run: UUID) -> set[tuple[str, str | None]]:
    with get_client(sync_client=True) as client:
        return {(task_run.task_name, task_run.state_name) for task_run in client.read_task_runs()}


def history(run: UUID) -> list[str]:
    with get_client(sync_client=True) as client:
        return [state.name for state in client.read_flow_run_states(run)]


@pytest.mark.parametrize("name", ["sleeps", "awaits"])
def test_a_run_of_another_process_is_asked_to_end_wherever_it_is_and_its_hooks_run(start: Start, name: str) -> None:
    process, run = start(name)
    state = cancel_flow_run(run, grace_seconds=HANGS)
    out, err = ended(process)
    assert (state.name, state.message) == ("Cancelled", "Somebody cancelled the flow run.")
    assert out == f"hook of {name}: Cancelled\n"
    assert "CancelledRun: Somebody cancelled the flow run." in err
    assert process.returncode == 1  # the error of the program, not a signal
    assert history(run) == ["Pending", "Running", "Cancelling", "Cancelled"]


def test_threads_are_interrupted_and_what_waits_for_one_never_begins(start: Start) -> None:
    process, run = start("maps")
    assert cancel_flow_run(run, grace_seconds=HANGS).name == "Cancelled"
    ended(process)
    assert states_of_tasks(run) == {("counts", "Cancelled"), ("naps", "Cancelled")}


def test_children_of_a_runner_go_with_the_run(start: Start) -> None:
    process, run = start("maps_in_processes")
    listing = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = [
        int(pid) for folder in listing.parents[1].iterdir() for pid in (folder / "children").read_text().split()
    ]
    assert len(children) == 2
    assert cancel_flow_run(run, grace_seconds=HANGS).name == "Cancelled"
    ended(process)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert states_of_tasks(run) == {("naps", "Cancelled")}


def test_a_child_flow_run_ends_with_its_parent_and_its_hooks_run(start: Start) -> None:
    process, run = start("outer")
    assert cancel_flow_run(run, grace_seconds=HANGS).name == "Cancelled"
    out, _ = ended(process)
    assert out == "hook of inner: Cancelled\nhook of outer: Cancelled\n"
    with get_client(sync_client=True) as client:
        assert {found.state_name for found in client.read_flow_runs()} == {"Cancelled"}
    assert states_of_tasks(run) == {("inner", "Cancelled"), ("naps", "Cancelled")}


def check_killed(state: State[object], process: subprocess.Popen[str]) -> None:
    """Check that a process was killed, and its run cancelled by that."""
    ended(process)
    assert process.returncode == -signal.SIGKILL
    assert state.name == "Cancelled"
    assert f"Process {process.pid}" in (state.message or "")
    assert "did not end it in time, and was killed." in (state.message or "")


def test_a_run_that_swallows_everything_is_killed_with_its_process(start: Start) -> None:
    process, run = start("swallows")
    check_killed(cancel_flow_run(run, grace_seconds=1.5), process)


def test_a_stopped_process_is_killed(start: Start) -> None:
    process, run = start("sleeps")
    process.send_signal(signal.SIGSTOP)
    check_killed(cancel_flow_run(run, grace_seconds=0.5), process)


@pytest.mark.parametrize("group", [True, False])
def test_what_a_killed_process_has_started_is_killed_with_it(start: Start, tmp_path: Path, group: bool) -> None:
    process, run = start("has_children", group=group)
    child = int((tmp_path / "child.txt").read_text(encoding="utf-8"))
    check_killed(cancel_flow_run(run, grace_seconds=0.5), process)
    stat = Path(f"/proc/{child}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_process_that_only_a_signal_ends_gets_sigterm_and_the_run_is_cancelled_not_crashed(start: Start) -> None:
    process, run = start("generates")
    state = cancel_flow_run(run, grace_seconds=4)
    ended(process)
    assert process.returncode == -signal.SIGTERM
    assert state.name == "Cancelled"


def test_a_run_whose_process_is_dead_has_ended_and_is_not_cancelled(start: Start) -> None:
    process, run = start("sleeps")
    process.kill()
    process.wait()
    with pytest.raises(RunNotStoppableError, match=r"has ended: it is Crashed\. There is nothing to cancel"):
        cancel_flow_run(run)


def test_sigterm_while_a_run_is_being_cancelled_ends_the_process_and_the_run_is_cancelled(start: Start) -> None:
    process, run = start("sleeps")
    process.send_signal(signal.SIGSTOP)  # so that it does not look into the journal between the two
    canceller = subprocess.Popen(
        [sys.executable, "-m", "sluiceway", "cancel", str(run), "--grace", str(HANGS)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with get_client(sync_client=True) as client:
        while client.read_flow_run(run).state_name != "Cancelling":
            assert canceller.poll() is None
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    ended(process)
    out, _ = canceller.communicate(timeout=HANGS)
    assert (process.returncode, canceller.returncode) == (-signal.SIGTERM, 0)
    assert "Cancelled  sleeps / " in out
    assert history(run)[-1] == "Cancelled"
