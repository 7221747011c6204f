"""`sluiceway show`: one run, its tasks, times, states and error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sluiceway.base import times
from sluiceway.cli import outline
from sluiceway.cli.timeline import Axis
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from tests.cli.scribe import Scribe

FAILED = StateType.FAILED

TRACEBACK = """Encountered exception during execution: ValueError('bad line')
Traceback (most recent call last):
  File "census.py", line 12, in census
    parse(path)
  File "census.py", line 4, in parse
    raise ValueError("bad line")
ValueError: bad line"""


@pytest.fixture
def census(scribe: Scribe) -> FlowRun:
    """A run with a large fan-out, of which some failed, two single tasks, and a child run."""
    run = scribe.flow_run(
        "census",
        "brisk-otter",
        took=10.0,
        state=FAILED,
        message="Flow run encountered an exception: ValueError: bad line",
        parameters={"root": "/usr/lib", "limit": 20},
        tags=frozenset({"nightly"}),
        result=StoredResult(blob=b"x", size=1, preview="{'modules': 1204}"),
    )
    listed = scribe.task_run(run, "list-files", "list-files-1", at=0, took=1, call="root='/usr/lib'")
    for number in range(20):
        scribe.task_run(
            run,
            "parse",
            f"parse-{number}",
            at=1 + number / 10,
            took=4,
            state=FAILED if number == 7 else StateType.COMPLETED,
            state_name="Cached" if number % 5 == 1 else None,
            message="Task run encountered an exception ValueError: bad line" if number == 7 else None,
            inputs={"path": (listed.key,)},
        )
    child = scribe.flow_run("draw", "keen-wren", at=7, took=2, parent=run)
    scribe.task_run(run, "draw", "draw-1", at=7, took=2, child=child)
    scribe.task_run(child, "axes", "axes-1", at=7.5, took=1)
    join = scribe.task_run(run, "join", "join-1", at=9, took=None)
    scribe.task_run(run, "merge", "merge-1", at=9.2, took=0.5, caller=join, run_count=3)
    scribe.log(run, TRACEBACK, level=40, at=10)
    return run


def test_the_heading_tells_state_flow_name_and_duration(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    assert printed("show", "brisk-otter")[0] == "✘ Failed  census / brisk-otter  10 s"


def test_the_facts_of_a_run_are_listed(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    facts = {line[:14].strip(): line[14:].strip() for line in printed("show", "brisk-otter")[1:7]}
    assert facts["id"] == str(census.id)
    assert facts["started"].endswith("(1h ago)")
    assert facts["tags"] == "nightly"
    assert facts["parameters"] == 'root = "/usr/lib"'
    assert facts["result"] == "{'modules': 1204}"


def test_the_error_is_shown_with_the_end_of_its_traceback(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    lines = printed("show", "brisk-otter")
    at = lines.index("Flow run encountered an exception: ValueError: bad line")
    assert lines[at + 1].strip() == 'File "census.py", line 12, in census'
    assert lines[at + 5].strip() == "ValueError: bad line"


def test_a_long_traceback_is_cut_at_its_beginning(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    run = scribe.flow_run(state=FAILED, message="It failed.")
    frames = "\n".join(f'  File "deep.py", line {number}, in f\n    f()' for number in range(50))
    scribe.log(run, f"Oh\nTraceback (most recent call last):\n{frames}\nValueError: deep", level=40)
    lines = printed("show")
    at = lines.index("It failed.")
    assert lines[at + 1].strip() == "…"
    assert lines[at + 13].strip() == "ValueError: deep"


def tree(lines: list[str]) -> list[str]:
    """Return the lines of the tree, without its heading."""
    at = next(at for at, line in enumerate(lines) if line.startswith("Task "))
    return lines[at + 1 :]


def test_a_large_fan_out_is_one_line_with_its_states(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    (line,) = [line for line in tree(printed("show", "brisk-otter")) if "×20" in line]
    assert line.startswith("├─ parse  ×20")
    assert "✔ 15  ✔ 4 Cached  ✘ 1 " in line
    assert "5.9 s" in line


def test_examples_of_what_failed_in_a_fan_out_are_below_it(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    lines = tree(printed("show", "brisk-otter"))
    at = next(at for at, line in enumerate(lines) if "×20" in line)
    assert lines[at + 1].startswith("│  └─ parse-7")
    assert lines[at + 2].strip(" │") == "ValueError: bad line"


def test_single_tasks_come_in_the_order_they_began(census: FlowRun, printed: Callable[..., list[str]]) -> None:
    names = [line.lstrip("├└│─ ").split()[0] for line in tree(printed("show", "brisk-otter"))]
    assert [name for name in names if name in ("list-files-1", "parse", "draw", "join-1")] == [
        *("list-files-1", "parse", "draw", "join-1"),
    ]


def test_a_child_run_stands_in_the_place_of_its_task_run_with_its_own_tasks(
    census: FlowRun, printed: Callable[..., list[str]]
) -> None:
    lines = tree(printed("show", "brisk-otter"))
    at = next(at for at, line in enumerate(lines) if "draw / keen-wren" in line)
    assert lines[at + 1].startswith("│  └─ axes-1")
    assert not any("draw-1" in line for line in lines)


def test_a_task_that_a_task_called_stands_below_it_with_its_attempts(
    census: FlowRun, printed: Callable[..., list[str]]
) -> None:
    lines = tree(printed("show", "brisk-otter"))
    assert lines[-2].startswith("└─ join-1")
    assert lines[-1].startswith("   └─ merge-1  ↻3")


def test_bars_stand_where_and_as_long_as_tasks_ran(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    run = scribe.flow_run(took=10)
    scribe.task_run(run, "first", at=0, took=5)
    scribe.task_run(run, "second", at=5, took=5)
    first, second = tree(printed("show"))
    assert first.count("━") == second.count("━") == 30
    assert second.index("━") == first.rindex("━") + 1


def test_an_axis_places_bars_by_time() -> None:
    axis = Axis(0, 10 * times.SECOND, 20)
    assert axis.bar(0, 5 * times.SECOND) == "━" * 10
    assert axis.bar(5 * times.SECOND, 10 * times.SECOND) == " " * 10 + "━" * 10
    assert axis.bar(10 * times.SECOND, 10 * times.SECOND) == " " * 19 + "━"
    assert axis.bar(None, 10 * times.SECOND) == ""
    assert axis.scale() == "0" + "10 s".rjust(19)


def test_a_moment_without_extent_still_has_an_axis() -> None:
    assert Axis(5, 5, 8).bar(5, 5) == "━"


def test_a_run_without_tasks_has_no_tree(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    scribe.flow_run()
    assert not [line for line in printed("show") if line.startswith("Task ")]


def test_a_run_that_has_not_ended_is_shown_as_it_is(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    scribe.flow_run("census", "under-way", took=None)
    assert printed("show", "under-way")[0].startswith("▶ Running  census / under-way")


def test_a_run_that_is_called_by_another_names_it(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    parent = scribe.flow_run("census", "brisk-otter")
    scribe.flow_run("draw", "keen-wren", parent=parent)
    assert any(line.split() == ["called", "by", "census", "/", "brisk-otter"] for line in printed("show", "keen-wren"))


def test_a_task_run_is_shown_with_its_arguments_inputs_and_history(
    scribe: Scribe, printed: Callable[..., list[str]]
) -> None:
    run = scribe.flow_run("census", "brisk-otter")
    first = scribe.task_run(run, "list-files", "list-files-1", at=10)
    scribe.flow_run("later", at=500)
    second = scribe.task_run(run, "parse", "parse-1", at=20, inputs={"path": (first.key,)}, call="path='a.py'")
    lines = [line.strip() for line in printed("show", str(second.id))]
    assert lines[0].startswith("✔ Completed  parse-1")
    assert "arguments   path='a.py'" in lines
    assert "input       path ← list-files-1" in lines
    assert "in          census / brisk-otter" in lines


def test_a_history_of_several_tries_is_listed(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    from sluiceway.model.facts import FlowRunMoved
    from tests.cli.scribe import state_at

    run = scribe.flow_run("census", "stubborn", took=None)
    moves = [(1, StateType.SCHEDULED, "AwaitingRetry", "no"), (2, StateType.RUNNING, "Retrying", None)]
    for second, kind, name, message in moves:
        state = state_at(scribe.begin + second * times.SECOND, kind, name, message)
        scribe.store.write([FlowRunMoved(run.key, state, 2)])
    lines = printed("show", "stubborn")
    listed = [line for line in lines if "AwaitingRetry" in line or "Retrying" in line]
    assert "↻ AwaitingRetry  no" in listed[-2]
    assert "▶ Retrying" in listed[-1]


def test_what_was_not_stored_says_why(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    scribe.flow_run(result=StoredResult(why_not="a lock cannot be pickled"))
    assert any("not stored: a lock cannot be pickled" in line for line in printed("show"))


def test_json_has_counts_task_runs_children_and_history(census: FlowRun, as_data: Callable[..., Any]) -> None:
    data = as_data("show", "brisk-otter")
    assert data["parameters"] == {"root": "/usr/lib", "limit": 20}
    assert {"task": "parse", "state": "Cached", "count": 4} in data["task_counts"]
    assert len(data["task_runs"]) == 24
    assert [child["name"] for child in data["child_runs"]] == ["keen-wren"]
    assert [state["name"] for state in data["history"]] == ["Pending", "Running", "Failed"]
    assert data["result"]["preview"] == "{'modules': 1204}"


def test_a_result_is_never_opened(
    census: FlowRun, place: Any, printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(type(place.services.results), "open", refuse)
    assert printed("show", "brisk-otter")


def test_the_tree_of_a_huge_run_reads_only_what_it_shows(
    scribe: Scribe, printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outline, "MAX_ROWS", 5)
    run = scribe.flow_run()
    for number in range(20):
        scribe.task_run(run, f"task-{number}", at=number / 10)
    lines = printed("show")
    assert len(tree(lines)) == 6
    assert lines[-1] == "… there is more; see all of it with --json"


def test_names_and_messages_have_no_effect_on_the_terminal(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    run = scribe.flow_run(
        "two\nlines", "r\x1b[2J", state=FAILED, message="one \x1b]0;title\x07\ntwo\tthree", tags=frozenset({"\r"})
    )
    scribe.task_run(run, "t\x1bt", "n\nn", state=FAILED, message="\x1b[31mred")
    shown = "\n".join(printed("show", str(run.id)))
    assert not set("\x1b\x07\r").intersection(shown)
    assert r"two\nlines / r\x1b[2J" in shown
    assert "one \\x1b]0;title\\x07\ntwo" in shown
    assert r"n\nn" in shown
    assert r"\x1b[31mred" in shown
