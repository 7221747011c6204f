"""Final states: what a run came to, from what its function returned or raised."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sluiceway.base import errors
from sluiceway.base.ids import to_uuid
from sluiceway.base.times import Moment, to_datetime
from sluiceway.model.holding import NEVER, RecordedStep
from sluiceway.model.states import (
    CANCELLED,
    CANCELLING,
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
    if isinstance(error, errors.Pause) and subject == "Flow":
        return _taken_over(error.state or stamped(PAUSED, moment), moment)
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


def left_by_process(
    reason: str, moment: Moment, resumed: int = 0, allowed: int = 0, cancelled: bool = False
) -> State[Any]:
    """Return the state of a run whose process is gone.

    Args:
        reason: What happened to the process.
        moment: When that was noticed.
        resumed: How many times the run has been taken in hand again.
        allowed: How many times it goes on by itself.
        cancelled: Whether somebody had asked for its end.
    """
    if cancelled:
        return stamped(CANCELLED, moment, None, f"{CALLED_OFF} {reason}")
    if 0 < allowed <= resumed:
        reason += f" The run has gone on {resumed} time(s) after a crash, and does so by itself no more (auto_resume)."
    state = stamped(CRASHED, moment, None, reason)
    state.state_details.retriable = True  # nobody has wished for its end
    return state


CALLED_OFF = "Somebody cancelled the flow run."
"""The message of the states of runs that were cancelled."""


def cancelling(moment: Moment) -> State[Any]:
    """Return the state of a run that is to come to an end before it would by itself.

    Args:
        moment: When somebody asked for it.
    """
    return stamped(CANCELLING, moment, None, CALLED_OFF)


def cancelled(moment: Moment, why: str = CALLED_OFF) -> State[Any]:
    """Return the state of a run that was cancelled.

    Args:
        moment: When.
        why: What to tell a person.
    """
    return stamped(CANCELLED, moment, None, why)


def paused(key: str, until: Moment, moment: Moment, suspended: bool, schema: dict[str, Any] | None) -> State[Any]:
    """Return the state of a run that waits for somebody to have it go on.

    Args:
        key: What tells this pause from others of the run.
        until: When the pause ends by itself.
        moment: When it begins.
        suspended: Whether the process may end meanwhile.
        schema: What the answer is to be like, as a JSON schema; None where none is wanted.
    """
    state = stamped(PAUSED, moment, "Suspended" if suspended else None)
    state._details = StateDetails(
        pause_key=key,
        pause_timeout=None if until >= NEVER else to_datetime(until),
        pause_reschedule=suspended,
        pause_schema=schema,
    )
    return state


MOST_WORKERS = 4
"""How many workers may die that had taken a run: it may be what kills them, sooner than they can tell."""

_WORKER_DIED = "The worker that had taken it has died."


def left_by_worker(moment: Moment, messages: Iterable[str | None]) -> State[Any]:
    """Return the state of a deferred run whose worker is gone: it waits for another one, unless it has cost several.

    Args:
        moment: When that was noticed.
        messages: The messages of its states so far.
    """
    deaths = 1 + sum(message == _WORKER_DIED for message in messages)
    if deaths < MOST_WORKERS:
        return stamped(SCHEDULED, moment, "AwaitingRetry", _WORKER_DIED)
    return stamped(CRASHED, moment, None, f"{deaths} workers have died that had taken it; it may be what kills them.")


def resuming(moment: Moment) -> State[Any]:
    """Return the state of a run that somebody has taken in hand again.

    Args:
        moment: When.
    """
    return stamped(PENDING, moment, "Resuming")


def recalled(step: RecordedStep, value: Any) -> State[Any]:
    """Return the state that a step came to in an earlier attempt.

    Args:
        step: The step.
        value: What it returned or raised.
    """
    message = None
    if step.state_type is FAILED and isinstance(value, BaseException):
        message = task_message(value)
    return stamped(step.state_type, step.ended or 0, step.state_name, message, value)


def taken_over(state: State[Any], moment: Moment) -> State[Any]:
    """Return the state of a step whose result is that of a step of another run.

    Args:
        state: The state of the other one.
        moment: When it is taken over.
    """
    name = state.special_name if state.type is FAILED else "Cached"
    return stamped(state.type, moment, name, state.message or "Taken over from another run.", state.data)


def rolled_back(moment: Moment) -> State[Any]:
    """Return the state of a step whose transaction was rolled back, so that what it did is undone.

    Args:
        moment: When.
    """
    return stamped(COMPLETED, moment, "RolledBack", "Its transaction was rolled back.")


def corrected(moment: Moment) -> State[Any]:
    """Return the state that a step passes through when somebody says by hand what became of it.

    Args:
        moment: When.
    """
    return stamped(PENDING, moment, None, "Its state was set by hand.")
