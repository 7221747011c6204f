"""Inputs and processes: what one sends another receives, once, also if it is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from sluiceway import get_client
from sluiceway.flow_runs import cancel_flow_run
from sluiceway.input import filter_flow_run_input, receive_input, send_input
from tests.story import receiving_program
from tests.story.receiving_program import Order
from tests.story.test_pausing_processes import HANGS, ROOT, comes_to, notes

pytestmark = pytest.mark.slow


class Folder:
    """Starts processes in a folder, and resumes their runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.processes: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str) -> subprocess.Popen[str]:
        """Run Python in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def start(self, *arguments: str) -> tuple[subprocess.Popen[str], UUID]:
        """Start a flow of the program; return its process, and the id of the run."""
        process = self.run(receiving_program.__file__, *arguments)
        assert process.stdout is not None
        return process, UUID(process.stdout.readline().strip())

    def dies(self, process: subprocess.Popen[str]) -> None:
        """Wait until a process has been killed."""
        _, err = process.communicate(timeout=HANGS)
        assert process.returncode == -signal.SIGKILL, err

    def resume(self, run_id: UUID) -> subprocess.Popen[str]:
        """Have a run go on in another process."""
        return self.run("-m", "sluiceway", "resume", str(run_id), "--quiet")

    def completes(self, process: subprocess.Popen[str]) -> None:
        """Wait until a process has ended well."""
        _, err = process.communicate(timeout=HANGS)
        assert process.returncode == 0, err


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_a_run_of_another_process_receives_what_it_is_sent(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("receives")
    for name in ("a", "b", "stop"):
        send_input(name, run_id)
    folder.completes(process)
    assert notes(tmp_path) == ["a", "b"]


def test_a_killed_run_gets_the_same_inputs_again_and_not_anothers(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("receives")
    for name in ("a", "die", "c", "d"):
        send_input(name, run_id)
    folder.dies(process)
    assert receive_input(str, timeout=0, flow_run_id=run_id).next() == "c"
    resumed = folder.resume(run_id)
    send_input("stop", run_id)
    folder.completes(resumed)
    assert notes(tmp_path) == ["a", "die", "d"]


def test_so_does_an_async_run(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("areceives")
    for size in (1, 2, 3):
        Order(size=size).send_to(run_id)
    folder.dies(process)
    resumed = folder.resume(run_id)
    Order(size=0).send_to(run_id)
    folder.completes(resumed)
    assert notes(tmp_path) == ["[1, 2, 3]"]


def test_a_killed_run_goes_without_where_it_went_without(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("goes_without")
    folder.dies(process)
    send_input("late", run_id)
    folder.completes(folder.resume(run_id))
    assert notes(tmp_path) == ["[] late"]


def test_a_task_that_was_killed_gets_its_input_again_and_the_next_one_the_next(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("takes_in_tasks")
    for name in ("a", "b", "c"):
        send_input(name, run_id)
    folder.dies(process)
    folder.completes(folder.resume(run_id))
    assert notes(tmp_path) == ["0 a", "1 b", "2 c"]


def test_a_killed_run_sends_nothing_twice(folder: Folder, tmp_path: Path) -> None:
    receiver, other = folder.start("receives")
    process, run_id = folder.start("sends", str(other))
    folder.dies(process)
    folder.completes(folder.resume(run_id))
    send_input("stop", other)
    folder.completes(receiver)
    assert notes(tmp_path) == ["same", "same", "other", "last"]
    senders = {sent.sender for sent in filter_flow_run_input("", limit=9, flow_run_id=other)}
    assert senders == {f"sluiceway.flow-run.{run_id}", None}


def test_tasks_in_processes_receive(folder: Folder, tmp_path: Path) -> None:
    process, run_id = folder.start("takes_in_processes")
    for name in ("a", "b"):
        send_input(name, run_id)
    folder.completes(process)
    assert sorted(line.split()[1] for line in notes(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize("name", ["receives", "areceives"])
def test_a_run_that_waits_for_an_input_can_be_cancelled(folder: Folder, name: str) -> None:
    process, run_id = folder.start(name)
    cancel_flow_run(run_id)
    process.communicate(timeout=HANGS)
    comes_to(run_id, "Cancelled")
    with get_client(sync_client=True) as client:
        assert client.filter_flow_run_input(run_id, "") == []
