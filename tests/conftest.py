"""What holds for every test: a private home, no network, and nothing left behind."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

GRACE_SECONDS = 5.0
"""How long a thread, process or file may take to go away after the test that used it."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it puts into the background so, and programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

WATCHED_SIGNALS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM)

# The fixtures below hold for all examples of a property alike, so Hypothesis need not mind them.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# --- no network ---------------------------------------------------------------------------------


class RemoteAddressError(PermissionError):
    """A test asked for an address beyond this machine."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        return ip_address(str(host)).is_loopback
    except ValueError:
        return False


def _is_literal(host: object) -> bool:
    try:
        ip_address(str(host))
    except ValueError:
        return False
    return True


def _refuse_remote(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to reach or look up other machines; an audit hook, so that no library gets round it.

    Connecting a datagram socket sends nothing (Dask and Ray do it to learn the machine's own address), so
    only sending on one is refused.
    """
    match event:
        case "socket.connect" | "socket.sendto" | "socket.sendmsg":
            connection, address = arguments
            datagram_connect = event == "socket.connect" and connection.type == socket.SOCK_DGRAM
            if isinstance(address, tuple) and not datagram_connect and not _is_local(address[0]):
                raise RemoteAddressError(f"{event} to {address}: tests reach loopback addresses only")
        case "socket.getaddrinfo" | "socket.gethostbyname":
            if not (_is_local(arguments[0]) or _is_literal(arguments[0])):
                raise RemoteAddressError(f"{event} of {arguments[0]!r}: tests reach loopback addresses only")


sys.addaudithook(_refuse_remote)


# --- nothing left behind ------------------------------------------------------------------------


class Footprint(NamedTuple):
    """What a process holds that outlives a function call."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    descriptors: frozenset[tuple[int, str]]
    handlers: tuple[Any, ...]
    alarm: bool

    @classmethod
    def present(cls) -> Footprint:
        """Return what this process holds now."""
        return cls(
            threads=frozenset(threading.enumerate()),
            children=frozenset(_children()),
            descriptors=frozenset(_descriptors()),
            handlers=tuple(signal.getsignal(number) for number in WATCHED_SIGNALS),
            alarm=any(signal.getitimer(signal.ITIMER_REAL)),
        )

    def beyond(self, before: Footprint) -> list[str]:
        """Return what this footprint has more than an earlier one, a line each."""
        lines = [f"thread {thread.name!r}" for thread in self.threads - before.threads]
        lines += [f"child process {_describe_process(pid)}" for pid in self.children - before.children]
        lines += [f"open file {number}: {target}" for number, target in self.descriptors - before.descriptors]
        lines += [
            f"handler of {number.name}: {now!r}, which was {was!r}"
            for number, now, was in zip(WATCHED_SIGNALS, self.handlers, before.handlers, strict=True)
            if now is not was
        ]
        if self.alarm and not before.alarm:
            lines.append("an alarm that is still to go off (signal.setitimer)")
        return sorted(lines)


def _children() -> Iterator[int]:
    """Yield the ids of the child processes; none where the kernel does not list them."""
    for listing in Path("/proc/self/task").glob("*/children"):
        try:
            yield from map(int, listing.read_text().split())
        except OSError:
            continue  # the thread has just ended


def _descriptors() -> Iterator[tuple[int, str]]:
    """Yield number and target of each open file; none where the kernel does not list them."""
    folder = "/proc/self/fd"
    for number in os.listdir(folder) if os.path.isdir(folder) else ():
        try:
            yield int(number), os.readlink(f"{folder}/{number}")
        except OSError:
            continue  # the one that listed the folder


def _describe_process(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        command = ""
    return f"{pid} ({command.strip()[:120] or 'ended, but nobody waited for it'})"


def _left_behind(before: Footprint) -> list[str]:
    """Return what is left since an earlier footprint, once what was about to go away has gone."""
    left = Footprint.present().beyond(before)
    if left:
        gc.collect()  # a file is closed with the object that holds it
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = Footprint.present().beyond(before)
    return left


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves threads, processes, files, signal handlers or an alarm behind."""
    if request.node.get_closest_marker("shared_cluster"):
        yield
        return
    before = Footprint.present()
    yield
    left = _left_behind(before)
    if left:
        pytest.fail("left behind:\n  " + "\n  ".join(left), pytrace=False)


# --- reports -------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Spell out what is no text in what a test has printed and logged: reports travel from process to process."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


# --- a private home -----------------------------------------------------------------------------


_TERMINAL = ("COLUMNS", "LINES")
"""What whoever runs the tests may have said of its own terminal, which is not that of the programs in the tests."""


@pytest.fixture(autouse=True)
def sluiceway_home(tmp_path: Path, _nothing_left_behind: None) -> Iterator[Path]:
    """Give a test a home folder, a user's home and settings of its own; return the first.

    What Sluiceway keeps for the whole process (the recorder, the store, the settings) is released after.
    """
    home, user = tmp_path / "sluiceway-home", tmp_path / "user"
    user.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SLUICEWAY_") or name in _TERMINAL]:
            patch.delenv(name)
        patch.setenv("SLUICEWAY_HOME", str(home))
        patch.setenv("HOME", str(user))
        yield home
        if (wiring := sys.modules.get("sluiceway.wiring")) is not None:
            wiring.reset()
