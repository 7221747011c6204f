"""``python -m benchmarks.pages``: how long the pages and lists of a server take over a large run database.

The server is a process of its own, as people start it, over a database of 100,000 flow runs and 1,000,000 task runs
(`big_database.py`). Each address is asked for again and again over one connection; the median counts. The second
column is measured while another process records task runs as fast as it can.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import httpx

from benchmarks import results
from benchmarks.big_database import FLOWS, Sizes, fill
from sluiceway.base.ids import to_uuid
from sluiceway.stores.sqlite.store import SqliteStore

MOST_SECONDS = 0.1
MOST_BYTES = 100 * 1024

REPEATS = 15
NAME = "pages"

WRITER = """
import sys
from sluiceway import flow, task
@task
def nothing(number):
    return None
@flow
def busy():
    while True:
        nothing.map(range(2_000)).wait()
busy()
"""


@dataclass(frozen=True)
class Figure:
    """What an address took.

    Args:
        name: What it is.
        path: The address; `RUN` stands for a run of 100,000 steps.
        seconds: The median of the answers.
        slowest: The slowest of them.
        busy_seconds: The median while another process records.
        size: The bytes of the answer, as they are without compression.
    """

    name: str
    path: str
    seconds: float
    slowest: float
    busy_seconds: float
    size: int

    @property
    def is_met(self) -> bool:
        """Whether it is within what is promised of a page; the size is promised of what people read, not of data."""
        return self.seconds <= MOST_SECONDS and (self.size <= MOST_BYTES or not self.is_page)

    @property
    def is_page(self) -> bool:
        """Whether people read it."""
        return not (self.path.startswith(("/api", "/metrics")) or ".json" in self.path)


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Args:
        figures: What each address took.
        rate: How many task runs another process recorded a second meanwhile, each created, begun and ended.
    """

    figures: list[Figure]
    rate: float


ADDRESSES = {
    "Home": "/",
    "Home, the last 30 days": "/?span=30d",
    "Runs": "/runs",
    "Runs, failed": "/runs?state=failed",
    "Runs of a flow and a tag": f"/runs?flow={FLOWS[0]}&tag=nightly",
    "Runs with a text": "/runs?q=north",
    "Runs, the last to end first": "/runs?order=ended",
    "Flows": "/flows",
    "Flows, most failures first": "/flows?sort=-failed",
    "A flow": f"/flows/{FLOWS[0]}",
    "A run of 100,000 steps": "/runs/RUN",
    "Its timeline, first part as data": "/runs/RUN/timeline.json",
    "Its graph": "/runs/RUN/graph",
    "Its steps": "/runs/RUN/steps",
    "Its steps, failed": "/runs/RUN/steps?state=failed",
    "Its log of 900,000 lines": "/runs/RUN/logs",
    "Its history": "/runs/RUN/history",
    "Artifacts": "/artifacts",
    "Variables": "/variables",
    "Concurrency": "/concurrency",
    "Processes": "/processes",
    "Storage": "/storage",
    "Settings": "/settings",
    "Search": "/search?q=import",
    "Metrics": "/metrics",
    "API: flow runs": "/api/flow_runs?limit=200",
    "API: task runs of a run": "/api/task_runs?flow_run_ids=RUN&limit=200",
    "API: logs of a run": "/api/logs?flow_run_ids=RUN&limit=200",
}


def measure(sizes: Sizes, folder: Path, repeats: int = REPEATS) -> Measured:
    """Return what each address took.

    Args:
        sizes: How much there is to be in the database.
        folder: Where the database is made.
        repeats: How often each is asked for.
    """
    store = SqliteStore(str(folder / "sluiceway.db"))
    largest = str(to_uuid(fill(store, sizes)))
    store.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICEWAY_")}
    environment |= {"SLUICEWAY_HOME": str(folder), "SLUICEWAY_RETENTION_AUTOMATIC": "false"}
    with server(environment) as address, httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        paths = {name: path.replace("RUN", largest) for name, path in ADDRESSES.items()}
        calm = {name: _asked(client, path, repeats) for name, path in paths.items()}
        with _writer(environment):
            before, begun = _task_runs(client), time.perf_counter()
            busy = {name: _asked(client, path, max(3, repeats // 3)) for name, path in paths.items()}
            rate = (_task_runs(client) - before) / (time.perf_counter() - begun)
        if not rate:
            raise RuntimeError("nothing was recorded meanwhile")
    figures = [
        Figure(name, ADDRESSES[name], median(times), max(times), median(busy[name][0]), size)
        for name, (times, size) in calm.items()
    ]
    return Measured(figures, rate)


def _asked(client: httpx.Client, path: str, repeats: int) -> tuple[list[float], int]:
    """Return how long the answers took, and how large they are; the first one is not counted."""
    times, size = [], 0
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - begun)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} was answered with {answer.status_code}: {answer.text[:300]}")
        size = len(answer.content)
    return times[1:], size


def _task_runs(client: httpx.Client) -> int:
    return int(client.get("/api/task_runs/count").json()["count"])


@contextmanager
def server(environment: dict[str, str]) -> Iterator[str]:
    """Yield the address of a server in a process of its own.

    Args:
        environment: Its environment, which names the database.
    """
    command = [sys.executable, "-m", "sluiceway", "server", "start", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().rpartition(" ")[2].strip().rstrip("/")
        finally:
            process.terminate()


@contextmanager
def _writer(environment: dict[str, str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, "-c", WRITER], env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            time.sleep(1.0)  # until it is at full speed
            if process.poll() is not None:
                raise RuntimeError(f"the writer ended with {process.returncode}")
            yield
        finally:
            process.kill()


def table(measured: Measured, sizes: Sizes) -> str:
    """Return the figures as a page.

    Args:
        measured: The figures.
        sizes: How much was in the database.
    """
    lines = [
        "# Pages over a large database",
        "",
        f"{sizes.flow_runs:,} flow runs, {sizes.task_runs:,} task runs, {sizes.lines:,} log lines; one server process, "
        "measured from outside over one connection. A page is to take at most 100 ms, and 100 KiB before compression. "
        f"The other process recorded {measured.rate:,.0f} task runs a second.",
        "",
        "| address | median | slowest | while another process records | size | within |",
        "|---|---|---|---|---|---|",
    ]
    for each in measured.figures:
        lines.append(
            f"| {each.name} | {each.seconds * 1e3:.0f} ms | {each.slowest * 1e3:.0f} ms | "
            f"{each.busy_seconds * 1e3:.0f} ms | {each.size / 1024:.0f} KiB | {'yes' if each.is_met else '**no**'} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and keep the figures; return 1 where one is not within what is promised."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description="Measure pages over much data.")
    parser.add_argument("--quick", action="store_true", help="a hundredth of the data; nothing is kept")
    parser.add_argument("--folder", type=Path, help="where to make the database; by default a folder that goes")
    options = parser.parse_args(arguments)
    usual = Sizes()
    sizes = Sizes(1_000, 10_000, 10_000) if options.quick else usual
    with tempfile.TemporaryDirectory(prefix="sluiceway-pages-") as folder:
        measured = measure(sizes, options.folder or Path(folder))
    text = table(measured, sizes)
    print(text)
    if not options.quick:
        (results.FOLDER / f"{NAME}.md").write_text(text, encoding="utf-8")
        found = {"machine": results.this_machine(), **asdict(measured)}
        (results.FOLDER / f"{NAME}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if all(each.is_met for each in measured.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
