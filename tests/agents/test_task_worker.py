"""Task workers as real processes: they share the calls, end cleanly, and take over what one had that was killed."""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sluiceway import wiring
from sluiceway.client import get_client
from sluiceway.exceptions import CrashedRun
from sluiceway.futures import Future, wait
from sluiceway.rules.outcomes import MOST_WORKERS
from tests.agents.programs import LONG, Place, eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with a file of tasks; its workers are ended afterwards."""
    folder = tmp_path / "project"
    folder.mkdir()
    made = Place(folder)
    yield made
    made.close()


@pytest.fixture
def jobs(place: Place) -> Iterator[ModuleType]:
    """The file of tasks as a module."""
    spec = importlib.util.spec_from_file_location("jobs", place.folder / "jobs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["jobs"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["jobs"]


SERVE = ("-m", "sluiceway.cli", "task", "serve", "jobs.py")


def history(future: Future[Any]) -> list[str]:
    with get_client(sync_client=True) as client:
        return [state.name for state in client.read_task_run_states(future.task_run_id)]


def owners() -> list[str]:
    return [claim.owner.split("/")[1] for claim in wiring.services().store.read_claims()]


@pytest.mark.parametrize("command", [SERVE, ("jobs.py", "10")], ids=["command", "script"])
def test_what_a_process_that_has_ended_left_is_run_by_a_worker_of_command_and_script_alike(
    place: Place, jobs: ModuleType, command: tuple[str, ...]
) -> None:
    key = place.run("import jobs; print(jobs.note.delay('left').task_run_id)").strip()
    worker = place.start(*command)
    eventually(lambda: bool(place.notes()))
    assert place.notes() == [["left", str(worker.pid)]]
    future = jobs.note.delay("second")
    assert future.result(timeout=LONG) == "second"
    assert history(future) == ["Scheduled", "Pending", "Running", "Completed"]
    with get_client(sync_client=True) as client:
        assert str(client.read_task_runs()[-1].id) == key


def test_a_script_that_defers_its_own_tasks_and_a_worker_that_imports_it_mean_the_same_ones(place: Place) -> None:
    (place.folder / "mine.py").write_text(
        "from sluiceway import task\n\n"
        "class Point:\n    def __init__(self, x):\n        self.x = x\n\n"
        "@task\ndef shift(point):\n    return Point(point.x + 1)\n\n"
        "if __name__ == '__main__':\n    print(shift.delay(Point(1)).result(timeout=60).x)\n"
    )
    place.start("-m", "sluiceway.cli", "task", "serve", "mine.py:shift")
    assert place.run("import runpy; runpy.run_path('mine.py', run_name='__main__')") == "2\n"


def test_several_workers_share_the_calls_and_each_is_run_once(place: Place, jobs: ModuleType) -> None:
    futures = [jobs.note.delay(str(number)) for number in range(60)]
    workers = [place.start("jobs.py", "2") for _ in range(3)]
    assert not wait(futures, timeout=LONG).not_done
    notes = place.notes()
    assert Counter(name for name, _ in notes) == Counter(str(number) for number in range(60))
    assert {pid for _, pid in notes} <= {str(worker.pid) for worker in workers}
    eventually(lambda: owners() == [])


def test_what_a_killed_worker_had_taken_is_run_by_another_one(place: Place, jobs: ModuleType) -> None:
    victim = place.start("jobs.py", "1")
    held, next_one = jobs.hold.delay("held"), jobs.note.delay("next")
    eventually(lambda: bool(place.notes()) and history(held)[-1] == "Running")
    other = place.start("jobs.py", "4")
    assert next_one.result(timeout=LONG) == "next"
    assert owners() == [str(victim.pid)]  # a living worker keeps what it has, however long that takes
    victim.send_signal(signal.SIGKILL)
    victim.wait(LONG)
    place.open_gate()
    assert held.result(timeout=LONG) == "held held"
    assert [note for note in place.notes() if note[0] == "held"] == [["held", str(p.pid)] for p in (victim, other)]
    assert history(held) == ["Scheduled", "Pending", "Running", "AwaitingRetry", "Pending", "Running", "Completed"]
    found = wiring.services().store.read_task_run(held.run_key)
    assert found is not None
    assert found.run_count == 2
    eventually(lambda: owners() == [])
    assert wiring.services().store.check() == []


def test_a_run_that_kills_its_workers_is_given_up_and_who_waits_for_it_is_told(place: Place, jobs: ModuleType) -> None:
    deadly = jobs.die.delay()
    after = jobs.note.delay(deadly)
    for _ in range(MOST_WORKERS):
        worker = place.start("jobs.py", "1")
        assert worker.wait(LONG) == -signal.SIGSEGV
    place.start("jobs.py", "1")
    with pytest.raises(CrashedRun, match=f"{MOST_WORKERS} workers have died that had taken it"):
        deadly.result(timeout=LONG)
    after.wait(LONG)
    assert (after.state.name, place.notes()) == ("NotReady", [])
    eventually(lambda: owners() == [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_a_worker_finish_what_it_has_begun_and_leave_the_rest(
    place: Place, jobs: ModuleType, number: signal.Signals
) -> None:
    worker = place.start(*SERVE, "--limit", "1")
    first, second = jobs.hold.delay("first"), jobs.hold.delay("second")
    eventually(lambda: bool(place.notes()))
    worker.send_signal(number)
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("Ending: 1 run is still under way, and waited for.")
    place.open_gate()
    assert worker.wait(LONG) == 0
    assert first.result(timeout=LONG) == "first held"
    assert history(second) == ["Scheduled"]
    assert owners() == []


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGINT, 130, "Task run was interrupted from the keyboard."),
        (signal.SIGTERM, 143, "Task run was terminated by signal 15."),
    ],
)
def test_a_second_signal_ends_a_worker_at_once_and_the_run_has_crashed(
    place: Place, jobs: ModuleType, number: signal.Signals, code: int, message: str
) -> None:
    worker = place.start(*SERVE)
    held = jobs.hold.delay("held")
    eventually(lambda: bool(place.notes()))
    worker.send_signal(number)
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("Ending")
    worker.send_signal(number)
    assert worker.wait(LONG) == code
    assert held.state.is_crashed()
    assert held.state.message == message
    assert owners() == []


def test_a_worker_in_an_event_loop_ends_with_ctrl_c_once_its_run_has_ended(place: Place, jobs: ModuleType) -> None:
    (place.folder / "looping.py").write_text("import asyncio, jobs\nasyncio.run(jobs.hold.aserve())\n")
    worker = place.start("looping.py")
    held = jobs.hold.delay("held")
    eventually(lambda: bool(place.notes()))
    worker.send_signal(signal.SIGTERM)
    assert worker.stdout is not None
    assert worker.stdout.readline().startswith("Ending")
    place.open_gate()
    assert worker.wait(LONG) == 0
    assert held.result(timeout=LONG) == "held held"


def test_a_worker_whose_journal_cannot_be_used_says_so_and_ends(place: Place) -> None:
    (place.folder / "broken.db").write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    told = place.run(
        """
        import os, subprocess, sys
        os.environ["SLUICEWAY_DATABASE_URL"] = "sqlite:///broken.db"
        done = subprocess.run([sys.executable, "-m", "sluiceway.cli", "task", "serve", "jobs.py"], capture_output=True)
        print(done.returncode, done.stderr.decode())
        """
    )
    assert told.startswith("1 Error: ")
    assert "broken.db" in told
    assert "Traceback" not in told


IN_CHILD = """
import os
from sluiceway import flow, task
from sluiceway.task_runners import ProcessPoolTaskRunner

@task
def square(n):
    return n * n

@task
def defers(n):
    return square.delay(n).result(timeout=60), os.getpid()

@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
def squares():
    return defers.submit(5).result()

if __name__ == "__main__":
    value, pid = squares()
    print(value, pid != os.getpid())
"""


def test_a_task_in_a_child_process_can_defer_another_one_of_its_script(place: Place) -> None:
    (place.folder / "children.py").write_text(IN_CHILD)
    place.start("-m", "sluiceway.cli", "task", "serve", "children.py")
    assert place.run("import runpy; runpy.run_path('children.py', run_name='__main__')") == "25 True\n"


def test_a_child_process_does_not_defer_into_a_journal_that_ends_with_it(place: Place) -> None:
    (place.folder / "children.py").write_text(IN_CHILD)
    told = place.run(
        """
        import os
        os.environ["SLUICEWAY_DATABASE_URL"] = "memory:"
        from children import squares
        try:
            squares()
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    assert told.startswith("StoreError In another process, tasks cannot be deferred while runs are kept in memory.")
