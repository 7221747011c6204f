"""The task runs of a flow run as columns, for the timeline: a few dozen bytes each, so that many are no burden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.overview import Step
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import CANCELLING, FINAL_TYPES, PAUSED, SCHEDULED
from sluiceway.ports.store import Store

PAGE = 5_000
"""How many task runs a page has."""

MOST_HISTORIES = 1_000
"""Of how many task runs of a page the states are told one by one, where they ran more than once."""


class Steps(NamedTuple):
    """A page of the task runs of a flow run.

    Args:
        steps: The task runs.
        cursor: What to ask for the next page with; None where this is the last.
    """

    steps: tuple[Step, ...]
    cursor: str | None


def created(key: RunId) -> Moment:
    """Return when a run was created, to the millisecond, as its identifier tells.

    Args:
        key: The run.
    """
    return int.from_bytes(key[:6], "big") * 1_000


def page_of(run: FlowRun, page: Steps, store: Store, now: Moment) -> dict[str, Any]:
    """Return a page of the task runs of a flow run as columns of plain data. Moments are in microseconds.

    Args:
        run: The flow run.
        page: Its task runs.
        store: Where to read the states of those that ran more than once.
        now: The present moment.
    """
    tasks: dict[str, int] = {}
    states: dict[tuple[str, str], int] = {}

    def state_number(kind: str, name: str) -> int:
        return states.setdefault((kind, name), len(states))

    rows = [
        (
            step.key.hex(),
            tasks.setdefault(step.task_name, len(tasks)),
            state_number(step.state_type.value, step.state_name),
            created(step.key) if step.start is None else min(step.start, created(step.key)),
            step.start,
            step.end,
            step.run_count,
            step.name,
            None if step.parent_key is None else step.parent_key.hex(),
            None if step.child_flow_run_key is None else step.child_flow_run_key.hex(),
        )
        for step in page.steps
    ]
    names = ("key", "task", "state", "created", "start", "end", "count", "label", "parent", "child")
    columns: dict[str, Any] = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    return {
        "now": now,
        "run": run_column(run),
        **({name: [] for name in names} | columns),
        "inputs": {at: [key.hex() for key in step.upstream] for at, step in enumerate(page.steps) if step.upstream},
        "segments": {
            at: [[state_number(kind, name), moment] for kind, name, moment in history]
            for at, history in _histories(page.steps, store)
        },
        "tasks": list(tasks),
        "states": [list(state) for state in states],
        "cursor": page.cursor,
    }


def run_column(run: FlowRun) -> dict[str, Any]:
    """Return what the timeline has to know of the flow run itself.

    Args:
        run: The flow run.
    """
    over = run.state_type in FINAL_TYPES
    began = created(run.key)
    return {
        "key": run.key.hex(),
        "label": f"{run.flow_name} / {run.name}",
        "created": began,
        "start": run.start,
        "end": (run.end or run.start or began) if over else None,
        "state": None if run.state is None else [run.state.type.value, run.state.name],
    }


def _histories(steps: Sequence[Step], store: Store) -> Iterable[tuple[int, list[tuple[str, str, Moment]]]]:
    """Yield the states of the task runs that were not simply called and run: place and states."""
    places = {
        step.key: at
        for at, step in enumerate(steps)
        if step.run_count > 1 or step.state_type in (PAUSED, SCHEDULED, CANCELLING)
    }
    chosen = list(places)[:MOST_HISTORIES]
    if not chosen:
        return
    for key, history in store.read_histories(chosen).items():
        yield places[key], [(state.type.value, state.name, state.moment) for state in history]
