"""Which run a person means: by identifier, the beginning of one, or name."""

from __future__ import annotations

import re
from uuid import UUID

from sluiceway.base import times
from sluiceway.base.ids import to_uuid
from sluiceway.base.previews import on_one_line
from sluiceway.cli.printing import Refusal, ago
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.store import Store

CANDIDATES = 8
"""How many candidates are listed at most when a name is not unique."""

_PREFIX = re.compile(r"[0-9a-f]{4,32}", re.IGNORECASE)


def find_run(store: Store, text: str | None) -> FlowRun | TaskRun:
    """Return the run that is meant.

    Args:
        store: The journal.
        text: An identifier, the first four or more characters of one, or the name of a flow run; None for
            the newest flow run that no other called.

    Raises:
        Refusal: There is none, or there are several; the message lists them.
    """
    if text is None:
        return _newest(store)
    found = _by_identifier(store, text) or _by_name(store, text) or _by_prefix(store, text)
    if not found:
        raise Refusal(f"There is no run {text!r}. {_hint(store, text)}")
    if len(found) > 1:
        raise Refusal(f"{text!r} stands for several runs. Name one by its id:\n{_candidates(found)}")
    return found[0]


def find_flow_run(store: Store, text: str) -> FlowRun:
    """Return the flow run that is meant.

    Args:
        store: The journal.
        text: An identifier, the first four or more characters of one, or the name of a flow run.

    Raises:
        Refusal: There is none, there are several, or it is a task run.
    """
    run = find_run(store, text)
    if isinstance(run, TaskRun):
        within = "" if run.flow_run_key is None else f", which is part of flow run {to_uuid(run.flow_run_key)}"
        raise Refusal(f"{text!r} is the task run {run.name!r}{within}; name a flow run.")
    return run


def find_step(store: Store, run: FlowRun, text: str) -> TaskRun:
    """Return the task run of a flow run that is meant: by identifier, or the first one of a task.

    Args:
        store: The journal.
        run: The flow run.
        text: An identifier, the first four or more characters of one, the name of a task or that of a task run.

    Raises:
        Refusal: There is none; the message names the steps that there are.
    """
    steps = [
        step
        for step in walk(
            lambda after: store.read_task_runs(
                TaskRunQuery(flow_run_keys=(run.key,)), order=RunOrder.OLDEST_FIRST, after=after
            )
        )
        if step.parent_key is None
    ]
    prefix = text.replace("-", "").lower()
    for step in steps:
        if text in (step.task_name, step.name) or (_PREFIX.fullmatch(prefix) and step.key.hex().startswith(prefix)):
            return step
    known = ", ".join(dict.fromkeys(on_one_line(step.task_name) for step in steps)) or "none"
    raise Refusal(f"Flow run {run.name!r} has no step {text!r} that its flow has called. Its steps are: {known}.")


def _newest(store: Store) -> FlowRun:
    runs = store.read_flow_runs(FlowRunQuery(roots_only=True), limit=1).items
    if not runs:
        raise Refusal("No flow has run yet. Run one with: sluiceway run FILE.py")
    return runs[0]


def _by_identifier(store: Store, text: str) -> list[FlowRun | TaskRun]:
    try:
        key = UUID(text).bytes
    except ValueError:
        return []
    run = store.read_flow_run(key) or store.read_task_run(key)
    return [] if run is None else [run]


def _by_name(store: Store, text: str) -> list[FlowRun | TaskRun]:
    return list(store.read_flow_runs(FlowRunQuery(names=(text,)), limit=CANDIDATES).items)


def _by_prefix(store: Store, text: str) -> list[FlowRun | TaskRun]:
    prefix = text.replace("-", "").lower()
    if not _PREFIX.fullmatch(prefix):
        return []
    flow_runs = store.read_flow_runs(FlowRunQuery(key_prefix=prefix), limit=CANDIDATES).items
    if flow_runs:
        return list(flow_runs)
    return list(
        store.read_task_runs(TaskRunQuery(key_prefix=prefix), order=RunOrder.NEWEST_FIRST, limit=CANDIDATES).items
    )


def _hint(store: Store, text: str) -> str:
    """Return what a person may have meant."""
    of_flow = store.read_flow_runs(FlowRunQuery(flow_names=(text,)), limit=1).items
    if of_flow:
        return f"The newest run of the flow {text!r} is {of_flow[0].name!r}."
    return "See the runs with: sluiceway ls --all"


def _candidates(runs: list[FlowRun | TaskRun]) -> str:
    now = times.now()
    lines = []
    for run in runs:
        kind = run.flow_name if isinstance(run, FlowRun) else run.task_name
        when = ago(times.from_datetime(run.created), now)
        lines.append(
            f"  {run.id}  {on_one_line(run.name)}  ({on_one_line(kind)}, {run.state_name or 'no state'}, {when})"
        )
    return "\n".join(lines)
