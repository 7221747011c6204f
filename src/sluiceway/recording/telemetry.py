"""Telemetry: spans of OpenTelemetry for runs, made of the facts that were written.

A flow run is a span; what it calls are spans within it. Nobody who runs tasks waits for that: the spans are made on
the thread that writes the journal, with the times that the facts tell.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.base.masking import masked
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
from sluiceway.ports.store import Store

MOST_OPEN = 100_000
"""How many spans are kept open at most; runs beyond have none."""

OUTERMOST = Context()
"""What a run begins in that no other called: not what the thread that writes happens to be in."""

_UNSUCCESSFUL = (StateType.FAILED, StateType.CRASHED)

_logger = logging.getLogger("sluiceway.telemetry")


class Telemetry:
    """Listens to what was written, and makes spans of it.

    Args:
        store: Tells of runs that go on here, and were created by another process or before.
        tracer: Makes the spans; by default that of the provider that the program has set.
        at_first: Called before the first span begins.
    """

    def __init__(
        self, store: Store, tracer: trace.Tracer | None = None, at_first: Callable[[], object] | None = None
    ) -> None:
        self._store = store
        self._tracer = tracer or trace.get_tracer("sluiceway", version("sluiceway"))
        self._at_first = at_first
        self._open: dict[RunId, trace.Span] = {}
        self._around: dict[RunId, Context] = {}
        """By run that has not ended, what those that it calls begin in: its span. A task run that stands for a child
        run has none, and the child run begins in what is around it."""

    @property
    def has_open(self) -> bool:
        """Whether anything is kept of runs that have not ended."""
        return bool(self._open or self._around)

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
                self._move(fact)
            elif isinstance(fact, FlowRunReopened | TaskRunReopened):
                self._tell(fact.run_key, fact.state.name, fact.state.moment)

    def _begin(self, run: FlowRun | TaskRun, moment: Moment) -> None:
        if len(self._around) >= MOST_OPEN:
            return
        self._around[run.key] = around = self._around_of(run)
        if isinstance(run, TaskRun) and run.child_flow_run_key is not None:
            return
        if self._at_first is not None:
            first, self._at_first = self._at_first, None
            first()
        self._open[run.key] = span = self._tracer.start_span(
            run.flow_name if isinstance(run, FlowRun) else run.task_name,
            around,
            attributes=_attributes(run),
            start_time=_nanoseconds(moment),
        )
        self._around[run.key] = trace.set_span_in_context(span, OUTERMOST)

    def _around_of(self, run: FlowRun | TaskRun) -> Context:
        """Return what a run begins in: the span of the task that called it, or else of the flow run."""
        if isinstance(run, FlowRun):
            callers = (run.parent_task_run_key, run.parent_key)
        else:
            callers = (run.parent_key, run.flow_run_key)
        return next((self._around[key] for key in callers if key is not None and key in self._around), OUTERMOST)

    def _take_up(self, fact: FlowRunMoved | TaskRunMoved) -> None:
        """Begin the span of a run that goes on here: one that was created elsewhere, or had ended."""
        try:
            if isinstance(fact, FlowRunMoved):
                run: FlowRun | TaskRun | None = self._store.read_flow_run(fact.run_key)
            else:
                run = self._store.read_task_run(fact.run_key)
        except StoreError as error:
            _logger.warning("A run that goes on here has no span, as it could not be read. %s", error)
            return
        if run is not None:
            self._begin(run, fact.state.moment)

    def _move(self, fact: FlowRunMoved | TaskRunMoved) -> None:
        key, state = fact.run_key, fact.state
        if state.type is StateType.RUNNING and key not in self._around:
            self._take_up(fact)
        span = self._open.get(key)
        if span is not None and fact.name is not None:
            span.set_attribute("sluiceway.run.name", fact.name)
        if not _leaves(state):
            self._tell(key, state.name, state.moment)
            return
        self._around.pop(key, None)
        if span is not None:
            del self._open[key]
            _end(span, state, fact.run_count)

    def _tell(self, key: RunId, name: str, moment: Moment) -> None:
        span = self._open.get(key)
        if span is not None:
            span.add_event(name, timestamp=_nanoseconds(moment))


def _leaves(state: State[Any]) -> bool:
    """Return whether a run leaves this process with a state: it has ended, cannot start, or is suspended."""
    suspended = state.type is StateType.PAUSED and state.state_details.pause_reschedule
    return state.is_final() or state.name == "NotReady" or suspended


def _end(span: trace.Span, state: State[Any], run_count: int) -> None:
    """End a span. What was cancelled or suspended, or could not start, went neither well nor wrong."""
    span.set_attribute("sluiceway.state", state.name)
    span.set_attribute("sluiceway.run_count", run_count)
    if state.type in _UNSUCCESSFUL:
        if isinstance(state.data, BaseException):
            span.add_event("exception", _told_of(state.data), _nanoseconds(state.moment))
        span.set_status(trace.StatusCode.ERROR, state.message or state.name)
    elif state.type is StateType.COMPLETED:
        span.set_status(trace.StatusCode.OK)
    span.end(_nanoseconds(state.moment))


def _told_of(error: BaseException) -> dict[str, str]:
    """Return what is told of an exception, without the values of secrets: those are masked in facts, not in values."""
    kind = type(error)
    return {
        "exception.type": f"{kind.__module__}.{kind.__qualname__}",
        "exception.message": masked(str(error)),
        "exception.stacktrace": masked("".join(traceback.format_exception(error))),
    }


def _attributes(run: FlowRun | TaskRun) -> dict[str, str | Sequence[str]]:
    found: dict[str, str | Sequence[str]] = {"sluiceway.run.id": str(to_uuid(run.key)), "sluiceway.run.name": run.name}
    flow_run_key = run.key if isinstance(run, FlowRun) else run.flow_run_key
    if flow_run_key is not None:
        found["sluiceway.flow_run.id"] = str(to_uuid(flow_run_key))
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
