"""Facts: what the journal is told. Each is written once and never changed.

A fact names the run it is about. `RunCreated` carries the run, of which the journal reads only what is
settled at its creation.
"""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import Any, NamedTuple, TypeAlias

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State


class FlowRunCreated(NamedTuple):
    """A flow was called.

    Args:
        run: The run.
        state: Its first state.
    """

    run: FlowRun
    state: State[Any]


class TaskRunCreated(NamedTuple):
    """A task was called, and waits, or waited, for something.

    Args:
        run: The run.
        state: Its first state.
        running: The state of its running, if it has begun meanwhile: it only waited for a thread.
    """

    run: TaskRun
    state: State[Any]
    running: State[Any] | None = None


class TaskRunDeferred(NamedTuple):
    """A task was called for a worker to run it, some time soon.

    Args:
        run: The run.
        state: Its first state.
        due: From when on a worker may claim it.
        call: All else that the worker needs, packed.
        upstream: Deferred runs that are to have ended before; what is not waiting or claimed has.
    """

    run: TaskRun
    state: State[Any]
    due: Moment
    call: bytes
    upstream: tuple[RunId, ...] = ()


class DeferredCallEnded(NamedTuple):
    """Nothing is left to do for a deferred call: the states of its run were told before.

    Args:
        run_key: The run.
    """

    run_key: RunId


class TaskRunStarted(NamedTuple):
    """A task was called and started to run at once: it was pending, then running, at the same moment.

    Args:
        run: The run; it is running since its `start`.
    """

    run: TaskRun


class FlowRunMoved(NamedTuple):
    """A flow run came into another state.

    Args:
        run_key: The run.
        state: The state it came into.
        run_count: How many times it had started to run by then.
        result: What was stored of its result.
        name: The name of the run, where it was settled only now.
    """

    run_key: RunId
    state: State[Any]
    run_count: int
    result: StoredResult | None = None
    name: str | None = None


class TaskRunMoved(NamedTuple):
    """A task run came into another state.

    Args:
        run_key: The run.
        state: The state it came into.
        run_count: How many times it had started to run by then.
        result: What was stored of its result.
        name: The name of the run, where it was settled only now.
        cache_key: The cache key, where it was settled only now.
    """

    run_key: RunId
    state: State[Any]
    run_count: int
    result: StoredResult | None = None
    name: str | None = None
    cache_key: str | None = None


class ResultCached(NamedTuple):
    """A result may be taken over by later runs.

    Args:
        entry: The result and its key.
    """

    entry: CachedResult


class LogWritten(NamedTuple):
    """A run logged a line.

    Args:
        flow_run_key: The flow run; None for a task called outside flows.
        task_run_key: The task run; None for a line of the flow itself.
        moment: When.
        level: The level of the standard `logging` module, such as 20 for INFO.
        logger: The name of the logger.
        message: The line, possibly cut.
    """

    flow_run_key: RunId | None
    task_run_key: RunId | None
    moment: Moment
    level: int
    logger: str
    message: str


Fact: TypeAlias = (
    FlowRunCreated
    | TaskRunCreated
    | TaskRunDeferred
    | TaskRunStarted
    | FlowRunMoved
    | TaskRunMoved
    | DeferredCallEnded
    | ResultCached
    | LogWritten
)
"""Anything that the journal can be told."""
