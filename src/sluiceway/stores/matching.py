"""Matching: whether a single run or log line is one of those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.base.times import Moment
from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun


def run_matches(run: FlowRun | TaskRun, query: FlowRunQuery | TaskRunQuery) -> bool:
    """Return whether a run is one of those that are asked for.

    Args:
        run: The run, with its present state.
        query: Which runs are asked for; none of another kind.
    """
    if isinstance(run, FlowRun) and isinstance(query, FlowRunQuery):
        return all(_answers(run, query)) and all(_flow_run_answers(run, query))
    if isinstance(run, TaskRun) and isinstance(query, TaskRunQuery):
        return all(_answers(run, query)) and all(_task_run_answers(run, query))
    return False


def _answers(run: FlowRun | TaskRun, query: FlowRunQuery | TaskRunQuery) -> Iterator[bool]:
    yield query.keys is None or run.key in query.keys
    yield query.key_prefix is None or run.key.hex().startswith(query.key_prefix.lower())
    yield query.state_types is None or run.state_type in query.state_types
    yield query.state_names is None or run.state_name in query.state_names
    yield query.tags is None or run.tags.issuperset(query.tags)
    yield query.created_after is None or _created(run) >= query.created_after
    yield query.created_before is None or _created(run) < query.created_before


def _flow_run_answers(run: FlowRun, query: FlowRunQuery) -> Iterator[bool]:
    yield query.names is None or run.name in query.names
    yield query.name_like is None or contains(run.name, query.name_like)
    yield query.flow_names is None or run.flow_name in query.flow_names
    yield query.parent is None or run.parent_key == query.parent
    yield not query.roots_only or run.parent_key is None


def _task_run_answers(run: TaskRun, query: TaskRunQuery) -> Iterator[bool]:
    yield query.names is None or run.given_name in query.names
    yield query.task_names is None or run.task_name in query.task_names
    yield query.flow_run_keys is None or run.flow_run_key in query.flow_run_keys


def _created(run: FlowRun | TaskRun) -> Moment:
    return int.from_bytes(run.key[:6], "big") * 1_000


def line_matches(line: LogLine, query: LogQuery) -> bool:
    """Return whether a log line is one of those that are asked for.

    Args:
        line: The line.
        query: Which lines are asked for.
    """
    return (
        (query.flow_run_keys is None or line.flow_run_key in query.flow_run_keys)
        and (query.task_run_keys is None or line.task_run_key in query.task_run_keys)
        and (query.level_at_least is None or line.level >= query.level_at_least)
        and (query.text is None or contains(line.message, query.text))
        and (query.moment_after is None or line.moment >= query.moment_after)
        and (query.moment_before is None or line.moment < query.moment_before)
    )


def contains(text: str, part: str) -> bool:
    """Return whether a text contains another, without regard to case of the letters of ASCII.

    Args:
        text: The text.
        part: What it may contain.
    """
    return part.encode(errors="replace").lower() in text.encode(errors="replace").lower()
