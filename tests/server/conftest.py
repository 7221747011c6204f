"""Servers for tests: the application in this process, and a real one in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from sluiceway.server.app import create_app
from sluiceway.server.rules import Rules
from sluiceway.testing import Harness, test_harness
from tests.server.asking import Asking

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def place() -> Iterator[Harness]:
    """A private place for runs."""
    with test_harness() as harness:
        yield harness


@pytest.fixture
def app(place: Harness) -> FastAPI:
    """The application over it, for everybody on this machine."""
    return create_app(place.services)


@pytest.fixture
def guarded(place: Harness) -> FastAPI:
    """The application over it, for those with the token."""
    return create_app(place.services, Rules(token=TOKEN))


@pytest.fixture
def ask(app: FastAPI) -> Asking:
    """Asks the application."""
    return Asking(app)


@pytest.fixture
def ask_guarded(guarded: FastAPI) -> Asking:
    """Asks the application that has a token, without it."""
    return Asking(guarded)


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


Serve = Callable[..., Served]


@contextmanager
def _served(arguments: tuple[str, ...], cwd: Path) -> Iterator[Served]:
    command = [sys.executable, "-m", "sluiceway", *arguments]
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
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


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `sluiceway server start` with further arguments, or another command, at a free port of loopback."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONUNBUFFERED", "1")
        begun = []

        def start(*arguments: str, command: tuple[str, ...] = ("server", "start")) -> Served:
            within = _served((*command, "--port", "0", *arguments), tmp_path)
            begun.append(within)
            return within.__enter__()

        try:
            yield start
        finally:
            for within in begun:
                within.__exit__(None, None, None)
