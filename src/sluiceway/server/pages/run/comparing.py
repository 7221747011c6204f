"""Two runs side by side: what differs, and which steps took longer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base import times
from sluiceway.base.times import Moment
from sluiceway.model.overview import Step
from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import FINAL_TYPES, StateType
from sluiceway.ports.store import Store
from sluiceway.server.pages.frame import render
from sluiceway.server.pages.run.subject import flow_run_of, trouble_of
from sluiceway.server.pages.sorting import RUNS, arrange
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

MOST_STEPS = 10_000
"""How many steps of each run are looked at."""

OFFERED = 30
"""How many other runs of the flow are offered to compare with."""

NOTABLE = 0.1
"""From which change of a duration on it is marked: by a tenth, and at least 10 ms."""

_LEAST = 10_000


class Fact(NamedTuple):
    """Something that is told of both runs.

    Args:
        label: What it is.
        left: What it is of the first run; None where it has none.
        right: What it is of the second run.
    """

    label: str
    left: Any
    right: Any

    @property
    def differs(self) -> bool:
        """Whether it is not the same of both."""
        return bool(self.left != self.right)


class Side(NamedTuple):
    """The runs of a task within a flow run.

    Args:
        runs: How many there are.
        total: How long they took, together, in microseconds.
        states: How many are in which state, by type and name.
    """

    runs: int
    total: int
    states: tuple[tuple[StateType, str, int], ...]

    @property
    def mean(self) -> float:
        """How long one of them took."""
        return self.total / self.runs if self.runs else 0.0


NOBODY = Side(0, 0, ())
"""What stands for a task that a run has not called."""


class TaskRow(NamedTuple):
    """A task in both runs.

    Args:
        name: The name of the task.
        left: Its runs in the first flow run.
        right: Its runs in the second.
    """

    name: str
    left: Side
    right: Side

    @property
    def change(self) -> float | None:
        """By which part the second took longer than the first; None where one of them has none."""
        if not self.left.runs or not self.right.runs or not self.left.total:
            return None
        return (self.right.total - self.left.total) / self.left.total

    @property
    def slower(self) -> bool:
        """Whether the second took notably longer."""
        return self._notable and self.right.total > self.left.total

    @property
    def faster(self) -> bool:
        """Whether the second took notably less long."""
        return self._notable and self.right.total < self.left.total

    @property
    def _notable(self) -> bool:
        change = self.change
        return change is not None and abs(change) >= NOTABLE and abs(self.right.total - self.left.total) >= _LEAST

    @property
    def differs(self) -> bool:
        """Whether other states, another number, or notably other durations came of it."""
        return self.left.states != self.right.states or self.left.runs != self.right.runs or self._notable


def tasks_of(left: Iterable[Step], right: Iterable[Step], now: Moment) -> list[TaskRow]:
    """Return the tasks of two runs, each with what came of it in both, in the order in which they were called.

    Args:
        left: The steps of the first run.
        right: Those of the second.
        now: The present moment, for steps that have not ended.
    """
    first, second = _by_task(left), _by_task(right)
    names = [*first, *(name for name in second if name not in first)]
    return [TaskRow(name, _side(first.get(name, ()), now), _side(second.get(name, ()), now)) for name in names]


def _by_task(steps: Iterable[Step]) -> dict[str, list[Step]]:
    tasks: dict[str, list[Step]] = {}
    for step in steps:
        tasks.setdefault(step.task_name, []).append(step)
    return tasks


def _side(steps: Sequence[Step], now: Moment) -> Side:
    if not steps:
        return NOBODY
    counts = Counter((step.state_type, step.state_name) for step in steps)
    total = sum(max(0, (step.end or now) - step.start) for step in steps if step.start is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0][1]))
    return Side(len(steps), total, tuple((kind, name, count) for (kind, name), count in ordered))


def parameters_of(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Fact]:
    """Return the parameters of two runs, each with its values as JSON.

    Args:
        left: Those of the first run.
        right: Those of the second.
    """
    names = [*left, *(name for name in right if name not in left)]
    return [Fact(name, *(_shown(side[name]) if name in side else None for side in (left, right))) for name in names]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def facts_of(left: FlowRun, right: FlowRun, store: Store) -> list[Fact]:
    """Return what is told of two runs beside their states, times and parameters.

    Args:
        left: The first run.
        right: The second run.
        store: Where to read their results.
    """
    results = [store.read_result(run.key) for run in (left, right)]
    troubles = [trouble_of(store, run) for run in (left, right)]
    facts = [
        Fact("Flow", left.flow_name, right.flow_name),
        Fact("Version", left.flow_version, right.flow_version),
        Fact("Entrypoint", left.entrypoint, right.entrypoint),
        Fact("Tags", ", ".join(sorted(left.tags)) or None, ", ".join(sorted(right.tags)) or None),
        Fact("Attempts", *(max(run.run_count, run.epoch + 1) for run in (left, right))),
        Fact("Result", *(None if one is None else one.preview or one.why_not for one in results)),
        Fact("Error", *(None if one is None else one.message for one in troubles)),
    ]
    return [fact for fact in facts if fact.left is not None or fact.right is not None]


def took(run: FlowRun, now: Moment) -> int | None:
    """Return how long a run took, or has taken so far, in microseconds; None where it has not started.

    Args:
        run: The run.
        now: The present moment.
    """
    if run.start is None:
        return None
    over = run.state_type in FINAL_TYPES
    return max(0, (run.end or (run.start if over else now)) - run.start)


COLUMNS: Mapping[str, Callable[[TaskRow], Any]] = {
    "task": lambda row: row.name,
    "-took": lambda row: max(row.left.total, row.right.total),
    "-change": lambda row: row.change,
}
"""What the tasks of two runs are sorted by."""


@router.get("/compare")
def compare(request: Request, store: StoreHere) -> Response:
    """Show two runs side by side."""
    given = request.query_params
    left = flow_run_of(store, given["a"]) if given.get("a") else None
    right = flow_run_of(store, given["b"]) if given.get("b") else None
    if left is None or right is None:
        return _offer(request, store, left or right)
    now = times.now()
    pages = [store.read_timeline(run.key, limit=MOST_STEPS) for run in (left, right)]
    rows = tasks_of(pages[0].items, pages[1].items, now)
    return render(
        request,
        "run/compare.html",
        title=f"{left.name} and {right.name}",
        section="runs",
        left=left,
        right=right,
        facts=facts_of(left, right, store),
        parameters=parameters_of(left.parameters, right.parameters),
        tasks=arrange(request, rows, COLUMNS, ""),
        most=max((max(row.left.total, row.right.total) for row in rows), default=1) or 1,
        durations=(took(left, now), took(right, now)),
        cut=any(page.cursor is not None for page in pages),
        most_steps=MOST_STEPS,
        only_differences=given.get("only") == "differences",
    )


def _offer(request: Request, store: Store, run: FlowRun | None) -> Response:
    """Show with which runs one can be compared: the newest ones of its flow."""
    query = FlowRunQuery() if run is None else FlowRunQuery(flow_names=(run.flow_name,))
    runs = store.read_flow_runs(query, limit=OFFERED + 1).items
    return render(
        request,
        "run/compare_with.html",
        title="Compare",
        section="runs",
        run=run,
        runs=arrange(
            request,
            [one for one in runs if run is None or one.key != run.key][:OFFERED],
            {**RUNS, "version": lambda one: one.flow_version},
            "-created",
        ),
    )
