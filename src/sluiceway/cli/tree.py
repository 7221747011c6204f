"""The outline of a run as lines: a tree, states, durations and bars on a time axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from sluiceway.base import times
from sluiceway.cli.outline import Fan, Node, Step
from sluiceway.cli.printing import duration_of, state_text
from sluiceway.cli.timeline import Axis
from sluiceway.model.appearance import look_of
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType

DURATION_WIDTH = 8
LEAST_AXIS = 12
GREATEST_AXIS = 60

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
        bar: Its bar on the axis.
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
    note: str
    indent: str


def lines(run: FlowRun, nodes: list[Node], width: int, now: times.Moment) -> Iterator[Text]:
    """Yield the tree of a run, line by line.

    Args:
        run: The flow run.
        nodes: What it called.
        width: The width of the terminal in characters.
        now: The present moment, for what has not ended.
    """
    rows = list(_rows(nodes, "", now))
    label_width = max((cell_len(row.label.plain) for row in rows), default=0)
    state_width = max((cell_len(row.state.plain) for row in rows), default=0)
    spare = width - state_width - DURATION_WIDTH - 6
    label_width = max(12, min(label_width, spare - LEAST_AXIS))
    axis_width = min(GREATEST_AXIS, spare - label_width)
    start = run.start or times.from_datetime(run.created)
    axis = Axis(start, max([run.end or now, *(row.end for row in rows)]), max(0, axis_width))
    gap = "  "
    yield Text.assemble(
        ("Task".ljust(label_width), "dim"),
        gap,
        ("State".ljust(state_width), "dim"),
        gap,
        ("Took".rjust(DURATION_WIDTH), "dim"),
        gap,
        (axis.scale() if axis.width >= LEAST_AXIS else "", "dim"),
    )
    for row in rows:
        row.label.truncate(label_width, overflow="ellipsis", pad=True)
        row.state.truncate(state_width, overflow="ellipsis", pad=True)
        bar = axis.bar(row.start, row.end) if axis.width >= LEAST_AXIS else ""
        duration = row.duration.rjust(DURATION_WIDTH)
        yield Text.assemble(row.label, gap, row.state, gap, duration, gap, (bar, row.colour))
        if row.note:
            note = Text.assemble(row.indent, (row.note, "red1"))
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
        indent = inner + ("│  " if node.below else "   ")
        row = _fan_row(node, now) if isinstance(node, Fan) else _step_row(node, now)
        yield row._replace(label=Text.assemble((above + branch, "dim"), row.label), indent=indent)
        yield from _rows(node.below, inner, now)


def _step_row(step: Step, now: times.Moment) -> _Row:
    run = step.run
    label = Text(run.name)
    if step.child is not None:
        label = Text.assemble((step.child.flow_name, "bold"), f" / {step.child.name}")
    elif run.call_preview:
        label.append(f"  {run.call_preview}", style="dim")
    if run.run_count > 1:
        label.append(f"  ↻{run.run_count}", style="yellow3")
    state = run.state
    failed = state is not None and (state.is_failed() or state.is_crashed() or state.is_cancelled())
    look = None if state is None else look_of(state.type, state.name)
    return _Row(
        label,
        state_text(state),
        duration_of(run, now),
        run.start,
        run.end or now,
        "" if look is None else look.colour,
        (state.message or "").splitlines()[0] if failed and state is not None and state.message else "",
        "",
    )


def _fan_row(fan: Fan, now: times.Moment) -> _Row:
    label = Text.assemble(fan.task_name, (f"  ×{fan.total:,}", "bold"))
    state = Text("  ").join(
        Text(f"{look.mark} {count:,} {name}", style=look.colour)
        for name, count in fan.states.most_common()
        for look in (look_of(_TYPE_OF_NAME.get(name, StateType.COMPLETED), name),)
    )
    end = fan.end or now
    took = "–" if fan.start is None else times.duration_text(max(0, end - fan.start) / times.SECOND)
    colour = "red1" if fan.below else look_of(StateType.COMPLETED).colour
    return _Row(label, state, took, fan.start, end, colour, "", "")
