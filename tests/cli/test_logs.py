"""`sluiceway logs`: what a run logged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from click.testing import Result

from sluiceway.cli import logs
from sluiceway.model.facts import FlowRunMoved
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from tests.cli.scribe import Scribe, state_at


@pytest.fixture
def run(scribe: Scribe) -> FlowRun:
    """A run with a task run and a child run, which have logged a line each, and another run."""
    run = scribe.flow_run("census", "brisk-otter")
    task_run = scribe.task_run(run, "parse", "parse-a", at=1)
    child = scribe.flow_run("draw", "keen-wren", at=2, parent=run)
    other = scribe.flow_run("other", "far-away", at=3)
    scribe.log(run, "begun", at=0.001)
    scribe.log(run, "parsing", task_run=task_run, at=1)
    scribe.log(child, "drawing\nin two lines", level=30, at=2)
    scribe.log(other, "nothing to do with it", at=3)
    scribe.log(run, "done", level=10, at=4)
    return run


def messages(lines: list[str]) -> list[str]:
    return [line.rpartition(" - ")[2] for line in lines]


def test_lines_of_a_run_its_tasks_and_children_are_printed_in_order(
    run: FlowRun, printed: Callable[..., list[str]]
) -> None:
    lines = printed("logs", "brisk-otter")
    assert messages(lines) == ["begun", "parsing", "drawing", "in two lines", "done"]


def test_a_line_looks_as_on_the_console(run: FlowRun, printed: Callable[..., list[str]]) -> None:
    first, second, third, *_ = printed("logs", "brisk-otter")
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} \| INFO     \| Flow run 'brisk-otter' - begun", first)
    assert second.endswith("| INFO     | Task run 'parse-a' - parsing")
    assert third.endswith("| WARNING  | Flow run 'keen-wren' - drawing")


def test_lines_below_a_level_are_left_out(run: FlowRun, printed: Callable[..., list[str]]) -> None:
    assert len(printed("logs", "brisk-otter", "--level", "warning")) == 2
    assert len(printed("logs", "brisk-otter", "--level", "30")) == 2
    assert printed("logs", "brisk-otter", "--level", "ERROR") == []


def test_an_unknown_level_is_refused(run: FlowRun, refused: Callable[..., str]) -> None:
    assert "'LOUD' should be one of DEBUG, INFO, WARNING, ERROR, CRITICAL, or a number." in refused(
        "logs", "brisk-otter", "--level", "LOUD"
    )


def test_the_last_lines_can_be_asked_for(run: FlowRun, printed: Callable[..., list[str]]) -> None:
    assert messages(printed("logs", "brisk-otter", "-n", "1")) == ["done"]
    assert messages(printed("logs", "brisk-otter", "--tail", "3"))[0] == "parsing"
    assert len(printed("logs", "brisk-otter", "--tail", "99")) == 5


def test_more_lines_than_a_page_are_all_printed(
    scribe: Scribe, printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAGE", 7)
    run = scribe.flow_run("census", "talkative")
    for number in range(30):
        scribe.log(run, f"line {number}", at=number / 100)
    assert messages(printed("logs", "talkative")) == [f"line {number}" for number in range(30)]
    assert messages(printed("logs", "talkative", "-n", "10")) == [f"line {n}" for n in range(20, 30)]


def test_json_is_an_object_a_line(run: FlowRun, printed: Callable[..., list[str]]) -> None:
    records = [json.loads(line) for line in printed("logs", "brisk-otter", "--json")]
    assert [record["message"] for record in records] == ["begun", "parsing", "drawing\nin two lines", "done"]
    assert records[0]["level"] == "INFO"
    assert records[0]["flow_run_id"] == str(run.id)
    assert records[0]["task_run_id"] is None


def test_lines_of_a_task_run_are_only_its_own(run: FlowRun, scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    task_run = scribe.task_run(run, "parse", "parse-b", at=5)
    scribe.log(run, "only this", task_run=task_run, at=5)
    assert messages(printed("logs", str(task_run.id))) == ["only this"]


def test_following_a_run_that_has_ended_prints_its_lines_and_ends(
    run: FlowRun, printed: Callable[..., list[str]]
) -> None:
    assert len(printed("logs", "-f", "brisk-otter")) == 5


def test_following_a_run_prints_later_lines_until_it_ends(
    scribe: Scribe, sluiceway: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scribe.flow_run("census", "under-way", took=None)
    scribe.log(run, "before")
    looks: list[int] = []

    def look_again(_: float) -> None:
        looks.append(1)
        if len(looks) == 1:
            scribe.log(run, "meanwhile", at=1)
        else:
            scribe.log(run, "at the end", at=2)
            ended = state_at(scribe.begin + 2_000_000, StateType.COMPLETED)
            scribe.store.write([FlowRunMoved(run.key, ended, 1)])

    monkeypatch.setattr(logs.time, "sleep", look_again)
    result = sluiceway("logs", "--follow", "under-way")
    assert result.exit_code == 0
    assert messages(result.stdout.splitlines()) == ["before", "meanwhile", "at the end"]


def test_following_prints_a_straggling_line_of_another_process(
    scribe: Scribe, sluiceway: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scribe.flow_run("census", "under-way", took=None)
    scribe.log(run, "newest", at=3)

    def look_again(_: float) -> None:
        scribe.log(run, "older, but written later", at=1)
        ended = state_at(scribe.begin + 4_000_000, StateType.COMPLETED)
        scribe.store.write([FlowRunMoved(run.key, ended, 1)])

    monkeypatch.setattr(logs.time, "sleep", look_again)
    assert messages(sluiceway("logs", "-f", "under-way").stdout.splitlines())[-1] == "older, but written later"


def test_ctrl_c_while_following_ends_with_130(
    scribe: Scribe, sluiceway: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = scribe.flow_run("census", "under-way", took=None)
    scribe.log(run, "before")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(logs.time, "sleep", interrupt)
    result = sluiceway("logs", "-f", "under-way")
    assert result.exit_code == 130
    assert "Traceback" not in result.output
