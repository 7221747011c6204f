"""The guards of `tests/conftest.py`: each one catches what it is there for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import project

OFFENDERS = """
import os, signal, socket, subprocess, sys, threading
import pytest

gate = threading.Event()
kept = []

def test_leaves_a_thread():
    kept.append(threading.Thread(target=gate.wait, name="lingering", daemon=True))
    kept[-1].start()

def test_leaves_a_process():
    kept.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

def test_leaves_a_file():
    kept.append(open(__file__))

def test_leaves_an_alarm():
    signal.setitimer(signal.ITIMER_REAL, 3600)

def test_leaves_a_handler():
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGTERM, lambda *_: None)

@pytest.mark.parametrize("kind", [socket.SOCK_STREAM])
def test_reaches_out(kind):
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(1)
        connection.connect(("192.0.2.1", 80))

def test_looks_up_a_name():
    socket.getaddrinfo("example.org", 80)

def test_sends_a_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"", ("192.0.2.1", 9))
"""

INNOCENTS = """
import os, signal, socket, threading
from pathlib import Path

def test_leaves_nothing(tmp_path):
    thread = threading.Thread(target=lambda: None)
    thread.start()
    with open(__file__):
        pass
    thread.join()

def test_talks_to_itself():
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()):
            pass

def test_has_a_home_of_its_own(sluiceway_home, tmp_path):
    assert Path(os.environ["SLUICEWAY_HOME"]) == sluiceway_home
    assert Path.home().is_relative_to(tmp_path)
    assert "SLUICEWAY_LOGGING_LEVEL" not in os.environ
"""


def _outcomes(folder: Path, tests: str) -> str:
    conftest = (project.ROOT / "tests" / "conftest.py").read_text(encoding="utf-8")
    hasty = re.sub(r"^GRACE_SECONDS = .*$", "GRACE_SECONDS = 0.05", conftest, flags=re.MULTILINE)
    (folder / "conftest.py").write_text(hasty, encoding="utf-8")
    (folder / "test_it.py").write_text(tests, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    shared_cluster: none\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:sluiceway",
        "test_it.py",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60).stdout


@pytest.mark.slow
def test_a_test_that_leaves_something_behind_or_reaches_out_fails(tmp_path: Path) -> None:
    told = _outcomes(tmp_path, OFFENDERS)
    assert "3 failed, 5 passed, 5 errors" in told, told
    for trace in ("thread 'lingering'", "child process", "test_it.py", "an alarm", "handler of SIGTERM"):
        assert trace in told, told
    assert told.count("RemoteAddressError") >= 3, told


@pytest.mark.slow
def test_a_test_that_cleans_up_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_LOGGING_LEVEL", "DEBUG")
    told = _outcomes(tmp_path, INNOCENTS)
    assert "3 passed" in told, told
