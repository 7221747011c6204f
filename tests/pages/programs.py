"""Flows whose runs the tests of the pages look at; run as a program, it makes some."""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from enum import Enum
from pathlib import Path

from sluiceway import flow, tags, task
from sluiceway.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
)
from sluiceway.cache_policies import INPUTS
from sluiceway.concurrency.sync import concurrency
from sluiceway.variables import Variable


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


class Region(Enum):
    """Where to."""

    EMEA = "emea"
    APAC = "apac"


@flow(persist_result=True)
def ship(item: str, count: int = 3, region: Region = Region.EMEA, express: bool = False, key: str = "") -> str:
    """Ship something.

    What is shipped has to be in stock.
    """
    return f"{count} {item} to {region.value}{' at once' if express else ''}{key}"


@flow(retries=1)
def hopeful(gate: str, delay: float) -> None:
    """Fail, and try again much later."""
    if not Path(gate).exists():
        raise ConnectionError("not yet")


hopeful_in = {seconds: hopeful.with_options(retry_delay_seconds=seconds) for seconds in (3.0, 3600.0)}


@flow
def printing(gate: str) -> None:
    """Have the press until a file is there."""
    with concurrency("press"):
        patient(gate)


@task
def pack(item: str) -> str:
    """Do something elsewhere, later."""
    return item


HOSTILE = "<img src=x onerror=alert(1)>"
"""A name that would do harm where it is not escaped."""


@flow(flow_run_name=HOSTILE)
def hostile(text: str = HOSTILE) -> None:
    """Have markup in its name."""


@flow
def figures() -> None:
    """Make an artifact of each kind."""
    create_markdown_artifact("# First", key="summary")
    create_markdown_artifact(f"# Rows\n\n{HOSTILE}\n\n[bad](javascript:alert(1))", key="summary", description="**All**")
    create_table_artifact([{"day": day, "rows": 70 * day, "by": HOSTILE} for day in range(300)], key="rows")
    create_progress_artifact(40, key="far")
    create_image_artifact(PICTURE, key="plot")
    create_link_artifact("https://example.org/report", "The report", key="elsewhere")


PICTURE = "data:image/svg+xml;base64," + b64encode(
    b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="40" height="20"/></svg>'
).decode("ascii")


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
        figures()
        Variable.set("batch-size", 100, tags=["etl"])
        Variable.set("greeting", HOSTILE)
        with tags(HOSTILE):
            hostile()
    else:
        if name == "hopeful":
            hopeful_in[float(arguments[1])](arguments[0], float(arguments[1]), return_state=True)
        elif name == "pack":
            pack.delay(*arguments)
        else:
            known = {"patient": patient, "mended": mended, "printing": printing, "ship": ship}
            known[name](*arguments, return_state=True)
