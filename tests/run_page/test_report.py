"""`sluiceway show RUN --html FILE`: a run as one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from sluiceway.base import times
from sluiceway.cli.app import app
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from sluiceway.server.pages.run import report as reporting
from sluiceway.testing import Harness, test_harness
from tests.cli.scribe import Scribe
from tests.run_page.conftest import Ground

HOSTILE = "</script><img src=x onerror=alert(1)><!-- & \x1b[31mred"


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A private place for runs."""
    with test_harness() as found:
        yield found


@pytest.fixture
def run(harness: Harness) -> FlowRun:
    """A run that failed, with a child run, all of whose texts are hostile."""
    scribe = Scribe(harness.services.store)
    found = scribe.flow_run(HOSTILE, HOSTILE, state=StateType.FAILED, message=HOSTILE, parameters={HOSTILE: [HOSTILE]})
    child = scribe.flow_run("inner", "keen-wren", parent=found)
    scribe.task_run(child, "leaf")
    first = scribe.task_run(found, HOSTILE, HOSTILE, call=HOSTILE)
    scribe.task_run(found, "inner", "inner-1", child=child, inputs={"rows": (first.key,)})
    scribe.log(found, HOSTILE)
    return found


def _report(harness: Harness, run: FlowRun) -> str:
    return reporting.report(harness.services.store, run, times.now())


def _data(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="timeline-data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


def test_no_text_of_a_run_becomes_markup(harness: Harness, run: FlowRun) -> None:
    text = _report(harness, run)
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert "\x1b" not in text[text.index('id="report-lines"') :]


def test_the_policy_allows_the_own_script_and_style_and_nothing_else(harness: Harness, run: FlowRun) -> None:
    text = _report(harness, run)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    for element in ("script", "style"):
        body = re.search(rf"<{element}(?: type=\"module\")?>(.*?)</{element}>", text, re.DOTALL)
        assert body is not None
        digest = base64.b64encode(hashlib.sha256(body[1].encode()).digest()).decode()
        assert f"{element}-src &#39;sha256-{digest.replace('+', '+')}&#39;" in policy[1]
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1]


def test_the_timeline_has_the_run_and_its_child_runs(harness: Harness, run: FlowRun) -> None:
    data = _data(_report(harness, run))
    assert data["key"] == run.key.hex()
    assert isinstance(data["runs"], dict)
    labels = [page["run"]["label"] for page in data["runs"].values()]
    assert labels == [f"{HOSTILE} / {HOSTILE}", "inner / keen-wren"]


def test_a_large_run_is_cut_and_the_file_says_of_what(
    harness: Harness, run: FlowRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    scribe = Scribe(harness.services.store)
    for number in range(8):
        scribe.task_run(run, "parse", at=number, state=StateType.FAILED if number == 7 else StateType.COMPLETED)
        scribe.log(run, f"line {number}")
    monkeypatch.setattr(reporting, "MOST_BARS", 5)
    monkeypatch.setattr(reporting, "MOST_ROWS", 3)
    monkeypatch.setattr(reporting, "MOST_LINES", 2)
    text = _report(harness, run)
    assert "Of the 10 steps of" in text
    assert "Of 10 steps, 4 are told in full" in text
    assert "Of 9 log lines, the last 2 are here." in text
    assert len(_data(text)["runs"][run.key.hex()]["key"]) == 5  # type: ignore[index]  # plain data
    assert "line 7" in text
    assert "line 5" not in text


def test_a_run_without_steps_has_a_page_too(harness: Harness) -> None:
    text = _report(harness, Scribe(harness.services.store).flow_run(took=None))
    assert "This run has called no tasks" in text
    assert "timeline-data" not in text


def test_the_command_writes_the_file_and_says_where(harness: Harness, run: FlowRun, tmp_path: Path) -> None:
    place = tmp_path / "run.html"
    result = CliRunner().invoke(app, ["show", str(run.id), "--html", str(place)])
    assert result.exit_code == 0
    assert str(place) in result.output
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")
    printed = CliRunner().invoke(app, ["show", str(run.id), "--html", "-"])
    assert printed.output.startswith("<!doctype html>")
    assert printed.output.rstrip().endswith("</html>")


def test_what_cannot_be_written_is_refused_with_the_reason(harness: Harness, run: FlowRun, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["show", str(run.id), "--html", str(tmp_path / "nowhere" / "run.html")])
    assert result.exit_code == 2
    assert "No such file or directory" in result.output
    both = CliRunner().invoke(app, ["show", str(run.id), "--html", "-", "--json"])
    assert both.exit_code == 2
    step = harness.services.store.read_task_runs().items[0]
    of_step = CliRunner().invoke(app, ["show", str(step.id), "--html", "-"])
    assert of_step.exit_code == 2
    assert "task run" in of_step.output


@pytest.mark.slow
def test_the_file_works_offline_in_a_browser(ground: Ground, nightly: str, page: Page, tmp_path: Path) -> None:
    place = tmp_path / "run.html"
    ground.said("show", nightly, "--html", str(place))
    page.goto(place.as_uri())
    timeline = page.locator("[data-timeline]")
    expect(timeline).to_have_attribute("data-runs", "7")
    page.locator("[data-timeline-frame]").focus()
    page.keyboard.press("Space")
    expect(timeline).to_have_attribute("data-rows", "10")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page.locator("details[open] .traceback").last).to_contain_text("RuntimeError: refused")
    lines = page.locator("#report-lines > li:not([hidden])")
    before = lines.count()
    page.fill("#report-text", "begin")
    assert 0 < lines.count() < before
    assert page.locator("img").count() == 0
