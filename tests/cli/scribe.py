"""Writes runs into a journal as if they had happened, at times of one's choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sluiceway.base import ids, times
from sluiceway.model.facts import Fact, FlowRunCreated, FlowRunMoved, LogWritten, TaskRunCreated, TaskRunMoved
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.ports.store import Store

RUNNING, COMPLETED, FAILED = StateType.RUNNING, StateType.COMPLETED, StateType.FAILED


def key_at(moment: times.Moment) -> ids.RunId:
    """Return a new identifier of a run that was created at a moment."""
    return (moment // 1_000).to_bytes(6, "big") + ids.new_id()[6:]


def state_at(moment: times.Moment, kind: StateType, name: str | None = None, message: str | None = None) -> State[Any]:
    """Return a state that holds since a moment."""
    state: State[Any] = State(kind, name, message)
    state.moment = moment
    return state


class Scribe:
    """Writes runs into a journal.

    Args:
        store: The journal.
        begin: When the first run begins; an hour ago by default.
    """

    def __init__(self, store: Store, begin: times.Moment | None = None) -> None:
        self.store = store
        self.begin = times.now() - 3_600 * times.SECOND if begin is None else begin

    def flow_run(
        self,
        flow: str = "census",
        name: str | None = None,
        *,
        at: float = 0.0,
        took: float | None = 10.0,
        state: StateType = COMPLETED,
        state_name: str | None = None,
        message: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        tags: frozenset[str] = frozenset(),
        parent: FlowRun | None = None,
        result: StoredResult | None = None,
    ) -> FlowRun:
        """Write a flow run; one that has not ended where `took` is None."""
        start = self.begin + round(at * times.SECOND)
        run = FlowRun(key_at(start), flow, "v1", name, parameters, tags)
        if parent is not None:
            run.parent_key, run.root_key = parent.key, parent.root_key
        facts: list[Fact] = [
            FlowRunCreated(run, state_at(start, StateType.PENDING)),
            FlowRunMoved(run.key, state_at(start, RUNNING), 1),
        ]
        if took is not None:
            end = state_at(start + round(took * times.SECOND), state, state_name, message)
            facts.append(FlowRunMoved(run.key, end, 1, result))
        self.store.write(facts)
        return run

    def task_run(
        self,
        within: FlowRun | None,
        task: str = "parse",
        name: str | None = None,
        *,
        at: float = 0.0,
        took: float | None = 1.0,
        state: StateType = COMPLETED,
        state_name: str | None = None,
        message: str | None = None,
        caller: TaskRun | None = None,
        child: FlowRun | None = None,
        call: str | None = None,
        inputs: Mapping[str, tuple[ids.RunId, ...]] | None = None,
        tags: frozenset[str] = frozenset(),
        run_count: int = 1,
    ) -> TaskRun:
        """Write a task run; one that has not ended where `took` is None."""
        start = self.begin + round(at * times.SECOND)
        run = TaskRun(key_at(start), f"{task}-0", task, None if within is None else within.key, name, tags)
        run.parent_key = None if caller is None else caller.key
        run.child_flow_run_key = None if child is None else child.key
        run.call_preview, run.inputs = call, inputs
        facts: list[Fact] = [
            TaskRunCreated(run, state_at(start, StateType.PENDING)),
            TaskRunMoved(run.key, state_at(start, RUNNING), run_count),
        ]
        if took is not None:
            end = state_at(start + round(took * times.SECOND), state, state_name, message)
            facts.append(TaskRunMoved(run.key, end, run_count))
        self.store.write(facts)
        return run

    def log(
        self,
        flow_run: FlowRun | None,
        message: str,
        *,
        task_run: TaskRun | None = None,
        level: int = 20,
        at: float = 0.0,
    ) -> None:
        """Write a log line."""
        line = LogWritten(
            None if flow_run is None else flow_run.key,
            None if task_run is None else task_run.key,
            self.begin + round(at * times.SECOND),
            level,
            "sluiceway.flow_runs",
            message,
        )
        self.store.write([line])
