"""The page of a run, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Complaints
from tests.run_page.conftest import Ground, Opened
from tests.serving import served

pytestmark = pytest.mark.slow

TABS = ("", "/graph", "/steps", "/logs", "/data", "/code", "/history")


def _ready(page: Page, runs: int) -> None:
    """Wait until the timeline has its runs."""
    expect(page.locator("[data-timeline]")).to_have_attribute("data-runs", str(runs))


def _until(page: Page, condition: str) -> None:
    """Wait until a condition holds in the page, whose policy forbids it to be waited for there."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"it never came to {condition}")


def _rows(page: Page) -> list[str]:
    return list(page.evaluate("document.querySelector('[data-timeline]').timeline.rows.map(row => row.label)"))


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_has_an_address_of_its_own_and_stands_by_itself(opened: Opened, nightly: str, tab: str) -> None:
    page = opened(f"/runs/{nightly}{tab}")
    expect(page.locator("h1")).to_contain_text("nightly")
    expect(page.locator(".tabs [aria-current]")).to_have_count(1)
    assert page.locator(".tabs [aria-current]").get_attribute("href") == f"/runs/{nightly}{tab}"


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_can_be_read_without_script(address: str, page: Page, nightly: str, tab: str) -> None:
    assert page.context.browser is not None
    with page.context.browser.new_context(java_script_enabled=False) as plain:
        bare = plain.new_page()
        answer = bare.goto(f"{address}/runs/{nightly}{tab}")
        assert answer is not None
        assert answer.status == 200
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert len(answer.body()) < 100 * 1024
        expect(bare.locator("h1")).to_contain_text("nightly")


def test_the_heading_tells_state_duration_parameters_and_error(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    head = page.locator("#run-head")
    expect(head.locator(".state").first).to_have_text(re.compile("Failed"))
    expect(head).to_contain_text("2030-01-31")
    expect(head.locator(".trouble")).to_contain_text("RuntimeError")
    assert page.locator("img").count() == 0


def test_the_timeline_has_a_row_for_each_step_and_opens_child_runs_in_place(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    _ready(page, 7)
    rows = _rows(page)
    assert [label.rpartition("-")[0] for label in rows] == [
        "region", "region", "shaky", "scaled", "scaled", "extract", "publish",
    ]  # fmt: skip
    frame = page.locator("[data-timeline-frame]")
    frame.focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-timeline]")).to_have_attribute("data-rows", "10")
    assert _rows(page)[3] == "score"
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.locator("[data-timeline-said]")).to_contain_text("score ×12")
    page.keyboard.press("Space")
    expect(page.locator("[data-timeline]")).to_have_attribute("data-rows", "22")


def test_a_retry_is_a_part_of_the_bar_of_its_step(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    _ready(page, 7)
    parts = page.evaluate(
        """() => {
          const { sheet, now } = document.querySelector('[data-timeline]').timeline;
          const at = sheet.labels.findIndex((label) => label.startsWith('shaky'));
          const parts = [];
          sheet.parts(at, now, (type, from, to, next) => parts.push([type, next && next[1]]));
          return parts;
        }"""
    )
    assert [type_ for type_, _ in parts if type_ != "PENDING"] == ["RUNNING", "SCHEDULED", "RUNNING"]
    assert parts[-1] == ["RUNNING", "Completed"]
    assert ["RUNNING", "AwaitingRetry"] in parts


def test_a_step_that_is_chosen_shows_its_error_inputs_and_logs_beside_the_timeline(
    opened: Opened, nightly: str
) -> None:
    page = opened(f"/runs/{nightly}")
    _ready(page, 7)
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    detail = page.locator("#detail")
    expect(detail).to_contain_text("publish")
    expect(detail.locator(".traceback")).to_contain_text("RuntimeError: refused")
    expect(detail.locator(".upstream")).to_contain_text("extract")
    expect(page).to_have_url(re.compile(r"step=[0-9a-f]{32}"))
    page.reload()
    expect(page.locator("#detail .traceback")).to_contain_text("RuntimeError: refused")
    page.keyboard.press("Escape")
    expect(page.locator("#detail")).to_be_hidden()
    assert page.locator("img").count() == 0


def test_zooming_and_panning_by_wheel_keys_and_drag(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    _ready(page, 7)
    view = "(({left, scale}) => [left, scale])(document.querySelector('[data-timeline]').timeline.view)"
    box = page.locator("[data-timeline-frame]").bounding_box()
    assert box is not None
    left, scale = page.evaluate(view)
    page.mouse.move(box["x"] + 700, box["y"] + 60)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -240)
    page.keyboard.up("Control")
    _until(page, f"{view}[1] > {scale} * 1.2")
    nearer = page.evaluate(view)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 60, steps=4)
    page.mouse.up()
    _until(page, f"{view}[0] > {nearer[0]}")
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("0")
    _until(page, f"Math.abs({view}[1] - {scale}) < 1e-9 && Math.abs({view}[0] - {left}) < 1e-3")
    page.keyboard.press("+")
    _until(page, f"{view}[1] > {scale}")


def test_a_fan_out_of_ten_thousand_is_one_bar_that_opens_into_lanes(opened: Opened, many: str) -> None:
    page = opened(f"/runs/{many}")
    _ready(page, 10_000)
    assert _rows(page) == ["tiny"]
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("Space")
    kinds = page.evaluate("document.querySelector('[data-timeline]').timeline.rows.map((row) => row.kind)")
    assert kinds[0] == "fan"
    assert set(kinds[1:]) == {"lane"}
    overlaps = page.evaluate(
        """() => {
          const { rows, now } = document.querySelector('[data-timeline]').timeline;
          let overlaps = 0;
          let members = 0;
          for (const { sheet, members: lane, kind } of rows) {
            if (kind !== 'lane') continue;
            members += lane.length;
            for (let at = 1; at < lane.length; at++) {
              if (sheet.to(lane[at - 1], now) > sheet.start[lane[at]]) overlaps += 1;
            }
          }
          return [members, overlaps];
        }"""
    )
    assert overlaps == [10_000, 0]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_contain_text("tiny")


def test_a_run_is_followed_while_it_goes_on(opened: Opened, ground: Ground) -> None:
    process = ground.start("lasting", str(ground.home))
    try:
        ground.until_there("lasting")
        page = opened(f"/runs/{ground.newest('lasting')}")
        _ready(page, 1)
        (ground.home / "0").touch()
        _ready(page, 2)
        assert _rows(page) == ["step 0", "step 1"]
        for number in (1, 2):
            (ground.home / str(number)).touch()
        _ready(page, 3)
        _until(page, "!document.querySelector('[data-timeline]').timeline.live")
    finally:
        process.terminate()
        process.wait()


def test_steps_are_filtered_by_state_and_task_in_the_address(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/steps")
    expect(page.locator("tr[data-step]")).to_have_count(7)
    page.locator("#step-states a", has_text="Failed").click()
    expect(page.locator("tr[data-step]")).to_have_count(1)
    expect(page).to_have_url(re.compile("state=failed"))
    page.goto(page.url.partition("?")[0])
    page.select_option("#task", "scaled")
    expect(page.locator("tr[data-step]")).to_have_count(2)
    expect(page).to_have_url(re.compile("task=scaled"))
    page.fill("#q", "FACTOR=2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=FACTOR"))
    expect(page.locator("tr[data-step]")).to_have_count(2)
    page.fill("#q", "nothing like it")
    page.keyboard.press("Enter")
    expect(page.locator("#steps-page")).to_contain_text("No such steps")


def test_a_step_tells_why_its_cache_hit_or_missed(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/steps?task=scaled")
    links = page.locator("tr[data-step] a.main-link").evaluate_all("links => links.map((link) => link.href)")
    page.goto(links[0])
    expect(page.locator("#step")).to_contain_text("Miss: there was no valid result under its key")
    page.goto(links[1])
    expect(page.locator("#step")).to_contain_text("Hit: an earlier run with the same key had completed")


def test_steps_come_page_by_page(opened: Opened, many: str) -> None:
    page = opened(f"/runs/{many}/steps?limit=100")
    first = page.locator("tr[data-step]").first.get_attribute("data-step")
    page.click("a[rel=next]")
    expect(page.locator("tr[data-step]")).to_have_count(100)
    assert page.locator("tr[data-step]").first.get_attribute("data-step") != first


def test_the_graph_has_a_box_for_each_step_and_a_line_for_each_dependency(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/graph")
    expect(page.locator("svg.graph a[data-part]")).to_have_count(7)
    expect(page.locator("svg.graph path[data-before]")).to_have_count(1)


def test_the_graph_of_ten_thousand_is_one_box_that_opens(opened: Opened, many: str) -> None:
    page = opened(f"/runs/{many}/graph")
    expect(page.locator("svg.graph a[data-part]")).to_have_count(1)
    expect(page.locator("svg.graph .count")).to_have_text("×10,000")


def test_pages_work_under_a_prefix(ground: Ground, browser: Browser, nightly: str) -> None:
    prefix = ("--prefix", "/flows-of-ours")
    with (
        served(*prefix, cwd=ground.home, environment=ground.environment) as server,
        browser.new_page() as page,
    ):
        complaints = Complaints(server.address)
        complaints.watch(page)
        page.goto(f"{server.address}/runs/{nightly}")
        _ready(page, 7)
        page.locator(".tabs a", has_text="Logs").click()
        expect(page.locator("[data-logs]")).to_have_attribute("data-total", re.compile(r"\d+"))
    assert complaints.found == []


@pytest.mark.parametrize(
    "path", ["/runs/nothing", f"/runs/{'0' * 32}", "/runs/RUN/steps/nothing", "/runs/RUN/steps?state=odd"]
)
def test_what_is_not_there_is_said(address: str, page: Page, nightly: str, path: str) -> None:
    answer = page.request.get(f"{address}/runs/{path.replace('RUN', nightly)}")
    assert answer.status in (400, 404)
    assert "Traceback" not in answer.text()
