"""A real server over a private journal, which real flows have written; a browser that looks at its pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import Complaints, open_browser
from tests.serving import served

HERE = Path(__file__).parent
SECONDS = 120


class Ground(NamedTuple):
    """A private home for runs, in processes of their own.

    Args:
        home: The folder.
    """

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEWAY_")}
        return {**kept, "SLUICEWAY_HOME": str(self.home), "HOME": str(self.home)}

    def run(self, name: str, *arguments: Any) -> str:
        """Run one of the flows, and return the identifier of the run."""
        self.start(name, *arguments).wait(SECONDS)
        return self.newest(name)

    def start(self, name: str, *arguments: Any) -> subprocess.Popen[bytes]:
        """Start one of the flows."""
        command = [sys.executable, str(HERE / "flows.py"), name, *map(repr, arguments)]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.home
        )

    def said(self, *arguments: str) -> bytes:
        """Return what a command says."""
        command = [sys.executable, "-m", "sluiceway", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, timeout=SECONDS, check=True).stdout

    def told(self, *arguments: str) -> Any:
        """Return what a command says in JSON."""
        return json.loads(self.said(*arguments, "--json"))

    def until_there(self, name: str) -> None:
        """Wait until the newest run of a flow has a step under way."""
        for _ in range(100):
            runs = [run for run in self.told("ls", "--all") if run["flow"] == name]
            if runs and any(step["end"] is None for step in self.told("show", runs[0]["id"])["task_runs"]):
                return
        pytest.fail(f"{name} has not begun")

    def newest(self, name: str) -> str:
        """Return the identifier of the newest run of a flow."""
        return str(next(run["id"] for run in self.told("ls", "--all") if run["flow"] == name))


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """The home of all runs that tests look at."""
    return Ground(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
def address(ground: Ground) -> Iterator[str]:
    """The address of the pages."""
    with served(cwd=ground.home, environment=ground.environment) as found:
        yield found.address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with open_browser() as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that fails its test if it says that something is wrong, or asks another host for anything."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    found, complaints = context.new_page(), Complaints(address)
    complaints.watch(found)
    yield found
    context.close()
    assert complaints.found == []


@pytest.fixture(scope="session")
def nightly(ground: Ground) -> str:
    """The identifier of a run that did a bit of everything, and failed."""
    return ground.run("nightly")


@pytest.fixture(scope="session")
def many(ground: Ground) -> str:
    """The identifier of a run that called one task 10,000 times."""
    return ground.run("many")


@pytest.fixture(scope="session")
def chatty(ground: Ground) -> str:
    """The identifier of a run that logged 3,001 lines."""
    return ground.run("chatty")


Opened = Callable[..., Page]


@pytest.fixture
def opened(page: Page, address: str) -> Opened:
    """Open a page by its path."""

    def open_page(path: str) -> Page:
        page.goto(f"{address}{path}")
        return page

    return open_page
