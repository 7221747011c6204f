"""The log of a run, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.run_page.conftest import Opened

pytestmark = pytest.mark.slow


def _texts(page: Page) -> list[str]:
    return list(page.locator(".logs-sight .line-text").all_text_contents())


def test_only_what_is_in_sight_is_there_however_long_the_log_is(opened: Opened, chatty: str) -> None:
    page = opened(f"/runs/{chatty}/logs")
    expect(page.locator("[data-logs-count]")).to_contain_text("3,003 lines")
    expect(page.locator(".logs-sight")).to_contain_text("line 0 of many")
    assert page.locator(".logs-sight .line").count() < 60
    page.locator("[data-logs-frame]").focus()
    page.keyboard.press("End")
    expect(page.locator(".logs-sight")).to_contain_text("line 2999 of many")
    page.keyboard.press("Home")
    expect(page.locator(".logs-sight")).to_contain_text("line 0 of many")


def test_the_first_error_is_jumped_to_and_shown_in_full(opened: Opened, chatty: str) -> None:
    page = opened(f"/runs/{chatty}/logs")
    page.locator("[data-logs-act=error]").click()
    expect(page.locator(".logs-sight .line.chosen")).to_contain_text("the one error +2 lines")
    expect(page.locator("[data-logs-full] pre")).to_have_text("the one error\nwith a second line\nand a third")


def test_text_and_level_filter_all_lines_on_the_server(opened: Opened, chatty: str) -> None:
    page = opened(f"/runs/{chatty}/logs")
    page.fill("#q", "LINE 29")
    page.keyboard.press("Enter")
    expect(page.locator("[data-logs-count]")).to_contain_text("111 lines")
    expect(page.locator(".logs-sight .line", has_not_text="line 29")).to_have_count(0)
    assert _texts(page)
    page.goto(page.url.replace("q=LINE+29", "level=error"))
    expect(page.locator("[data-logs-count]")).to_contain_text("1 line · 1 error")


def test_scrolling_shows_the_lines_that_belong_there(opened: Opened, chatty: str) -> None:
    page = opened(f"/runs/{chatty}/logs")
    expect(page.locator(".logs-sight")).to_contain_text("line 0 of many")
    page.locator("[data-logs-frame]").evaluate("frame => { frame.scrollTop = 1000 * 20; }")
    expect(page.locator(".logs-sight .line").first.locator(".line-number")).to_have_text("1,001")
    expect(page.locator(".logs-sight")).to_contain_text("line 1000 of many")


def test_what_a_run_logs_is_text_and_nothing_else(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/logs")
    expect(page.locator(".logs-sight")).to_contain_text("<img src=x onerror=alert(1)> & red </script>")
    assert page.locator("img").count() == 0


def test_the_whole_log_is_downloaded_as_text(address: str, page: Page, chatty: str) -> None:
    answer = page.request.get(f"{address}/runs/{chatty}/logs.txt?level=error")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert "ERROR    the one error\nwith a second line" in answer.text()
    assert len(page.request.get(f"{address}/runs/{chatty}/logs.txt").text().splitlines()) == 3_005


def test_without_script_the_log_comes_page_by_page(address: str, page: Page, chatty: str) -> None:
    assert page.context.browser is not None
    with page.context.browser.new_context(java_script_enabled=False) as plain:
        bare = plain.new_page()
        bare.goto(f"{address}/runs/{chatty}/logs")
        expect(bare.locator("[data-logs-plain] .line")).to_have_count(200)
        bare.click("a[rel=next]")
        expect(bare.locator("[data-logs-plain]")).to_contain_text("line 250 of many")


@pytest.mark.parametrize("query", ["position=-1", "position=x", "limit=0", "limit=5000", "level=loud"])
def test_what_is_no_stretch_is_refused(address: str, page: Page, chatty: str, query: str) -> None:
    answer = page.request.get(f"{address}/runs/{chatty}/logs.json?{query}")
    assert answer.status == 400
    assert query.partition("=")[0] in answer.text()
