"""The server as people start it, in a process of its own at a free port of loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx


class Served(NamedTuple):
    """A server in a process of its own.

    Args:
        address: Its first page, without the slash at the end.
        process: The process.
    """

    address: str
    process: subprocess.Popen[str]

    def end(self, number: int = signal.SIGTERM) -> int:
        """End the server by a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def client(self) -> httpx.Client:
        """Return a client that goes by no proxy."""
        return httpx.Client(base_url=self.address, trust_env=False, timeout=20)


@contextmanager
def served(
    *arguments: str,
    cwd: Path,
    environment: Mapping[str, str] = os.environ,
    command: tuple[str, ...] = ("server", "start"),
) -> Iterator[Served]:
    """Yield a server once it answers; it is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", "sluiceway", *command, "--port", "0", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "Sluiceway is at http" not in line:
                process.kill()
            assert process.poll() is None, (line, process.communicate(timeout=20))
            yield Served(line.split("Sluiceway is at ")[1].split()[0].rstrip("/"), process)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=20)
