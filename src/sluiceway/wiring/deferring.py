"""Deferring: a call of a task goes into the journal, and comes out of it in a worker.

What the journal keeps of a run anyway is not packed. Each argument is pickled by itself, so that one which cannot
be pickled, or not be restored, is named.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from types import MethodType
from typing import Any, NamedTuple
from uuid import UUID

from sluiceway.base import ids
from sluiceway.base.errors import MissingTaskError, SerializationError, StoreError
from sluiceway.base.times import Moment
from sluiceway.drivers import scope
from sluiceway.drivers.deferred import DeferredFuture
from sluiceway.drivers.planning import plan_task
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.model.annotations import allow_failure, quote
from sluiceway.model.facts import TaskRunCreated, TaskRunDeferred, TaskRunMoved
from sluiceway.model.results import INLINE_LIMIT, PREVIEW_LIMIT, StoredResult
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.model.upstream import Upstream
from sluiceway.ports.services import Services
from sluiceway.recording.pipe import PipeRecorder
from sluiceway.rules.outcomes import not_ready, stamped
from sluiceway.rules.resolution import Reference, as_list, find_references, resolve, resolved_result
from sluiceway.runners.pickling import dumps
from sluiceway.runners.transit import pack_error, traceback_of

FORMAT = 1
"""The form of a packed call. Another one is a newer version's."""

CALL_LIMIT = 64 * 1024 * 1024
"""Arguments may take this many bytes at most, pickled."""


class Packed(NamedTuple):
    """A call as it lies in the journal, pickled as a plain tuple.

    Args:
        form: `FORMAT`.
        tags: The tags that runs get which are made in it.
        instance: What a method is bound to, pickled.
        arguments: Name, whether there are futures of deferred runs in it, and value, pickled, of each argument.
        waits: What it waits for without being passed it: futures of deferred runs, and whether each may fail; pickled.
    """

    form: int
    tags: tuple[str, ...]
    instance: bytes | None
    arguments: tuple[tuple[str, bool, bytes], ...]
    waits: bytes


def defer(
    task: Any,
    parameters: dict[str, Any],
    wait_for: Iterable[Any] | None,
    dependencies: Mapping[str, Iterable[Any]] | None,
    services: Services,
) -> DeferredFuture[Any]:
    """Put a call of a task into the journal, for a worker to run it; return its future.

    Futures of other deferred runs go with the call: the worker waits for them. Futures of submitted tasks are waited
    for here, since no other process could.

    Args:
        task: The task.
        parameters: Its arguments by name, futures not yet resolved.
        wait_for: Futures to wait for without passing them.
        dependencies: Further runs whose results go in, by argument.
        services: The adapters of this process.

    Raises:
        MissingTaskError: No worker could find the task.
        SerializationError: An argument cannot be pickled; the message names it.
        StoreError: The call could not be written.
    """
    check_findable(task)
    _check_shared(services)
    waits = as_list(wait_for)
    call = plan_task(task, parameters, waits or None, services)
    run = call.task_run
    run.inputs = _with_dependencies(run.inputs, dependencies)
    here = [reference for reference in call.references if not _is_elsewhere(reference)]
    for reference in here:
        if not isinstance(reference.source, State):
            reference.source.wait()  # type: ignore[attr-defined]  # every upstream that is no state is a future
    blocked = not_ready(here, services.clock.now())
    if blocked is not None:
        return _not_ready(run, blocked, services)
    packed = _pack(call, waits)
    now = services.clock.now()
    run.state = stamped(StateType.SCHEDULED, now)
    run.state.state_details.scheduled_time = run.state.timestamp
    sources = [reference.source for reference in call.references]
    upstream = tuple(dict.fromkeys(source.run_key for source in sources if isinstance(source, DeferredFuture)))
    services.store.write([TaskRunDeferred(run, run.state, now, packed, upstream)], durable=call.strict)
    return DeferredFuture(run, services)


def check_findable(task: Any) -> None:
    """Refuse a task that only this process can have: it was defined in no file.

    Args:
        task: The task.

    Raises:
        MissingTaskError: No other process could find it.
    """
    if task.task_key.startswith("__main__."):  # a script goes by the name of its file
        raise MissingTaskError(
            f"Task {task.name!r} was defined in an interactive session or on a command line, where no worker can "
            "find it. Put it into a file, and import it from there."
        )


def _check_shared(services: Services) -> None:
    """Refuse to defer calls into a journal that ends with this child process."""
    if isinstance(services.recorder, PipeRecorder) and services.settings.database_url == "memory:":
        raise StoreError(
            "In another process, tasks cannot be deferred while runs are kept in memory. "
            "Set SLUICEWAY_DATABASE_URL to a file."
        )


def _with_dependencies(
    inputs: Mapping[str, tuple[ids.RunId, ...]] | None, dependencies: Mapping[str, Iterable[Any]] | None
) -> Mapping[str, tuple[ids.RunId, ...]] | None:
    """Return by argument the runs whose results go in, those among them that the caller knows of."""
    if not dependencies:
        return inputs
    merged = dict(inputs or {})
    for name, runs in dependencies.items():
        merged[name] = tuple(dict.fromkeys([*merged.get(name, ()), *map(_key_of, runs)]))
    return merged


def _key_of(run: Any) -> ids.RunId:
    """Return the key of a run that is given as a future, a run or an identifier."""
    if isinstance(run, Upstream):
        return run.run_key
    identifier = getattr(run, "id", run)
    if isinstance(identifier, UUID):
        return ids.from_uuid(identifier)
    raise TypeError(f"dependencies are futures, runs or identifiers of runs, not {run!r}.")


def _not_ready(run: TaskRun, blocked: State[Any], services: Services) -> DeferredFuture[Any]:
    """Tell the journal of a run that cannot start, since one in this process did not complete."""
    run.state = blocked
    services.recorder.record(TaskRunCreated(run, stamped(StateType.PENDING, blocked.moment)))
    services.recorder.record(TaskRunMoved(run.key, blocked, 0))
    future: DeferredFuture[Any] = DeferredFuture(run, services)
    future.settle(blocked)
    return future


# --- packing ------------------------------------------------------------------------------------


def _pack(call: TaskRunContext, waits: list[Any]) -> bytes:
    """Return a call as the journal is to keep it.

    Raises:
        SerializationError: An argument cannot be pickled, or all together are too large.
    """
    name = call.policy.name
    arguments = []
    for parameter, value in call.parameters.items():
        waiting = any(map(_is_elsewhere, find_references(value)))
        ready = resolve(value, _result_here) if call.references else value
        blob = _pickled(ready, f"Argument {parameter!r} of task {name!r} cannot go to a worker")
        arguments.append((parameter, waiting, blob))
    instance = None
    if isinstance(call.fn, MethodType):
        instance = _pickled(call.fn.__self__, f"What method {name!r} is bound to cannot go to a worker")
    awaited = [(ref.source, ref.failure_allowed) for ref in find_references(waits) if _is_elsewhere(ref)]
    tags = tuple(sorted(scope.current_tags()))
    packed = pickle.dumps(tuple(Packed(FORMAT, tags, instance, tuple(arguments), dumps(awaited))), protocol=5)
    if len(packed) > CALL_LIMIT:
        raise SerializationError(
            f"The arguments of task {name!r} take {len(packed):,} bytes; those of a deferred call may take "
            f"{CALL_LIMIT:,}. Pass the path of a file instead, or the future of a deferred task that returns them."
        )
    return packed


def _is_elsewhere(reference: Reference) -> bool:
    """Whether a reference is to a run that a worker executes."""
    return isinstance(reference.source, DeferredFuture)


def _result_here(reference: Reference) -> Any:
    """Return the result of a run of this process; the future of a deferred run stays, with its mark."""
    if not _is_elsewhere(reference):
        return resolved_result(reference)
    return allow_failure(reference.source) if reference.failure_allowed else reference.source


def _pickled(value: Any, trouble: str) -> bytes:
    try:
        return dumps(value)
    except Exception as error:  # whatever the value does when it is pickled
        raise SerializationError(
            f"{trouble}: {type(error).__name__}: {error}. Pass what can be pickled, such as a path instead of an "
            "open file."
        ) from error


# --- unpacking ----------------------------------------------------------------------------------


def restore(task: Any, run: TaskRun, call: bytes, services: Services, now: Moment) -> TaskRunContext:
    """Return a call that was deferred as its run needs it.

    Args:
        task: The task, as this process has it.
        run: The run, as the journal has it.
        call: The call, packed.
        services: The adapters of this process.
        now: The present moment.

    Raises:
        SerializationError: Something cannot be restored here; the message names it.
    """
    packed = _unpacked(call, task.name)
    parameters: dict[str, Any] = {}
    references = [Reference(future, allowed) for future, allowed in _restored(packed.waits, "What it waits for")]
    for name, waiting, blob in packed.arguments:
        parameters[name] = _restored(blob, f"Argument {name!r} of task {task.name!r}")
        if waiting:
            references += find_references(parameters[name])
    for reference in references:
        if isinstance(reference.source, DeferredFuture):
            reference.source.services = services
    if references:
        settled = [name for name, waiting, _ in packed.arguments if not waiting]
        parameters.update({name: quote(parameters[name]) for name in settled})  # they are not to be looked into again
    context = TaskRunContext(
        task,
        run.key,
        services,
        parameters,
        references,
        now,
        run.tags,
        run.call_hash,
        run.call_preview or "",
        None,
        run.inputs,
    )
    if packed.instance is not None:
        instance = _restored(packed.instance, f"What method {task.name!r} was bound to")
        context.fn = MethodType(getattr(task.fn, "__func__", task.fn), instance)
        context.signature = task.signature if task.ismethod else task.signature.bound()
    context._run = run  # what the journal knows of it stays: its parent, its ordinal, its first state
    if context.policy.result.persist is None and services.settings.results_persist is None:
        # Another process waits for the result.
        kept = context.policy.result._replace(persist=True)
        context.policy = context.policy._replace(result=kept)
    return context


def tags_of(call: bytes) -> frozenset[str]:
    """Return the tags that runs get which are made in a deferred call.

    Args:
        call: The call, packed.
    """
    return frozenset(_unpacked(call, "").tags)


def _unpacked(call: bytes, name: str) -> Packed:
    plain: tuple[Any, ...] = pickle.loads(call)
    if plain[0] != FORMAT:
        raise SerializationError(
            f"The call of task {name!r} was deferred by a newer version of Sluiceway. Upgrade the worker's."
        )
    return Packed(*plain)


def _restored(blob: bytes, what: str) -> Any:
    try:
        return pickle.loads(blob)
    except (Exception, SystemExit) as error:  # whatever a module does when it is imported, or a value when restored
        raise SerializationError(
            f"{what} cannot be restored by the worker: {type(error).__name__}: {error}. The worker needs the modules "
            "and classes that it had when it was deferred: bring the worker's code up to date, and defer it again."
        ) from error


def kept_error(error: BaseException, limit: int = INLINE_LIMIT) -> StoredResult | None:
    """Return an exception as the journal keeps it for who waits for the run; None for one that is too large.

    Args:
        error: The exception.
        limit: The size up to which it is kept, in bytes.
    """
    notes: list[str] = list(getattr(error, "__notes__", ()))
    error.add_note(traceback_of(error))
    try:
        blob = pack_error(error)
    finally:
        error.__notes__ = notes
    if len(blob) > limit:
        return None
    return StoredResult("pickle", blob, None, len(blob), f"{type(error).__name__}: {error}"[:PREVIEW_LIMIT])
