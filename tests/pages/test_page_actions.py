"""What people do on the pages: with several runs at once, with limits, with what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.pages.conftest import SECONDS, Place

pytestmark = pytest.mark.slow


def _rows(page: Page, folder: Path) -> Locator:
    """Return the rows of runs that have a folder in their parameters."""
    return page.locator(f"#runs tbody tr:has([title*='{folder.name}'])")


def _choose(page: Page, folder: Path) -> None:
    """Choose the runs that have a folder in their parameters."""
    page.locator("html[data-ready]").wait_for()
    for box in _rows(page, folder).get_by_role("checkbox").all():
        box.check()


def _act(page: Page, name: str) -> str:
    """Press a button for the runs that are chosen, agree, and return what the page says then."""
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#runs").get_by_role("button", name=name, exact=True).click()
    page.wait_for_url("**notice=*")
    return page.get_by_role("status").filter(has_text="run").first.inner_text()


def test_runs_that_are_chosen_are_retried_and_deleted(page: Page, place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    for _ in range(2):
        place.run("mended", str(gate))
    gate.touch()
    page.goto("/runs?flow=mended")
    _choose(page, tmp_path)
    assert _act(page, "Retry").startswith("Started again: 2 runs.")
    completed = _rows(page, tmp_path).filter(has_text="Completed")
    expect(completed).to_have_count(2)
    _choose(page, tmp_path)
    assert _act(page, "Delete").startswith("Deleted: 2 runs.")
    expect(_rows(page, tmp_path)).to_have_count(0)


def test_a_run_that_is_chosen_is_cancelled(page: Page, place: Place, tmp_path: Path) -> None:
    gate = tmp_path / "never"
    program = place.start("patient", str(gate))
    try:
        page.goto("/runs?flow=patient")
        row = _rows(page, tmp_path)
        expect(row).to_contain_text("Running")
        _choose(page, tmp_path)
        assert _act(page, "Cancel").startswith("Cancelled: 1 run.")
        expect(row).to_contain_text("Cancelled")
    finally:
        gate.touch()
        program.wait(SECONDS)


def test_a_limit_is_set_changed_and_deleted(page: Page) -> None:
    for slots, says in (("2", "0 of 2 slots taken"), ("5", "0 of 5 slots taken")):
        page.goto("/concurrency")
        page.get_by_role("textbox", name="Name", exact=True).fill("warehouse")
        page.get_by_label("Slots", exact=True).fill(slots)
        page.get_by_role("button", name="Set", exact=True).click()
        page.wait_for_url("**notice=*")
        expect(page.locator("#limits")).to_contain_text(says)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete warehouse").click()
    expect(page.locator(".notice")).to_have_text("The limit warehouse is deleted.")
    expect(page.locator("#limits")).not_to_contain_text("warehouse")


def test_what_would_be_removed_is_told_before(page: Page) -> None:
    page.goto("/storage")
    page.get_by_label("Keep the newest").fill("1")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".notice")).to_contain_text("This would remove")
    page.goto("/runs?flow=sync-customers")
    expect(page.locator("#runs tbody tr")).to_have_count(2)
