"""What the page of a run is made from: columns, boxes, texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluiceway.model.queries import StoredState
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State, StateType
from sluiceway.server.pages.lines import level_word, share_of, visible, worst_of
from sluiceway.server.pages.run import bundling, columns, graphs
from sluiceway.server.pages.run.steps import attempts_of
from sluiceway.testing import test_harness
from tests.run_page.steps import BEGIN, a_key, a_step

COMPLETED, FAILED, RUNNING = StateType.COMPLETED, StateType.FAILED, StateType.RUNNING


def _run(state: StateType = COMPLETED) -> FlowRun:
    run = FlowRun(a_key(BEGIN), "census", None, "brisk-otter")
    run.state = State(state)
    run.start, run.end = BEGIN, BEGIN + 20_000
    return run


def test_columns_hold_what_the_timeline_draws() -> None:
    first = a_step("load")
    steps = (first, a_step("parse", first, state=FAILED), a_step("load", caller=first))
    with test_harness() as harness:
        page = columns.page_of(_run(), columns.Steps(steps, "more"), harness.services.store, BEGIN)
    assert page["tasks"] == ["load", "parse"]
    assert page["task"] == [0, 1, 0]
    assert page["states"] == [["COMPLETED", "Completed"], ["FAILED", "Failed"]]
    assert page["state"] == [0, 1, 0]
    assert page["inputs"] == {1: [first.key.hex()]}
    assert page["parent"] == [None, None, first.key.hex()]
    assert page["created"] == [BEGIN] * 3
    assert page["cursor"] == "more"
    assert page["run"]["end"] == BEGIN + 20_000


def test_a_run_that_goes_on_has_no_end_in_columns() -> None:
    assert columns.run_column(_run(RUNNING))["end"] is None


def test_a_page_without_steps_has_empty_columns() -> None:
    with test_harness() as harness:
        page = columns.page_of(_run(), columns.Steps((), None), harness.services.store, BEGIN)
    assert page["key"] == page["start"] == []


def test_many_runs_of_a_task_are_one_box_of_the_graph_unless_it_is_opened() -> None:
    source = a_step("list")
    parsed = [a_step("parse", source) for _ in range(9)]
    steps = [source, *parsed, a_step("join", *parsed)]
    picture = graphs.draw(steps)
    assert [(part.label, part.total) for part in picture.parts] == [("list-1", 1), ("parse", 9), ("join-1", 1)]
    assert [(wire.before, wire.after) for wire in picture.wires] == [(0, 1), (1, 2)]
    assert len(graphs.draw(steps, ["parse"]).parts) == 11


def test_what_a_task_called_belongs_to_its_box() -> None:
    source, outer = a_step("list"), a_step("outer")
    inner = a_step("inner", source, caller=outer)
    picture = graphs.draw([source, outer, inner, a_step("last", inner)])
    assert [part.label for part in picture.parts] == ["list-1", "outer-1", "last-1"]
    assert [(wire.before, wire.after) for wire in picture.wires] == [(0, 1), (1, 2)]


def test_a_graph_of_ever_so_many_tasks_stays_small() -> None:
    steps = [a_step(f"task {number % 200}") for number in range(1_600)]
    assert len(graphs.draw(steps).parts) <= graphs.MOST_BOXES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07bell\x07", "bell\\x07"),
        ("a\r\nb\tc\x00", "a\\r\nb\tc\\x00"),
        ("\u202eturned", "\\u202eturned"),
    ],
)
def test_what_terminals_would_act_on_is_not_there_or_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_levels_have_words() -> None:
    assert [level_word(level) for level in (5, 20, 35, 40, 99)] == ["debug", "info", "warning", "error", "critical"]


def test_a_box_looks_like_the_worst_of_its_runs() -> None:
    counts = [(COMPLETED, "Completed", 90), (FAILED, "Failed", 1)]
    assert worst_of(counts) == "failed"
    slabs = share_of(counts, 100)
    assert [slab["tone"] for slab in slabs] == ["completed", "failed"]
    assert sum(slab["width"] for slab in slabs) == pytest.approx(100, abs=0.1)
    assert slabs[1]["width"] >= 1.9


def test_attempts_are_the_times_that_a_run_was_running() -> None:
    states = (
        StoredState(StateType.PENDING, "Pending", 0),
        StoredState(RUNNING, "Running", 1),
        StoredState(StateType.SCHEDULED, "AwaitingRetry", 5),
        StoredState(RUNNING, "Retrying", 9),
    )
    attempts = attempts_of(states)
    assert [(attempt.number, attempt.start, attempt.end) for attempt in attempts] == [(1, 1, 5), (2, 9, None)]
    assert attempts[0].outcome == states[2]


def test_modules_that_are_put_together_give_each_name_once() -> None:
    script = bundling.bundle("timeline.js", "report.js")
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", script, re.MULTILINE)
    assert sorted(names) == sorted(set(names))
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    assert script.index("class Sheet") < script.index("class Timeline")


def test_no_script_of_the_pages_makes_markup_from_texts() -> None:
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function")
    found = [path.name for path in Path(bundling.STATIC).rglob("*.js") if ways.search(path.read_text(encoding="utf-8"))]
    assert not found
