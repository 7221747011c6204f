"""The flow run that a page is about: its heading, which all its tabs have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sluiceway.base.ids import RunId
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import FINAL_TYPES, StateType
from sluiceway.ports.store import Store
from sluiceway.server.pages.frame import render

TABS: tuple[tuple[str, str, str], ...] = (
    ("timeline", "Timeline", ""),
    ("graph", "Graph", "/graph"),
    ("steps", "Steps", "/steps"),
    ("logs", "Logs", "/logs"),
    ("data", "Inputs and outputs", "/data"),
    ("artifacts", "Artifacts", "/artifacts"),
    ("code", "Code", "/code"),
    ("history", "History", "/history"),
)
"""The tabs of a run: name, title, and what their addresses end with."""

UNSUCCESSFUL = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)

_TRACEBACK = "Traceback (most recent call last)"
_ERRORS_READ = 20


MANY_STEPS = 10_000
COUNTED_SECONDS = 10.0
"""From how many steps on their number is kept, and for how long."""

MOST_COUNTED = 100


class _Counted(NamedTuple):
    """How many task runs a flow run has.

    Args:
        of: Of which store and which attempt that is.
        until: Until when it is told, on the monotonic clock.
        counts: How many, by task and name of state.
    """

    of: tuple[object, ...]
    until: float
    counts: Mapping[tuple[str, str], int]


_counted: dict[RunId, _Counted] = {}


class Trouble(NamedTuple):
    """Why a run did not complete.

    Args:
        message: What its state tells.
        traceback: The traceback that it logged, if it did.
    """

    message: str
    traceback: str | None


class Subject(NamedTuple):
    """A flow run, and what the heading tells beside it.

    Args:
        run: The run.
        parent: The run that called it.
        root: The outermost run that it belongs to; None where that is itself.
        holder: The process that has it in hand.
        counts: How many task runs there are, by type of state.
        children: How many flow runs it has called.
        trouble: Why it did not complete.
    """

    run: FlowRun
    parent: FlowRun | None
    root: FlowRun | None
    holder: ProcessInfo | None
    counts: dict[StateType, int]
    children: int
    trouble: Trouble | None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.run.state_type in FINAL_TYPES

    @property
    def total(self) -> int:
        """How many task runs there are."""
        return sum(self.counts.values())


def key_of(text: str) -> RunId:
    """Return the identifier that an address names.

    Args:
        text: The identifier, with dashes or without.

    Raises:
        HTTPException: It is none.
    """
    try:
        return UUID(text).bytes
    except ValueError:
        raise HTTPException(404, f"{text!r} is no identifier of a run. Look it up among the runs.") from None


def flow_run_of(store: Store, text: str) -> FlowRun:
    """Return the flow run that an address names.

    Args:
        store: The journal.
        text: The identifier.

    Raises:
        HTTPException: There is none.
    """
    run = store.read_flow_run(key_of(text))
    if run is None:
        raise HTTPException(404, f"There is no flow run {text}. It may have been removed.")
    return run


def task_run_of(store: Store, run: FlowRun, text: str) -> TaskRun:
    """Return the step of a flow run that an address names.

    Args:
        store: The journal.
        run: The flow run.
        text: The identifier of the task run.

    Raises:
        HTTPException: There is none.
    """
    step = store.read_task_run(key_of(text))
    if step is None or step.flow_run_key != run.key:
        raise HTTPException(404, f"Flow run {run.name} has no step {text}. It may have been removed.")
    return step


def subject_of(store: Store, run: FlowRun) -> Subject:
    """Return a flow run with what its heading tells.

    Args:
        store: The journal.
        run: The flow run.
    """
    types = _types_of_names()
    counts: dict[StateType, int] = {}
    for (_, name), count in step_counts(store, run).items():
        kind = types.get(name, StateType.COMPLETED)
        counts[kind] = counts.get(kind, 0) + count
    return Subject(
        run,
        None if run.parent_key is None else store.read_flow_run(run.parent_key),
        None if run.root_key == run.key else store.read_flow_run(run.root_key),
        store.read_holder(run.root_key),
        counts,
        store.count_flow_runs(FlowRunQuery(parent=run.key)),
        trouble_of(store, run),
    )


def step_counts(store: Store, run: FlowRun) -> Mapping[tuple[str, str], int]:
    """Return how many task runs a flow run has, by task and name of state.

    To count very many takes long, and all tabs of a run tell it; of a run that has ended it may be a few seconds old.

    Args:
        store: The journal.
        run: The flow run.
    """
    known = _counted.get(run.key)
    now = time.monotonic()
    if known is not None and known.of == (id(store), run.epoch, run.end) and now < known.until:
        return known.counts
    counts = store.count_task_runs_by_state(run.key)
    if run.end is not None and sum(counts.values()) >= MANY_STEPS:
        if len(_counted) >= MOST_COUNTED:
            _counted.clear()
        _counted[run.key] = _Counted((id(store), run.epoch, run.end), now + COUNTED_SECONDS, counts)
    return counts


def _types_of_names() -> dict[str, StateType]:
    """Return the type that names of states stand for."""
    special = {
        "Cached": StateType.COMPLETED,
        "TimedOut": StateType.FAILED,
        "AwaitingRetry": StateType.SCHEDULED,
        "Retrying": StateType.RUNNING,
        "NotReady": StateType.PENDING,
        "RolledBack": StateType.COMPLETED,
        "Suspended": StateType.PAUSED,
        "Late": StateType.SCHEDULED,
        "Resuming": StateType.SCHEDULED,
    }
    return {kind.value.capitalize(): kind for kind in StateType} | special


def trouble_of(store: Store, run: FlowRun | TaskRun) -> Trouble | None:
    """Return why a run did not complete; None where it did, or has not ended.

    Args:
        store: The journal.
        run: The run.
    """
    state = run.state
    if state is None or state.type not in UNSUCCESSFUL:
        return None
    own = LogQuery(flow_run_keys=(run.key,)) if isinstance(run, FlowRun) else LogQuery(task_run_keys=(run.key,))
    errors = store.read_logs(own._replace(level_at_least=40), limit=_ERRORS_READ, newest_first=True)
    for line in errors.items:
        if (isinstance(run, TaskRun) or line.task_run_key is None) and _TRACEBACK in line.message:
            start = line.message.index(_TRACEBACK)
            return Trouble(state.message or state.name, line.message[start:].rstrip())
    return Trouble(state.message or state.name, None)


def render_tab(request: Request, store: Store, run: FlowRun, tab: str, **values: Any) -> HTMLResponse:
    """Return a page of a run.

    Args:
        request: The request that is answered.
        store: The journal.
        run: The flow run.
        tab: One of `TABS`, whose template is named after it.
        values: What the template shows.
    """
    title = next(label for name, label, _ in TABS if name == tab)
    return render(
        request,
        f"run/{tab}.html",
        title=f"{run.flow_name} / {run.name} · {title}",
        section="runs",
        subject=subject_of(store, run),
        run=run,
        here=f"/runs/{run.id}",
        tab=tab,
        tabs=TABS,
        **values,
    )


def children_of(store: Store, run: FlowRun, limit: int) -> tuple[FlowRun, ...]:
    """Return the flow runs that a flow run has called, the oldest first.

    Args:
        store: The journal.
        run: The flow run.
        limit: How many at most.
    """
    return store.read_flow_runs(FlowRunQuery(parent=run.key), order=RunOrder.OLDEST_FIRST, limit=limit).items
