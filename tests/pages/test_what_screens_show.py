"""What each screen is there for: it tells what its brief asks of it, of runs that real flows have made."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from sluiceway.base.ids import from_uuid, new_id
from sluiceway.base.times import now
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import PENDING, RUNNING
from sluiceway.stores.sqlite.store import SqliteStore
from tests.pages.conftest import SECONDS, Place
from tests.stores.making import state

pytestmark = pytest.mark.slow


@contextmanager
def under_way(place: Place, name: str, gate: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Have a program run that goes on until a file is there."""
    program = place.start(name, str(gate), *arguments)
    try:
        yield program
    finally:
        gate.touch()
        program.send_signal(signal.SIGCONT)
        program.terminate()
        program.wait(SECONDS)


def panel(page: Page, heading: str) -> Locator:
    """Return the part of a page that has a heading."""
    return page.locator("section.panel", has=page.get_by_role("heading", name=re.compile(f"^{heading}")))


# --- home -----------------------------------------------------------------------------------------


def test_home_tells_what_failed_and_what_runs_at_the_moment(page: Page, place: Place, tmp_path: Path) -> None:
    with under_way(place, "patient", tmp_path / "gate"):
        page.goto("/")
        failed = panel(page, "Failed lately")
        expect(failed.locator("tbody tr", has_text="sync-customers")).to_have_count(2)
        expect(failed).to_contain_text("the server of emea refused the connection")
        running = panel(page, "Running now")
        expect(running.locator("tbody tr", has_text="patient")).to_have_count(1)
        expect(page.locator(".tile", has_text="Running now").locator(".figure")).to_have_text(re.compile("[1-9]"))
    expect(running).not_to_contain_text("patient")


def test_home_tells_what_comes_next_and_what_is_late(page: Page, place: Place, tmp_path: Path) -> None:
    with under_way(place, "hopeful", tmp_path / "never", "3600"):
        page.goto("/")
        coming = panel(page, "Next scheduled").locator("tbody tr", has_text="hopeful")
        expect(coming).to_contain_text("AwaitingRetry")
        expect(coming.locator("time")).to_have_text(re.compile(r"in (59m|1h)"))
    with under_way(place, "hopeful", tmp_path / "gate", "3") as program:
        page.goto("/runs?flow=hopeful&state=scheduled")
        expect(page.locator("#runs tbody tr")).to_have_count(1)
        os.kill(program.pid, signal.SIGSTOP)
        page.clock.install()
        page.goto("/")
        late = panel(page, "Late").locator("tbody tr", has_text="hopeful")
        for _ in range(100):
            if late.count():
                break
            page.clock.fast_forward(31_000)  # nothing happens: it is time alone that makes it late
            page.wait_for_timeout(100)
        expect(late).to_have_count(1)


def test_home_tells_of_a_run_that_nobody_has_in_hand(page: Page, place: Place) -> None:
    run = FlowRun(new_id(), "abandoned", None, None)
    created, begun = state(PENDING, now()), state(RUNNING, now())
    store = SqliteStore(Path(place.environment["SLUICEWAY_HOME"]) / "sluiceway.db")
    try:
        store.write([FlowRunCreated(run, created), FlowRunMoved(run.key, begun, 1)])
        page.goto("/")
        expect(panel(page, "Stuck").locator("tbody tr", has_text="abandoned")).to_have_count(1)
        expect(panel(page, "Running now")).not_to_contain_text("abandoned")
    finally:
        store.remove_runs([run.key], 1, now())
        store.close()


def test_home_shows_runs_by_state_over_time_and_how_each_flow_went(page: Page) -> None:
    page.goto("/")
    chart = page.locator("#home svg.chart").first
    assert "Runs by state over time" in (chart.get_attribute("aria-label") or "")
    looks = chart.locator("rect.slab").evaluate_all("slabs => [...new Set(slabs.map((slab) => slab.classList[1]))]")
    assert {"t-completed", "t-failed"} <= set(looks)
    flows = panel(page, "By flow")
    expect(flows.locator("tr", has_text="sync-customers").locator("progress")).to_have_attribute("value", "0.0")
    imported = flows.locator("tr", has_text="nightly-import")
    expect(imported.locator("progress")).to_have_attribute("value", "100.0")
    expect(imported.locator("td").nth(5)).to_have_text(re.compile(r"\d.* (µs|ms|s)"))
    expect(imported.locator("svg.strip rect.cell")).to_have_count(5)
    page.get_by_role("link", name="30d", exact=True).click()
    expect(page.locator(".lead")).to_have_text("The last 30 days.")


# --- the list of runs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "flows"),
    [
        ("state=failed&flow=sync-customers&flow=nightly-import", {"sync-customers"}),
        ("flow=report", {"report"}),
        ("tag=crm", {"sync-customers"}),
        ("param=region%3Demea", {"sync-customers"}),
        ("param=pages%3D3&flow=nightly-import", {"nightly-import"}),
        ("q=apac", {"sync-customers"}),
        ("q=sync-c", {"sync-customers"}),
        ("within=1h&flow=figures", {"figures"}),
        ("since=2020-01-01&until=2021-01-01", set()),
        ("longer=0.001ms&flow=report", {"report"}),
        ("longer=1h", set()),
        ("shorter=1h&flow=report", {"report"}),
        ("children=1&flow=nightly-import", {"nightly-import"}),
    ],
)
def test_runs_are_filtered_by_each_of_their_properties(page: Page, query: str, flows: set[str]) -> None:
    page.goto(f"/runs?{query}")
    assert set(page.locator("#runs tbody tr td:nth-child(4)").all_inner_texts()) == flows


def test_filters_are_chosen_with_the_fields_of_the_page(page: Page) -> None:
    page.goto("/runs")
    page.get_by_label("Flow", exact=True).select_option("sync-customers")
    page.wait_for_url("**flow=sync-customers*")
    page.get_by_text("More filters").click()
    page.get_by_label("Parameter").fill("region=apac")
    page.get_by_label("Took at most").fill("1h")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.wait_for_url("**param=region*")
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Clear", exact=True).click()
    page.wait_for_url("**/runs")
    assert page.locator("#runs tbody tr").count() > 5


def test_a_part_of_the_strip_of_states_is_brushed(page: Page) -> None:
    page.goto("/runs")
    page.locator("html[data-ready]").wait_for()
    box = page.locator("#brush").bounding_box()
    assert box is not None
    right, middle = box["x"] + box["width"], box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, middle, steps=3)
    page.mouse.up()
    page.wait_for_url("**until=*")
    expect(page.locator("#runs")).to_contain_text("No run fits")
    page.goto("/runs")
    page.locator("html[data-ready]").wait_for()
    page.mouse.move(right - 2, middle)
    page.mouse.down()
    page.mouse.move(right - 120, middle, steps=3)
    page.mouse.up()
    page.wait_for_url("**since=*")
    assert page.locator("#runs tbody tr").count() > 5


def test_the_list_goes_on_page_by_page_and_is_sorted_by_its_headings(page: Page) -> None:
    page.goto("/runs?limit=3")
    first = page.locator("#runs tbody a.main-link").all_inner_texts()
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**after=*")
    second = page.locator("#runs tbody a.main-link").all_inner_texts()
    assert len(first) == len(second) == 3
    assert not set(first) & set(second)
    page.get_by_role("link", name="First page").click()
    assert page.locator("#runs tbody a.main-link").all_inner_texts() == first
    page.goto("/runs?flow=nightly-import")
    page.get_by_role("columnheader", name="Run", exact=True).get_by_role("link").click()
    page.wait_for_url("**order=name*")
    names = page.locator("#runs tbody a.main-link").all_inner_texts()
    assert names == sorted(names)
    assert len(names) == 4


# --- flows ----------------------------------------------------------------------------------------


def test_a_click_on_a_heading_sorts_the_flows(page: Page) -> None:
    page.goto("/flows")
    heading = page.get_by_role("columnheader", name="Failed")
    heading.get_by_role("link").click()
    page.wait_for_url("**sort=-failed*")
    expect(heading).to_have_attribute("aria-sort", "descending")
    failed = page.locator("#flows tbody td:nth-child(5)")
    numbers = [int(text) for text in failed.all_inner_texts()]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] >= 2
    page.reload()
    heading.get_by_role("link").click()
    page.wait_for_url("**sort=failed*")
    numbers = [int(text) for text in failed.all_inner_texts()]
    assert numbers == sorted(numbers)


def test_the_page_of_a_flow_tells_how_its_runs_went(page: Page) -> None:
    page.goto("/flows/sync-customers")
    tiles = {
        tile.locator(".label").inner_text(): tile.locator(".figure").inner_text()
        for tile in page.locator(".tile").all()
    }
    assert (tiles["Runs"], tiles["Success rate"], tiles["Failed or crashed"]) == ("2", "0 %", "2")
    expect(panel(page, "Duration").locator("polyline.trend")).to_have_count(1)
    expect(panel(page, "Newest runs").locator("tbody tr")).to_have_count(2)
    page.goto("/flows")
    expect(page.locator("tr", has_text="sync-customers").locator("rect.cell.t-failed")).to_have_count(2)


def test_a_run_is_started_with_a_form_of_the_annotations(page: Page, place: Place) -> None:
    place.run("ship", "rope")
    page.goto("/flows/ship")
    expect(page.locator(".lead")).to_have_text("Ship something. What is shipped has to be in stock.")
    form = page.locator("#start form")
    expect(form.get_by_label("item")).to_have_value("rope")
    expect(form.get_by_label("count")).to_have_attribute("type", "number")
    assert form.get_by_label("region").locator("option").all_inner_texts() == ["choose …", "emea", "apac"]
    form.get_by_label("count").fill("12")
    form.get_by_label("region").select_option("apac")
    form.get_by_label("express").select_option("yes")
    form.get_by_role("button", name="Start").click()
    page.wait_for_url("**/runs/*-*")
    expect(page.locator("#run-head .state").first).to_have_text("Completed")
    page.locator(".tabs a", has_text="Inputs").click()
    expect(page.locator("#run-result")).to_contain_text("12 rope to apac at once")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_form_was_filled_in_with_is_in_no_list_of_processes(page: Page, place: Place, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.touch()
    place.run("patient", str(first))
    page.goto("/flows/patient")
    page.locator("#start form").get_by_label("gate").fill(str(second))
    page.locator("#start form").get_by_role("button", name="Start").click()
    page.wait_for_url("**/runs/*-*")
    try:
        hand = page.locator(".run-facts div", has_text="In hand of").inner_text()
        process = re.search(r"process (\d+)", hand)
        assert process is not None
        command = Path(f"/proc/{process[1]}/cmdline").read_text().split("\0")
        assert "patient" in " ".join(command)
        assert str(second) not in " ".join(command)
    finally:
        second.touch()
    expect(page.locator("#run-head .state").first).to_have_text("Completed")


def test_what_does_not_fit_the_form_of_a_flow_is_told_and_nothing_is_lost(lenient_page: Page, place: Place) -> None:
    page = lenient_page
    place.run("ship", "rope")
    page.goto("/flows/ship")
    runs = page.locator(".tile").first.inner_text()
    form = page.locator("#start form")
    form.get_by_label("count").evaluate("field => { field.type = 'text'; field.value = 'many'; }")
    form.get_by_label("key").fill("kept")
    form.get_by_role("button", name="Start").click()
    expect(page.locator("#start [role=alert]")).to_contain_text("count")
    expect(page.locator("#start form").get_by_label("key")).to_have_value("kept")
    page.goto("/flows/ship")
    assert page.locator(".tile").first.inner_text() == runs


# --- what the machine does ------------------------------------------------------------------------


def test_concurrency_tells_who_has_the_slots_and_who_waits(page: Page, place: Place, tmp_path: Path) -> None:
    page.goto("/concurrency")
    page.get_by_role("textbox", name="Name", exact=True).fill("press")
    page.get_by_label("Slots", exact=True).fill("1")
    page.get_by_role("button", name="Set", exact=True).click()
    page.wait_for_url("**notice=*")
    gate = tmp_path / "gate"
    with under_way(place, "printing", gate), under_way(place, "printing", gate):
        rows = panel(page, "press").locator("tbody tr")
        expect(rows.filter(has_text="Has it")).to_have_count(1)
        expect(rows.filter(has_text="Waits")).to_have_count(1)
        has = rows.filter(has_text="Has it")
        expect(has.locator("a.main-link")).to_have_count(1)
        expect(has.locator("time")).to_have_count(2)
        page.get_by_role("columnheader", name="Has it?").get_by_role("link").click()
        page.wait_for_url("**sort=state*")
        expect(rows.first).to_contain_text("Has it")
    expect(panel(page, "press")).to_contain_text("Nobody has slots of it")


def test_processes_tell_what_each_has_in_hand_and_what_waits_for_one(page: Page, place: Place, tmp_path: Path) -> None:
    with under_way(place, "patient", tmp_path / "gate") as program:
        place.run("pack", "rope")
        page.goto("/processes")
        row = page.locator("#processes tbody tr", has_text=str(program.pid))
        expect(row).to_contain_text("patient")
        expect(row).to_contain_text("a lock that the kernel keeps")
        expect(row.locator("time")).to_have_count(1)
        expect(panel(page, "Deferred calls").locator("tbody tr", has_text="pack")).to_contain_text("1")
    expect(row).to_have_count(0)


def test_storage_tells_what_takes_the_space_and_old_runs_are_removed(page: Page, place: Place, tmp_path: Path) -> None:
    page.goto("/storage")
    expect(panel(page, "What takes the space").locator("tr", has_text="task_run")).not_to_have_count(0)
    kept = panel(page, "What is kept")
    expect(kept.locator("tr", has_text="retention_max_age")).to_contain_text("default")
    held = re.search(r"Flow runs\s+([\d,]+)", page.locator(".tiles").inner_text())
    assert held is not None
    page.get_by_label("Keep the newest").fill(held[1].replace(",", ""))
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove now").click()
    page.wait_for_url("**notice=*")
    expect(page.locator(".notice")).to_contain_text("Removed 0 flow runs")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Give free space back").click()
    expect(page.locator(".notice")).to_contain_text("The database had")


def test_settings_tell_their_values_and_where_they_come_from(page: Page, place: Place) -> None:
    page.goto("/settings")
    row = page.locator("tr", has=page.get_by_text("home", exact=True))
    expect(row).to_contain_text(place.environment["SLUICEWAY_HOME"])
    expect(row).to_contain_text("SLUICEWAY_HOME")
    expect(row.locator(".given")).to_contain_text("environment")
    expect(page.locator("tr", has=page.get_by_text("durability", exact=True)).locator(".soft")).to_contain_text(
        "default"
    )


# --- on all pages ---------------------------------------------------------------------------------


def test_an_identifier_is_copied_with_one_click(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/runs")
    page.locator("html[data-ready]").wait_for()
    row = page.locator("#runs tbody tr").first
    row.locator("button.copy").click()
    expect(row.locator("button.copy.done")).to_have_count(1)
    copied = page.evaluate("navigator.clipboard.readText()")
    assert from_uuid(copied).hex() in (row.locator("a.main-link").get_attribute("href") or "").replace("-", "")


def test_times_are_relative_with_the_exact_one_in_the_readers_zone_on_hover(place: Place, page: Page) -> None:
    browser = page.context.browser
    assert browser is not None
    with browser.new_context(base_url=place.url, timezone_id="Asia/Tokyo", locale="en-GB") as far:
        there = far.new_page()
        there.goto("/runs")
        there.locator("html[data-ready]").wait_for()
        told = there.locator("#runs tbody time").first
        assert re.fullmatch(r"\d+[smh] ago|now", told.inner_text())
        assert re.search(r"20\d\d.*\d\d:\d\d:\d\d\.\d{3} GMT\+9", told.get_attribute("title") or "")


def test_light_and_dark_are_switched_and_stay_so(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/runs")
    page.locator("html[data-ready]").wait_for()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto("/flows")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light


def test_a_question_mark_tells_the_keys_and_escape_puts_them_away(page: Page) -> None:
    page.goto("/")
    page.locator("html[data-ready]").wait_for()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#help")).to_contain_text("Go to Runs")
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_the_palette_finds_identifiers_names_tags_pages_and_actions(page: Page) -> None:
    page.goto("/runs?flow=report")
    link = page.locator("#runs tbody a.main-link").first
    name, run = link.inner_text(), (link.get_attribute("href") or "").rpartition("/")[2]
    for text, kind, leads in (
        (run, "Run", f"/runs/{run}"),
        (name, "Run", f"/runs/{run}"),
        ("crm", "Tag", "/runs?tag=crm"),
        ("summ", "Artifact", "/artifacts/key/summary"),
        ("batch", "Variable", "/variables?name=batch-size"),
        ("settings", "Page", "/settings"),
        ("set a variable", "Action", "/variables#set"),
    ):
        page.goto("/variables")
        page.locator("html[data-ready]").wait_for()
        page.keyboard.press("/")
        page.locator("#palette-input").fill(text)
        page.locator("#palette-list [role=option]", has_text=f"Search for “{text}”").wait_for()  # the list is whole
        page.locator("#palette-list [role=option]", has=page.get_by_text(kind, exact=True)).first.click()
        expect(page).to_have_url(leads)


def test_the_search_page_finds_what_the_palette_finds(page: Page) -> None:
    page.goto("/search?q=s")
    names = panel(page, "Flows, tasks, tags")
    for text in ("sync-customers", "summary"):
        expect(names.get_by_role("link", name=text)).to_have_count(1)
    page.goto("/search?q=batch")
    names.get_by_role("link", name="batch-size").click()
    expect(page.get_by_role("heading", name="Change batch-size")).to_be_visible()


def test_what_a_reader_does_stays_while_a_page_follows_what_happens(page: Page, place: Place, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 1100, "height": 500})
    page.goto("/runs")
    page.locator("html[data-ready]").wait_for()
    page.get_by_role("textbox", name="Tag", exact=True).fill("half a wor")
    row = page.locator("#runs tbody tr", has_text="figures").first
    row.get_by_role("checkbox").check()
    page.evaluate("window.scrollTo(0, 150)")
    scrolled = page.evaluate("window.scrollY")
    place.run("mended", str(tmp_path / "never"))
    expect(page.locator(f"#runs tbody tr:has([title*='{tmp_path.name}'])")).to_have_count(1)
    expect(page.get_by_role("textbox", name="Tag", exact=True)).to_have_value("half a wor")
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(row.get_by_role("checkbox")).to_be_focused()
    assert page.evaluate("window.scrollY") == scrolled > 0
