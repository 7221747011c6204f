"""Masking facts: what goes into the journal goes without the values of secrets that this process has seen."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

from sluiceway.base import masking
from sluiceway.model.facts import (
    ArtifactChanged,
    ArtifactMade,
    Fact,
    FlowDescribed,
    FlowRunCreated,
    FlowRunMoved,
    FlowRunReopened,
    LogWritten,
    ResultCached,
    TaskRunCreated,
    TaskRunDeferred,
    TaskRunMoved,
    TaskRunReopened,
    TaskRunStarted,
)
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State

F = TypeVar("F", bound=Fact)


def without_secrets(facts: Sequence[Fact]) -> list[Fact]:
    """Return facts as the journal may know them. They are the very ones where no secret has been seen.

    What they tell of is not changed: where something has to go, it goes from a copy.

    Args:
        facts: The facts.
    """
    return [_masked(fact) for fact in facts]


def _masked(fact: Fact) -> Fact:
    match fact:
        case LogWritten():
            return _with(fact, message=masking.masked(fact.message))
        case FlowDescribed():
            return _with(fact, description=_text(fact.description), parameters=masking.masked(fact.parameters))
        case FlowRunCreated() | TaskRunCreated() | TaskRunDeferred():
            return _with(fact, run=_run(fact.run), state=_state(fact.state))
        case TaskRunStarted():
            return _with(fact, run=_run(fact.run))
        case FlowRunMoved() | TaskRunMoved():
            return _with(fact, state=_state(fact.state), result=_result(fact.result), name=_text(fact.name))
        case FlowRunReopened() | TaskRunReopened():
            return _with(fact, state=_state(fact.state))
        case ResultCached():
            return _with(fact, entry=fact.entry._replace(result=_result(fact.entry.result)))
        case ArtifactMade():
            made = fact.artifact
            data = _text(made.data)
            size = made.size if data == made.data or data is None else len(data.encode("utf-8", "backslashreplace"))
            return _with(fact, artifact=made._replace(data=data, description=_text(made.description), size=size))
        case ArtifactChanged():
            return _with(fact, data=_text(fact.data), description=_text(fact.description))
        case _:
            return fact


def _with(fact: F, **parts: Any) -> F:
    """Return a fact with other parts, or itself where they are the same."""
    if all(getattr(fact, name) is part for name, part in parts.items()):
        return fact
    changed = copy.copy(fact)
    for name, part in parts.items():
        setattr(changed, name, part)
    return changed


def _text(text: str | None) -> str | None:
    return None if text is None else masking.masked(text)


def _state(state: State[Any]) -> State[Any]:
    message = _text(state.message)
    if message == state.message:
        return state
    changed = copy.copy(state)
    changed.message = message
    return changed


def _result(result: StoredResult | None) -> Any:
    if result is None or result is NOTHING:
        return result
    preview, why_not = _text(result.preview), _text(result.why_not)
    same = preview == result.preview and why_not == result.why_not
    return result if same else result._replace(preview=preview, why_not=why_not)


def _run(run: FlowRun | TaskRun) -> FlowRun | TaskRun:
    """Return a run as it is told at its creation; only what is settled then is read."""
    parts: dict[str, Any] = {"given_name": _text(run.given_name)}
    if isinstance(run, TaskRun):
        parts["call_preview"] = _text(run.call_preview)
    elif run.parameters:
        parts["parameters"] = _plain(dict(run.parameters))
    if all(getattr(run, name) == part for name, part in parts.items()):
        return run
    changed = copy.copy(run)
    for name, part in parts.items():
        setattr(changed, name, part)
    return changed


def _plain(value: Any) -> Any:
    """Return parameters with masks in the place of secrets; what is no plain data stays for whoever writes it."""
    if isinstance(value, str):
        return masking.masked(value)
    if isinstance(value, dict):
        return {_plain(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
