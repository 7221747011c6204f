"""Servers in processes of their own: how they begin, what they refuse, how they end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from sluiceway import wiring
from sluiceway.cli.app import app as command_line
from tests.server.conftest import TOKEN, Serve

pytestmark = pytest.mark.slow


def test_a_server_answers_until_it_is_told_to_end(serve: Serve) -> None:
    served = serve()
    with served.client() as client:
        assert client.get("/health").json() == {"status": "ok"}
        assert client.get("/ready").json() == {"status": "ok"}
        assert "sluiceway_flow_runs" in client.get("/metrics").text
    assert served.end(signal.SIGTERM) == 0


def test_ctrl_c_ends_it_too_and_it_says_nothing(serve: Serve) -> None:
    served = serve()
    assert served.end(signal.SIGINT) == 0
    assert served.process.stderr is not None
    assert served.process.stderr.read() == ""


def test_several_processes_serve_at_one_address_and_all_end(serve: Serve) -> None:
    served = serve("--workers", "2")
    with served.client() as client:
        assert client.get("/health").status_code == 200
    children = [
        int(pid)
        for listing in Path(f"/proc/{served.process.pid}/task").glob("*/children")
        for pid in listing.read_text().split()
    ]
    assert len(children) >= 2
    assert served.end() == 0
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
        time.sleep(0.02)  # what `multiprocessing` keeps beside them goes last
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_server_with_a_token_asks_for_it(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    served = serve("--host", "0.0.0.0", "--token-file", str(file))
    with served.client() as client:
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_below_a_prefix_links_and_the_door_hold_with_and_without_it(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(TOKEN)
    served = serve("--prefix", "/flows/", "--token-file", str(file))
    host = served.address.removesuffix("/flows")
    with httpx.Client(trust_env=False) as client:
        for path in ("/flows/health", "/health"):
            assert client.get(host + path).status_code == 200
        for path in ("/flows/metrics", "/metrics"):
            assert client.get(host + path).status_code == 401
            sent = client.get(host + path, headers={"accept": "text/html"})
            assert sent.headers["location"] == "/flows/login?next=%2Fmetrics"
        answer = client.post(host + "/flows/login", data={"token": TOKEN, "next": "/metrics"}, headers={"origin": host})
        assert answer.headers["location"] == "/flows/metrics"
        assert "Path=/flows/" in answer.headers["set-cookie"]
        assert client.get(host + "/flows/metrics").status_code == 200


def test_the_pages_are_shown_at_a_free_port_where_the_usual_one_is_taken(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("SLUICEWAY_SERVER_LISTEN", f"127.0.0.1:{port}")
        command = [sys.executable, "-m", "sluiceway", "ui", "--no-open"]
        with subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        ) as process:
            try:
                assert process.stdout is not None
                address = process.stdout.readline().split("Sluiceway is at ")[1].split()[0]
                assert f":{port}/" not in address
                assert httpx.get(address + "health", trust_env=False).status_code == 200
            finally:
                process.terminate()
                process.wait(20)


def test_the_browser_is_opened_at_the_address(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noted = tmp_path / "opened.txt"
    browser = tmp_path / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" > {noted}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    served = serve(command=("ui",))
    deadline = time.monotonic() + 10
    while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert noted.read_text().strip() == served.address + "/"
    assert served.end() == 0


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for command in (["server", "start", "--port", port], ["ui", "--no-open", "--port", port]):
            result = CliRunner().invoke(command_line, command)
            assert result.exit_code == 1
            assert f"port {port}: Address already in use. Choose another port with --port." in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["server", "start", "--host", "0.0.0.0"], "needs a token"),
        (["server", "start", "--port", "70000"], "70000 is not in the range"),
        (["server", "start", "--workers", "0"], "0 is not in the range"),
        (["server", "start", "--prefix", "flows"], "should be a path such as /flows"),
        (["server", "start", "--prefix", "/fl ows"], "should be a path such as /flows"),
        (["server", "start", "--token-file", "nowhere.txt"], "cannot be read"),
        (["ui", "--port", "-1"], "-1 is not in the range"),
        (["ui", "--host", "0.0.0.0"], "No such option"),
    ],
)
def test_bad_arguments_are_refused_with_a_reason(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(command_line, arguments)
    assert (result.exit_code, said in result.output) == (2, True), result.output


@pytest.mark.parametrize("text", ["", "two words-and-more-of-it", "short"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token.txt"
    file.write_text(text)
    result = CliRunner().invoke(command_line, ["server", "start", "--token-file", str(file)])
    assert (result.exit_code, "oken" in result.output) == (2, True), result.output


@pytest.mark.parametrize(
    ("name", "value"), [("SERVER_PREFIX", "flows"), ("SERVER_LISTEN", "x"), ("SERVER_LISTEN", "::1:80")]
)
def test_bad_settings_are_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SLUICEWAY_{name}", value)
    wiring.reset()  # they may have been read before
    result = CliRunner().invoke(command_line, ["server", "start"])
    assert (result.exit_code, f"SLUICEWAY_{name}" in result.output) == (1, True), result.output


def test_the_token_is_a_setting_that_nobody_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_SERVER_TOKEN", TOKEN)
    wiring.reset()
    result = CliRunner().invoke(command_line, ["config", "--json"])
    assert TOKEN not in result.output
    assert json.loads(result.output)["server_token"]["value"] == "********"


# --- runs whose process has died --------------------------------------------------------------------

DIES_ONCE = """
import os, signal
from pathlib import Path
from sluiceway import flow

@flow(auto_resume=1)
def dies_once() -> str:
    mark = Path(__file__).with_name("tried")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    (Path(__file__).with_name("told")).write_text(os.environ.get("SLUICEWAY_SERVER_TOKEN", "no token"))
    return "done"

if __name__ == "__main__":
    dies_once()
"""


def test_a_run_that_is_to_go_on_by_itself_does_so_while_a_server_is_up(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dies.py"
    program.write_text(DIES_ONCE)
    monkeypatch.setenv("SLUICEWAY_FLUSH_INTERVAL", "0.001")
    monkeypatch.setenv("SLUICEWAY_DURABILITY", "strict")
    assert subprocess.run([sys.executable, str(program)], check=False, timeout=60).returncode == -signal.SIGKILL
    monkeypatch.setenv("SLUICEWAY_SERVER_TOKEN", TOKEN)
    served = serve()
    with httpx.Client(
        base_url=served.address, trust_env=False, timeout=20, headers={"authorization": f"Bearer {TOKEN}"}
    ) as client:
        states: list[str] = []
        deadline = time.monotonic() + 60
        while "COMPLETED" not in states and time.monotonic() < deadline:
            states = [run["state"]["type"] for run in client.get("/api/flow_runs").json()["items"]]
            time.sleep(0.1)
    assert states == ["COMPLETED"]
    assert (tmp_path / "told").read_text() == "no token"
    assert served.end() == 0


# --- slow clients -----------------------------------------------------------------------------------


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[int]:
    """The port of a server that waits for clients for a fifth of a second only."""
    program = tmp_path / "impatient.py"
    program.write_text(
        "from sluiceway.server import connections\n"
        "connections.HEAD_SECONDS = connections.STUCK_SECONDS = 0.2\n"
        "from sluiceway.cli import main\n"
        "main()\n"
    )
    command = [sys.executable, str(program), "server", "start", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rstrip().rstrip("/").rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(20)


def test_a_client_that_never_says_what_it_wants_is_let_go(impatient: int) -> None:
    with socket.create_connection(("127.0.0.1", impatient), timeout=20) as silent:
        assert _read(silent) == b""
    with socket.create_connection(("127.0.0.1", impatient), timeout=20) as slow:
        slow.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ")
        assert _read(slow) == b""


def test_a_client_that_takes_nothing_of_what_it_is_sent_is_let_go(impatient: int) -> None:
    request = b"GET /api/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    with socket.socket() as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        greedy.settimeout(20)
        greedy.connect(("127.0.0.1", impatient))
        deadline, cut = time.monotonic() + 30, False
        while not cut and time.monotonic() < deadline:
            try:
                greedy.sendall(request * 10)  # and nothing is read
            except (ConnectionResetError, BrokenPipeError):
                cut = True
            time.sleep(0.05)
    assert cut
    assert httpx.get(f"http://127.0.0.1:{impatient}/health", trust_env=False).status_code == 200


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""
