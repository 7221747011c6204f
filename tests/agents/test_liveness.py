"""Whatever happens to a real process that has a run in hand: the dead are found, the living never taken for dead.

That memory runs short is stood in for by SIGKILL, which is all that a process gets to see of it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from sluiceway import wiring
from sluiceway.client import get_client
from sluiceway.client.schemas.objects import FlowRun
from tests.agents.lives import Stage, stopped
from tests.agents.programs import LONG, eventually

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="signals, locks and /proc are those of Linux"),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A folder with flows; the processes that run them are ended afterwards."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Stage(folder)
    yield made
    made.close()


def the_run() -> FlowRun:
    """Return the outermost run of the test, as whoever looks just now sees it."""
    with get_client(sync_client=True) as client:
        (run,) = [run for run in client.read_flow_runs() if run.flow_name in ("lives", "blocks")]
        return run


def sluiceway(*arguments: str) -> str:
    """Call the command line, and return what it prints."""
    command = [sys.executable, "-m", "sluiceway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=LONG).stdout


# --- the dead -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("kills itself", -signal.SIGKILL),
        ("segfaults", -signal.SIGSEGV),
        ("aborts", -signal.SIGABRT),
        ("exits", 3),
    ],
)
def test_however_a_process_dies_whoever_looks_next_sees_that_its_run_has_crashed(
    stage: Stage, what: str, code: int
) -> None:
    process = stage.start(what)
    assert process.wait(LONG) == code
    run = the_run()
    assert run.state_name == "Crashed"
    assert f"Process {process.pid} on {os.uname().nodename} died without a word" in (run.state.message or "")
    with get_client(sync_client=True) as client:
        assert {task_run.state_name for task_run in client.read_task_runs()} == {"Completed"}


@pytest.mark.parametrize("command", ["ls", "show", "logs"])
def test_after_kill_9_the_command_line_shows_the_crash_at_once(stage: Stage, command: str) -> None:
    process = stage.start("waits")
    process.kill()
    process.wait(LONG)
    said = sluiceway(command)
    assert "Crashed" in said or command == "logs"
    (run,) = wiring.services().store.read_flow_runs().items  # which does not look whether its process lives
    assert run.state_name == "Crashed"


def test_a_forked_child_that_outlives_its_parent_does_not_make_that_seem_alive(stage: Stage) -> None:
    process = stage.start("forks")
    eventually(lambda: bool(stage.noted("child")))
    process.kill()
    process.wait(LONG)
    (child,) = stage.noted("child")
    os.kill(child, 0)  # it is there, with all that it has inherited
    assert the_run().state_name == "Crashed"


def test_a_restart_of_the_machine_is_seen_by_its_boot_id(stage: Stage, sluiceway_home: Path) -> None:
    process = stage.start("waits")
    with closing(sqlite3.connect(sluiceway_home / "sluiceway.db", timeout=LONG)) as connection, connection:
        assert connection.execute("UPDATE process SET boot = 'an earlier one'").rowcount == 1
    run = the_run()
    assert run.state_name == "Crashed"
    assert "ended when the machine was restarted" in (run.state.message or "")
    _, _, said = stage.end(process)
    assert "taken for dead" in said  # this one has not really ended: what it records now is refused
    assert the_run().state_name == "Crashed"


# --- the living ---------------------------------------------------------------------------------------


def assert_lives_and_completes(stage: Stage, process: subprocess.Popen[str]) -> None:
    """Look several times at a process that others might take for dead, and let it come to its end."""
    for _ in range(3):
        assert the_run().state_name == "Running"
    code, _, said = stage.end(process)
    assert (code, "taken for dead" in said) == (0, False)
    assert the_run().state_name == "Completed"


def test_a_stopped_process_is_not_taken_for_dead_and_goes_on_afterwards(stage: Stage) -> None:
    process = stage.start("waits")
    with stopped(process):
        for _ in range(3):
            assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


def test_a_call_that_holds_the_interpreter_is_not_taken_for_death(stage: Stage) -> None:
    process = stage.start("holds the interpreter")
    began = time.monotonic()
    while time.monotonic() < began + 1.5:
        assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


SHORT = {"SLUICEWAY_LEASE_SECONDS": "0.2", "SLUICEWAY_FLUSH_INTERVAL": "0.01"}
"""Settings by which whoever is silent for a second has missed every deadline that there is."""


def test_a_calculation_that_holds_the_interpreter_for_longer_than_every_lease_is_not_taken_for_death(
    stage: Stage,
) -> None:
    process = stage.start("computes in C", **SHORT)
    while not any(what.startswith("power-") for what in stage.notes()):
        assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


def test_a_process_that_is_stopped_for_longer_than_every_lease_is_not_taken_for_dead(stage: Stage) -> None:
    process = stage.start("waits", **SHORT)
    with stopped(process):
        began = time.monotonic()
        while time.monotonic() < began + 1.5:
            assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


def test_a_blocked_event_loop_is_not_taken_for_death(stage: Stage) -> None:
    process = stage.start("blocks")
    began = time.monotonic()
    while time.monotonic() < began + 1.5:
        assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


def test_a_process_keeps_its_lock_though_it_opens_and_closes_other_stores(stage: Stage) -> None:
    process = stage.start("opens another store")
    eventually(lambda: bool(stage.noted("closed")))
    assert_lives_and_completes(stage, process)


def test_a_process_whose_lock_file_somebody_has_removed_lives_until_it_is_gone(
    stage: Stage, sluiceway_home: Path
) -> None:
    process = stage.start("waits")
    (lock,) = (sluiceway_home / "sluiceway.db-processes").iterdir()
    lock.unlink()
    assert the_run().state_name == "Running"
    process.kill()
    process.wait(LONG)
    assert the_run().state_name == "Crashed"


# --- leases -------------------------------------------------------------------------------------------

LEASE = {"SLUICEWAY_LIVENESS": "lease", "SLUICEWAY_LEASE_SECONDS": "1"}


def test_a_lease_is_prolonged_as_long_as_the_process_lives(stage: Stage) -> None:
    process = stage.start("waits", **LEASE)
    began = time.monotonic()
    while time.monotonic() < began + 2.0:
        assert the_run().state_name == "Running"
    assert_lives_and_completes(stage, process)


def test_who_is_stopped_for_longer_than_its_lease_is_fenced_and_another_one_has_gone_on_meanwhile(
    stage: Stage,
) -> None:
    run_id = uuid4()
    fenced = stage.start("waits for ever", str(run_id), **LEASE)
    with stopped(fenced):
        eventually(lambda: the_run().state_name == "Crashed")
        assert "has not prolonged its lease" in (the_run().state.message or "")
        other = stage.start("waits for ever", str(run_id), ready=2, **LEASE)
        code, printed, _ = stage.end(other)
        assert (code, printed) == (0, "returned 3\n")
        before = journal(run_id)
        assert before[0][1:] == ("Completed", 1)
    code, printed, said = stage.end(fenced)
    assert (code, printed, "taken for dead" in said) == (1, "", True)
    assert journal(run_id) == before
    assert stage.noted("step-1") == [fenced.pid]


def journal(run_id: UUID) -> list[tuple[str, str | None, int]]:
    """Return what is known of a run and of its steps: name, state and how often it was taken up or began."""
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(run_id)
        steps = sorted(client.read_task_runs(), key=lambda step: step.id)
    return [(run.name, run.state_name, run.epoch), *((step.name, step.state_name, step.run_count) for step in steps)]


# --- going on by itself -------------------------------------------------------------------------------


def test_a_supervised_run_goes_on_after_kill_9_with_nothing_typed(stage: Stage) -> None:
    supervisor = stage.start("-m", "sluiceway", "run", "flows.py:lives", "--supervise", "-p", "what=waits")
    (child,) = stage.noted("ready")
    assert child != supervisor.pid
    killed = time.monotonic()
    os.kill(child, signal.SIGKILL)
    eventually(lambda: len(stage.noted("ready")) == 2)
    assert time.monotonic() - killed < LONG / 2
    code, _, said = stage.end(supervisor)
    assert code == 0
    assert "was killed by SIGKILL. The run goes on in a new one (1 of at most 10)." in said
    run = the_run()
    assert (run.state_name, run.epoch, stage.noted("step-1")) == ("Completed", 1, [child])


def test_a_living_worker_has_a_crashed_run_go_on_as_often_as_it_may_and_then_the_run_says_so(stage: Stage) -> None:
    first = stage.start("waits")
    first.kill()
    first.wait(LONG)
    worker = stage.start("-m", "sluiceway", "task", "serve", "flows.py", ready=2)
    for times in (2, 3):
        eventually(lambda times=times: len(stage.noted("ready")) == times)  # type: ignore[misc]  # bound per turn
        os.kill(stage.noted("ready")[-1], signal.SIGKILL)
    eventually(lambda: "does so by itself no more" in (the_run().state.message or ""))
    run = the_run()
    assert (run.state_name, run.epoch) == ("Crashed", 2)
    assert stage.noted("step-1") == [first.pid]
    assert worker.poll() is None


def test_a_run_that_a_living_worker_has_go_on_completes_though_the_worker_ends_before(stage: Stage) -> None:
    first = stage.start("waits")
    first.kill()
    first.wait(LONG)
    worker = stage.start("-m", "sluiceway", "task", "serve", "flows.py", ready=2)
    worker.send_signal(signal.SIGTERM)
    eventually(lambda: worker.poll() == 0)
    stage.open_gate()
    eventually(lambda: the_run().state_name == "Completed")
    assert len(stage.noted("step-2")) == 1
