"""Matching: whether a single run or log line is one of those that are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.stores.rows import created, from_json, to_json


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
    yield query.created_after is None or created(run.key) >= query.created_after
    yield query.created_before is None or created(run.key) < query.created_before


def _flow_run_answers(run: FlowRun, query: FlowRunQuery) -> Iterator[bool]:
    yield query.names is None or run.name in query.names
    yield query.name_like is None or contains(run.name, query.name_like)
    yield query.flow_names is None or run.flow_name in query.flow_names
    yield query.parent is None or run.parent_key == query.parent
    yield not query.roots_only or run.parent_key is None
    yield not query.may_resume or run.epoch < run.auto_resume
    yield from _times_answer(run, query)
    yield all(_has_parameter(run, name, value) for name, value in query.parameters or ())
    yield query.text is None or _has_text(run, query.text)


def _times_answer(run: FlowRun, query: FlowRunQuery) -> Iterator[bool]:
    duration = None if run.start is None or run.end is None else max(0, run.end - run.start)
    for value, least, beyond in (
        (run.start, query.started_after, query.started_before),
        (run.end, query.ended_after, query.ended_before),
        (duration, query.duration_at_least, None),
    ):
        yield least is None or (value is not None and value >= least)
        yield beyond is None or (value is not None and value < beyond)
    yield query.duration_at_most is None or (duration is not None and duration <= query.duration_at_most)


def _has_parameter(run: FlowRun, name: str, value: str) -> bool:
    return name in run.parameters and to_json(run.parameters[name]) == as_compact_json(name, value)


def _has_text(run: FlowRun, text: str) -> bool:
    texts = (run.name, run.flow_name, *run.tags)
    return any(contains(each, text) for each in texts) or (
        bool(run.parameters) and contains(to_json(dict(run.parameters)), json_part(text))
    )


def _task_run_answers(run: TaskRun, query: TaskRunQuery) -> Iterator[bool]:
    yield query.names is None or run.given_name in query.names
    yield query.task_names is None or run.task_name in query.task_names
    yield query.flow_run_keys is None or run.flow_run_key in query.flow_run_keys
    texts = (run.name, run.task_name, run.call_preview or "")
    yield query.text is None or any(contains(each, query.text) for each in texts)


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
        and (query.number_from is None or line.number >= query.number_from)
        and (query.number_before is None or line.number < query.number_before)
    )


def contains(text: str, part: str) -> bool:
    """Return whether a text contains another, without regard to case of the letters of ASCII.

    Args:
        text: The text.
        part: What it may contain.
    """
    return part.encode(errors="replace").lower() in text.encode(errors="replace").lower()


def json_part(text: str) -> str:
    """Return how a text is written within a text of JSON.

    Args:
        text: The text.
    """
    return to_json(text)[1:-1]


def as_compact_json(parameter: str, value: str) -> str:
    """Return a text of JSON as parameters are written.

    Args:
        parameter: The name of the parameter, for the message.
        value: The text.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return to_json(from_json(value))
    except ValueError as error:
        raise ValueError(
            f"The value {value!r} of the parameter {parameter!r} is no JSON ({error}); a text is in double quotes."
        ) from None
