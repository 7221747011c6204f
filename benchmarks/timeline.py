"""``python -m benchmarks.timeline``: how smoothly the timeline of a large run moves in a browser.

The runs are real ones. The timeline is moved by a few pixels in each frame, as by a hand that drags it; what counts is
the time from one frame to the next. A browser shows 60 a second at most. There is no graphics card: all is drawn by
the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import results
from benchmarks.pages import server

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-quic", "--disable-background-networking")

LEAST_FRAMES = 50
"""Frames a second that are promised with `SMOOTH` runs."""

SMOOTH, USABLE = 10_000, 100_000

FRAMES = 180
NAME = "timeline"

FLOW = """
import sys
from sluiceway import flow, task
@task
def nothing(number):
    return number
@flow
def many(count):
    nothing.map(range(count)).wait()
many(int(sys.argv[1]))
"""

MOVE = """(frames) => new Promise((done) => {
  const { timeline } = document.querySelector("[data-timeline]");
  const times = [];
  const step = (now) => {
    times.push(now);
    timeline.pan(times.length % 60 < 30 ? 7 : -7);
    if (times.length <= frames) requestAnimationFrame(step);
    else done(times.slice(1).map((time, place) => time - times[place]));
  };
  requestAnimationFrame(step);
})"""


@dataclass(frozen=True)
class Figure:
    """How smoothly a timeline moves.

    Args:
        runs: How many task runs it has.
        how: Whether the fan-out is closed or open, and how near one looks.
        frames: Frames a second.
        slowest: Milliseconds of the slowest frame of a hundred.
    """

    runs: int
    how: str
    frames: float
    slowest: float

    @property
    def is_met(self) -> bool:
        """Whether it is within what is promised."""
        return self.frames >= LEAST_FRAMES or self.runs > SMOOTH


def measure(folder: Path) -> list[Figure]:
    """Return how smoothly the timelines of runs of both sizes move.

    Args:
        folder: Where the database is made.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEWAY_")}
    environment |= {"SLUICEWAY_HOME": str(folder), "SLUICEWAY_LOGGING_LEVEL": "ERROR"}
    figures = []
    with server(environment) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for count in (SMOOTH, USABLE):
            subprocess.run([sys.executable, "-c", FLOW, str(count)], env=environment, check=True)
            listed = [sys.executable, "-m", "sluiceway", "ls", "--json", "--limit", "1"]
            (run,) = json.loads(subprocess.run(listed, env=environment, check=True, capture_output=True).stdout)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{address}/runs/{run['id']}")
            page.locator(f"[data-timeline][data-runs='{count}']").wait_for(timeout=120_000)
            figures += _looks(page, count)
            page.close()
        browser.close()
    return figures


def _looks(page: Page, count: int) -> list[Figure]:
    figures = [_moved(page, count, "closed")]
    page.get_by_role("button", name="Open all").click()
    figures.append(_moved(page, count, "open"))
    page.locator("[data-timeline-frame]").focus()
    for _ in range(6):
        page.keyboard.press("+")
    return [*figures, _moved(page, count, "open, near")]


def _moved(page: Page, count: int, how: str) -> Figure:
    times = sorted(page.evaluate(MOVE, FRAMES))
    return Figure(count, how, 1_000 * len(times) / sum(times), times[int(0.99 * len(times))])


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a page.

    Args:
        figures: The figures.
    """
    lines = [
        "# The timeline in motion",
        "",
        f"Chromium without a graphics card, 1440 x 900. At least {LEAST_FRAMES} frames a second are promised of "
        f"{SMOOTH:,} task runs; {USABLE:,} are to be usable.",
        "",
        "| task runs | fan-out | frames a second | slowest of a hundred | within |",
        "|---|---|---|---|---|",
    ]
    for each in figures:
        within = "yes" if each.is_met else "**no**"
        lines.append(f"| {each.runs:,} | {each.how} | {each.frames:.0f} | {each.slowest:.0f} ms | {within} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the figures; return 1 where one is not within what is promised."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.timeline", description="Measure the timeline in motion."
    )
    parser.parse_args(arguments)
    if not CHROMIUM.exists():
        print(f"There is no Chromium at {CHROMIUM}.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="sluiceway-timeline-") as folder:
        figures = measure(Path(folder))
    text = table(figures)
    print(text)
    (results.FOLDER / f"{NAME}.md").write_text(text, encoding="utf-8")
    found = {"machine": results.this_machine(), "figures": [asdict(each) for each in figures]}
    (results.FOLDER / f"{NAME}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(each.is_met for each in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
