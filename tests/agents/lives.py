"""Processes that have a run in hand and meet with something: what tests of liveness start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.agents.programs import LONG, eventually

FLOWS = """
    import asyncio
    import ctypes
    import os
    import signal
    import sys
    import time
    from pathlib import Path

    from sluiceway import flow, task, wiring

    HERE = Path(__file__).parent


    def note(what):
        with open(HERE / "notes", "a") as notes:
            notes.write(f"{what} {os.getpid()}\\n")


    def wait_for(name):
        while not (HERE / name).exists():
            time.sleep(0.005)


    def fork():
        if not os.fork():
            note("child")
            time.sleep(600)


    def open_another():
        from sluiceway.client import get_client
        from sluiceway.settings import temporary_settings

        with temporary_settings(flush_interval=0.01), get_client(sync_client=True) as client:
            assert client.read_flow_runs()  # looks at who lives, this process among them
            inner.fn()
        services = wiring.build(wiring.process_settings())
        services.presence.enter()
        services.presence.look_around()
        services.close()
        note("closed")


    WHAT = {
        "waits": lambda: None,
        "waits for ever": lambda: wait_for("what never comes"),
        "kills itself": lambda: os.kill(os.getpid(), signal.SIGKILL),  # as the kernel does where memory is short
        "segfaults": lambda: ctypes.string_at(0),
        "aborts": os.abort,
        "exits": lambda: os._exit(3),
        "forks": fork,
        "holds the interpreter": lambda: ctypes.PyDLL(None).usleep(1_900_000),
        "computes in C": lambda: note(f"power-{len(bin(3**4_000_000))}"),  # one call, and no other thread's turn
        "opens another store": open_another,
    }


    @task
    def step(number):
        note(f"step-{number}")
        return number


    @flow
    def inner():
        return step(0)


    @flow(auto_resume=2)
    def lives(what: str):
        first = step(1)
        wiring.services().recorder.drain()  # so that it is on disk, and known who has it
        note("ready")
        if not (HERE / "met").exists():
            (HERE / "met").touch()
            WHAT[what]()
        wait_for("gate")
        return first + step(2)


    @flow
    async def blocks():
        await asyncio.to_thread(wiring.services().recorder.drain)
        note("ready")
        time.sleep(1.9)
        note("awake")
        wait_for("gate")


    if __name__ == "__main__":
        what, run_id = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
        if what == "blocks":
            asyncio.run(blocks())
        else:
            print("returned", lives.with_options(run_id=run_id)(what))
"""


class Stage:
    """A folder with the flows, the processes that run them, and the notes that they leave.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "flows.py"
        self.program.write_text(textwrap.dedent(FLOWS))
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, ready: int = 1, **environment: str) -> subprocess.Popen[str]:
        """Start a process that runs a flow, and return it once that has met with something.

        Args:
            arguments: What the flow meets with, and the identifier of the run; or a command line with a dash first.
            ready: How many flows have to have come so far.
            environment: Settings by name.
        """
        command = list(arguments) if arguments[0].startswith("-") else [str(self.program), *arguments]
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._processes.append(process)
        eventually(lambda: len(self.noted("ready")) >= ready or process.poll() is not None)
        return process

    def notes(self) -> list[str]:
        """Return what processes have noted, in order."""
        file = self.folder / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def noted(self, what: str) -> list[int]:
        """Return the processes that have noted something, in order."""
        return [int(pid) for noted, pid in map(str.split, self.notes()) if noted == what]

    def open_gate(self) -> None:
        """Let the flows go on to their ends."""
        (self.folder / "gate").touch()

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Let a process come to its end; return exit code and output."""
        self.open_gate()
        out, err = process.communicate(timeout=LONG)
        return process.returncode, out, err

    def close(self) -> None:
        """End the processes that are still there."""
        self.open_gate()
        for pid in self.noted("child"):  # which has inherited the pipes, too
            os.kill(pid, signal.SIGKILL)
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate(timeout=LONG)


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    """Stop a process within."""
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: _state(process.pid) == "T")
    yield
    process.send_signal(signal.SIGCONT)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
