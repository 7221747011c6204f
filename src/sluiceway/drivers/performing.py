"""Performing operations: what both drivers do alike, since it does not wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluiceway.base.ops import Op
from sluiceway.base.times import Moment
from sluiceway.drivers.logs import log_fields, logger_of
from sluiceway.engine.ops import Abandon, Draw, Keep, Load, Now, Open, Outcome, Publish, Say
from sluiceway.model.facts import FACTS, Fact
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.ports.services import Services

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


def _keep(services: Services, op: Keep) -> StoredResult:
    return services.results.keep(op.value, op.policy, op.key)


def _publish(services: Services, op: Publish) -> bool:
    return services.results.publish(op.entry, op.policy)


def _say(_: Services, op: Say) -> None:
    logger = logger_of(op.scope)
    if logger.isEnabledFor(op.level):
        logger.log(op.level, "%s", op.message, exc_info=op.error, extra=log_fields(op.scope))


def _abandon(_: Services, op: Abandon) -> None:
    op.scope.abandon(op.error)


SHARED: dict[type[Op[Any]], Handler] = {
    **dict.fromkeys(FACTS, _record),
    Now: _now,
    Draw: _draw,
    Load: _load,
    Open: _open,
    Keep: _keep,
    Publish: _publish,
    Say: _say,
    Abandon: _abandon,
}
"""What both drivers do alike."""
