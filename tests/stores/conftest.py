"""The stores that the tests of this folder run against."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluiceway.ports.store import Store
from sluiceway.stores.http.store import HttpStore
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite import writing
from sluiceway.stores.sqlite.store import SqliteStore


@pytest.fixture(autouse=True)
def _each_batch_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each batch look whether its process is on the list, rather than some of them: nothing here takes as long."""
    monkeypatch.setattr(writing, "LOOK_INTERVAL", 0.0)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return where a database is to be, in a folder that is still to be made."""
    return tmp_path / "journal" / "runs.db"


@pytest.fixture
def sqlite(database: Path) -> Iterator[SqliteStore]:
    """Return an empty store in a file."""
    store = SqliteStore(str(database))
    yield store
    store.close()


class JournalServer:
    """A server in a process of its own, whose journal is another one for each test."""

    def __init__(self, home: Path) -> None:
        program = Path(__file__).with_name("serving_process.py")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SLUICEWAY_")}
        environment |= {"SLUICEWAY_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
        environment["SLUICEWAY_RETENTION_AUTOMATIC"] = "false"  # the runs of these tests are of long ago
        self._process = subprocess.Popen(
            [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.address = f"http://127.0.0.1:{self._answer()}/api"

    def turn_to(self, database: Path) -> None:
        """Have the server keep its journal in another file."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{database}\n")
        self._process.stdin.flush()
        assert self._answer() == "ready"

    def end(self) -> None:
        """End the process."""
        with self._process as process:
            process.terminate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@pytest.fixture(scope="session")
def journal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JournalServer]:
    """Return a server that all tests share; starting one takes a second."""
    server = JournalServer(tmp_path_factory.mktemp("server"))
    yield server
    server.end()


@pytest.fixture(autouse=True, scope="session")
def _server_is_there(request: pytest.FixtureRequest) -> None:
    """Start the server before the first test, if one needs it, so that no test is taken to have left it behind."""
    needed = (item for item in request.session.items if isinstance(item, pytest.Function))
    if any("[http" in item.name or "http" in item.fixturenames for item in needed):
        request.getfixturevalue("journal_server")


@pytest.fixture
def http(journal_server: JournalServer, database: Path) -> Iterator[HttpStore]:
    """Return an empty store behind a server."""
    journal_server.turn_to(database)
    store = HttpStore(journal_server.address)
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite", "http"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each kind in turn."""
    if request.param == "memory":
        return MemoryStore()
    made: Store = request.getfixturevalue(request.param)
    return made
