"""The log of a run with a million lines, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.big_database import Sizes, fill
from sluiceway.base.ids import to_uuid
from sluiceway.stores.sqlite.store import SqliteStore
from tests.browser import Complaints, open_browser
from tests.run_page.conftest import Ground
from tests.serving import served

pytestmark = pytest.mark.slow

LINES = 1_081_082
IN_ONE_RUN = 1_000_000
"""Nine tenths, and its share of the rest, which four runs have logged."""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Page]:
    """The log of a run, as a page."""
    store = SqliteStore(str(tmp_path / "sluiceway.db"))
    key = fill(store, Sizes(flow_runs=4, task_runs=40, lines=LINES))
    store.close()
    ground = Ground(tmp_path)
    with served(cwd=tmp_path, environment=ground.environment) as server, open_browser() as browser:
        page, complaints = browser.new_page(), Complaints(server.address)
        complaints.watch(page)
        page.goto(f"{server.address}/runs/{to_uuid(key)}/logs")
        yield page
        assert complaints.found == []


def test_a_long_log_is_searched_whole_and_shown_in_part(log: Page) -> None:
    sight = log.locator(".logs-sight")
    expect(log.locator("[data-logs-count]")).to_contain_text(f"{IN_ONE_RUN:,}", timeout=30_000)
    log.locator("[data-logs-frame]").focus()
    log.keyboard.press("End")
    expect(sight).to_contain_text(f"Row {IN_ONE_RUN - 1} of", timeout=30_000)
    assert sight.locator(".line").count() < 100
    log.fill("#q", "row 654321 of")
    log.keyboard.press("Enter")
    expect(log.locator("[data-logs-count]")).to_contain_text("1 line", timeout=30_000)
    expect(sight.locator(".line-text")).to_contain_text(["Row 654321 of 1000000"])
