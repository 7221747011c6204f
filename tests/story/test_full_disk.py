"""A disk that is really full: a small file system of the test's own, which holds the run database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sluiceway import get_client, wiring

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="file systems in memory are those of Linux"),
]

HANGS = 60
"""Seconds that only something that hangs takes."""

STEPS = 400

Start = Callable[..., "subprocess.Popen[str]"]

PROGRAM = """
    import sys
    import time
    from pathlib import Path

    from sluiceway import flow, task, wiring

    HERE = Path(__file__).parent


    @task
    def step(number):
        return f"{number:04000}"  # so long that few of them fit


    @task(durability="strict")
    def careful():
        return 7


    def summed(steps):
        total = 0
        for number in range(steps):
            total += int(step(number))
            if number % 20 == 0:
                wiring.services().recorder.drain(10)  # so that what fits is written, batch by batch
        return total


    @flow
    def fills(steps: int):
        return summed(steps)


    @flow
    def waits(steps: int):
        total = summed(steps)
        while not wiring.services().recorder.drain(10):
            if not (HERE / "full").exists():
                (HERE / "full").touch()
            time.sleep(0.01)
        return total


    @flow
    def refused():
        try:
            return careful()
        except Exception as error:
            return f"{type(error).__name__}: {error}"


    if __name__ == "__main__":
        name, *arguments = sys.argv[1:]
        print("returned", globals()[name](*map(int, arguments)))
"""


class Disk:
    """A file system of a megabyte in memory.

    Args:
        folder: Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "sluiceway"
        self.database = self.home / "sluiceway.db"

    def mount(self) -> str:
        """Mount it; return what is in the way, or nothing."""
        return self._call("mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(self.folder))

    def enlarge(self) -> None:
        """Have much more space."""
        assert not self._call("mount", "-o", "remount,size=64m", str(self.folder))

    def fill(self) -> None:
        """Take all the space that is left."""
        with (self.folder / "filler").open("ab", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                return  # it is full

    def unmount(self) -> None:
        """Unmount it, though somebody may still have a file open."""
        assert not self._call("umount", "--lazy", str(self.folder))

    @staticmethod
    def _call(*command: str) -> str:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANGS)
        except FileNotFoundError as error:
            return str(error)
        return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk of a megabyte, on which the home folder is."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = Disk(folder)
    trouble = made.mount()
    if trouble:
        pytest.skip(f"no file system can be mounted here: {trouble}")
    monkeypatch.setenv("SLUICEWAY_HOME", str(made.home))
    yield made
    wiring.reset()
    made.unmount()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "program.py"
    path.parent.mkdir()
    path.write_text(textwrap.dedent(PROGRAM))
    return path


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python; what still runs in the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "COLUMNS": "200"},
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


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code, output and errors of a process that is to end by itself."""
    out, err = process.communicate(timeout=HANGS)
    return process.returncode, out, err


def assert_said_once_and_counted(said: str, disk: Disk) -> None:
    """Check that a process has named the file and the remedy once, and counted in the end what is missing."""
    error, count = [line for line in said.splitlines() if line.startswith("sluiceway: ")]
    named = f"The run database {disk.database} cannot be used: the disk is full"
    assert error.startswith(f"sluiceway: Runs cannot be recorded; they go on nevertheless. {named}")
    assert "Free some space there" in error
    assert "facts about runs were not recorded. " + named in count


def assert_sound() -> None:
    """Check that nothing in the journal is damaged, or refers to what is not there."""
    assert wiring.services().store.check() == []


def test_a_disk_that_becomes_full_is_said_the_flow_gives_its_own_result_and_the_journal_is_sound(
    disk: Disk, program: Path, start: Start
) -> None:
    code, out, err = ended(start(program, "fills", str(STEPS)))
    assert (code, out) == (0, f"returned {sum(range(STEPS))}\n")
    assert_said_once_and_counted(err, disk)
    assert_sound()
    with get_client(sync_client=True) as client:
        assert 0 < client.count_task_runs() < STEPS


def test_a_disk_that_is_full_from_the_start_is_said_and_the_flow_gives_its_own_result(
    disk: Disk, program: Path, start: Start
) -> None:
    disk.fill()
    code, out, err = ended(start(program, "fills", "5"))
    assert (code, out) == (0, "returned 10\n")
    assert_said_once_and_counted(err, disk)


def test_what_could_not_be_recorded_is_once_there_is_space(disk: Disk, program: Path, start: Start) -> None:
    process = start(program, "waits", str(STEPS))
    wait_for(program.with_name("full"), process)
    disk.enlarge()
    code, out, err = ended(process)
    assert (code, out) == (0, f"returned {sum(range(STEPS))}\n")
    assert "the disk is full" in err
    assert "not recorded" not in err
    assert_sound()
    with get_client(sync_client=True) as client:
        assert client.count_task_runs() == STEPS
        assert {run.state_name for run in client.read_task_runs()} == {"Completed"}
        assert [run.state_name for run in client.read_flow_runs()] == ["Completed"]


def test_a_strict_step_is_refused_on_a_full_disk(disk: Disk, program: Path, start: Start) -> None:
    disk.fill()
    code, out, _ = ended(start(program, "refused"))
    assert code == 0
    assert out.startswith(f"returned StoreError: The run database {disk.database} cannot be used")
    assert "the disk is full" in out


def test_a_run_that_is_killed_on_a_full_disk_goes_on_once_there_is_space(
    disk: Disk, program: Path, start: Start
) -> None:
    process = start(program, "waits", str(STEPS))
    wait_for(program.with_name("full"), process)
    process.send_signal(signal.SIGKILL)
    ended(process)
    code, _, err = ended(start("-m", "sluiceway", "ls"))
    assert (code, "Traceback" in err) == (0, False), err
    disk.enlarge()
    with get_client(sync_client=True) as client:
        (run,) = client.read_flow_runs()
        recorded = client.count_task_runs()
    assert (run.state_name, 0 < recorded < STEPS) == ("Crashed", True)
    code, out, err = ended(start("-m", "sluiceway", "resume", str(run.id)))
    assert (code, f"result: {sum(range(STEPS))}" in out) == (0, True), err
    assert_sound()


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a process has made a file."""
    deadline = time.monotonic() + HANGS
    while not file.exists():
        assert process.poll() is None, ended(process)
        assert time.monotonic() < deadline, "the disk never became full"
        time.sleep(0.01)
