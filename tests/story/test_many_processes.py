"""Sixteen processes that run flows at once on one file: every task is recorded, and nobody is told of any trouble."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sluiceway import wiring
from sluiceway.client import get_client
from sluiceway.model.queries import TaskRunQuery
from sluiceway.model.states import StateType
from tests.story import many_process

PROCESSES, TASKS = 16, 2_000


@pytest.mark.slow
def test_sixteen_processes_of_two_thousand_tasks_each_record_them_all_and_leave_nothing_behind() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", many_process.__file__, str(TASKS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES
    assert not [line for text in said for line in text.splitlines() if "| INFO" not in line]
    with get_client(sync_client=True) as client:
        assert [run.state_name for run in client.read_flow_runs()] == ["Completed"] * PROCESSES
    store = wiring.services().store
    assert store.count_task_runs() == PROCESSES * TASKS
    assert store.count_task_runs(TaskRunQuery(state_types=(StateType.COMPLETED,))) == PROCESSES * TASKS
    assert store.check() == []
    assert store.read_processes() == ()
