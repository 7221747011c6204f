"""What the page of a run is there for: how its steps hang together, what each of them was, who began it."""

from __future__ import annotations

import getpass
import re

import pytest
from playwright.sync_api import Page, expect

from sluiceway.base.machine import host
from tests.run_page.conftest import Ground, Opened

pytestmark = pytest.mark.slow

TIMELINE = "document.querySelector('[data-timeline]').timeline"

COUNTED = """() => {
  const counts = {};
  for (const name of ['fillRect', 'fillText', 'bezierCurveTo', 'lineTo', 'measureText']) {
    const before = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      counts[name] = (counts[name] ?? 0) + 1;
      return before.apply(this, given);
    };
  }
  window.drawn = () => {
    for (const name of Object.keys(counts)) delete counts[name];
    document.querySelector('[data-timeline]').timeline.drawNow();
    return { ...counts };
  };
}"""
"""Gives a page `drawn()`, which draws the timeline once and tells how often it has drawn what."""

MOST_DRAWN = 12_000
"""How much one picture may take: some shapes for each pixel across, however many runs there are. A browser draws a
million small rectangles a second without a graphics card, so that 50 pictures a second are well within it."""


def _opens(page: Page, runs: int) -> None:
    expect(page.locator("[data-timeline]")).to_have_attribute("data-runs", str(runs), timeout=30_000)


def test_lines_lead_to_the_chosen_bar_from_what_it_depends_on_and_on_to_what_depends_on_it(
    opened: Opened, nightly: str
) -> None:
    page = opened(f"/runs/{nightly}")
    _opens(page, 7)
    page.evaluate(COUNTED)
    assert "bezierCurveTo" not in page.evaluate("drawn()")
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    lines = f"{TIMELINE}._lines().map((line) => [line.fromRow, line.toRow, line.ahead])"
    assert page.evaluate(lines) == [[5, 6, False]]
    assert page.evaluate("drawn()")["bezierCurveTo"] == 1
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert page.evaluate(lines) == [[5, 6, True]]


def test_waiting_is_told_from_running(opened: Opened, ground: Ground) -> None:
    page = opened(f"/runs/{ground.run('queueing')}")
    _opens(page, 2)
    parts = page.evaluate(
        f"""() => {{
          const {{ sheet, now }} = {TIMELINE};
          return [0, 1].map((at) => {{
            const parts = [];
            sheet.parts(at, now, (type, from, to) => parts.push([type, to - from]));
            return parts;
          }});
        }}"""
    )
    second = dict(parts[1])
    assert list(second) == ["PENDING", "RUNNING"]
    assert second["PENDING"] > 90_000
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("End")
    expect(page.locator("[data-timeline-said]")).to_contain_text(re.compile(r"waited \d+ ms before it started"))


def test_idle_time_is_folded_until_somebody_unfolds_it(opened: Opened, ground: Ground) -> None:
    page = opened(f"/runs/{ground.run('pausing')}")
    _opens(page, 2)
    timeline = page.locator("[data-timeline]")
    expect(timeline).to_have_attribute("data-folds", "1")
    length = page.evaluate(f"{TIMELINE}.axis.length")
    fold = page.get_by_role("button", name="Fold idle time")
    fold.click()
    expect(timeline).to_have_attribute("data-folds", "0")
    expect(fold).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(f"{TIMELINE}.axis.length") > 3_000_000 > length


def test_the_bar_of_a_fan_out_tells_how_many_came_to_what(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    _opens(page, 7)
    page.get_by_role("button", name="Open all").click()
    expect(page.locator("[data-timeline]")).not_to_have_attribute("data-rows", "7")
    page.locator("[data-timeline-frame]").focus()
    rows = page.evaluate(f"{TIMELINE}.rows.map((row) => [row.kind, row.label])")
    for _ in range(rows.index(["fan", "score"])):
        page.keyboard.press("ArrowDown")
    said = page.locator("[data-timeline-said]")
    expect(said).to_contain_text("score ×12")
    expect(said).to_contain_text("11 Completed")
    expect(said).to_contain_text("1 Failed")
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("[data-timeline]")).to_have_attribute("data-rows", "7")


@pytest.mark.parametrize("count", [10_000, 100_000])
def test_a_picture_takes_no_more_however_many_runs_there_are(opened: Opened, ground: Ground, count: int) -> None:
    page = opened(f"/runs/{ground.run('many', count)}")
    _opens(page, count)
    page.evaluate(COUNTED)
    closed = page.evaluate("drawn()")
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-timeline]")).not_to_have_attribute("data-rows", "1")
    opened_up = page.evaluate("drawn()")
    page.keyboard.press("+")
    nearer = page.evaluate("drawn()")
    for drawn in (closed, opened_up, nearer):
        assert 10 < sum(drawn.values()) < MOST_DRAWN


def test_a_step_tells_its_inputs_its_result_and_its_attempts(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/steps?task=shaky")
    page.locator("tr[data-step] a.main-link").click()
    step = page.locator("#step")
    attempts = step.locator("ol.attempts li")
    expect(attempts).to_have_count(2)
    expect(attempts.first).to_contain_text("AwaitingRetry")
    expect(attempts.first).to_contain_text("not there yet")
    expect(attempts.last).to_contain_text("Completed")
    page.goto(page.url.partition("/steps")[0] + "/steps?task=scaled")
    page.locator("tr[data-step] a.main-link").first.click()
    expect(step).to_contain_text("factor=2")
    expect(step.locator("pre").last).to_be_visible()
    expect(step.locator("h3", has_text="Result").locator("xpath=following-sibling::pre[1]")).to_have_text("[2, 4]")


def test_the_heading_tells_who_began_a_run_and_in_whose_hand_it_is(opened: Opened, ground: Ground) -> None:
    process = ground.start("lasting", str(ground.home / "nowhere at all"))
    try:
        ground.until_there("lasting")
        page = opened(f"/runs/{ground.newest('lasting')}")
        facts = page.locator(".run-facts")
        expect(facts).to_contain_text(f"Started by{getpass.getuser()}@{host()}: flows.py, process {process.pid}")
        expect(facts).to_contain_text(f"In hand ofprocess {process.pid} on {host()}")
    finally:
        process.terminate()
        process.wait()
    page.reload()
    expect(facts).to_contain_text("Started by")
    expect(facts).not_to_contain_text("In hand of")


def test_a_child_run_leads_to_its_parent_and_the_parent_to_its_children(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/history")
    children = page.locator("#run-children tbody tr")
    expect(children).to_have_count(2)
    expect(page.locator("#run-states")).to_contain_text("Failed")
    page.get_by_role("columnheader", name="Took").get_by_role("link").click()
    page.wait_for_url("**sort=-duration*")
    children.first.locator("a.main-link").click()
    expect(page.locator("h1")).to_contain_text("region")
    page.locator(".run-facts a", has_text="-").first.click()
    expect(page.locator("h1")).to_contain_text("nightly")


def test_inputs_outputs_and_code_have_their_tabs(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}/data")
    expect(page.locator("dl.values")).to_contain_text("2030-01-31")
    expect(page.locator("#run-result")).to_contain_text("None is stored.")
    page.locator(".tabs a", has_text="Code").click()
    expect(page.locator(".facts")).to_contain_text("flows.py:nightly")
    version = page.locator(".facts dt", has_text="Version").locator("xpath=following-sibling::dd[1]")
    expect(version).to_have_text(re.compile("[0-9a-f]{12}"))


def test_the_steps_are_sorted_by_their_headings(opened: Opened, nightly: str) -> None:
    page = opened(f"/runs/{nightly}")
    page.get_by_role("columnheader", name="Step").get_by_role("link").click()
    page.wait_for_url("**/steps?order=name")
    names = page.locator("tr[data-step] a.main-link").all_inner_texts()
    assert names == sorted(names)
    expect(page.get_by_role("columnheader", name="Step")).to_have_attribute("aria-sort", "ascending")


def test_the_graph_opens_a_fan_out_and_leads_to_its_steps(opened: Opened, nightly: str, ground: Ground) -> None:
    child = next(
        step["child_flow_run_id"] for step in ground.told("show", nightly)["task_runs"] if step["child_flow_run_id"]
    )
    page = opened(f"/runs/{child}/graph")
    expect(page.locator("svg.graph .count")).to_have_text("×12")
    expect(page.locator("svg.graph a[data-part]")).to_have_count(3)
    page.locator("svg.graph a[data-part]", has_text="score").click()
    expect(page.locator("svg.graph a[data-part]")).to_have_count(14)
    page.locator("svg.graph a[data-part]", has_text="extract").click()
    expect(page.locator("#step, #detail")).to_contain_text("extract")
