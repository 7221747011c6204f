"""Programs that tests of workers run in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

TASKS = """
    import os
    import signal
    import sys
    import time
    from pathlib import Path

    from sluiceway import task


    @task
    def note(name):
        with open(Path(__file__).with_name("notes"), "a") as notes:
            notes.write(f"{name} {os.getpid()}\\n")
        return name


    @task
    def hold(name):
        note.fn(name)
        gate = Path(__file__).with_name("gate")
        while not gate.exists():
            time.sleep(0.005)
        return f"{name} held"


    @task
    def die():
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)  # the signal may come a moment later, on another thread


    if __name__ == "__main__":
        from sluiceway.task_worker import serve

        serve(note, hold, die, limit=int(sys.argv[1]))
        print("served")
"""

LONG = 60.0
"""Seconds after which a test is given up."""


class Place:
    """A folder with a file of tasks, workers that serve them, and the notes that the tasks leave.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workers: list[subprocess.Popen[str]] = []
        (folder / "jobs.py").write_text(textwrap.dedent(TASKS))

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a worker, and return it once it serves."""
        worker = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.workers.append(worker)
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith("Ctrl-C ends this"):
                return worker
        raise AssertionError(f"the worker ended with {worker.wait(LONG)}")

    def run(self, program: str) -> str:
        """Run a program to its end, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def notes(self) -> list[list[str]]:
        """Return name and process of each task that began."""
        file = self.folder / "notes"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def open_gate(self) -> None:
        """Let the tasks end that hold."""
        (self.folder / "gate").touch()

    def close(self) -> None:
        """End the workers that are still there."""
        self.open_gate()
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait(LONG)
            if worker.stdout is not None:
                worker.stdout.close()


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
