"""Pauses that outlive processes: a run is resumed by another one, in its own or without it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from sluiceway import get_client, resume_flow_run, suspend_flow_run
from sluiceway.exceptions import NotPausedError, ParameterTypeError
from tests.story import halting_program

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HANGS = 60
"""Seconds that only something that hangs takes."""

APPROVED = {"approved": True, "reason": "it is fine"}

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run Python in a process of its own."""
    processes = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def start(run: Run) -> Callable[[str], tuple[subprocess.Popen[str], UUID]]:
    """Start a flow of the program; return its process, and the id of the run."""

    def begin(name: str) -> tuple[subprocess.Popen[str], UUID]:
        process = run(halting_program.__file__, name)
        assert process.stdout is not None
        return process, UUID(process.stdout.readline().strip())

    return begin


Start = Callable[[str], tuple["subprocess.Popen[str]", UUID]]


def comes_to(flow_run: UUID, name: str) -> None:
    """Wait until a run is in a state."""
    deadline = time.monotonic() + HANGS
    with get_client(sync_client=True) as client:
        while (present := client.read_flow_run(flow_run).state_name) != name:
            assert time.monotonic() < deadline, f"it is {present}"
            time.sleep(0.02)


def notes(folder: Path) -> list[str]:
    return (folder / "notes.txt").read_text(encoding="utf-8").splitlines()


def names_of_states(flow_run: UUID) -> list[str]:
    with get_client(sync_client=True) as client:
        return [state.name for state in client.read_flow_run_states(flow_run)]


def test_a_paused_run_is_resumed_by_another_process_and_goes_on_in_its_own(start: Start, tmp_path: Path) -> None:
    process, flow_run = start("pauses")
    comes_to(flow_run, "Paused")
    with pytest.raises(ParameterTypeError, match=r"'approved' is missing. It takes approved: boolean, reason: string"):
        resume_flow_run(flow_run)
    assert resume_flow_run(flow_run, APPROVED) is None
    process.communicate(timeout=HANGS)
    assert process.returncode == 0
    assert notes(tmp_path) == ["before", "after it is fine"]
    assert names_of_states(flow_run) == ["Pending", "Running", "Paused", "Running", "Completed"]
    with pytest.raises(NotPausedError):
        resume_flow_run(flow_run, APPROVED)


def test_a_suspended_run_lets_its_process_end_and_goes_on_in_another_one(
    start: Start, run: Run, tmp_path: Path
) -> None:
    process, flow_run = start("suspends")
    _, err = process.communicate(timeout=HANGS)
    assert "PausedRun: The run is paused" in err
    comes_to(flow_run, "Suspended")
    command = run("-m", "sluiceway", "resume", str(flow_run), "--input", '{"approved": true, "reason": "it is fine"}')
    out, err = command.communicate(timeout=HANGS)
    assert command.returncode == 0, err
    assert "Completed" in out
    assert notes(tmp_path) == ["before", "after it is fine"]
    assert names_of_states(flow_run) == ["Pending", "Running", "Suspended", "Resuming", "Running", "Completed"]


def test_a_run_whose_process_dies_in_a_pause_is_resumed_and_passes_it_with_the_answer(
    start: Start, run: Run, tmp_path: Path
) -> None:
    process, flow_run = start("pauses")
    comes_to(flow_run, "Paused")
    process.kill()
    process.wait()
    command = run("-m", "sluiceway", "resume", str(flow_run))
    _, err = command.communicate(timeout=HANGS)
    assert command.returncode == 2
    assert "'approved' is missing" in err
    command = run("-m", "sluiceway", "resume", str(flow_run), "--input", '{"approved": false}')
    command.communicate(timeout=HANGS)
    assert command.returncode == 0
    assert notes(tmp_path) == ["before", "after none"]


def test_a_run_is_suspended_from_outside_before_its_next_task_and_goes_on_where_it_was(
    start: Start, run: Run, tmp_path: Path
) -> None:
    process, flow_run = start("steps")
    suspend_flow_run(flow_run_id=flow_run)
    process.communicate(timeout=HANGS)
    comes_to(flow_run, "Suspended")
    before = notes(tmp_path)
    assert before == [str(number) for number in range(len(before))]
    command = run("-m", "sluiceway", "resume", str(flow_run), "--quiet")
    while len(notes(tmp_path)) < len(before) + 3:
        assert command.poll() is None, command.communicate()
        time.sleep(0.02)
    suspend_flow_run(flow_run_id=flow_run)
    out, _ = command.communicate(timeout=HANGS)
    assert "Suspended" in out
    after = notes(tmp_path)
    assert after == [str(number) for number in range(len(after))]  # each step once
