"""Progress of runs under way: bars on a terminal, lines in a pipe."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sluiceway import flow
from sluiceway.base import ids, times
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    LogWritten,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateType
from sluiceway.recording.progress import Board, LiveDisplay, PlainDisplay, RunTally, display_on, picture
from sluiceway.testing import Harness
from sluiceway.wiring.progress import show_progress
from tests.cli.scribe import state_at

PENDING, RUNNING = StateType.PENDING, StateType.RUNNING
COMPLETED, FAILED = StateType.COMPLETED, StateType.FAILED


def move(key: ids.RunId, kind: StateType, name: str | None = None, *, flow: bool = False) -> Fact:
    """Return the fact that a run came into a state."""
    state = state_at(times.now(), kind, name)
    return FlowRunMoved(key, state, 1) if flow else TaskRunMoved(key, state, 1)


class Story:
    """A flow run under way, and the facts about it."""

    def __init__(self, name: str = "census", parent: FlowRun | None = None) -> None:
        self.run = FlowRun(ids.new_id(), name, name=f"{name}-run")
        self.run.parent_key = None if parent is None else parent.key
        self.begin: list[Fact] = [
            FlowRunCreated(self.run, state_at(times.now(), PENDING)),
            move(self.run.key, RUNNING, flow=True),
        ]
        self.end: list[Fact] = [move(self.run.key, COMPLETED, flow=True)]

    def calls(self, count: int, task: str = "parse") -> list[TaskRun]:
        return [TaskRun(ids.new_id(), task, task, self.run.key) for _ in range(count)]


def board_of(*facts: Fact) -> tuple[Board, RunTally]:
    """Return the board after some facts, and its only root run."""
    board = Board()
    for fact in facts:
        board.take(fact)
    (root,) = board.roots.values()
    return board, root


def submitted(calls: list[TaskRun]) -> list[Fact]:
    return [TaskRunCreated(call, state_at(times.now(), PENDING)) for call in calls]


def counts(root: RunTally, task: str = "parse") -> tuple[int, int, int, int, int]:
    tally = root.tasks[task]
    return tally.total, tally.running, tally.ended, tally.failed, tally.cached


def test_calls_are_counted_by_task_as_they_move() -> None:
    story = Story()
    one, two, three, four = calls = story.calls(4)
    facts = [*story.begin, *submitted(calls)]
    facts += [move(one.key, RUNNING), move(two.key, RUNNING), move(three.key, RUNNING)]
    facts += [move(one.key, COMPLETED), move(two.key, FAILED)]
    _, root = board_of(*facts)
    assert counts(root) == (4, 1, 2, 1, 0)
    assert root.tasks["parse"].note == "1 running, 1 failed"
    assert four.key != three.key


def test_a_call_that_started_at_once_is_running() -> None:
    story = Story()
    (call,) = story.calls(1)
    board, root = board_of(*story.begin, TaskRunStarted(call, times.now()))
    assert counts(root) == (1, 1, 0, 0, 0)
    board.take(move(call.key, COMPLETED, "Cached"))
    assert counts(root) == (1, 0, 1, 0, 1)


def test_a_retry_does_not_count_twice() -> None:
    story = Story()
    (call,) = story.calls(1)
    facts = [*story.begin, *submitted([call]), move(call.key, RUNNING)]
    facts += [move(call.key, StateType.SCHEDULED, "AwaitingRetry"), move(call.key, RUNNING, "Retrying")]
    board, root = board_of(*facts)
    assert counts(root) == (1, 1, 0, 0, 0)
    board.take(move(call.key, COMPLETED))
    assert counts(root) == (1, 0, 1, 0, 0)


def test_a_call_that_never_became_ready_has_ended_unsuccessfully() -> None:
    story = Story()
    (call,) = story.calls(1)
    _, root = board_of(*story.begin, *submitted([call]), move(call.key, PENDING, "NotReady"))
    assert counts(root) == (1, 0, 1, 1, 0)


def test_child_runs_are_counted_once_although_a_task_run_stands_for_each() -> None:
    story = Story()
    child = Story("draw", parent=story.run)
    stand_in = TaskRun(ids.new_id(), "draw", "draw", story.run.key)
    stand_in.child_flow_run_key = child.run.key
    board, root = board_of(*story.begin, *submitted([stand_in]), *child.begin)
    assert root.tasks == {}
    assert (root.flows["draw"].total, root.flows["draw"].running) == (1, 1)
    assert len(root.children) == 1
    for fact in child.end:
        board.take(fact)
    assert (root.flows["draw"].ended, root.flows["draw"].running) == (1, 0)
    assert root.children == {}


def test_tasks_outside_flows_and_other_facts_are_passed_over() -> None:
    board = Board()
    lone = TaskRun(ids.new_id(), "lone", "lone")
    line = LogWritten(None, lone.key, 0, 20, "x", "y")
    assert [board.take(fact) for fact in (TaskRunStarted(lone, times.now()), move(lone.key, COMPLETED), line)] == [
        None
    ] * 3
    assert board.roots == {}


def test_a_board_keeps_nothing_of_runs_that_have_ended() -> None:
    board = Board()
    story = Story()
    child = Story("draw", parent=story.run)
    calls = story.calls(100)
    facts = [*story.begin, *submitted(calls), *child.begin, *child.end]
    facts += [move(call.key, COMPLETED) for call in calls]
    assert [board.take(fact) for fact in facts] == [None] * len(facts)
    (ended,) = [board.take(fact) for fact in story.end]
    assert ended is not None
    assert ended.name == "census-run"
    assert (board.roots, board._runs, board._calls) == ({}, {}, {})


# --- lines --------------------------------------------------------------------------------------------------


def test_in_a_pipe_the_end_of_a_run_is_a_line() -> None:
    out = io.StringIO()
    display = PlainDisplay(out)
    story = Story()
    calls = story.calls(3)
    display([*story.begin, *submitted(calls), *(move(call.key, COMPLETED) for call in calls)])
    assert out.getvalue() == ""
    display(story.end)
    assert re.fullmatch(r"census / census-run: Completed after .*; parse 3/3\n", out.getvalue())


def test_in_a_pipe_a_run_that_takes_long_is_a_line_now_and_then() -> None:
    out = io.StringIO()
    display = PlainDisplay(out, every=0)
    story = Story()
    calls = story.calls(3)
    display([*story.begin, *submitted(calls)])
    display([move(calls[0].key, FAILED)])
    first, second = out.getvalue().splitlines()
    assert re.fullmatch(r"census / census-run: Running for .*; parse 0/3", first)
    assert re.fullmatch(r"census / census-run: Running for .*; parse 1/3 \(1 failed\)", second)
    display.close()
    display(story.end)
    assert len(out.getvalue().splitlines()) == 2


def test_a_pipe_that_is_no_longer_read_does_not_disturb_the_run() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    display = PlainDisplay(Closed())
    story = Story()
    display([*story.begin, *story.end])
    assert display._board.roots == {}


def test_a_stream_that_was_closed_does_not_disturb_the_run() -> None:
    stream = io.StringIO()
    display = PlainDisplay(stream)
    stream.close()
    story = Story()
    display([*story.begin, *story.end])
    assert display._board.roots == {}


# --- bars ---------------------------------------------------------------------------------------------------


def drawn(run: RunTally, width: int) -> list[str]:
    """Return the picture of a run as it stands on a terminal of some width."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(picture(run, width))
    return [line.rstrip() for line in capture.get().splitlines()]


def under_way() -> RunTally:
    """Return the tally of a run with two tasks and a child run that is under way."""
    story = Story()
    parse, join = story.calls(1200), story.calls(1, "join")
    child = Story("draw", parent=story.run)
    facts = [*story.begin, *submitted([*parse, *join]), *child.begin]
    facts += [move(call.key, RUNNING) for call in parse[:604]]
    facts += [move(call.key, COMPLETED) for call in parse[:598]]
    facts += [move(call.key, FAILED) for call in parse[598:600]]
    return board_of(*facts, *submitted(child.calls(2, "axes")))[1]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_run_is_a_tree_with_a_bar_for_each_task(width: int) -> None:
    title, parse, join, child, axes = drawn(under_way(), width)
    assert title.startswith("▶ census / census-run")
    assert "Running" in title
    assert parse.startswith("├─ parse")
    assert "━" in parse
    assert "600/1,200" in parse
    assert join.startswith("├─ join")
    assert child.startswith("└─ ▶ draw / draw-run")
    assert axes.startswith("   └─ axes")
    assert all(len(line) <= width for line in (title, parse, join, child, axes))


def test_the_note_beside_a_bar_tells_what_runs_and_what_failed() -> None:
    assert drawn(under_way(), 120)[1].endswith("600/1,200 4 running, 2 failed")


def test_an_ended_run_is_left_on_the_terminal() -> None:
    out = io.StringIO()
    display = LiveDisplay(Console(file=out, width=80, force_terminal=True, color_system=None))
    story = Story()
    (call,) = story.calls(1)
    display([*story.begin, TaskRunStarted(call, times.now())])
    display([move(call.key, COMPLETED), *story.end])
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "✔ census / census-run" in text
    assert "1/1" in text
    assert out.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in out.getvalue()  # the cursor is shown again


def test_closing_in_the_middle_of_a_run_gives_the_cursor_back() -> None:
    out = io.StringIO()
    display = LiveDisplay(Console(file=out, width=80, force_terminal=True, color_system=None))
    display(Story().begin)
    display.close()
    display.close()
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1


# --- where ----------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_for_terminals_and_lines_for_pipes_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    assert isinstance(display_on(Terminal()), LiveDisplay)
    assert display_on(io.StringIO()) is None
    assert isinstance(display_on(io.StringIO(), lines_in_pipe=True), PlainDisplay)


def test_there_are_no_bars_where_the_output_goes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert display_on(Terminal()) is None
    assert isinstance(display_on(Terminal(), lines_in_pipe=True), PlainDisplay)


def test_lines_that_are_printed_meanwhile_are_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Terminal()
    monkeypatch.setattr("sys.stdout", Terminal())
    display = display_on(out)
    assert display is not None
    story = Story()
    display(story.begin)
    print("long " * 100)
    display(story.end)
    assert "long " * 99 in out.getvalue()


def test_the_process_shows_progress_of_its_flows_to_its_end(place: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    out, at_exit = Terminal(), []
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setattr("sys.stderr", out)
    monkeypatch.setattr("atexit.register", lambda *call: at_exit.append(call))
    recorder = place.services.recorder
    before = list(recorder.listeners)
    show_progress(recorder)
    assert len(recorder.listeners) == len(before) + 1

    @flow
    def counted() -> None: ...

    counted()
    ((end, *arguments),) = at_exit
    end(*arguments)
    assert "counted" in out.getvalue()
    assert recorder.listeners == before


def test_a_process_without_a_terminal_shows_no_progress(place: Harness) -> None:
    before = list(place.services.recorder.listeners)
    show_progress(place.services.recorder)
    assert place.services.recorder.listeners == before


def test_names_that_would_break_lines_are_spelled_out() -> None:
    story = Story("two\nlines")
    stream = io.StringIO()
    display = PlainDisplay(stream, every=0)
    display([*story.begin, *(TaskRunStarted(run, times.now()) for run in story.calls(1, "t\x1b[31m"))])
    lines = stream.getvalue().splitlines()
    assert lines
    assert all(line.startswith(r"two\nlines / two\nlines-run: ") for line in lines)
    assert r"t\x1b[31m 0/1" in lines[-1]
    board, root = board_of(*story.begin)
    console = Console(file=io.StringIO(), width=80)
    console.print(picture(root, 80))
    assert r"two\nlines" in console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert board.roots
