"""Ways from page to page: links, keys, the palette, filters that stay; and pages that follow what happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import SECONDS, Place

pytestmark = pytest.mark.slow


def test_each_entry_of_the_navigation_leads_to_its_page(page: Page) -> None:
    page.goto("/")
    names = page.locator("header nav a").all_inner_texts()
    assert len(names) == 9
    for name in names:
        page.locator("header nav").get_by_role("link", name=name.strip(), exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name.strip())
        expect(page.locator("header nav a[aria-current=page]")).to_have_text(name.strip())


def test_two_keys_lead_to_a_page_and_two_more_into_its_rows(page: Page) -> None:
    page.goto("/")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("f")
    page.wait_for_url("**/flows")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("j")
    page.keyboard.press("j")
    second = page.locator("tbody[data-rows] > tr").nth(1).locator("a.main-link")
    expect(second).to_be_focused()
    name = second.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_the_palette_finds_a_flow_by_a_part_of_its_name(page: Page) -> None:
    page.goto("/")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("/")
    page.locator("#palette-input").fill("sync-cust")
    expect(page.locator("#palette-list")).to_contain_text("sync-customers")
    page.locator("#palette-list [role=option]", has_text="sync-customers").first.click()
    page.wait_for_url("**/flows/sync-customers")


def test_filters_stay_over_reloading_and_over_the_way_to_a_run_and_back(page: Page) -> None:
    page.goto("/runs")
    page.get_by_role("link", name="Failed", exact=True).click()
    page.wait_for_url("**/runs?state=failed*")
    page.get_by_role("textbox", name="Tag", exact=True).fill("crm")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**tag=crm*")

    def chosen() -> tuple[int, set[str], str]:
        flows = set(page.locator("#runs tbody tr td:nth-child(4)").all_inner_texts())
        return (
            page.locator("#runs tbody tr").count(),
            flows,
            page.get_by_role("textbox", name="Tag", exact=True).input_value(),
        )

    before = chosen()
    assert before == (2, {"sync-customers"}, "crm")
    page.reload()
    assert chosen() == before
    page.locator("#runs tbody a.main-link").first.click()
    page.wait_for_url("**/runs/*-*")
    page.go_back()
    assert chosen() == before


def test_the_list_of_runs_follows_a_run_from_its_beginning_to_its_end(page: Page, place: Place, tmp_path: Path) -> None:
    page.goto("/runs?flow=patient")
    page.locator("html[data-ready]").wait_for()
    page.evaluate("window.isTheSamePage = true")
    gate = tmp_path / "gate"
    program = place.start("patient", str(gate))
    row = page.locator(f"#runs tbody tr:has([title*='{tmp_path.name}'])")
    try:
        expect(row).to_contain_text("Running")
        gate.touch()
        expect(row).to_contain_text("Completed")
    finally:
        gate.touch()
        program.wait(SECONDS)
    assert page.evaluate("window.isTheSamePage")
