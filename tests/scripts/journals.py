"""What must hold of a journal at every moment, wherever the process that wrote it was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sluiceway.model.facts import (
    FlowRunCreated,
    FlowRunMoved,
    ResultCached,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.queries import StoredState
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import FINAL_TYPES
from sluiceway.ports.services import Services

ENDS = frozenset({"Completed", "Cached", "Failed", "TimedOut", "Crashed", "Cancelled"})

FOLLOWERS: dict[str, frozenset[str]] = {
    "Pending": frozenset({"Running", "AwaitingConcurrencySlot", "NotReady", "Failed", "Crashed", "Cancelled"}),
    "AwaitingConcurrencySlot": frozenset({"Running", "Retrying", "Crashed", "Cancelled"}),
    "Running": ENDS | {"AwaitingRetry", "Retrying"},
    "Retrying": ENDS | {"AwaitingRetry", "Retrying"},
    "AwaitingRetry": frozenset({"AwaitingConcurrencySlot", "Retrying", "Crashed", "Cancelled"}),
    "NotReady": frozenset({"Crashed"}),
}
"""By state, the states that may come next. What is not listed is an end."""

STARTS = frozenset({"Running", "Retrying"})


def faults(services: Services) -> list[str]:
    """Return what is wrong with a journal, a sentence each."""
    return [*_faults_of_facts(services), *_faults_of_runs(services)]


def unfinished(services: Services) -> list[str]:
    """Return the runs that have not ended, with the states they are in; one that never could start has."""
    return [
        f"{run!r} is {history[-1].name}"
        for run, history in _runs(services)
        if history[-1].type not in FINAL_TYPES and history[-1].name != "NotReady"
    ]


def _runs(services: Services) -> Iterator[tuple[FlowRun | TaskRun, tuple[StoredState, ...]]]:
    store = services.store
    for run in (*store.read_flow_runs(limit=200).items, *store.read_task_runs(limit=200).items):
        yield run, store.read_history(run.key)


def contradictions(services: Services) -> list[str]:
    """Return what the histories of runs say that cannot be, whatever facts were lost on the way."""
    return [fault for run, history in _runs(services) for fault in _wrong_turns(run, history)]


def _faults_of_facts(services: Services) -> Iterator[str]:
    recorder: Any = services.recorder
    created: set[bytes] = set()
    for fact in recorder.facts:
        match fact:
            case FlowRunCreated(run=run) | TaskRunCreated(run=run) | TaskRunStarted(run=run):
                if run.key in created:
                    yield f"{fact} creates a run that there is"
                created.add(run.key)
            case FlowRunMoved(run_key=key) | TaskRunMoved(run_key=key):
                if key not in created:
                    yield f"{fact} is about a run that there is not"
            case ResultCached(entry=entry):
                yield from _faults_of_result(services, entry.result, f"what is cached under {entry.key}")


def _faults_of_runs(services: Services) -> Iterator[str]:
    ended: dict[bytes, bool] = {}
    for run, history in _runs(services):
        ended[run.key] = history[-1].type in FINAL_TYPES
        yield from _faults_of_history(run, history)
        stored = services.store.read_result(run.key)
        if stored is not None and stored.why_not is None:
            yield from _faults_of_result(services, stored, f"the result of {run!r}")
    for run, history in _runs(services):
        parents = (run.parent_key, run.flow_run_key if isinstance(run, TaskRun) else run.parent_task_run_key)
        for parent in filter(None, parents):
            if parent not in ended:
                yield f"{run!r} has a parent that there is not"
            elif ended[parent] and not ended[run.key] and history[-1].name != "NotReady":
                yield f"{run!r} goes on though its parent has ended"


def _wrong_turns(run: FlowRun | TaskRun, history: tuple[StoredState, ...]) -> Iterator[str]:
    if history[0].name != "Pending":
        yield f"{run!r} begins with {history[0].name}"
    for before, after in pairwise(history):
        if after.name not in FOLLOWERS.get(before.name, ()):
            yield f"{run!r} went from {before.name} to {after.name}"
        if after.moment < before.moment:
            yield f"{run!r} was {after.name} before it was {before.name}"


def _faults_of_history(run: FlowRun | TaskRun, history: tuple[StoredState, ...]) -> Iterator[str]:
    yield from _wrong_turns(run, history)
    starts = [state.moment for state in history if state.name in STARTS]
    if run.run_count != len(starts):
        yield f"{run!r} started {len(starts)} times, and its run count is {run.run_count}"
    if run.start != (starts[0] if starts else None):
        yield f"the start of {run!r} is {run.start}"
    if run.end != (history[-1].moment if history[-1].type in FINAL_TYPES else None):
        yield f"the end of {run!r} is {run.end}"


def _faults_of_result(services: Services, stored: StoredResult, what: str) -> Iterator[str]:
    try:
        services.results.open(stored)
    except Exception as error:
        yield f"{what} cannot be read: {error!r}"
