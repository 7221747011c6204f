"""Final states: what a run came to, from what its function returned or raised."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sluiceway.base import errors
from sluiceway.base.ids import to_uuid
from sluiceway.base.times import Moment, to_datetime
from sluiceway.model.states import (
    CANCELLED,
    COMPLETED,
    CRASHED,
    FAILED,
    PAUSED,
    PENDING,
    SCHEDULED,
    State,
    StateDetails,
    StateType,
)
from sluiceway.model.upstream import Upstream
from sluiceway.rules.resolution import Reference, find_references, resolve, resolved_result


def stamped(
    kind: StateType, moment: Moment, name: str | None = None, message: str | None = None, data: Any = None
) -> State[Any]:
    """Return a state that holds since a moment.

    Args:
        kind: The type.
        moment: Since when.
        name: What refines the type.
        message: What to tell a person.
        data: The value, or the exception.
    """
    state: State[Any] = State(kind, name, message, data)
    state.moment = moment
    return state


def task_message(error: BaseException) -> str:
    """Return the message of the state of a task run that raised an exception."""
    return f"Task run encountered an exception {type(error).__name__}: {error}"


def flow_message(error: BaseException) -> str:
    """Return the message of the state of a flow run that raised an exception."""
    return f"Flow run encountered an exception: {type(error).__name__}: {error}"


def timed_out(subject: str, seconds: float, guarantee: str, moment: Moment) -> State[Any]:
    """Return the state of a run that took longer than its timeout.

    Args:
        subject: `Task` or `Flow`.
        seconds: The timeout.
        guarantee: How firmly it could be enforced.
        moment: When.
    """
    kind = errors.TaskRunTimeoutError if subject == "Task" else errors.FlowRunTimeoutError
    message = f"{subject} run exceeded timeout of {seconds:g} second(s)"
    state = stamped(FAILED, moment, "TimedOut", message, kind(message))
    state.state_details.guarantee = guarantee
    return state


def crashed(subject: str, error: BaseException, moment: Moment) -> State[Any]:
    """Return the state of a run that was ended from outside: Ctrl-C, a signal, `sys.exit()`, a cancelled await.

    Args:
        subject: `Task` or `Flow`.
        error: What was raised through it.
        moment: When.
    """
    if isinstance(error, errors.TerminationSignal):
        why = f"{subject} run was terminated by signal {error.signal}."
    elif isinstance(error, KeyboardInterrupt):
        why = f"{subject} run was interrupted from the keyboard."
    elif type(error).__name__ == "CancelledError":
        why = f"{subject} run was cancelled by the event loop: {error}".rstrip(": ") + "."
    else:
        why = f"{subject} run was ended by {type(error).__name__}: {error}".rstrip(": ")
    return stamped(CRASHED, moment, None, why, error)


def raised(subject: str, error: BaseException, moment: Moment) -> State[Any]:
    """Return the state of a run that raised an exception.

    Args:
        subject: `Task` or `Flow`.
        error: What it raised.
        moment: When.
    """
    if not isinstance(error, Exception):
        return crashed(subject, error, moment)
    message = task_message(error) if subject == "Task" else flow_message(error)
    if isinstance(error, errors.CrashedRun):
        return stamped(CRASHED, moment, None, str(error), error)
    if isinstance(error, errors.CancelledRun):
        return stamped(CANCELLED, moment, None, str(error), error)
    return stamped(FAILED, moment, None, message, error)


def returned(value: Any, moment: Moment) -> State[Any]:
    """Return the state of a run that returned a value, which may be a state or hold states and futures.

    Args:
        value: What the function returned; futures in it are done.
        moment: When.
    """
    if isinstance(value, State):
        return _taken_over(value, moment)
    references = find_references(value)
    if not references:
        return stamped(COMPLETED, moment, data=value)
    states = [reference.state for reference in references]
    incomplete = [state for state in states if not state.is_completed()]
    if not incomplete:
        return stamped(COMPLETED, moment, None, "All states completed.", resolve(value, resolved_result))
    return _judged(incomplete, len(states), moment)


_COLLECTIONS = frozenset({list, tuple, set})


def tells_state(value: object) -> bool:
    """Return whether what a task returned decides its state: a state, or a list, tuple or set of nothing but states.

    Args:
        value: What the function returned.
    """
    if type(value) in _COLLECTIONS:  # derived classes may have ways of their own to be gone through
        members: Collection[object] = value  # type: ignore[assignment]  # as its type says
        return bool(members) and all(isinstance(member, State) for member in members)
    return isinstance(value, State)


def told(value: Any, moment: Moment) -> State[Any]:
    """Return the state of a task run that returned a state or several, of which it keeps those that completed.

    Args:
        value: What the function returned, which `tells_state`.
        moment: When.
    """
    if isinstance(value, State):
        return _taken_over(value, moment)
    incomplete = [state for state in value if not state.is_completed()]
    if incomplete:
        return _judged(incomplete, len(value), moment)
    return stamped(COMPLETED, moment, None, "All states completed.", value)


def _judged(incomplete: list[State[Any]], total: int, moment: Moment) -> State[Any]:
    """Return the state of a run that returned states of which some did not complete.

    Args:
        incomplete: Those.
        total: How many there were.
        moment: When.
    """
    if cancelled := [state for state in incomplete if state.is_cancelled()]:
        return stamped(CANCELLED, moment, None, f"{len(cancelled)}/{total} states cancelled.", _first_error(incomplete))
    if paused := [state for state in incomplete if state.is_paused()]:
        return stamped(PAUSED, moment, None, f"{len(paused)}/{total} states paused.")
    if failed := [state for state in incomplete if state.is_final()]:
        return stamped(FAILED, moment, None, f"{len(failed)}/{total} states failed.", _first_error(failed))
    message = f"{len(incomplete)}/{total} states are not final."
    return stamped(FAILED, moment, None, message, errors.UnfinishedRun(message))


def _first_error(states: Iterable[State[Any]]) -> BaseException | None:
    """Return the exception of the first state that has one."""
    for state in states:
        if state.is_final():
            return state.as_exception(state.data)
    return None


def _taken_over(state: State[Any], moment: Moment) -> State[Any]:
    """Return a state that a function returned as the state of its own run."""
    if not state.is_final() and not state.is_paused():
        message = f"The run returned a state that is not final: {state}"
        return stamped(FAILED, moment, None, message, errors.UnfinishedRun(message))
    copied = state.copy()
    copied.moment = moment
    return copied


def not_ready(references: Iterable[Reference], moment: Moment) -> State[Any] | None:
    """Return the state of a run whose upstream runs did not all complete; None if they did.

    Args:
        references: What the run waits for; each has ended.
        moment: When.
    """
    for reference in references:
        if not reference.satisfied:
            source = reference.source
            which = f"task run '{to_uuid(source.run_key)}'" if isinstance(source, Upstream) else f"state {source}"
            return stamped(PENDING, moment, "NotReady", f"Upstream {which} did not reach a 'COMPLETED' state.")
    return None


def awaiting_retry(message: str | None, goes_on: Moment, moment: Moment) -> State[Any]:
    """Return the state of a run that waits for its next try.

    Args:
        message: Why the last try failed.
        goes_on: When the next one starts.
        moment: When the last one ended.
    """
    state = stamped(SCHEDULED, moment, "AwaitingRetry", message)
    state._details = StateDetails(scheduled_time=to_datetime(goes_on))
    return state
