"""Parcels: what another process needs to call the function of a task run, and what it sends back."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Iterable
from copy import copy
from typing import Any, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from sluiceway.base.errors import SerializationError
from sluiceway.base.ids import RunId, new_id
from sluiceway.base.signatures import Signature
from sluiceway.base.times import Moment
from sluiceway.drivers import logs
from sluiceway.drivers.decorated import Decorated
from sluiceway.engine.contexts import Call, FlowRunContext, TaskRunContext
from sluiceway.engine.ops import Outcome
from sluiceway.engine.replay import Replay
from sluiceway.model.policies import NO_HOOKS, FlowPolicy, ResultPolicy, TaskPolicy
from sluiceway.model.runs import FlowRun
from sluiceway.runners.pickling import dumps, goes_by_name

BEGUN, ENDED = b"begun", b"ended"
"""Sent in the place of a batch when the function is about to be called, and when it has ended."""

PARAMETERS_LIMIT = 1024 * 1024
"""Arguments of the flow go along with each of its tasks up to this many bytes, pickled."""

_STAYING = (
    "cache_key_fn",
    "cache_policy",
    "on_commit",
    "on_completion",
    "on_failure",
    "on_rollback",
    "on_running",
    "result_serializer",
    "result_storage",
    "retry_condition_fn",
    "task_run_name",
    "viz_return_value",
)
"""Options that only the script of a run needs, and that may hold what cannot be pickled."""

Task: TypeAlias = Decorated[Any, Any]

OWN_LOGGER = "sluiceway"
"""The logger above all loggers of Sluiceway."""

_ORIGIN = new_id()


class AbsentFlow:
    """A flow as its remote tasks see it: all that can be read of it, but not the function.

    Args:
        flow: The flow.
    """

    task_runner = None
    signature: Signature = Signature("flow", (), 0, (), {}, None, None)

    def __init__(self, flow: Any) -> None:
        policy: FlowPolicy = flow.policy
        self.name: str = policy.name
        self.version: str | None = flow.version
        self.description: str | None = flow.description
        self.isasync: bool = flow.isasync
        self.isgenerator: bool = flow.isgenerator
        self.timeout_seconds: float | None = policy.timeout
        self.retries: int = policy.retry.retries
        self.policy: FlowPolicy = policy._replace(
            retry=policy.retry._replace(condition=None), hooks=NO_HOOKS, result=ResultPolicy(), run_name=None
        )

    def fn(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse to be called.

        Raises:
            RuntimeError: Always: the function is in the process that called the flow.
        """
        raise RuntimeError(
            f"The function of flow {self.name!r} stayed in the process that called the flow; import the flow "
            "in the task to call it."
        )


class FlowPart(NamedTuple):
    """A flow run as its remote tasks see it.

    Args:
        flow: The flow.
        run: The flow run.
        parameters: Its arguments, as far as they can travel.
        called: When it was called.
        log_prints: Whether `print` logs in it.
        strict: Whether it is strict.
    """

    flow: AbsentFlow
    run: FlowRun
    parameters: dict[str, Any]
    called: Moment
    log_prints: bool
    strict: bool


class Surroundings(NamedTuple):
    """What the calls of a flow run have in common.

    Args:
        settings: The settings, without secrets.
        levels: The least level that is logged, by logger.
        flow: The flow run; None for tasks outside flows.
    """

    settings: Any
    levels: dict[str, int]
    flow: FlowPart | None


class CallPart(NamedTuple):
    """A call without its arguments.

    Args:
        context: The call, without what belongs to the process that made it.
        tags: The tags that runs get which are made in it.
        replay: Results of what it called in an earlier attempt; None where nothing may be called twice.
    """

    context: TaskRunContext
    tags: frozenset[str]
    replay: Replay | None


class Parcel(NamedTuple):
    """A call on its way, in parts that are pickled each by itself.

    Args:
        origin: Which process it comes from.
        surroundings: `Surroundings`.
        call: A `CallPart`.
        parameters: The arguments by name.
    """

    origin: tuple[int, RunId]
    surroundings: bytes
    call: bytes
    parameters: dict[str, bytes]


class Reply(NamedTuple):
    """What comes back.

    Args:
        value: What the function returned, pickled.
        error: What it raised instead, pickled.
        trace: The traceback of that, as text.
        timeout: For a deadline that passed: how firmly it could be enforced.
        ordinals: How many equal calls of each task it has made by now.
        replay: Results of what it called.
    """

    value: bytes | None
    error: bytes | None = None
    trace: str | None = None
    timeout: str | None = None
    ordinals: dict[str, dict[Call, int]] | None = None
    replay: Replay | None = None


def origin() -> tuple[int, RunId]:
    """Return what tells this process from all others."""
    return os.getpid(), _ORIGIN  # a forked process has the same bytes, and another number


class Packer:
    """Packs the calls of the tasks of a flow run, and unpacks what comes back."""

    def __init__(self) -> None:
        self._surroundings: dict[tuple[RunId | None, int], bytes] = {}
        self._tasks: WeakKeyDictionary[Task, Task] = WeakKeyDictionary()

    def pack(self, context: TaskRunContext, tags: frozenset[str]) -> bytes:
        """Return a call for another process.

        Args:
            context: The call; its parameters are resolved.
            tags: The tags that runs get which are made in it.

        Raises:
            SerializationError: Something cannot be pickled; the message names it, and the remedy.
        """
        name = context.policy.name
        replay = None if context.replay is None else context.replay.below(context.identity)
        part = CallPart(_travelling(context, self._travelling_task(context.task)), tags, replay)
        call = _packed(
            part,
            f"The function of task {name!r} cannot be sent to another process",
            "It must not use locks, connections, open files and the like of the code around it; let it make "
            "its own, or run the task in threads.",
        )
        parameters = {
            parameter: _packed(
                value,
                f"Argument {parameter!r} of task {name!r} cannot be sent to another process",
                "Pass what can be pickled, such as a path instead of an open file, or run the task in threads.",
            )
            for parameter, value in context.parameters.items()
        }
        return pickle.dumps(Parcel(origin(), self._surroundings_of(context), call, parameters), protocol=5)

    def unpack(self, context: TaskRunContext, packed: bytes, moment: Moment) -> Outcome:
        """Return what came of a call.

        Args:
            context: The call.
            packed: The `Reply`, pickled.
            moment: When it came.
        """
        try:
            reply: Reply = pickle.loads(packed)
            context.ordinals = reply.ordinals or context.ordinals
            if reply.error is None:
                return Outcome(pickle.loads(reply.value or b""), None, moment)
            error: BaseException = pickle.loads(reply.error)
        except Exception as trouble:  # whatever a value does when it is restored
            return Outcome(None, _lost(context, trouble), moment)
        if reply.replay is not None and context.replay is not None:
            context.replay.take_in(reply.replay)
        if reply.trace is not None:
            error.add_note(reply.trace)
        return Outcome(None, error, moment, reply.timeout)

    def _travelling_task(self, task: Task) -> Task:
        """Return a task without what its script calls where it is, unless the other process has it anyway."""
        if goes_by_name(task):
            return task
        travelling = self._tasks.get(task)
        if travelling is None:
            travelling = self._tasks[task] = task.varied(dict.fromkeys(_STAYING))
        return travelling

    def _surroundings_of(self, context: TaskRunContext) -> bytes:
        """Return the part that is the same for all calls of a flow run until that is retried."""
        flow_context = context.flow_context
        key = (None, 0) if flow_context is None else (flow_context.flow_run.key, flow_context.flow_run.run_count)
        packed = self._surroundings.get(key)
        if packed is None:
            flow = None if flow_context is None else _flow_part(flow_context)
            settings = context.services.settings
            levels = _levels(settings.logging_extra_loggers)
            packed = dumps(Surroundings(settings.for_other_processes(), levels, flow))
            self._surroundings = {key: packed}
        return packed


def pack_context(context: FlowRunContext | TaskRunContext) -> bytes:
    """Return the context of a run, pickled for another process.

    Args:
        context: The context.

    Raises:
        SerializationError: The task or an argument of it cannot be pickled.
    """
    trouble = f"The context of run {context.run.name!r} cannot be sent to another process"
    remedy = "What a task is and receives has to be picklable there."
    flow_context = context.flow_context
    flow = None if flow_context is None else _flow_part(flow_context)
    if isinstance(context, FlowRunContext):
        return _packed((flow, None, {}), trouble, remedy)
    task = _travelling(context, Packer()._travelling_task(context.task))
    parameters = {name: _packed(value, trouble, remedy) for name, value in context.parameters.items()}
    return _packed((flow, task, parameters), trouble, remedy)


def _lost(context: TaskRunContext, trouble: Exception) -> SerializationError:
    error = SerializationError(
        f"What task {context.policy.name!r} returned or raised in another process cannot be restored in this "
        f"one: {type(trouble).__name__}: {trouble}. Let it return what can be pickled."
    )
    error.__cause__ = trouble
    return error


def _packed(value: Any, trouble: str, remedy: str) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        raise SerializationError(f"{trouble}: {type(error).__name__}: {error}. {remedy}") from error


def _travelling(context: TaskRunContext, task: Task) -> TaskRunContext:
    """Return a copy of a call that can leave the process, to which the other one adds what is missing."""
    copied = _anywhere(context)
    copied.task = task
    copied.policy = copied.policy._replace(timeout=context.policy.timeout, log_prints=context.policy.log_prints)
    copied.fn, copied.signature = context.fn, context.signature
    return copied


def _anywhere(context: TaskRunContext) -> TaskRunContext:
    """Return a copy of a call with no more than what tells it from others."""
    context.task_run  # noqa: B018 - the run is made when it is first asked for, and that is to be here
    copied = copy(context)
    copied.policy = TaskPolicy(context.policy.name, context.policy.task_key, context.policy.tags)
    copied.parameters, copied.references, copied.transaction = {}, [], None
    copied.recorded = None
    copied.slots = None if context.slots is None else context.slots.elsewhere()
    copied.outer = _anywhere(context.outer) if isinstance(context.outer, TaskRunContext) else None
    del copied.task, copied.fn, copied.signature, copied.services, copied.flow_context
    return copied


def _flow_part(context: FlowRunContext) -> FlowPart:
    return FlowPart(
        AbsentFlow(context.flow),
        context.flow_run,
        _travelling_parameters(context),
        context.called,
        context.log_prints,
        context.strict,
    )


def _travelling_parameters(context: FlowRunContext) -> dict[str, Any]:
    """Return the arguments of a flow run that can be pickled, unless they are large."""
    sizes = {name: _size_of(value) for name, value in context.parameters.items()}
    travelling = {name: size for name, size in sizes.items() if size is not None}
    if sum(travelling.values()) > PARAMETERS_LIMIT:
        return {}
    return {name: context.parameters[name] for name in travelling}


def _size_of(value: Any) -> int | None:
    """Return how many bytes a value takes when it is pickled, or None where it cannot be."""
    try:
        return len(dumps(value))
    except Exception:  # a flow may well have an argument that none of its tasks needs elsewhere
        return None


def _levels(extra_loggers: Iterable[str]) -> dict[str, int]:
    """Return the level of each logger whose lines are shown and kept, as it is in this process."""
    names = (OWN_LOGGER, logs.flow_runs.name, logs.task_runs.name, *extra_loggers)
    return {name: logging.getLogger(name).getEffectiveLevel() for name in names}
