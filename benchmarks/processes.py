"""Child processes that end in a bounded time, with everything they started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

GRACE_SECONDS = 10.0
"""How long a background process may take to leave after it was asked to, before it is killed."""


class ProcessFailed(Exception):
    """A measured process ended badly or not in time; the message says which, `output` is its last words."""

    def __init__(self, reason: str, output: str = "") -> None:
        super().__init__(reason)
        self.output = output


def run(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float) -> float:
    """Run a command to its end and return how long that took, its start and exit included.

    Args:
        command: Program and arguments.
        environment: All of its environment variables.
        folder: Its working directory; its output is kept there in `output.log`.
        seconds: How long it may take.

    Raises:
        ProcessFailed: It took longer than that, or its exit code was not 0.
    """
    log = folder / "output.log"
    with log.open("wb") as output:
        begin = time.perf_counter()
        child = _start(command, environment, folder, output)
        late = threading.Event()
        # `wait(seconds)` would look for the end in pauses that double, and tell no time between 15.5, 31.5 and 63.5 ms.
        alarm = threading.Timer(seconds, _end, (child, late))
        alarm.start()
        try:
            code = child.wait()
            elapsed = time.perf_counter() - begin
        finally:
            alarm.cancel()
            _kill_group(child)
    if late.is_set():
        raise ProcessFailed(f"not done after {seconds:g} s", _tail(log))
    if code != 0:
        raise ProcessFailed(f"exit code {code}", _tail(log))
    return elapsed


@contextlib.contextmanager
def background(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    """Keep a process for the length of the block and give its id; then ask it to leave, and kill the rest."""
    with (folder / "background.log").open("wb") as output:
        child = _start(command, environment, folder, output)
        try:
            yield child.pid
        finally:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(GRACE_SECONDS)
            _kill_group(child)


def _start(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """End the process and its descendants, and wait for it."""
    _kill(child)
    child.wait()


def _end(child: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End the process and its descendants; it leads a session of its own, so nobody else is in the group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _tail(log: Path, size: int = 2_000) -> str:
    return log.read_bytes()[-size:].decode(errors="replace")
