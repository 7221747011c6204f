"""Runs, states and facts for the tests of stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import Moment
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    LogWritten,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateDetails, StateType

NOON: Moment = 1_767_268_800_000_000
"""2026-01-01T12:00:00Z."""

FLOW_KEY, TASK_NAME = "orders", "load"


def key_at(moment: Moment, number: int = 0) -> RunId:
    """Return the identifier of a run that was created at a moment."""
    return (moment // 1_000).to_bytes(6, "big") + (0x7 << 76 | 0b10 << 62 | number << 40).to_bytes(10, "big")


def state(
    kind: StateType,
    at: Moment = NOON,
    name: str | None = None,
    message: str | None = None,
    details: StateDetails | None = None,
) -> State[Any]:
    """Return a state since a moment."""
    made: State[Any] = State(kind, name, message, state_details=details)
    made.moment = at
    return made


def flow_run(flow: str = FLOW_KEY, *, key: RunId | None = None, **changes: Any) -> FlowRun:
    """Return a flow run, with attributes set."""
    run = FlowRun(key or new_id(), flow)
    for name, value in changes.items():
        setattr(run, name, value)
    return run


def task_run(
    parent: FlowRun | None = None, task: str = TASK_NAME, *, key: RunId | None = None, **changes: Any
) -> TaskRun:
    """Return a task run, with attributes set."""
    run = TaskRun(key or new_id(), f"{task}-key", task, None if parent is None else parent.key)
    for name, value in changes.items():
        setattr(run, name, value)
    return run


def flow_facts(run: FlowRun, *kinds: StateType, at: Moment = NOON, result: StoredResult | None = None) -> list[Fact]:
    """Return the facts of a flow run that goes through states, a second apart; the result is of the last."""
    first, *later = _lives(kinds, at)
    moves = [FlowRunMoved(run.key, move, 1, result if move is later[-1] else None) for move in later]
    return [FlowRunCreated(run, first), *moves]


def task_facts(run: TaskRun, *kinds: StateType, at: Moment = NOON, result: StoredResult | None = None) -> list[Fact]:
    """Return the facts of a task run that goes through states, a second apart; the result is of the last."""
    first, *later = _lives(kinds, at)
    moves = [TaskRunMoved(run.key, move, 1, result if move is later[-1] else None) for move in later]
    return [TaskRunCreated(run, first), *moves]


def _lives(kinds: Sequence[StateType], at: Moment) -> list[State[Any]]:
    kinds = kinds or (StateType.PENDING,)
    return [state(kind, at + number * 1_000_000) for number, kind in enumerate(kinds)]


def finished_task_facts(run: TaskRun, at: Moment = NOON, result: StoredResult = NOTHING) -> list[Fact]:
    """Return the facts of a task that ran at once, as nearly all do."""
    run.start = at
    return [TaskRunStarted(run, at), TaskRunMoved(run.key, state(StateType.COMPLETED, at + 5_000), 1, result)]


def log_line(
    message: str,
    flow: FlowRun | None = None,
    task: TaskRun | None = None,
    *,
    level: int = 20,
    at: Moment = NOON,
) -> LogWritten:
    """Return the fact of a log line."""
    return LogWritten(
        None if flow is None else flow.key, None if task is None else task.key, at, level, "runs", message
    )
