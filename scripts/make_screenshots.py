"""Take a picture of every page, into `docs/screenshots`; about a minute.

    python -m scripts.make_screenshots [NAME ...]

A private home is filled with the history of a day, as facts, and with real runs of the examples. Then Chromium
looks at the pages of a server over it: all in light and in dark, some as a telephone shows them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree, ignore_patterns, rmtree
from tempfile import gettempdir
from typing import Any, NamedTuple

from playwright.sync_api import Page, sync_playwright

from benchmarks.big_database import Sizes, fill
from sluiceway.base.times import SECOND, now
from sluiceway.stores.sqlite.store import SqliteStore

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "docs" / "screenshots"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking")
WIDTH, HEIGHT = 1280, 720
NARROW = 390
UNDER_WAY_SECONDS = 14.0
"""After how long the harbour of `examples/live.py` is busy."""


class Home:
    """A private home with runs in it.

    Args:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path = folder
        for part in ("src", "examples"):
            copytree(ROOT / part, folder / part, ignore=ignore_patterns("__pycache__"))
        outside = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEWAY_")}
        self.environment: dict[str, str] = {
            **outside,
            "SLUICEWAY_HOME": str(folder / "home"),
            "HOME": str(folder),
            "PYTHONPATH": f"{folder / 'src'}:{folder}",
        }

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run Python, and return what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment, cwd=self.folder, check=True, capture_output=True, text=True, input=given,
        )  # fmt: skip
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Python."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, *arguments: str) -> Any:
        """Return what a command says in JSON."""
        return json.loads(self.run("-m", "sluiceway", *arguments, "--json"))

    def fill(self) -> None:
        """Fill the home: a day of history, runs of the examples, and what people set."""
        (self.folder / "home").mkdir()
        store = SqliteStore(str(self.folder / "home" / "sluiceway.db"))
        fill(store, Sizes(flow_runs=1_300, task_runs=9_000, lines=4_000, until=now() - 300 * SECOND))
        store.close()
        for command in (
            ("variable", "set", "batch-size", "100", "--tag", "nightly"),
            ("variable", "set", "regions", '["emea", "apac", "americas"]'),
            ("variable", "set", "holiday", "false", "--tag", "nightly"),
            ("limit", "set", "tag:inspection", "4"),
            ("limit", "set", "their-api", "10", "--decay", "2"),
        ):
            self.run("-m", "sluiceway", *command)
        self.run("-m", "sluiceway", "secret", "set", "warehouse-password", given="correct horse\n")
        for limit in ("300", "400"):
            self.run("examples/stdlib_census.py", "--limit", limit)
        self.run("examples/flaky_orders.py")
        self.run("-c", "from examples.live import harbour_day; harbour_day(0.1)")

    def newest(self, flow: str) -> list[dict[str, Any]]:
        """Return the runs of a flow, the newest first."""
        return [run for run in self.ask("ls", "--limit", "200") if run["flow"] == flow]


class Screen(NamedTuple):
    """A picture to be taken.

    Args:
        name: The name of the file, without its end.
        title: What is seen, in words.
        path: The page.
        narrow: Whether to take it as a telephone shows it, too.
    """

    name: str
    title: str
    path: str
    narrow: bool = False


def screens(home: Home) -> Iterator[Screen]:
    """Yield what there is to look at."""
    census, before = home.newest("stdlib-census")[:2]
    orders, (live, harbour) = home.newest("open-shop")[0], home.newest("harbour-day")[:2]
    step = next(run for run in home.ask("show", harbour["id"])["task_runs"] if run["name"] == "look over Ivo")
    yield Screen("home", "Home", "/", narrow=True)
    yield Screen("runs", "All runs, filtered", "/runs?within=24h")
    yield Screen("run-timeline", "A run: its timeline", f"/runs/{harbour['id']}", narrow=True)
    yield Screen("run-live", "A run while it runs", f"/runs/{live['id']}")
    yield Screen("run-fan-out", "A fan-out of hundreds in the timeline", f"/runs/{census['id']}")
    yield Screen("run-graph", "What depends on what", f"/runs/{harbour['id']}/graph")
    yield Screen("run-steps", "The steps of a run", f"/runs/{orders['id']}/steps")
    yield Screen("run-step", "One step, with its attempts", f"/runs/{harbour['id']}/steps/{step['id']}")
    yield Screen("run-logs", "The logs of a run", f"/runs/{harbour['id']}/logs")
    yield Screen("run-data", "Inputs and outputs", f"/runs/{census['id']}/data")
    yield Screen("run-code", "Where the code is", f"/runs/{harbour['id']}/code")
    yield Screen("run-history", "What happened to a run, and who did it", f"/runs/{harbour['id']}/history")
    yield Screen("run-artifacts", "The artifacts of a run", f"/runs/{census['id']}/artifacts")
    yield Screen("compare", "Two runs side by side", f"/compare?a={before['id']}&b={census['id']}")
    yield Screen("flows", "Flows", "/flows")
    yield Screen("flow", "A flow", "/flows/import-north")
    yield Screen("flow-form", "A form to start a run with, made of the annotations", "/flows/stdlib-census#start")
    yield Screen("artifacts", "Artifacts", "/artifacts")
    yield Screen("artifact", "An artifact with its versions", "/artifacts/key/census-plot")
    yield Screen("variables", "Variables", "/variables")
    yield Screen("concurrency", "Concurrency limits, and who holds them", "/concurrency")
    yield Screen("processes", "Processes", "/processes")
    yield Screen("storage", "Storage", "/storage")
    yield Screen("settings", "Settings", "/settings")
    yield Screen("search", "Search", "/search?q=import")


def take(page: Page, address: str, screen: Screen, scheme: str, width: int, suffix: str) -> None:
    """Take one picture."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.goto("about:blank")  # or else an address with a place in it would not be loaded again
    answer = page.goto(address + screen.path)
    if answer is None or answer.status != 200:
        raise SystemExit(f"{screen.path} answers {answer and answer.status}.")
    page.locator("html[data-ready]").wait_for()
    page.wait_for_timeout(400)  # until what is drawn by itself has been drawn
    page.screenshot(path=PLACE / f"{screen.name}{suffix}.png")


def gallery(seen: list[Screen]) -> str:
    """Return a page with all pictures, light beside dark."""
    rows = []
    for name, title, *_ in seen:
        rows.append(f"| {title} | ![{title}, light]({name}.png) | ![{title}, dark]({name}-dark.png) |\n")
    return (
        "# The pages\n\nReal runs of the examples, as `sluiceway ui` shows them; "
        "`python -m scripts.make_screenshots` takes the pictures anew.\n\n"
        f"| | light | dark |\n|---|---|---|\n{''.join(rows)}"
    )


def main(chosen: list[str]) -> None:
    """Take the pictures that were chosen, or all."""
    PLACE.mkdir(parents=True, exist_ok=True)
    folder = Path(gettempdir()) / "harbour"  # pictures show the paths of files, and so are the same anywhere
    folder.mkdir()
    with ExitStack() as leaving, sync_playwright() as playwright:
        leaving.callback(rmtree, folder)
        home = Home(folder)
        home.fill()
        server = home.start("-m", "sluiceway", "server", "start", "--port", "0")
        busy = home.start("examples/live.py")
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split("Sluiceway is at ")[1].split()[0].rstrip("/")
            time.sleep(UNDER_WAY_SECONDS)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            seen = list(screens(home))
            (PLACE / "README.md").write_text(gallery(seen), encoding="utf-8")
            for screen in seen:
                if chosen and screen.name not in chosen:
                    continue
                take(page, address, screen, "light", WIDTH, "")
                take(page, address, screen, "dark", WIDTH, "-dark")
                if screen.narrow:
                    take(page, address, screen, "light", NARROW, "-narrow")
            browser.close()
        finally:
            for process in (busy, server):
                process.terminate()
                process.communicate(timeout=30)


if __name__ == "__main__":
    main(sys.argv[1:])
