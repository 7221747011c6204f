"""Every screen: it loads without a complaint, is small, and can be used by everybody, in light and in dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.pages.conftest import Place

pytestmark = pytest.mark.slow

SCREENS = {
    "/": "Home",
    "/?span=1h": "Home",
    "/runs": "Runs",
    "/runs?state=failed&order=ended&longer=0.001ms": "Runs",
    "/runs?q=nothing-is-called-so": "Runs",
    "/flows": "Flows",
    "/flows/nightly-import": "nightly-import",
    "/artifacts": "Artifacts",
    "/artifacts?every=1&type=markdown": "Artifacts",
    "/artifacts/key/summary": "summary",
    "/artifacts/key/rows": "rows",
    "/artifacts/key/plot": "plot",
    "/artifacts/key/far": "far",
    "/variables": "Variables",
    "/variables?name=batch-size": "Variables",
    "/concurrency": "Concurrency",
    "/processes": "Processes",
    "/storage": "Storage",
    "/settings": "Settings",
    "/search": "Search",
    "/search?q=nigh": "Search",
}

LARGEST = 100 * 1024
"""Bytes that a page may have."""

ACCESSIBILITY = Path(__file__).with_name("accessibility.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCREENS)
def test_a_screen_loads_without_a_complaint_and_everybody_can_use_it(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200
    assert len(answer.body()) <= LARGEST
    page.locator("html[data-ready]").wait_for()
    assert page.locator("h1").inner_text() == SCREENS[path]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(ACCESSIBILITY) == [], scheme


@pytest.mark.parametrize("path", [path for path in SCREENS if "?" not in path])
def test_a_narrow_screen_has_no_text_beside_the_page(page: Page, path: str) -> None:
    page.goto(path)
    for width in (768, 390, 320):  # the last one is what WCAG asks for
        page.set_viewport_size({"width": width, "height": 800})
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, width


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/no/such/page", 404, "No page goes by the address /no/such/page."),
        ("/flows/nobody", 404, "There is no flow 'nobody' in the journal."),
        ("/artifacts/key/nothing", 404, "There is no artifact with the key 'nothing'."),
        ("/artifacts?type=rubbish", 400, "type=rubbish is none of"),
        ("/runs?state=broken", 400, "state=broken is none of"),
        ("/runs?after=rubbish", 400, "none of this list"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_page_that_says_so(
    lenient_page: Page, path: str, status: int, says: str
) -> None:
    answer = lenient_page.goto(path)
    assert answer is not None
    assert answer.status == status
    assert says in lenient_page.locator("main").inner_text()
    assert lenient_page.evaluate(ACCESSIBILITY) == []


def test_what_runs_are_called_is_never_taken_for_markup(page: Page, place: Place) -> None:
    for path in (
        "/artifacts/key/summary",
        "/artifacts/key/rows",
        "/variables",
        "/",
        "/runs",
        "/flows",
        "/search?q=%3Cimg",
    ):
        page.goto(path)
        assert page.locator("main img, main b").count() == 0
    assert "<img src=x" in page.locator("main").inner_text()
