"""Flows whose runs the tests of the pages look at; run as a program, it makes some."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sluiceway import flow, tags, task
from sluiceway.cache_policies import INPUTS


@task(cache_policy=INPUTS, persist_result=True)
def extract(source: str, page: int) -> int:
    """Read a page."""
    return page


@task
def transform(number: int) -> int:
    """Change a row."""
    return 2 * number


@flow
def nightly_import(source: str = "warehouse", pages: int = 3) -> int:
    """Complete."""
    return sum(transform(extract(source, page)) for page in range(pages))


@flow(name="sync-customers")
def sync(region: str = "emea") -> None:
    """Fail."""
    raise ConnectionError(f"the server of {region} refused the connection <b>at once</b>")


@flow
def report() -> int:
    """Call another flow."""
    return nightly_import(pages=1)


@flow
def patient(gate: str) -> str:
    """Run until a file is there."""
    while not Path(gate).exists():
        time.sleep(0.01)
    return transform(1) and "done"


@flow
def mended(gate: str) -> str:
    """Fail unless a file is there."""
    if not Path(gate).exists():
        raise FileNotFoundError(gate)
    return "done"


HOSTILE = "<img src=x onerror=alert(1)>"
"""A name that would do harm where it is not escaped."""


@flow(flow_run_name=HOSTILE)
def hostile(text: str = HOSTILE) -> None:
    """Have markup in its name."""


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name == "some":
        for _ in range(4):
            with tags("etl", "prod"):
                nightly_import()
        for region in ("emea", "apac"):
            with tags("crm"):
                sync(region, return_state=True)
        report()
        with tags(HOSTILE):
            hostile()
    else:
        {"patient": patient, "mended": mended}[name](*arguments, return_state=True)
