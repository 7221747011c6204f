"""A server over a private journal that real flows have filled, for all tests here; a browser for each module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import Complaints, open_browser
from tests.house.project import ROOT
from tests.serving import served

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
    with served(cwd=folder, environment=environment) as server:
        found = Place(server.address, folder, environment)
        found.run("some")
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with open_browser() as browser:
        yield browser


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
