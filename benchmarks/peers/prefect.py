"""Prefect 3.8.8: with a server up, and alone, when each process starts a temporary server for itself."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.processes import ProcessFailed, background
from benchmarks.subjects import HELLO, PEER, Subject

REQUIREMENTS = ("prefect==3.8.8", "fastapi==0.141.1")
"""A newer FastAPI breaks this Prefect."""

SERVER_SECONDS = 180.0
"""How long a server may take to answer; the first start makes its database."""

_QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
}


def alone(python: Path) -> Subject:
    """Prefect without a server."""
    return Subject(
        key="prefect_alone",
        title="Prefect 3.8.8 alone",
        engine="prefect",
        python=python,
        imports=("import prefect", "from prefect import flow, task"),
        hello=HELLO.replace("sluiceway", "prefect"),
        variables=lambda home: {
            **_home(home),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": f"{SERVER_SECONDS:g}",
        },
        effort=PEER,
        lacks=frozenset({"strict", "shared"}),
        keeps_home=True,
    )


@contextlib.contextmanager
def with_server(python: Path, scratch: Path) -> Iterator[Subject]:
    """Prefect with a server that is up on a loopback port for the length of the block.

    Args:
        python: The interpreter it is installed for.
        scratch: An existing folder for the server's output; the home is the one its bench makes in it.

    Raises:
        ProcessFailed: The server did not answer in time.
    """
    home, port = scratch / "home", _free_port()
    home.mkdir()
    api = f"http://127.0.0.1:{port}/api"
    command = [str(python), "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(home), **_home(home)}
    with background(command, environment=environment, folder=scratch):
        _wait_for(f"{api}/health")
        yield dataclasses.replace(
            alone(python),
            key="prefect_server",
            title="Prefect 3.8.8 + server",
            variables=lambda home: {**_home(home), "PREFECT_API_URL": api},
        )


def _home(home: Path) -> dict[str, str]:
    return {**_QUIET, "PREFECT_HOME": str(home)}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        if _answers(url):
            return
        time.sleep(0.5)
    raise ProcessFailed(f"the server did not answer within {SERVER_SECONDS:g} s")
