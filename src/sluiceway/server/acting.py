"""What is done with runs on behalf of others.

Code of users never runs in this process: whoever goes on with a run is another one, which outlives this.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

from sluiceway.agents.starting import Started, TooManyStartedError, start
from sluiceway.base.errors import FailedRun, InvalidOptionError, ObjectNotFound, RunNotResumableError, SluicewayError
from sluiceway.base.ids import RunId, new_id, to_uuid
from sluiceway.client import SyncClient
from sluiceway.drivers import pausing
from sluiceway.drivers.resuming import recorded_run
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import COMPLETED, State, StateType
from sluiceway.ports.services import Services
from sluiceway.rules import resuming
from sluiceway.rules.outcomes import stamped
from sluiceway.wiring.cancelling import cancel

CANCELLED_AT_ONCE = 64
"""Runs whose end is seen to at the same time."""

TAKEN_SECONDS = 20.0
"""How long a process that was started may take to have its run in hand."""

LONGEST_ARGUMENT = 100_000
"""Characters of what a process is told; systems have their limits."""

_LOOK_SECONDS = 0.05

_cancelling = threading.BoundedSemaphore(CANCELLED_AT_ONCE)


Finish = Callable[[], FlowRun]
"""Waits until what was begun can be seen, and returns the run as it is then."""


class BusyError(SluicewayError):
    """The server does as much at once as it can. Try again in a moment."""


class _NeedsProcess(Exception):
    """The run can go on, but not here."""


def with_each(keys: Sequence[RunId], begin: Callable[[RunId], Callable[[], object] | None]) -> dict[RunId, str]:
    """Begin something with each of several runs, then wait for what was begun; return why it was not done, by run.

    Args:
        keys: The runs.
        begin: Begins it, and returns what waits for it; None where it is done already.
    """
    begun: dict[RunId, Callable[[], object] | None] = {}
    refused: dict[RunId, str] = {}
    for key in keys:
        try:
            begun[key] = begin(key)
        except SluicewayError as error:
            refused[key] = str(error)
    for key, finish in begun.items():
        try:
            if finish is not None:
                finish()
        except SluicewayError as error:
            refused[key] = str(error)
    return refused


def cancel_run(run_key: RunId, grace: float, patience: float, services: Services) -> Finish:
    """Have a flow run come to an end; what is returned waits for that, but not for ever.

    Args:
        run_key: The run.
        grace: Seconds until a process that has not ended it is killed.
        patience: Seconds to wait here at most.
        services: Where to read and write.

    Raises:
        BusyError: Too many are being cancelled.
    """
    if not _cancelling.acquire(blocking=False):
        raise BusyError(f"{CANCELLED_AT_ONCE} runs are being cancelled. Try again when some of them have ended.")
    ended: Future[State[Any]] = Future()
    deadline = time.monotonic() + patience

    def see_to_it() -> None:
        try:
            ended.set_result(cancel(run_key, grace, services))
        except BaseException as error:
            ended.set_exception(error)
        finally:
            _cancelling.release()

    def finish() -> FlowRun:
        wait([ended], max(0.0, deadline - time.monotonic()))
        if ended.done():
            ended.result()
        return flow_run(run_key, services)

    # A thread of its own, which does not keep the server from ending: the wish stands in the journal.
    threading.Thread(target=see_to_it, name="sluiceway-cancelling", daemon=True).start()
    return finish


def retry_run(run_key: RunId, from_step: RunId | None, services: Services) -> Finish:
    """Have a run go on in a process of its own at the first step that did not complete.

    Args:
        run_key: The run.
        from_step: The step from which on all run again.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: It cannot go on; the message says why.
        BusyError: Too many processes that were started from here are at work.
    """
    run = recorded_run(run_key, services)
    _check(run, True, services)
    step = [] if from_step is None else ["--from", str(to_uuid(from_step))]
    return _go_on(run, ["retry", str(run.id), *step, "--quiet"], services)


def resume_run(run_key: RunId, answer: Mapping[str, Any] | None, services: Services) -> FlowRun:
    """Have a paused or crashed run go on, in its process or in one of its own, and return it.

    Args:
        run_key: The run.
        answer: What a paused run asks for, by name; None for nothing.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        NotPausedError: It is not paused, and nothing else is to be resumed.
        FlowPauseTimeout: The time of the pause is over.
        ParameterTypeError: The answer does not fit what the run asks for.
        BusyError: Too many processes that were started from here are at work.
    """
    run = recorded_run(run_key, services)
    if run.parent_key is None and services.store.read_holder(run_key) is None:
        _check(run, False, services)

    def elsewhere() -> FlowRunContext:
        raise _NeedsProcess

    try:
        pausing.have_go_on(run_key, answer, services, elsewhere)
    except _NeedsProcess:
        _check(run, False, services)
        given = [] if answer is None else ["--input", json.dumps(dict(answer))]
        return _go_on(run, ["resume", str(run.id), *given, "--quiet"], services)()
    return flow_run(run_key, services)


def fork_run(run_key: RunId, from_step: RunId | None, parameters: Mapping[str, Any], services: Services) -> FlowRun:
    """Have a new run that takes over results of another one be made and run by a process of its own, and return it.

    Args:
        run_key: The other run.
        from_step: The step from which on all run anew.
        parameters: Arguments that are to differ, by name.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: The flow or its arguments cannot be had; the message says why.
        InvalidOptionError: A parameter cannot be.
        BusyError: Too many processes that were started from here are at work.
    """
    run = recorded_run(run_key, services)
    _check_flow(run)
    odd = next((name for name in parameters if not name.isidentifier()), None)
    if odd is not None:
        raise InvalidOptionError(f"{odd!r} is no name of a parameter.")
    key = new_id()
    step = [] if from_step is None else ["--from", str(to_uuid(from_step))]
    given = [part for name, value in parameters.items() for part in ("--param", f"{name}={json.dumps(value)}")]
    command = ["fork", str(run.id), *step, *given, "--run-id", str(to_uuid(key)), "--quiet"]
    started = _started(command, run, services)
    deadline = time.monotonic() + TAKEN_SECONDS
    return _awaited(started, lambda: services.store.read_flow_run(key), deadline)


def set_flow_run_state(run_key: RunId, kind: StateType, message: str | None, services: Services) -> FlowRun:
    """Say by hand what became of a flow run that has not ended and that no process has in hand, and return it.

    Args:
        run_key: The run.
        kind: The type of the final state.
        message: What to tell a person.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: It is alive, has ended, or another run has called it.
    """
    run = recorded_run(run_key, services)
    holder = services.store.read_holder(run.root_key)
    if holder is not None:
        raise RunNotResumableError(
            f"Flow run {run.name!r} is alive: process {holder.pid} on {holder.host} has it in hand. Cancel it instead."
        )
    if run.parent_key is not None:
        raise RunNotResumableError(
            f"Flow run {run.name!r} was called by another one, and ends with that: {run.root_flow_run_id}."
        )
    state = stamped(kind, services.clock.now(), None, message)
    if not services.store.end_flow_run(run_key, state):
        raise RunNotResumableError(
            f"Flow run {run.name!r} has ended: it is {run.state_name}. A run that failed goes on with a retry."
        )
    return flow_run(run_key, services)


def set_task_run_state(run_key: RunId, kind: StateType, message: str | None, value: Any, services: Services) -> TaskRun:
    """Say by hand what became of a step, and return it.

    Args:
        run_key: The task run.
        kind: `COMPLETED` or `FAILED`.
        message: What to tell a person; of a step that failed, what its exception says.
        value: The value of a step that completed.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such task run.
        RunNotResumableError: The run is alive: a process has it in hand.
    """
    data = value if kind is COMPLETED else FailedRun(message or "Somebody said that this step failed.")
    state: State[Any] = State(kind, None, message, data)
    return SyncClient(services).set_task_run_state(to_uuid(run_key), state)


def delete_flow_run(run_key: RunId, services: Services) -> None:
    """Remove a flow run with all that hangs on it.

    Args:
        run_key: The run.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        UnfinishedRun: It has not ended, or another run called it.
    """
    SyncClient(services).delete_flow_run(to_uuid(run_key))


def delete_task_run(run_key: RunId, services: Services) -> None:
    """Remove a task run that was called outside flows.

    Args:
        run_key: The run.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        UnfinishedRun: It has not ended, or another run called it.
    """
    SyncClient(services).delete_task_run(to_uuid(run_key))


def flow_run(run_key: RunId, services: Services) -> FlowRun:
    """Return a flow run as it is now.

    Args:
        run_key: The run.
        services: Where to read.

    Raises:
        ObjectNotFound: There is no such run.
    """
    run = services.store.read_flow_run(run_key)
    if run is None:
        raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(run_key)}.")
    return run


# --- processes of their own ---------------------------------------------------------------------------


def _check(run: FlowRun, again: bool, services: Services) -> None:
    """Refuse a run that cannot go on.

    Raises:
        RunNotResumableError: It cannot; the message says why.
    """
    refused = resuming.refusal(run, services.store.read_holder(run.root_key), again)
    if refused is not None:
        raise RunNotResumableError(refused)
    _check_flow(run)


def _check_flow(run: FlowRun) -> None:
    if run.entrypoint is None:
        raise RunNotResumableError(
            f"The flow {run.flow_name!r} of run {run.name!r} cannot be imported by another process: it was made within "
            f"a function, or outside files. Go on in a program that has the flow: "
            f"flow.with_options(run_id={str(run.id)!r})(…)."
        )


def _go_on(run: FlowRun, command: list[str], services: Services) -> Finish:
    """Start a command that goes on with a run; what is returned waits until somebody has it in hand."""
    state = run.state
    before = (run.epoch, None if state is None else (state.type, state.moment))
    started = _started(command, run, services)

    def taken() -> FlowRun | None:
        now = services.store.read_flow_run(run.key)
        moved = now is not None and now.state is not None and (now.epoch, (now.state.type, now.state.moment)) != before
        return now if moved else None

    deadline = time.monotonic() + TAKEN_SECONDS
    return lambda: _awaited(started, taken, deadline)


def _started(command: list[str], run: FlowRun, services: Services) -> Started:
    if max(map(len, command)) > LONGEST_ARGUMENT:
        raise InvalidOptionError(f"What a run is given from here has at most {LONGEST_ARGUMENT:,} characters as JSON.")
    try:
        return start(command, services, run.entrypoint)
    except TooManyStartedError as error:
        raise BusyError(str(error)) from error
    except OSError as error:
        raise BusyError(f"No process can be started at present: {error}") from error


def _awaited(started: Started, look: Callable[[], FlowRun | None], deadline: float) -> FlowRun:
    """Return a run once it is seen to be in hand.

    Raises:
        RunNotResumableError: The process ended before that, or takes too long; the message has what it said.
    """
    while True:
        over = started.ended()
        run = look()
        if run is not None:
            return run
        if over:
            said = (started.complaint() or "Its process ended without a word.").removeprefix("Error: ")
            raise RunNotResumableError(said)
        if time.monotonic() >= deadline:
            raise RunNotResumableError(f"Its process has not begun within {TAKEN_SECONDS:g} s; it may do so later.")
        time.sleep(_LOOK_SECONDS)
