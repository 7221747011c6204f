"""Recording by a server: a real one, in a process of its own, over a real database; and its outages."""

from __future__ import annotations

import asyncio
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sluiceway import flow, get_client, get_run_logger, task, wiring
from sluiceway.base.errors import StoreError
from sluiceway.stores.sqlite.store import SqliteStore
from tests.serving import Served, served

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("remote_program.py")
SECONDS = 60


class Far(NamedTuple):
    """A server of runs, which may be away, and programs that record there.

    Args:
        folder: Where its database and the home of the programs are.
        port: Its port, which it comes back to.
    """

    folder: Path
    port: int

    @property
    def address(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def home(self) -> Path:
        """The home of the programs."""
        return self.folder / "home"

    @property
    def spools(self) -> list[Path]:
        """The files that keep what the server has not taken."""
        return sorted(self.home.glob("spool/*/*"))

    @contextmanager
    def up(self, *arguments: str, **settings: str) -> Iterator[Served]:
        """Have the server there, within."""
        environment = {**os.environ, "SLUICEWAY_HOME": str(self.folder / "server"), **settings}
        environment.pop("SLUICEWAY_API_URL", None)
        port = ("--port", str(self.port))
        with served(*port, *arguments, cwd=self.folder, environment=environment) as server:
            yield server

    def start(self, *arguments: object, **settings: str) -> subprocess.Popen[str]:
        """Start the program."""
        environment = {**os.environ, "SLUICEWAY_HOME": str(self.home), "SLUICEWAY_API_URL": self.address, **settings}
        command = [sys.executable, str(PROGRAM), *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, cwd=self.folder)

    def run(self, *arguments: object, **settings: str) -> tuple[str, str]:
        """Run the program to its end, and return what it printed, and what it said to stderr."""
        with self.start(*arguments, **settings) as process:
            return process.communicate(timeout=SECONDS)

    def recorded(self) -> tuple[list[str], list[str]]:
        """Return the states of the flow runs in the database of the server, oldest first, and of the task runs."""
        store = SqliteStore(str(self.folder / "server" / "sluiceway.db"))
        try:
            flows = [run.state.name for run in store.read_flow_runs(limit=200).items if run.state is not None]
            tasks: list[str] = []
            after = None
            while True:
                page = store.read_task_runs(limit=1_000, after=after)
                tasks += [run.state_name or "" for run in page.items]
                after = page.cursor
                if after is None:
                    return flows[::-1], tasks
        finally:
            store.close()


@pytest.fixture
def far(tmp_path: Path) -> Far:
    """A server that is not there yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Far(tmp_path, probe.getsockname()[1])


@pytest.fixture
def here(far: Far, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have this process record at the server."""

    def connect(**settings: str) -> None:
        wiring.reset()
        for name, value in {"SLUICEWAY_API_URL": far.address, **settings}.items():
            monkeypatch.setenv(name, value)

    yield connect
    wiring.reset()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "this takes too long"
        time.sleep(0.05)


def test_runs_are_recorded_by_the_server_and_read_back_in_both_colours(far: Far, here: Callable[..., None]) -> None:
    @task
    def double(number: int) -> int:
        get_run_logger().info("doubling %s", number)
        return 2 * number

    @flow
    def doubles() -> int:
        return sum(double.map([1, 2, 3]).result())

    with far.up():
        here()
        assert doubles() == 12
        with get_client(sync_client=True) as client:
            (run,) = client.read_flow_runs()
            assert (run.flow_name, run.state_name) == ("doubles", "Completed")
            assert client.count_task_runs() == 3
            assert len([line for line in client.read_logs() if line.message.startswith("doubling")]) == 3

        async def read() -> Any:
            async with get_client() as client:
                return await client.read_flow_run(run.id)

        assert asyncio.run(read()).id == run.id
        wiring.reset()
    assert far.recorded() == (["Completed"], ["Completed"] * 3)
    assert not (far.home / "sluiceway.db").exists()


def test_a_server_that_is_killed_under_load_loses_nothing_and_holds_up_nobody(far: Far) -> None:
    with far.up() as first:
        process = far.start(4_000, 0.0005)
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.5)
        first.end(signal.SIGKILL)
    until(lambda: bool(far.spools))
    with far.up():
        out, said = process.communicate(timeout=SECONDS)
        assert int(out) == sum(range(4_000))
        until(lambda: far.recorded() == (["Completed"], ["Completed"] * 4_000))
    assert "What is recorded is kept in" in said
    assert "is there again, and has what was kept." in said
    assert far.spools == []


@pytest.mark.parametrize("end", ["", "killed"])
def test_what_a_program_could_not_send_is_sent_by_the_next_one(far: Far, end: str) -> None:
    with far.up():
        far.run(1, 0)
    out, said = far.run(100, 0, end)
    assert str(sum(range(100))) in out
    assert ("waits in" in said) is (end == "")
    (spool,) = far.spools
    assert str(spool) in said
    with far.up():
        far.run(2, 0)
        until(lambda: far.recorded()[1] == ["Completed"] * 103)
    assert far.recorded()[0] == ["Completed"] * 3
    assert far.spools == []


def test_what_was_left_behind_can_be_sent_by_hand(far: Far) -> None:
    far.run(5, 0)
    command = [sys.executable, "-m", "sluiceway", "db", "send"]
    environment = {**os.environ, "SLUICEWAY_HOME": str(far.home), "SLUICEWAY_API_URL": far.address}
    with far.up():
        for says in ("batches sent.", "Nothing was left behind."):
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=SECONDS)
            assert says in done.stdout
        assert far.recorded() == (["Completed"], ["Completed"] * 5)
    environment.pop("SLUICEWAY_API_URL")
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert refused.returncode != 0
    assert "SLUICEWAY_API_URL is not set" in refused.stderr


def test_a_full_spool_says_so_and_the_flow_gives_its_result(far: Far) -> None:
    out, said = far.run(2_000, 0, SLUICEWAY_SPOOL_LIMIT="2kB")
    assert str(sum(range(2_000))) in out
    assert "has reached its limit of 2,000 bytes" in said
    assert "were not recorded" in said


def test_a_wrong_key_is_told_and_what_was_recorded_is_kept_until_it_is_right(far: Far) -> None:
    token = far.folder / "token"
    token.write_text("a-token-that-nobody-guesses")
    token.chmod(0o600)
    with far.up("--token-file", str(token)):
        _, said = far.run(3, 0, SLUICEWAY_API_KEY="another")
        assert "the key in SLUICEWAY_API_KEY is not its token" in said
        _, said = far.run(4, 0)
        assert "SLUICEWAY_API_KEY is not set" in said
        _, said = far.run(5, 0, SLUICEWAY_API_KEY=token.read_text())
        assert "sluiceway:" not in said
        until(lambda: far.recorded() == (["Completed"] * 3, ["Completed"] * 12))
    assert far.spools == []


class _Another(http.server.BaseHTTPRequestHandler):
    """Another program that happens to be at the address."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_another_program_at_the_address_is_told_from_a_server(far: Far) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", far.port), _Another) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        out, said = far.run(3, 0)
        server.shutdown()
        thread.join()
    assert out.endswith("3\n")
    assert "has no such journal; it is another program, or of another version" in said
    assert len(far.spools) == 1


def test_a_strict_step_is_on_the_disk_of_the_server_or_its_call_raises(far: Far, here: Callable[..., None]) -> None:
    with far.up() as server:
        out, said = far.run(20, 0, "strict")
        assert (out, said.count("sluiceway:")) == (f"begun\n{sum(range(20))}\n", 0)
        assert far.recorded() == (["Completed"], ["Completed"] * 20)
        here()

        @task(durability="strict")
        def careful() -> None: ...

        @flow
        def goes_on() -> str:
            careful()
            server.end(signal.SIGKILL)
            with pytest.raises(StoreError, match="cannot be reached"):
                careful()
            return "went on"

        wiring.services().store._connection._patience = 0.5  # type: ignore[attr-defined]  # rather than a quarter minute
        assert goes_on() == "went on"


def test_a_program_that_is_killed_has_crashed_for_the_server_once_its_lease_is_over(far: Far) -> None:
    with far.up() as server:
        process = far.start(1_000, 0.1, SLUICEWAY_LEASE_SECONDS="1")
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        until(lambda: far.recorded()[0] == ["Running"])
        process.kill()
        process.communicate(timeout=SECONDS)
        environment = {**os.environ, "SLUICEWAY_HOME": str(far.home), "SLUICEWAY_API_URL": far.address}

        def shown() -> str:
            command = [sys.executable, "-m", "sluiceway", "ls"]
            return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

        until(lambda: "Crashed" in shown())
        assert server.process.poll() is None
    assert far.recorded()[0] == ["Crashed"]


def test_a_server_of_runs_does_not_serve_those_of_another_one(far: Far) -> None:
    environment = {**os.environ, "SLUICEWAY_API_URL": far.address}
    for command in (["server", "start"], ["ui", "--no-open"]):
        done = subprocess.run(
            [sys.executable, "-m", "sluiceway", *command],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert done.returncode == 2
        assert "unset SLUICEWAY_API_URL" in done.stderr
