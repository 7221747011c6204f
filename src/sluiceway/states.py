"""States: where a run is in its life. The class, and a constructor for each named state."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeGuard, TypeVar

from sluiceway.base import times
from sluiceway.model.states import FINAL_TYPES, State, StateDetails, StateType
from sluiceway.rules import outcomes

R = TypeVar("R")

__all__ = [
    "FINAL_TYPES",
    "AwaitingConcurrencySlot",
    "AwaitingRetry",
    "Cached",
    "Cancelled",
    "Cancelling",
    "Completed",
    "Crashed",
    "Failed",
    "InfrastructurePending",
    "Late",
    "NotReady",
    "Paused",
    "Pending",
    "Retrying",
    "RolledBack",
    "Running",
    "Scheduled",
    "State",
    "StateDetails",
    "StateGroup",
    "StateType",
    "Submitting",
    "Suspended",
    "TimedOut",
    "aget_state_exception",
    "araise_state_exception",
    "exception_to_crashed_state",
    "exception_to_failed_state",
    "format_exception",
    "get_state_exception",
    "get_state_result",
    "is_state_iterable",
    "raise_state_exception",
    "return_value_to_state",
]


def _state(cls: type[State[Any]], kind: StateType, name: str | None, given: dict[str, Any]) -> State[Any]:
    given.setdefault("timestamp", times.to_datetime(times.now()))
    given.setdefault("name", name)
    return cls(kind, **given)


def _at(scheduled_time: datetime | None) -> StateDetails:
    return StateDetails(scheduled_time=scheduled_time or times.to_datetime(times.now()))


def Scheduled(cls: type[State[Any]] = State, scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for its time.

    Args:
        cls: The class of the state.
        scheduled_time: When it is to start; now by default.
        kwargs: Further arguments of `State`.
    """
    return _state(cls, StateType.SCHEDULED, None, {"state_details": _at(scheduled_time), **kwargs})


def Late(cls: type[State[Any]] = State, scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run whose time has passed without its starting.

    Args:
        cls: The class of the state.
        scheduled_time: When it was to start.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(cls, scheduled_time, **{"name": "Late", **kwargs})


def AwaitingRetry(cls: type[State[Any]] = State, scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for its next try.

    Args:
        cls: The class of the state.
        scheduled_time: When that starts.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(cls, scheduled_time, **{"name": "AwaitingRetry", **kwargs})


def AwaitingConcurrencySlot(
    cls: type[State[Any]] = State, scheduled_time: datetime | None = None, **kwargs: Any
) -> State[Any]:
    """Return the state of a run that waits for others to leave room.

    Args:
        cls: The class of the state.
        scheduled_time: When it asks again.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(cls, scheduled_time, **{"name": "AwaitingConcurrencySlot", **kwargs})


def Pending(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that is about to start. The other arguments are those of `State`."""
    return _state(cls, StateType.PENDING, None, kwargs)


def NotReady(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run whose upstream runs did not all complete. The other arguments are those of `State`."""
    return _state(cls, StateType.PENDING, "NotReady", kwargs)


def Submitting(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that is being handed to where it will run. The other arguments are those of `State`."""
    return _state(cls, StateType.PENDING, "Submitting", kwargs)


def InfrastructurePending(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for where it will run. The other arguments are those of `State`."""
    return _state(cls, StateType.PENDING, "InfrastructurePending", kwargs)


def Running(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that is under way. The other arguments are those of `State`."""
    return _state(cls, StateType.RUNNING, None, kwargs)


def Retrying(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that is tried again. The other arguments are those of `State`."""
    return _state(cls, StateType.RUNNING, "Retrying", kwargs)


def Completed(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that ended well. The other arguments are those of `State`; `data` is its value."""
    return _state(cls, StateType.COMPLETED, None, kwargs)


def Cached(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run whose result was cached. The other arguments are those of `State`."""
    return _state(cls, StateType.COMPLETED, "Cached", kwargs)


def RolledBack(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run whose effects were taken back. The other arguments are those of `State`."""
    return _state(cls, StateType.COMPLETED, "RolledBack", kwargs)


def Failed(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that failed. The other arguments are those of `State`; `data` is the exception."""
    return _state(cls, StateType.FAILED, None, kwargs)


def TimedOut(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that took longer than its timeout. The other arguments are those of `State`."""
    return _state(cls, StateType.FAILED, "TimedOut", kwargs)


def Crashed(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that was ended from outside. The other arguments are those of `State`."""
    return _state(cls, StateType.CRASHED, None, kwargs)


def Cancelled(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that was cancelled. The other arguments are those of `State`."""
    return _state(cls, StateType.CANCELLED, None, kwargs)


def Cancelling(cls: type[State[Any]] = State, **kwargs: Any) -> State[Any]:
    """Return the state of a run that is being cancelled. The other arguments are those of `State`."""
    return _state(cls, StateType.CANCELLING, None, kwargs)


def Paused(
    cls: type[State[Any]] = State,
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    reschedule: bool = False,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return the state of a run that waits for somebody to resume it.

    Args:
        cls: The class of the state.
        timeout_seconds: Seconds from now after which the pause ends by itself.
        pause_expiration_time: When it does, instead.
        reschedule: Whether the process may end meanwhile.
        pause_key: Which pause this is.
        kwargs: Further arguments of `State`.

    Raises:
        ValueError: Both a time and a number of seconds were given.
    """
    if timeout_seconds is not None and pause_expiration_time is not None:
        raise ValueError("Give `timeout_seconds` or `pause_expiration_time`, not both.")
    if timeout_seconds is not None:
        pause_expiration_time = times.to_datetime(times.now()) + timedelta(seconds=timeout_seconds)
    details = StateDetails(pause_timeout=pause_expiration_time, pause_reschedule=reschedule, pause_key=pause_key)
    return _state(cls, StateType.PAUSED, None, {"state_details": details, **kwargs})


def Suspended(
    cls: type[State[Any]] = State,
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return the state of a run that waits for somebody to resume it, its process ended.

    Args:
        cls: The class of the state.
        timeout_seconds: Seconds from now after which the pause ends by itself.
        pause_expiration_time: When it does, instead.
        pause_key: Which pause this is.
        kwargs: Further arguments of `State`.
    """
    named = {"name": "Suspended", **kwargs}
    return Paused(cls, timeout_seconds, pause_expiration_time, True, pause_key, **named)


class StateGroup:
    """Several states, looked at together.

    Args:
        states: The states.
    """

    def __init__(self, states: Iterable[State[Any]]) -> None:
        self.states: list[State[Any]] = list(states)
        self.total_count: int = len(self.states)

    @property
    def fail_count(self) -> int:
        """How many of the runs failed or crashed."""
        return sum(state.is_failed() or state.is_crashed() for state in self.states)

    def all_completed(self) -> bool:
        """Whether all runs ended well."""
        return all(state.is_completed() for state in self.states)

    def any_cancelled(self) -> bool:
        """Whether a run was cancelled."""
        return any(state.is_cancelled() for state in self.states)

    def any_failed(self) -> bool:
        """Whether a run failed or crashed."""
        return self.fail_count > 0

    def any_paused(self) -> bool:
        """Whether a run waits for somebody to resume it."""
        return any(state.is_paused() for state in self.states)

    def all_final(self) -> bool:
        """Whether all runs have ended."""
        return all(state.is_final() for state in self.states)

    def counts_message(self) -> str:
        """Return a text that counts the states, such as `total=3, 'COMPLETED'=2, 'FAILED'=1`."""
        counts: dict[str, int] = {}
        for state in self.states:
            counts[state.type.value] = counts.get(state.type.value, 0) + 1
        parts = [f"total={self.total_count}", *(f"{name!r}={count}" for name, count in counts.items())]
        return ", ".join(parts)


def is_state_iterable(obj: object) -> TypeGuard[Iterable[State[Any]]]:
    """Return whether something is a list, tuple or set that holds states, and nothing else.

    Args:
        obj: Anything.
    """
    return isinstance(obj, (list, tuple, set)) and bool(obj) and all(isinstance(state, State) for state in obj)


def format_exception(exc: BaseException, tb: TracebackType | None = None) -> str:
    """Return the type and text of an exception, after its traceback if that is given.

    Args:
        exc: The exception.
        tb: The traceback to show.
    """
    if tb is None:
        return f"{type(exc).__name__}: {exc}"
    return "".join(traceback.format_exception(type(exc), exc, tb)).rstrip()


def get_state_exception(state: State[Any]) -> BaseException:
    """Return the exception of a state that did not complete.

    Args:
        state: The state.

    Raises:
        ValueError: The state is none of failed, crashed and cancelled.
    """
    if not state.is_final() or state.is_completed():
        raise ValueError(f"Expected a failed, crashed or cancelled state, got {state!r}.")
    return state.as_exception(state.data)


async def aget_state_exception(state: State[Any]) -> BaseException:
    """Return the exception of a state that did not complete; `get_state_exception` for async code.

    Args:
        state: The state.
    """
    return get_state_exception(state)


def raise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a state that did not complete; do nothing for any other.

    Args:
        state: The state.
    """
    if state.is_final() and not state.is_completed():
        raise get_state_exception(state)


async def araise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a state that did not complete; `raise_state_exception` for async code.

    Args:
        state: The state.
    """
    raise_state_exception(state)


async def get_state_result(
    state: State[R], raise_on_failure: bool = True, retry_result_failure: bool = True
) -> R | BaseException:
    """Return the value of a run; `State.result` as a function.

    Args:
        state: The state of the run.
        raise_on_failure: Raise the exception of a run that did not complete, rather than return it.
        retry_result_failure: Accepted for compatibility: what is stored can be read at once.
    """
    value: R | BaseException = await state.aresult(raise_on_failure, retry_result_failure)
    return value


async def exception_to_crashed_state(exc: BaseException, result_store: Any = None) -> State[BaseException]:
    """Return the state of a run that something ended from outside.

    Args:
        exc: What ended it.
        result_store: Accepted for compatibility: the state has the exception itself.
    """
    return outcomes.crashed("The", exc, times.now())


async def exception_to_failed_state(
    exc: BaseException | None = None, result_store: Any = None, write_result: bool = False, **kwargs: Any
) -> State[BaseException]:
    """Return the state of a run that raised an exception.

    Args:
        exc: The exception; by default the one that is being handled.
        result_store: A `ResultStore` to write the exception to.
        write_result: Whether to write it.
        kwargs: Further arguments of `State`; a `message` comes before the text of the exception.

    Raises:
        ValueError: There is no exception.
    """
    error = sys.exception() if exc is None else exc
    if error is None:
        raise ValueError("Exception was not passed and no active exception could be found.")
    message = " ".join(filter(None, (kwargs.pop("message", None), format_exception(error))))
    state = Failed(message=message, data=error, **kwargs)
    await _written(state, result_store if write_result else None, None, None)
    return state


async def return_value_to_state(
    retval: Any,
    result_store: Any,
    key: str | None = None,
    expiration: datetime | None = None,
    write_result: bool = False,
) -> State[Any]:
    """Return the state of a run that returned a value.

    Args:
        retval: The value: a state is the state, of several states each has to be completed, and anything else is
            what the run came to.
        result_store: A `ResultStore` to write the value to.
        key: The key to write it under.
        expiration: From when on it is not to be used; None for never.
        write_result: Whether to write it.
    """
    state = outcomes.returned(retval, times.now())
    await _written(state, result_store if write_result else None, key, expiration)
    return state


async def _written(state: State[Any], store: Any, key: str | None, expiration: datetime | None) -> None:
    if store is not None:
        await store.awrite(state.data, key, expiration)
