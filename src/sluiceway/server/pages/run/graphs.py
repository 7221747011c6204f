"""The dependency graph of a run, as a picture: many runs of one task are one box."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.model.overview import Step
from sluiceway.model.states import StateType
from sluiceway.rules.layers import Box, Plan, lay_out

GROUP_FROM = 9
"""From how many runs of one task on they are one box, unless it is opened."""

MOST_BOXES = 300
"""How many boxes a graph has at most before tasks of fewer runs are one box each, too."""

MOST_STEPS = 10_000
"""How many task runs are looked at."""


class Part(NamedTuple):
    """A box of the graph.

    Args:
        box: Where it is.
        label: The name of the task run, or that of the task of many.
        key: The task run; None where the box stands for several.
        task_name: The name of the task.
        counts: How many task runs are in which state, by type and name, the most frequent first.
        total: How many there are.
        child: The flow run that the task run stands for.
    """

    box: Box
    label: str
    key: RunId | None
    task_name: str
    counts: list[tuple[StateType, str, int]]
    total: int
    child: RunId | None


class Wire(NamedTuple):
    """A line of the graph.

    Args:
        path: Its way, in the language of SVG.
        before: The place of the part where it begins.
        after: The place of the part where it ends.
    """

    path: str
    before: int
    after: int


class Picture(NamedTuple):
    """A graph that is drawn.

    Args:
        parts: Its boxes.
        wires: Its lines.
        width: The width of all.
        height: The height of all.
    """

    parts: list[Part]
    wires: list[Wire]
    width: float
    height: float


def draw(steps: Sequence[Step], opened: Iterable[str] = ()) -> Picture:
    """Return the dependency graph of task runs; those that other tasks called belong to their callers.

    Args:
        steps: The task runs.
        opened: The names of tasks whose runs have a box each.
    """
    callers = {step.key: step.parent_key for step in steps}
    outer = [step for step in steps if step.parent_key is None]
    groups = _groups(outer, frozenset(opened))
    group_of = {step.key: name for name, members in groups.items() for step in members}
    edges = [
        (group_of[before], group_of[after])
        for step in steps
        for upstream in step.upstream
        if (before := _outermost(upstream, callers)) in group_of
        and (after := _outermost(step.key, callers)) in group_of
    ]
    plan: Plan[str] = lay_out(list(groups), edges)
    places = {name: place for place, name in enumerate(groups)}
    return Picture(
        [_part(members, plan.boxes[name]) for name, members in groups.items()],
        [Wire(_path(points), places[before], places[after]) for (before, after), points in plan.ways.items()],
        plan.width,
        plan.height,
    )


def _outermost(key: RunId, callers: Mapping[RunId, RunId | None]) -> RunId:
    """Return the task run that the flow itself called, below which another one is."""
    while (caller := callers.get(key)) is not None:
        key = caller
    return key


def _groups(steps: Sequence[Step], opened: frozenset[str]) -> dict[str, list[Step]]:
    """Return the task runs by the box that stands for them."""
    totals = Counter(step.task_name for step in steps)
    least = GROUP_FROM
    while least > 2 and sum(1 if total >= least else total for total in totals.values()) > MOST_BOXES:
        least -= 1
    groups: defaultdict[str, list[Step]] = defaultdict(list)
    left = MOST_BOXES
    for step in steps:
        alone = totals[step.task_name] < least or (step.task_name in opened and left > 0)
        left -= alone
        groups[step.key.hex() if alone else f"task {step.task_name}"].append(step)
    return dict(groups)


def _part(members: Sequence[Step], box: Box) -> Part:
    first = members[0]
    counts = Counter((step.state_type, step.state_name) for step in members)
    several = len(members) > 1
    return Part(
        box,
        first.task_name if several else first.name,
        None if several else first.key,
        first.task_name,
        [(kind, name, count) for (kind, name), count in counts.most_common()],
        len(members),
        None if several else first.child_flow_run_key,
    )


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return a line that is level wherever it passes a layer, and bends in between."""
    (x, y), rest = points[0], points[1:]
    commands = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in rest:
        if next_y == y:
            commands.append(f"H{next_x:.1f}")
        else:
            middle = (x + next_x) / 2
            commands.append(f"C{middle:.1f} {y:.1f} {middle:.1f} {next_y:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return " ".join(commands)
