"""What varies from one attempt of a flow run to the next, made to stay as it was when the run goes on after a crash.

What a flow does outside tasks happens again when its run is resumed. A call from here is a step like a task: it is
recorded, and a resumed run takes the recorded value.
"""

from __future__ import annotations

import random as _random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import FunctionType, MethodType
from typing import Any, TypeVar, overload

from sluiceway.base import times
from sluiceway.base.errors import MissingContextError
from sluiceway.drivers import scope
from sluiceway.model.states import State
from sluiceway.tasks import Task

T = TypeVar("T")

__all__ = ["asleep", "now", "random", "run_once", "sleep"]


@overload
def run_once(key: str, fn: Callable[[], Awaitable[T]]) -> Awaitable[T]: ...
@overload
def run_once(key: str, fn: Callable[[], T]) -> T: ...
def run_once(key: str, fn: Callable[[], Any]) -> Any:
    """Call a function once in a run, however often that is resumed, and return what it returned.

    Args:
        key: What tells this call from others of the run. A second call with it returns what the first one did.
        fn: A function without arguments, sync or async; what it returns has to be storable.

    Raises:
        MissingContextError: There is no run here.

    Example:
        ```python
        order_id = run_once("order id", lambda: str(uuid4()))
        ```
    """
    flow = _here("run_once()").flow_context
    step = Task(_callable(fn), name=f"run_once {key}", cache_policy=None)
    step.policy = step.policy._replace(task_key=f"sluiceway.durable.run_once:{key}")
    if flow is None:
        return step()
    place = (_here("run_once()").identity, key)
    if place not in flow.once:
        flow.once[place] = step(return_state=True)
    made = flow.once[place]
    return _awaited(made, flow.once, place) if step.isasync else made.result()


async def _awaited(made: Any, once: dict[Any, Any], place: Any) -> Any:
    """Return what an async function returned, which the first who awaits it waits for."""
    if not isinstance(made, State):
        import asyncio  # lazy: for async code only

        if not isinstance(made, asyncio.Future):
            made = once[place] = asyncio.ensure_future(made)
        made = await asyncio.shield(made)
    return made.result()


def now() -> datetime:
    """Return the time, which is the recorded one where a resumed run comes by again.

    Raises:
        MissingContextError: There is no run here.
    """
    _here("now()")
    return _now()


def random() -> float:
    """Return a random number, at least 0 and below 1, the recorded one where a resumed run comes by again.

    Raises:
        MissingContextError: There is no run here.
    """
    _here("random()")
    return _draw()


def sleep(seconds: float) -> None:
    """Let time pass; a resumed run sleeps only for what is left of it.

    Args:
        seconds: How long.

    Raises:
        MissingContextError: There is no run here.
    """
    context = _here("sleep()")
    brake = context.brake
    is_over = None if brake is None else lambda: brake.why is not None
    context.services.clock.sleep(_left(_wake(seconds), context), is_over)
    if brake is not None:
        brake.heed(outermost=False)


async def asleep(seconds: float) -> None:
    """Let time pass in async code; `sleep` for that.

    Args:
        seconds: How long.

    Raises:
        MissingContextError: There is no run here.
    """
    context = _here("asleep()")
    await context.services.clock.asleep(_left(_wake(seconds), context))


def _here(what: str) -> scope.Context:
    context = scope.current()
    if context is None:
        raise MissingContextError(f"{what} is recorded with a run, and there is none here; call it in a flow or task.")
    return context


def _left(wakes: datetime, context: scope.Context) -> float:
    """Return the seconds until a run is to wake."""
    return max(0.0, (times.from_datetime(wakes) - context.services.clock.now()) / times.SECOND)


def _callable(fn: Callable[[], T]) -> Callable[[], T]:
    """Return a function that a task can be made of: that of an object, or a builtin, is wrapped."""
    return fn if isinstance(fn, FunctionType | MethodType) else lambda: fn()


def _time() -> datetime:
    return times.to_datetime(_here("now()").services.clock.now())


def _chance() -> float:
    return _random.random()


def _wake_time(seconds: float) -> datetime:
    return _time() + timedelta(seconds=seconds)


_now = Task(_time, name="now")
_draw = Task(_chance, name="random")
_wake = Task(_wake_time, name="sleep")
