"""What can be done with a run from its page; all of it without script, too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.run_page.conftest import Ground

pytestmark = pytest.mark.slow


@pytest.fixture
def bare(browser: Browser) -> Iterator[Page]:
    """A page without script."""
    with browser.new_context(java_script_enabled=False) as context:
        yield context.new_page()


def _state(page: Page) -> str:
    return page.locator("#run-head .state").first.inner_text()


def _reaches(page: Page, state: str) -> None:
    """Wait until the run of a page is in a state."""
    for _ in range(100):
        if state in _state(page):
            return
        page.wait_for_timeout(100)
        page.reload()
    pytest.fail(f"the run is {_state(page)}, not {state}")


def test_a_failed_run_is_retried_once_its_cause_is_mended(bare: Page, address: str, ground: Ground) -> None:
    file = ground.home / "mended-1"
    run = ground.run("mended", str(file))
    bare.goto(f"{address}/runs/{run}")
    assert _state(bare) == "Failed"
    file.touch()
    bare.get_by_role("button", name="Retry").click()
    _reaches(bare, "Completed")
    assert bare.url.partition("?")[0] == f"{address}/runs/{run}"


def test_a_run_that_waits_for_an_answer_is_resumed_with_a_form(bare: Page, address: str, ground: Ground) -> None:
    run = ground.run("asking")
    bare.goto(f"{address}/runs/{run}")
    assert _state(bare) in ("Paused", "Suspended")
    bare.get_by_role("link", name="Resume…").click()
    bare.select_option("select[name='field.approved']", label="yes")
    bare.fill("input[name='field.reason']", "<b>good</b>")
    bare.get_by_role("button", name="Resume").click()
    _reaches(bare, "Completed")
    bare.goto(f"{address}/runs/{run}/data")
    expect(bare.locator("#run-result")).to_contain_text("True: <b>good</b>")


def test_a_run_is_made_again_with_other_parameters(bare: Page, address: str, ground: Ground) -> None:
    file = ground.home / "mended-2"
    run = ground.run("mended", str(file))
    file.touch()
    bare.goto(f"{address}/runs/{run}/again")
    bare.fill("textarea[name='param.label']", "b")
    bare.get_by_role("button", name="Run").click()
    expect(bare.locator("[role=alert]")).to_contain_text("label is no JSON")
    bare.fill("textarea[name='param.label']", '"b"')
    bare.get_by_role("button", name="Run").click()
    assert run not in bare.url
    _reaches(bare, "Completed")
    expect(bare.locator(".params")).to_contain_text("b")


def test_a_run_is_forked_from_a_step(bare: Page, address: str, ground: Ground) -> None:
    file = ground.home / "mended-3"
    run = ground.run("mended", str(file))
    file.touch()
    bare.goto(f"{address}/runs/{run}/steps?task=refuse_unless")
    bare.locator("tr[data-step] a.main-link").click()
    bare.get_by_role("link", name="Fork from this step…").click()
    assert bare.locator("select[name=step]").input_value()
    bare.get_by_role("button", name="Fork").click()
    assert run not in bare.url
    _reaches(bare, "Completed")


def _mark(page: Page, steps: str, state: str, why: str) -> None:
    """Say by hand what became of the one step in a list."""
    page.goto(steps)
    page.locator("tr[data-step] a.main-link").click()
    page.locator("summary", has_text="Say by hand").click()
    page.fill("#mark-message", why)
    page.get_by_role("button", name=f"Mark {state}").click()
    expect(page.locator(".notice")).to_contain_text(f"counts as {state} now")
    expect(page.locator("#step h2 .state")).to_have_text(state.capitalize())
    expect(page.locator("#step")).to_contain_text(why)


def test_a_step_that_is_marked_completed_is_not_run_again(bare: Page, address: str, ground: Ground) -> None:
    run = ground.run("mended", str(ground.home / "never"))
    _mark(bare, f"{address}/runs/{run}/steps?task=refuse_unless", "completed", "done by phone")
    bare.goto(f"{address}/runs/{run}")
    bare.get_by_role("button", name="Retry").click()
    _reaches(bare, "Completed")
    (step,) = (step for step in ground.told("show", run)["task_runs"] if step["task"] == "refuse_unless")
    assert step["state"]["message"] == "done by phone"


def test_a_step_that_is_marked_failed_counts_as_that(bare: Page, address: str, ground: Ground) -> None:
    run = ground.run("mended", str(ground.home / "never"))
    _mark(bare, f"{address}/runs/{run}/steps?task=note", "failed", "it was wrong")
    (step,) = (step for step in ground.told("show", run)["task_runs"] if step["task"] == "note")
    assert step["state"]["name"] == "Failed"


def test_a_run_that_is_under_way_is_cancelled(bare: Page, address: str, ground: Ground) -> None:
    process = ground.start("lasting", str(ground.home / "nowhere"))
    try:
        ground.until_there("lasting")
        bare.goto(f"{address}/runs/{ground.newest('lasting')}")
        bare.get_by_role("button", name="Cancel").click()
        _reaches(bare, "Cancelled")
        assert bare.get_by_role("button", name="Cancel").count() == 0
    finally:
        process.terminate()
        process.wait()


def test_a_run_is_deleted(bare: Page, address: str, ground: Ground) -> None:
    run = ground.run("mended", str(ground.home / "never"))
    bare.goto(f"{address}/runs/{run}")
    bare.get_by_role("button", name="Delete").click()
    assert bare.url.startswith(f"{address}/runs?notice=Deleted")
    answer = bare.goto(f"{address}/runs/{run}")
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("act", {"action": "cancel"}),
        ("again", {}),
        ("fork", {}),
        ("resume", {}),
        ("steps/STEP/mark", {"state": "failed"}),
    ],
)
def test_no_other_site_can_have_a_form_posted(
    page: Page, address: str, ground: Ground, nightly: str, path: str, form: dict[str, str]
) -> None:
    step = ground.told("show", nightly)["task_runs"][0]["id"]
    place = f"{address}/runs/{nightly}/{path.replace('STEP', step)}"
    assert page.request.post(place, form=form).status == 403
    assert page.request.post(place, form={**form, "token": "guessed"}).status == 403
    assert page.request.post(place, form=form, headers={"Origin": "http://example.com"}).status == 403


def test_two_runs_are_compared(page: Page, address: str, ground: Ground, nightly: str) -> None:
    other = ground.run("nightly", "2030-02-01")
    page.goto(f"{address}/runs/{nightly}")
    page.get_by_role("link", name="Compare…").click()
    page.locator(f"a[href*='{other}']").click()
    parameters = page.locator("table.compare").nth(1)
    expect(parameters.locator("tr.differs")).to_have_count(1)
    expect(parameters.locator("tr.differs")).to_contain_text("2030-02-01")
    expect(page.locator("table.compare").nth(2)).to_contain_text("publish")
    page.get_by_role("link", name="Differences only").click()
    expect(page.locator("table.compare").nth(1).locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("only=differences"))
