"""A server over a private journal that real flows have filled, and a browser: one of each for all tests here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.house.project import ROOT

CHROMIUM = Path("/usr/bin/chromium")

SECONDS = 60.0
"""How long a program of these tests may take."""

PATIENCE = 15_000
"""Milliseconds until something that a page is to show has to be there."""


class Place(NamedTuple):
    """A server, and where it keeps what.

    Args:
        url: The address of the server.
        folder: A folder for files of the tests.
        environment: What programs that record in the same journal have for an environment.
    """

    url: str
    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str) -> None:
        """Run the program with flows, and wait until it has ended."""
        command = [sys.executable, "-m", "tests.pages.programs", *arguments]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True, timeout=SECONDS, capture_output=True)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the program with flows."""
        command = [sys.executable, "-m", "tests.pages.programs", *arguments]
        return subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server over a journal that has runs in it."""
    folder = tmp_path_factory.mktemp("pages")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEWAY_")}
    environment |= {"SLUICEWAY_HOME": str(folder / "home"), "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        found = Place(f"http://127.0.0.1:{listener.getsockname()[1]}", folder, environment)
        found.run("some")
        command = [sys.executable, "-m", "tests.pages.serve", str(listener.fileno())]
        server = subprocess.Popen(command, env=environment, cwd=ROOT, pass_fds=(listener.fileno(),))
    try:
        yield found
    finally:
        server.terminate()
        server.wait(SECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}, which the pages are looked at with")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Complaints:
    """What goes wrong on a page: messages of the console, and requests to others than the server.

    Args:
        url: The address of the server.
    """

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self.found: list[str] = []

    def watch(self, page: Page) -> None:
        """Look at a page from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "/api/events" not in str(message.location):
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host and not request.url.startswith(("data:", "blob:")):
            self.found.append(f"request to {request.url}")


@pytest.fixture
def context(browser: Browser, place: Place) -> Iterator[BrowserContext]:
    """A browser that has seen nothing before."""
    context = browser.new_context(base_url=place.url, viewport={"width": 1360, "height": 860})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, place: Place) -> Iterator[Page]:
    """A page of that browser; the test fails if anything went wrong on it."""
    page, complaints = context.new_page(), Complaints(place.url)
    complaints.watch(page)
    yield page
    assert complaints.found == []


@pytest.fixture
def lenient_page(context: BrowserContext) -> Page:
    """A page on which the browser may complain, as it does of an answer that is an error."""
    return context.new_page()
