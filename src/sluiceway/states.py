"""States: where a run is in its life. The class, and a constructor for each named state."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sluiceway.base import times
from sluiceway.model.states import FINAL_TYPES, State, StateDetails, StateType

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
    "get_state_exception",
    "raise_state_exception",
]


def _state(kind: StateType, name: str | None, given: dict[str, Any]) -> State[Any]:
    given.setdefault("timestamp", times.to_datetime(times.now()))
    given.setdefault("name", name)
    return State(kind, **given)


def _at(scheduled_time: datetime | None) -> StateDetails:
    return StateDetails(scheduled_time=scheduled_time or times.to_datetime(times.now()))


def Scheduled(scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for its time.

    Args:
        scheduled_time: When it is to start; now by default.
        kwargs: Further arguments of `State`.
    """
    return _state(StateType.SCHEDULED, None, {"state_details": _at(scheduled_time), **kwargs})


def Late(scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run whose time has passed without its starting.

    Args:
        scheduled_time: When it was to start.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(scheduled_time, **{"name": "Late", **kwargs})


def AwaitingRetry(scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for its next try.

    Args:
        scheduled_time: When that starts.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(scheduled_time, **{"name": "AwaitingRetry", **kwargs})


def AwaitingConcurrencySlot(scheduled_time: datetime | None = None, **kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for others to leave room.

    Args:
        scheduled_time: When it asks again.
        kwargs: Further arguments of `State`.
    """
    return Scheduled(scheduled_time, **{"name": "AwaitingConcurrencySlot", **kwargs})


def Pending(**kwargs: Any) -> State[Any]:
    """Return the state of a run that is about to start. The arguments are those of `State`."""
    return _state(StateType.PENDING, None, kwargs)


def NotReady(**kwargs: Any) -> State[Any]:
    """Return the state of a run whose upstream runs did not all complete. The arguments are those of `State`."""
    return _state(StateType.PENDING, "NotReady", kwargs)


def Submitting(**kwargs: Any) -> State[Any]:
    """Return the state of a run that is being handed to where it will run. The arguments are those of `State`."""
    return _state(StateType.PENDING, "Submitting", kwargs)


def InfrastructurePending(**kwargs: Any) -> State[Any]:
    """Return the state of a run that waits for where it will run. The arguments are those of `State`."""
    return _state(StateType.PENDING, "InfrastructurePending", kwargs)


def Running(**kwargs: Any) -> State[Any]:
    """Return the state of a run that is under way. The arguments are those of `State`."""
    return _state(StateType.RUNNING, None, kwargs)


def Retrying(**kwargs: Any) -> State[Any]:
    """Return the state of a run that is tried again. The arguments are those of `State`."""
    return _state(StateType.RUNNING, "Retrying", kwargs)


def Completed(**kwargs: Any) -> State[Any]:
    """Return the state of a run that ended well. The arguments are those of `State`; `data` is its value."""
    return _state(StateType.COMPLETED, None, kwargs)


def Cached(**kwargs: Any) -> State[Any]:
    """Return the state of a run whose result was cached. The arguments are those of `State`."""
    return _state(StateType.COMPLETED, "Cached", kwargs)


def RolledBack(**kwargs: Any) -> State[Any]:
    """Return the state of a run whose effects were taken back. The arguments are those of `State`."""
    return _state(StateType.COMPLETED, "RolledBack", kwargs)


def Failed(**kwargs: Any) -> State[Any]:
    """Return the state of a run that failed. The arguments are those of `State`; `data` is the exception."""
    return _state(StateType.FAILED, None, kwargs)


def TimedOut(**kwargs: Any) -> State[Any]:
    """Return the state of a run that took longer than its timeout. The arguments are those of `State`."""
    return _state(StateType.FAILED, "TimedOut", kwargs)


def Crashed(**kwargs: Any) -> State[Any]:
    """Return the state of a run that was ended from outside. The arguments are those of `State`."""
    return _state(StateType.CRASHED, None, kwargs)


def Cancelled(**kwargs: Any) -> State[Any]:
    """Return the state of a run that was cancelled. The arguments are those of `State`."""
    return _state(StateType.CANCELLED, None, kwargs)


def Cancelling(**kwargs: Any) -> State[Any]:
    """Return the state of a run that is being cancelled. The arguments are those of `State`."""
    return _state(StateType.CANCELLING, None, kwargs)


def Paused(
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    reschedule: bool = False,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return the state of a run that waits for somebody to resume it.

    Args:
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
    return _state(StateType.PAUSED, None, {"state_details": details, **kwargs})


def Suspended(
    timeout_seconds: float | None = None,
    pause_expiration_time: datetime | None = None,
    pause_key: str | None = None,
    **kwargs: Any,
) -> State[Any]:
    """Return the state of a run that waits for somebody to resume it, its process ended.

    Args:
        timeout_seconds: Seconds from now after which the pause ends by itself.
        pause_expiration_time: When it does, instead.
        pause_key: Which pause this is.
        kwargs: Further arguments of `State`.
    """
    named = {"name": "Suspended", **kwargs}
    return Paused(timeout_seconds, pause_expiration_time, True, pause_key, **named)


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


def raise_state_exception(state: State[Any]) -> None:
    """Raise the exception of a state that did not complete; do nothing for any other.

    Args:
        state: The state.
    """
    if state.is_final() and not state.is_completed():
        raise get_state_exception(state)
