"""Artifacts and variables in a browser: looked at, changed, deleted."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.slow


def test_an_artifact_is_found_in_the_list_and_shown_with_its_versions(page: Page) -> None:
    page.goto("/artifacts")
    page.get_by_role("link", name="summary", exact=True).click()
    expect(page.locator(".prose h2")).to_have_text("Rows")
    expect(page.locator(".lead-prose strong")).to_have_text("All")
    rows = page.locator("#versions tbody tr")
    expect(rows).to_have_count(2)
    rows.nth(1).get_by_role("link").click()
    expect(page.locator(".prose h2")).to_have_text("First")


def test_the_page_of_a_run_has_what_it_has_made(page: Page) -> None:
    page.goto("/runs?flow=figures")
    page.locator("tbody a.main-link").first.click()
    page.get_by_role("link", name="Artifacts").last.click()
    expect(page.locator("#run-artifacts > .panel")).to_have_count(6)
    assert page.locator(".picture img").evaluate("image => image.complete && image.naturalWidth") == 40
    expect(page.locator(".far .figure")).to_have_text("40.0 %")
    expect(page.locator("#run-artifacts table tbody tr")).to_have_count(200)


def test_an_image_that_is_opened_by_itself_can_run_nothing(page: Page) -> None:
    page.goto("/artifacts/key/plot")
    address = page.locator(".picture").get_attribute("href")
    answer = page.request.get(address or "")
    assert answer.headers["content-type"] == "image/svg+xml"
    policies = [header["value"] for header in answer.headers_array if header["name"] == "content-security-policy"]
    assert policies[-1] == "default-src 'none'; sandbox"  # each of them holds


def test_a_variable_is_set_changed_and_deleted(page: Page) -> None:
    page.goto("/variables")
    page.get_by_role("textbox", name="Name").fill("days")
    page.get_by_label("Value").fill('["monday"]')
    page.get_by_label("Tags, separated by commas").fill("a, b")
    page.get_by_role("button", name="Set").click()
    row = page.locator("tbody tr", has_text="days")
    expect(row.locator("td").nth(1)).to_have_text('["monday"]')
    expect(row.locator(".tag")).to_have_text(["a", "b"])
    row.get_by_role("link", name="Change").click()
    expect(page.get_by_label("Value")).to_have_value('["monday"]')
    page.get_by_label("Value").fill("friday")
    page.get_by_role("button", name="Set").click()
    expect(row.locator("td").nth(1)).to_have_text('"friday"')
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_have_text("Deleted: days.")
    expect(row).to_have_count(0)


def test_a_name_that_is_none_is_refused_with_the_reason(lenient_page: Page) -> None:
    lenient_page.goto("/variables")
    lenient_page.get_by_role("textbox", name="Name").fill("No Name")
    lenient_page.get_by_role("button", name="Set").click()
    expect(lenient_page.locator("main")).to_contain_text("a name consists of lower-case letters")


def test_an_artifact_is_deleted(page: Page) -> None:
    page.goto("/artifacts/key/elsewhere")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".notice")).to_have_text("Deleted: elsewhere.")
    expect(page.get_by_role("link", name="elsewhere", exact=True)).to_have_count(0)
