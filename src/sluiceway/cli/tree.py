"""The outline of a run as lines: a tree, states, durations and bars on a time axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from rich.text import Text

from sluiceway.base import times
from sluiceway.base.previews import on_one_line
from sluiceway.cli.outline import UNSUCCESSFUL, Fan, Node, Step
from sluiceway.cli.printing import duration_of, state_text
from sluiceway.cli.timeline import Axis
from sluiceway.model.appearance import look_of
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateType

GAP = "  "
DURATION_WIDTH = 7
LEAST_LABEL = 12
LEAST_AXIS = 12
GREATEST_AXIS = 60

EXCEPTION_PREFIX = "Task run encountered an exception "
"""What the messages of failed task runs begin with, and what a tree need not repeat."""

_TYPE_OF_NAME = {kind.value.capitalize(): kind for kind in StateType} | {
    "Cached": StateType.COMPLETED,
    "TimedOut": StateType.FAILED,
    "AwaitingRetry": StateType.SCHEDULED,
    "Retrying": StateType.RUNNING,
    "NotReady": StateType.PENDING,
}


class _Row(NamedTuple):
    """A line of the tree, not yet laid out.

    Args:
        label: The branches and the name.
        state: The state, or the states of many.
        duration: How long it took.
        start: Where its bar begins.
        end: Where its bar ends.
        colour: The colour of the bar.
        note: What to say below it.
        indent: The branches before the note.
    """

    label: Text
    state: Text
    duration: str
    start: times.Moment | None
    end: times.Moment
    colour: str
    note: str = ""
    indent: str = ""


def lines(run: FlowRun, nodes: list[Node], width: int, now: times.Moment) -> Iterator[Text]:
    """Yield the tree of a run, line by line.

    Args:
        run: The flow run.
        nodes: What it called.
        width: The width of the terminal in characters.
        now: The present moment, for what has not ended.
    """
    rows = list(_rows(nodes, "", now))
    state_width = max((row.state.cell_len for row in rows), default=0)
    spare = width - state_width - DURATION_WIDTH - 3 * len(GAP)
    axis_width = min(GREATEST_AXIS, max(LEAST_AXIS, spare * 2 // 5))
    label_width = min(max((row.label.cell_len for row in rows), default=0), spare - axis_width)
    label_width = max(LEAST_LABEL, label_width)
    axis_width = max(0, min(GREATEST_AXIS, spare - label_width))
    start = run.start or times.from_datetime(run.created)
    axis = Axis(start, max([run.end or now, *(row.end for row in rows)]), axis_width)
    heading = ("Task".ljust(label_width), "State".ljust(state_width), "Took".rjust(DURATION_WIDTH), axis.scale())
    yield Text(GAP.join(heading), style="dim")
    for row in rows:
        row.label.truncate(label_width, overflow="ellipsis", pad=True)
        row.state.truncate(state_width, overflow="ellipsis", pad=True)
        bar = (axis.bar(row.start, row.end), row.colour)
        yield Text.assemble(row.label, GAP, row.state, GAP, row.duration.rjust(DURATION_WIDTH), GAP, bar)
        if row.note:
            note = Text.assemble((row.indent, "dim"), (row.note, "red1"))
            note.truncate(width, overflow="ellipsis")
            yield note


def _rows(nodes: list[Node], above: str, now: times.Moment) -> Iterator[_Row]:
    """Yield the rows of nodes and of what is below them.

    Args:
        nodes: What stands side by side.
        above: The branches of the tree before them.
        now: The present moment.
    """
    for place, node in enumerate(nodes):
        is_last = place == len(nodes) - 1
        branch, below = ("└─ ", "   ") if is_last else ("├─ ", "│  ")
        inner = above + below
        indent = inner + ("│  " if node.below else "  ")
        row = _fan_row(node, now) if isinstance(node, Fan) else _step_row(node, now)
        yield row._replace(label=Text.assemble((above + branch, "dim"), row.label), indent=indent)
        yield from _rows(node.below, inner, now)


def _step_row(step: Step, now: times.Moment) -> _Row:
    run = step.run
    label = Text(on_one_line(run.name))
    if step.child is not None:
        label = Text.assemble((on_one_line(step.child.flow_name), "bold"), f" / {on_one_line(step.child.name)}")
    if run.run_count > 1:
        label.append(f"  ↻{run.run_count}", style="yellow3")
    if step.child is None and run.call_preview:
        label.append(f"  {run.call_preview}", style="dim")
    state = run.state
    colour = "" if state is None else look_of(state.type, state.name).colour
    return _Row(label, state_text(state), duration_of(run, now), run.start, _end_of(run, now), colour, _note(state))


def _end_of(run: TaskRun, now: times.Moment) -> times.Moment:
    """Return where the bar of a run ends; a run that never started has none, and takes no room."""
    return run.end or (now if run.start else 0)


def _note(state: State[Any] | None) -> str:
    """Return why a run did not complete, on one line; nothing for others."""
    if state is None or not state.message or state.type not in UNSUCCESSFUL:
        return ""
    return on_one_line(state.message.splitlines()[0].removeprefix(EXCEPTION_PREFIX))


def _fan_row(fan: Fan, now: times.Moment) -> _Row:
    label = Text.assemble(on_one_line(fan.task_name), (f"  ×{fan.total:,}", "bold"))
    state = Text("  ").join(_share(name, count) for name, count in fan.states.most_common())
    end = fan.end or (now if fan.start else 0)
    took = "–" if fan.start is None else times.duration_text(max(0, end - fan.start) / times.SECOND)
    colour = look_of(StateType.FAILED if fan.below else StateType.COMPLETED).colour
    return _Row(label, state, took, fan.start, end, colour)


def _share(name: str, count: int) -> Text:
    """Return how many of a fan-out are in a state; its mark says which, where the name is that of a type."""
    kind = _TYPE_OF_NAME.get(name, StateType.COMPLETED)
    look = look_of(kind, name)
    plain = name == kind.value.capitalize()
    return Text(f"{look.mark} {count:,}" + ("" if plain else f" {name}"), style=look.colour)
