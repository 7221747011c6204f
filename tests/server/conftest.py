"""Servers for tests: the application in this process, and a real one in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI

from sluiceway.server.app import create_app
from sluiceway.server.rules import Rules
from sluiceway.testing import Harness, test_harness
from tests.server.asking import Asking
from tests.serving import Served, served

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


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start `sluiceway server start` with further arguments, or another command, at a free port of loopback."""
    with ExitStack() as servers:

        def start(*arguments: str, command: tuple[str, ...] = ("server", "start")) -> Served:
            return servers.enter_context(served(*arguments, cwd=tmp_path, command=command))

        yield start
