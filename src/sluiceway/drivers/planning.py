"""Planning: turning a call into the context of a run, on the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sluiceway.base.hashing import call_hash, plain_call, text_hash
from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import Moment
from sluiceway.base.tokens import PLAIN
from sluiceway.drivers import scope
from sluiceway.drivers.futures import Future
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.replay import Identity, Step
from sluiceway.model.facts import FlowDescribed
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.upstream import Upstream
from sluiceway.ports.services import Services
from sluiceway.rules.resolution import Reference, all_plain, as_list, find_references, resolve, without_marks

NO_REFERENCES: list[Reference] = []


def plan_task(
    task: Any, parameters: dict[str, Any], wait_for: Iterable[Any] | None, services: Services
) -> TaskRunContext:
    """Return a call of a task as its run will need it.

    Args:
        task: The task.
        parameters: The arguments by name, futures not yet resolved.
        wait_for: Futures to wait for without passing them.
        services: The adapters that the run works with.
    """
    return _plan_task(task, parameters, wait_for, services, services.clock.now(), _tags_of(task), scope.current())


def plan_tasks(
    task: Any, calls: Iterable[dict[str, Any]], wait_for: list[Any] | None, services: Services
) -> Iterator[TaskRunContext]:
    """Return, lazily, calls that one `map` makes of a task; they are all called at the same moment.

    Args:
        task: The task.
        calls: The arguments by name of each call.
        wait_for: Futures that each run waits for.
        services: The adapters that the runs work with.
    """
    called, tags, outer = services.clock.now(), _tags_of(task), scope.current()
    return (_plan_task(task, parameters, wait_for, services, called, tags, outer) for parameters in calls)


def _tags_of(task: Any) -> frozenset[str]:
    """Return the tags of a run that is made here."""
    around: frozenset[str] = scope.current_tags()
    own: frozenset[str] = task.policy.tags
    return around | own if around else own


def _plan_task(
    task: Any,
    parameters: dict[str, Any],
    wait_for: Iterable[Any] | None,
    services: Services,
    called: Moment,
    tags: frozenset[str],
    outer: scope.Context | None,
) -> TaskRunContext:
    if wait_for is None and PLAIN.issuperset(map(type, parameters.values())):
        hash_, preview = 0, plain_call(parameters)
        if preview is None:
            hash_, preview = call_hash(parameters)
        references, inputs = NO_REFERENCES, None
    else:
        references, inputs, parameters, hash_, preview = _look_into(parameters, wait_for)
    return TaskRunContext(task, new_id(), services, parameters, references, called, tags, hash_, preview, outer, inputs)


def _look_into(
    parameters: dict[str, Any], wait_for: Iterable[Any] | None
) -> tuple[list[Reference], dict[str, tuple[RunId, ...]] | None, dict[str, Any], int, str]:
    """Return the references among arguments that may hold some, the inputs, the arguments, their hash and preview."""
    waits = as_list(wait_for)
    references = find_references(parameters) + find_references(waits)
    if references:
        return references, _inputs(parameters, waits), parameters, *_hash_before_results(parameters)
    parameters = without_marks(parameters)
    return references, None, parameters, *call_hash(parameters)


def _hash_before_results(parameters: dict[str, Any]) -> tuple[int, str]:
    """Return the hash of a call that waits for other runs, and a short text of its arguments.

    An upstream run counts by its own identity, which is known before its result; a state by its value.
    """
    hash_, text = call_hash(resolve(parameters, _identity))
    _, preview = call_hash(resolve(parameters, _name))
    return hash_ or text_hash(text), preview


def _identity(reference: Reference) -> Any:
    source = reference.source
    if isinstance(source, Future):
        return f"{source.run.task_key}:{source.run.dynamic_key}"
    return reference.state.data


def _name(reference: Reference) -> Any:
    source = reference.source
    return source.run.name if isinstance(source, Future) else reference.state.data


def _inputs(parameters: dict[str, Any], waits: list[Any]) -> dict[str, tuple[RunId, ...]]:
    """Return, by argument, the runs whose results go into a call."""
    inputs = {}
    for name, value in [*parameters.items(), ("wait_for", waits)]:
        keys = tuple(
            reference.source.run_key for reference in find_references(value) if isinstance(reference.source, Upstream)
        )
        if keys:
            inputs[name] = keys
    return inputs


def plan_flow(
    flow: Any,
    parameters: dict[str, Any],
    wait_for: Iterable[Any] | None,
    services: Services,
    make_runner: Callable[[FlowRunContext], None],
) -> FlowRunContext:
    """Return a call of a flow as its run will need it.

    Args:
        flow: The flow.
        parameters: The arguments by name, futures not yet resolved.
        wait_for: Futures to wait for without passing them.
        services: The adapters that the run works with.
        make_runner: Gives the run a task runner, started, when a task is first submitted.
    """
    outer, policy = scope.current(), flow.policy
    _introduce(flow, services)
    parent = None if outer is None else outer.flow_context
    references = NO_REFERENCES
    if wait_for is not None or not all_plain(parameters.values()):
        references = find_references(parameters) + find_references(as_list(wait_for))
        if not references:
            parameters = without_marks(parameters)
    run = FlowRun(new_id(), policy.name, flow.version, None, None, scope.current_tags())
    stand_in, identity, recorded = None, None, None
    if parent is None:
        _tell_origin(run, flow)
    if outer is not None and parent is not None:
        if parent.brake.on:
            parent.brake.heed(outer is parent and parent.outermost)
        run.parent_key, run.root_key = parent.flow_run.key, parent.flow_run.root_key
        stand_in = _stand_in(flow, run, parameters, references, outer)
        if parent.replay is not None:
            identity = _identity_of(stand_in, outer)
            recorded = parent.replay.find(identity)
        if recorded is not None:
            _recognise(run, stand_in, recorded)
        run.parent_task_run_key = stand_in.key
    log_prints = policy.log_prints
    if log_prints is None:
        log_prints = services.settings.logging_log_prints if outer is None else outer.log_prints
    called = services.clock.now()
    context = FlowRunContext(
        flow, run, services, parameters, references, called, log_prints, make_runner, outer, stand_in
    )
    context.identity_here, context.recorded = identity, recorded
    if parent is not None:
        parent.adopt(context)
    return context


def _tell_origin(run: FlowRun, flow: Any) -> None:
    """Note with a run that no other run calls where its flow is, who calls it, and how often it goes on by itself."""
    from sluiceway.base.machine import starter  # lazy: a program that only defines flows needs nobody's name

    run.auto_resume, run.entrypoint, run.started_by = flow.policy.auto_resume, flow.entrypoint, starter()


def _introduce(flow: Any, services: Services) -> None:
    """Tell the journal what a flow is for and what it takes, once in each process."""
    known = (flow.policy.name, flow.code_id)
    if known in services.described:
        return
    services.described.add(known)
    description = flow.description
    if description is not None and "\n" in description:
        from inspect import cleandoc  # lazy: 5 ms

        description = cleandoc(description)
    schema = flow.parameter_schema()
    services.recorder.record(FlowDescribed(flow.policy.name, description, schema, services.clock.now()))


def _identity_of(stand_in: TaskRun, outer: scope.Context) -> Identity:
    """Return what the task run that stands for a child run is recognised by."""
    return (outer.identity, stand_in.task_key, stand_in.call_hash or stand_in.call_preview, stand_in.ordinal)


def _recognise(run: FlowRun, stand_in: TaskRun, recorded: Step) -> None:
    """Let a child run be the one that an earlier attempt of its parent has called."""
    child = recorded.recorded.child_flow_run_key
    if recorded.own and child is not None:
        run.key, stand_in.key = child, recorded.key
    stand_in.child_flow_run_key = child or run.key


def _stand_in(
    flow: Any, run: FlowRun, parameters: dict[str, Any], references: list[Reference], outer: scope.Context
) -> TaskRun:
    """Return the task run that stands for a child run in its parent."""
    hash_, preview = _hash_before_results(parameters) if references else call_hash(parameters)
    ordinal = outer.next_ordinal(flow.flow_key, hash_ or preview)
    stand_in = TaskRun(
        new_id(), flow.flow_key, flow.policy.name, run.parent_key, None, run.tags, hash_, preview, ordinal
    )
    stand_in.child_flow_run_key = run.key
    if isinstance(outer, TaskRunContext):
        stand_in.parent_key = outer.task_run.key
    return stand_in
