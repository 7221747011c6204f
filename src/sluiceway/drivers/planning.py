"""Planning: turning a call into the context of a run, on the caller's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sluiceway.base.hashing import call_hash
from sluiceway.base.ids import RunId, new_id
from sluiceway.drivers import scope
from sluiceway.drivers.futures import Future
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
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
    tags = scope.current_tags()
    own_tags = task.policy.tags
    references, inputs = NO_REFERENCES, None
    if wait_for is not None or not all_plain(parameters.values()):
        waits = as_list(wait_for)
        references = find_references(parameters) + find_references(waits)
        if references:
            inputs = _inputs(parameters, waits)
        else:
            parameters = without_marks(parameters)
    hash_, preview = call_hash(parameters) if not references else _hash_before_results(parameters)
    return TaskRunContext(
        task,
        new_id(),
        services,
        parameters,
        references,
        services.clock.now(),
        tags | own_tags if tags else own_tags,
        hash_,
        preview,
        scope.current(),
        inputs,
    )


def _hash_before_results(parameters: dict[str, Any]) -> tuple[int, str | None]:
    """Return the hash of a call that waits for other runs, and a short text of its arguments.

    An upstream run counts by its own identity, which is known before its result; a state by its value.
    """
    hash_, _ = call_hash(resolve(parameters, _identity))
    _, preview = call_hash(resolve(parameters, _name))
    return hash_, preview


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
    make_runner: Callable[[FlowRunContext], Any],
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
    parent = None if outer is None else outer.flow_context
    references = NO_REFERENCES
    if wait_for is not None or not all_plain(parameters.values()):
        references = find_references(parameters) + find_references(as_list(wait_for))
        if not references:
            parameters = without_marks(parameters)
    run = FlowRun(new_id(), policy.name, policy.version, None, None, scope.current_tags())
    stand_in = None
    if outer is not None and parent is not None:
        run.parent_key, run.root_key = parent.flow_run.key, parent.flow_run.root_key
        stand_in = _stand_in(flow, run, parameters, outer)
        run.parent_task_run_key = stand_in.key
    log_prints = policy.log_prints
    if log_prints is None:
        log_prints = services.settings.logging_log_prints if outer is None else outer.log_prints
    called = services.clock.now()
    return FlowRunContext(flow, run, services, parameters, references, called, log_prints, make_runner, outer, stand_in)


def _stand_in(flow: Any, run: FlowRun, parameters: dict[str, Any], outer: FlowRunContext | TaskRunContext) -> TaskRun:
    """Return the task run that stands for a child run in its parent."""
    stand_in = TaskRun(new_id(), flow.flow_key, flow.policy.name, run.parent_key, None, run.tags)
    stand_in.call_hash, stand_in.call_preview = _hash_before_results(parameters)
    stand_in.child_flow_run_key = run.key
    stand_in.ordinal = outer.next_ordinal(flow.flow_key, stand_in.call_hash)
    if isinstance(outer, TaskRunContext):
        stand_in.parent_key = outer.task_run.key
    return stand_in
