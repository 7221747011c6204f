"""Performing operations: what both drivers do alike, since it does not wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import MissingResult, StoreError, TerminationSignal
from sluiceway.base.ops import Op
from sluiceway.base.times import Moment
from sluiceway.drivers.logs import log_fields, logger_of
from sluiceway.engine.ops import (
    Abandon,
    Draw,
    Keep,
    Limits,
    Load,
    Now,
    Open,
    Outcome,
    Publish,
    Recall,
    Remember,
    Say,
    Take,
)
from sluiceway.model.facts import FACTS, Fact
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import CALLED_OFF

if TYPE_CHECKING:
    from types import TracebackType

    from sluiceway.engine.contexts import FlowRunContext
    from sluiceway.engine.replay import Replay

Handler = Callable[[Services, Any], Any]


def _record(services: Services, fact: Fact) -> None:
    services.recorder.record(fact)


def _now(services: Services, _: Now) -> Moment:
    return services.clock.now()


def _draw(_: Services, __: Draw) -> float:
    import random  # lazy: 1 ms, for delays with a jitter only

    return random.random()


def _load(services: Services, op: Load) -> CachedResult | None:
    return services.results.find(op.key, op.policy, services.clock.now())


def _open(services: Services, op: Open) -> Outcome:
    try:
        value = services.results.open(op.stored)
    except Exception as error:
        return Outcome(None, error, services.clock.now())
    return Outcome(value, None, services.clock.now())


def _remember(services: Services, op: Remember) -> Replay:
    from sluiceway.engine.replay import Replay, steps_of  # lazy: for runs that go on

    services.recorder.drain()
    store, run = services.store, op.context.flow_run
    steps = steps_of(store.read_steps(run.key), store.read_staged(run.key))
    replay = Replay(steps, op.like.failed_again, op.like.checked)
    staged = sorted((step for step in steps.values() if step.staged), key=lambda step: step.key, reverse=True)
    if staged:
        tasks = _tasks_around(op.context.fn)
        replay.staged = [(step, tasks.get(step.recorded.task_key)) for step in staged]
    replay.again_from = op.like.again_from
    if op.like.checked and not op.context.flow.isasync:
        home = threading.get_ident()
        op.context.in_order = lambda: op.context.runner is None and threading.get_ident() == home
    return replay


def _tasks_around(fn: Any) -> dict[str, Any]:
    """Return the tasks that a function can reach by name, by their keys."""
    function = getattr(fn, "__func__", fn)
    found = [*getattr(function, "__globals__", {}).values()]
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # nothing is in it yet
            found.append(cell.cell_contents)
    return {value.task_key: value for value in found if getattr(value, "decorator", None) == "task"}


def _recall(services: Services, op: Recall) -> Outcome:
    step = op.step
    try:
        stored = step.stored or services.store.read_result(step.result_key)
        if not step.own:
            step.stored = stored  # which is recorded anew; else it would be held in memory to no purpose
        if stored is None:
            raise MissingResult("it was not stored; set persist_result=True to keep results.")
        value = services.results.open(stored)
    except Exception as error:
        return Outcome(None, error, services.clock.now())
    return Outcome(value, None, services.clock.now())


def _keep(services: Services, op: Keep) -> StoredResult:
    return services.results.keep(op.value, op.policy, op.key, durable=op.durable)


def _publish(services: Services, op: Publish) -> bool:
    return services.results.publish(op.entry, op.policy)


def _limits(services: Services, op: Limits) -> Any:
    global _slots_of_run
    if _slots_of_run is None:
        from sluiceway.drivers.slots import slots_of_run  # lazy: only runs with tags have limits

        _slots_of_run = slots_of_run
    return _slots_of_run(services, op.context)


_slots_of_run: Callable[[Services, Any], Any] | None = None


def _take(_: Services, op: Take) -> Any:
    return op.slots.take()


def _say(_: Services, op: Say) -> None:
    logger = logger_of(op.scope)
    if logger.isEnabledFor(op.level):
        message = op.message if isinstance(op.message, str) else op.message()
        shown = None if op.error is None else _shown(op.error)
        logger.log(op.level, "%s", message, exc_info=shown, extra=log_fields(op.scope))


def _shown(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return an exception as loggers take it, from the first line of the user's code on."""
    from sluiceway.base.tracebacks import users_part  # lazy: most programs show none

    return type(error), error, users_part(error.__traceback__)


def _abandon(services: Services, op: Abandon) -> None:
    if isinstance(op.error, TerminationSignal):
        _learn_why(services, op.scope)
    op.scope.abandon(op.error)


def _learn_why(services: Services, context: FlowRunContext) -> None:
    """See whether a signal ends a run because somebody has cancelled it, which nobody has told this process yet."""
    own = None if services.presence is None else services.presence.announced
    if own is not None and context.outermost:
        with suppress(StoreError):  # then it has crashed
            if services.store.read_held(own.key).get(context.flow_run.key) is not None:
                context.brake.pull(CALLED_OFF)


SHARED: dict[type[Op[Any]], Handler] = {
    **dict.fromkeys(FACTS, _record),
    Now: _now,
    Draw: _draw,
    Load: _load,
    Open: _open,
    Remember: _remember,
    Recall: _recall,
    Keep: _keep,
    Publish: _publish,
    Limits: _limits,
    Take: _take,
    Say: _say,
    Abandon: _abandon,
}
"""What both drivers do alike."""
