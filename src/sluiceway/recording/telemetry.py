"""Telemetry: spans of OpenTelemetry for runs, made of the facts that were written.

A flow run is a span; what it calls are spans within it. Nobody who runs tasks waits for that: the spans are made on
the thread that writes the journal, with the times that the facts tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from opentelemetry import trace

from sluiceway.base.ids import RunId, to_uuid
from sluiceway.base.times import Moment
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    FlowRunReopened,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunReopened,
    TaskRunStarted,
)
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateType

MOST_OPEN = 100_000
"""How many spans are kept open at most; runs beyond have none."""

_UNSUCCESSFUL = (StateType.FAILED, StateType.CRASHED)


class Telemetry:
    """Listens to what was written, and makes spans of it.

    Args:
        tracer: Makes the spans; by default that of the provider that the program has set.
    """

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("sluiceway", version("sluiceway"))
        self._open: dict[RunId, trace.Span] = {}

    def __call__(self, facts: Sequence[Fact]) -> None:
        """Begin and end spans.

        Args:
            facts: What was written.
        """
        for fact in facts:
            if isinstance(fact, TaskRunStarted):
                self._begin(fact.run, fact.called)
                self._tell(fact.run.key, "Running", fact.run.start or fact.called)
            elif isinstance(fact, FlowRunCreated | TaskRunCreated):
                self._begin(fact.run, fact.state.moment)
            elif isinstance(fact, FlowRunMoved | TaskRunMoved):
                self._move(fact.run_key, fact.state, fact.run_count, fact.name)
            elif isinstance(fact, FlowRunReopened | TaskRunReopened):
                self._tell(fact.run_key, fact.state.name, fact.state.moment)

    def close(self) -> None:
        """Let go of the spans that have not ended; nobody hears of them."""
        self._open.clear()

    def _begin(self, run: FlowRun | TaskRun, moment: Moment) -> None:
        stands_for_a_flow_run = isinstance(run, TaskRun) and run.child_flow_run_key is not None
        if stands_for_a_flow_run or len(self._open) >= MOST_OPEN:
            return
        callers = [run.parent_key, run.flow_run_key if isinstance(run, TaskRun) else None]
        parent = next((self._open[key] for key in callers if key is not None and key in self._open), None)
        context = trace.set_span_in_context(parent) if parent is not None else None
        self._open[run.key] = self._tracer.start_span(
            run.flow_name if isinstance(run, FlowRun) else run.task_name,
            context,
            attributes=_attributes(run),
            start_time=_nanoseconds(moment),
        )

    def _move(self, key: RunId, state: State[object], run_count: int, name: str | None) -> None:
        span = self._open.get(key)
        if span is None:
            return
        if name is not None:
            span.set_attribute("sluiceway.run.name", name)
        if not state.is_final():
            self._tell(key, state.name, state.moment)
            return
        del self._open[key]
        span.set_attribute("sluiceway.state", state.name)
        span.set_attribute("sluiceway.run_count", run_count)
        if state.type in _UNSUCCESSFUL:
            span.set_status(trace.StatusCode.ERROR, state.message or state.name)
        elif state.type is StateType.COMPLETED:
            span.set_status(trace.StatusCode.OK)
        span.end(_nanoseconds(state.moment))

    def _tell(self, key: RunId, name: str, moment: Moment) -> None:
        span = self._open.get(key)
        if span is not None:
            span.add_event(name, timestamp=_nanoseconds(moment))


def _attributes(run: FlowRun | TaskRun) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {"sluiceway.run.id": str(to_uuid(run.key))}
    if run.given_name is not None:
        found["sluiceway.run.name"] = run.given_name
    if run.tags:
        found["sluiceway.tags"] = sorted(run.tags)
    if isinstance(run, FlowRun):
        found["sluiceway.flow.name"] = run.flow_name
        if run.flow_version is not None:
            found["sluiceway.flow.version"] = run.flow_version
    else:
        found["sluiceway.task.name"] = run.task_name
    return found


def _nanoseconds(moment: Moment) -> int:
    return moment * 1_000
