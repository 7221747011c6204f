"""Flow runs: what can be done about one from outside."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload
from uuid import UUID

from sluiceway import wiring
from sluiceway.base.errors import FlowRunWaitTimeout
from sluiceway.client import Client
from sluiceway.drivers import pausing, resuming
from sluiceway.drivers.scope import FlowRunContext
from sluiceway.engine.pausing import Wish
from sluiceway.wiring.cancelling import GRACE_SECONDS, cancel
from sluiceway.wiring.runners import make_runner

if TYPE_CHECKING:
    from sluiceway.flows import Flow
    from sluiceway.model.runs import FlowRun
    from sluiceway.model.states import State

__all__ = [
    "acancel_flow_run",
    "apause_flow_run",
    "aresume_flow_run",
    "asuspend_flow_run",
    "cancel_flow_run",
    "fork_flow_run",
    "pause_flow_run",
    "resume_flow_run",
    "retry_flow_run",
    "suspend_flow_run",
    "wait_for_flow_run",
]

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
"""Seconds between two looks: short at first, since most runs that somebody waits for end soon."""

_logger = logging.getLogger("sluiceway.flow_runs")


async def wait_for_flow_run(
    flow_run_id: UUID,
    timeout: float | None = 10800,
    poll_interval: float | None = None,
    client: Client | None = None,
    log_states: bool = False,
) -> FlowRun:
    """Wait until a flow run has ended, in whichever process it runs, and return it.

    Args:
        flow_run_id: The run.
        timeout: How long to wait at most, in seconds; None for as long as it takes.
        poll_interval: Seconds between two looks; by default 0.05 s at first, and then longer, up to 2 s.
        client: Reads the journal; by default one of its own.
        log_states: Whether to log each state that is seen.

    Raises:
        ObjectNotFound: There is no such run.
        FlowRunWaitTimeout: It has not ended by then.
    """
    reader, deadline = client or Client(), None if timeout is None else time.monotonic() + timeout
    pause, seen = poll_interval or _FIRST_PAUSE, None
    while True:
        run = await reader.read_flow_run(flow_run_id)
        if log_states and run.state is not None and run.state_name != seen:
            seen = run.state_name
            _logger.info("Flow run %r is in state %s", run.name, run.state)
        if run.state is not None and run.state.is_final():
            return run
        left = pause if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise FlowRunWaitTimeout(f"Flow run {run.name!r} ({flow_run_id}) did not end within {timeout:g} second(s).")
        await asyncio.sleep(min(pause, left))
        if poll_interval is None:
            pause = min(2 * pause, _LONGEST_PAUSE)


def cancel_flow_run(flow_run_id: UUID, grace_seconds: float = GRACE_SECONDS) -> State[Any]:
    """Bring a flow run to an end, in whichever process it is under way, and return the state that it came to.

    Its code is interrupted: an `await` raises `CancelledError`, other code `Abort`. What it has called ends, too; hooks
    of cancellation are called. A process that does not react gets SIGTERM after half of the time of grace, and is
    killed at the end of it. A run that no process has in hand is cancelled at once.

    Args:
        flow_run_id: The run.
        grace_seconds: Seconds until the process of a run that has not ended is killed.

    Returns:
        The final state: `Cancelled`, unless the run came to another one before it heard of this.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotStoppableError: It has ended already, or another run has called it; the message says what to do.
        Abort: The code that asks is part of the run itself, which ends by that.
    """
    return cancel(flow_run_id.bytes, grace_seconds)


async def acancel_flow_run(flow_run_id: UUID, grace_seconds: float = GRACE_SECONDS) -> State[Any]:
    """Bring a flow run to an end; `cancel_flow_run` for async code.

    Args:
        flow_run_id: The run.
        grace_seconds: Seconds until the process of a run that has not ended is killed.
    """
    return await asyncio.to_thread(cancel_flow_run, flow_run_id, grace_seconds)


@overload
def pause_flow_run(
    wait_for_input: None = None, timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> None: ...
@overload
def pause_flow_run(
    wait_for_input: type[T], timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> T: ...
def pause_flow_run(
    wait_for_input: type[Any] | None = None, timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> Any:
    """Wait, in the midst of a flow, until somebody resumes the run: `resume_flow_run`, `sluiceway resume`.

    A pause that has ended is not made again: neither when the flow is retried, nor when the run goes on after a crash.

    Args:
        wait_for_input: What is asked of whoever resumes the run: a class of `sluiceway.input`, a model of Pydantic,
            or any type; None for nothing.
        timeout: Seconds after which the run fails.
        poll_interval: Seconds between two looks at most.
        key: What tells this pause from others of the run; by default its number.

    Returns:
        What was given, as what was asked for.

    Raises:
        MissingContextError: This is no code of a flow: tasks cannot pause.
        FlowPauseTimeout: Nobody resumed the run in time.

    Example:
        ```python
        approval = pause_flow_run(wait_for_input=Approval, timeout=86_400)
        ```
    """
    return pausing.pause_here(_wish(wait_for_input, timeout, key, poll_interval), "pause_flow_run")


@overload
async def apause_flow_run(
    wait_for_input: None = None, timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> None: ...
@overload
async def apause_flow_run(
    wait_for_input: type[T], timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> T: ...
async def apause_flow_run(
    wait_for_input: type[Any] | None = None, timeout: float = 3600, poll_interval: float = 10, key: str | None = None
) -> Any:
    """Wait, in the midst of a flow, until somebody resumes the run; `pause_flow_run` for async code.

    Args:
        wait_for_input: What is asked of whoever resumes the run; None for nothing.
        timeout: Seconds after which the run fails.
        poll_interval: Seconds between two looks at most.
        key: What tells this pause from others of the run; by default its number.
    """
    return await pausing.apause_here(_wish(wait_for_input, timeout, key, poll_interval), "apause_flow_run")


@overload
def suspend_flow_run(
    wait_for_input: None = None, flow_run_id: UUID | None = None, timeout: float | None = None, key: str | None = None
) -> None: ...
@overload
def suspend_flow_run(
    wait_for_input: type[T], flow_run_id: UUID | None = None, timeout: float | None = None, key: str | None = None
) -> T: ...
def suspend_flow_run(
    wait_for_input: type[Any] | None = None,
    flow_run_id: UUID | None = None,
    timeout: float | None = None,
    key: str | None = None,
) -> Any:
    """Have a flow run unwind and its process go free, until somebody resumes the run, here or elsewhere.

    When it is resumed, the flow begins anew: tasks that have completed are not run again, and this call returns.

    Args:
        wait_for_input: What is asked of whoever resumes the run; None for nothing.
        flow_run_id: Another run, which unwinds before it calls its next task; by default the one that calls this.
        timeout: Seconds after which the run cannot be resumed any more, and fails; None for never.
        key: What tells this pause from others of the run; by default its number.

    Returns:
        What was given, as what was asked for.

    Raises:
        MissingContextError: This is no code of an outermost flow.
        Pause: The run unwinds.
        ObjectNotFound: There is no such run.
        RunNotStoppableError: The other run has ended, is paused already, or no process is at work on it.
        ValueError: Another run is to be given something that its code does not ask for.
    """
    if _is_another(flow_run_id, wait_for_input):
        return pausing.suspend_another(flow_run_id.bytes, timeout, key, wiring.services())
    return pausing.pause_here(_wish(wait_for_input, timeout, key, suspends=True), "suspend_flow_run")


@overload
async def asuspend_flow_run(
    wait_for_input: None = None, flow_run_id: UUID | None = None, timeout: float | None = None, key: str | None = None
) -> None: ...
@overload
async def asuspend_flow_run(
    wait_for_input: type[T], flow_run_id: UUID | None = None, timeout: float | None = None, key: str | None = None
) -> T: ...
async def asuspend_flow_run(
    wait_for_input: type[Any] | None = None,
    flow_run_id: UUID | None = None,
    timeout: float | None = None,
    key: str | None = None,
) -> Any:
    """Have a flow run unwind, until somebody resumes it; `suspend_flow_run` for async code.

    Args:
        wait_for_input: What is asked of whoever resumes the run; None for nothing.
        flow_run_id: Another run; by default the one that calls this.
        timeout: Seconds after which the run cannot be resumed any more, and fails; None for never.
        key: What tells this pause from others of the run; by default its number.
    """
    if _is_another(flow_run_id, wait_for_input):
        return await asyncio.to_thread(pausing.suspend_another, flow_run_id.bytes, timeout, key, wiring.services())
    return await pausing.apause_here(_wish(wait_for_input, timeout, key, suspends=True), "asuspend_flow_run")


def _is_another(flow_run_id: UUID | None, wait_for_input: Any) -> TypeGuard[UUID]:
    """Return whether another flow run than the one that the executing code is part of is meant."""
    context = FlowRunContext.get()
    if flow_run_id is None or (context is not None and context.flow_run.key == flow_run_id.bytes):
        return False
    if wait_for_input is not None:
        raise ValueError("Another run's code asks for no input, so wait_for_input goes without flow_run_id.")
    return True


def _wish(
    wait_for_input: Any, timeout: float | None, key: str | None, poll_interval: float = 10, suspends: bool = False
) -> Wish:
    """Return what a pause is to be like."""
    if wait_for_input is None:
        return Wish(timeout, _nothing, None, key, poll_interval, suspends)
    from sluiceway.input.run_input import answer_reader, run_input_subclass_from_type  # lazy: it imports Pydantic

    kind = run_input_subclass_from_type(wait_for_input)
    return Wish(timeout, answer_reader(kind), kind.model_json_schema(), key, poll_interval, suspends)


def _nothing(_: str | None) -> None:
    """Read an answer that nobody asked for."""


def resume_flow_run(
    flow_run_id: UUID, run_input: Mapping[str, Any] | None = None, flow: Flow[..., Any] | None = None
) -> State[Any] | None:
    """Go on with a flow run that is paused, or whose process has died.

    A run that is paused in its process goes on there, and this returns at once. One that was suspended, or whose
    process has died, goes on here, under its own identifier, from where it got: steps that have ended are not run
    again, their results are used; what the flow does outside tasks happens again.

    Args:
        flow_run_id: The run.
        run_input: What the run asks for, by the names of the fields; `{"value": …}` for a type that is no model.
        flow: The flow; by default it is imported from where it was when the run was made.

    Returns:
        The state that the run came to; None where it goes on in another place.

    Raises:
        ObjectNotFound: There is no such run.
        NotPausedError: It is not paused, and there is nothing else to resume.
        RunNotResumableError: It is alive, has ended, or its flow or its arguments cannot be had; the message says
            which, and what to do.
        ParameterTypeError: The input does not fit what the run asks for.
        FlowPauseTimeout: The time of the pause is over.
        SignatureMismatchError: The flow has other parameters now.
    """
    services = wiring.services()

    def go_on() -> FlowRunContext:
        return resuming.resume(flow_run_id.bytes, services, make_runner, flow=flow)

    context = pausing.have_go_on(flow_run_id.bytes, run_input, services, go_on)
    return None if context is None else resuming.run_here(context)


async def aresume_flow_run(
    flow_run_id: UUID, run_input: Mapping[str, Any] | None = None, flow: Flow[..., Any] | None = None
) -> State[Any] | None:
    """Go on with a flow run that is paused, or whose process has died; `resume_flow_run` for async code.

    Args:
        flow_run_id: The run.
        run_input: What the run asks for, by the names of the fields.
        flow: The flow; by default it is imported from where it was when the run was made.
    """
    return await asyncio.to_thread(resume_flow_run, flow_run_id, run_input, flow)


def retry_flow_run(flow_run_id: UUID, from_step: UUID | None = None, flow: Flow[..., Any] | None = None) -> State[Any]:
    """Go on with a flow run that has failed, crashed or was cancelled: here, at the first step that did not complete.

    Args:
        flow_run_id: The run.
        from_step: A task run that the flow itself has called: it and all that came after it run again.
        flow: The flow; by default it is imported from where it was when the run was made.

    Returns:
        The state that the run came to.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: It is alive, has completed, or its flow or its arguments cannot be had; or there is no
            such step.
        SignatureMismatchError: The flow has other parameters now.
    """
    step = None if from_step is None else from_step.bytes
    context = resuming.resume(flow_run_id.bytes, wiring.services(), make_runner, flow=flow, again=True, from_step=step)
    return resuming.run_here(context)


def fork_flow_run(
    flow_run_id: UUID,
    from_step: UUID | None = None,
    parameters: dict[str, Any] | None = None,
    flow: Flow[..., Any] | None = None,
) -> State[Any]:
    """Make a new flow run that takes over the results of another one, and run it here.

    Args:
        flow_run_id: The other run.
        from_step: A task run that its flow itself has called: it and all that came after it are not taken over.
        parameters: Arguments that are to differ, by name. A step is taken over where it is called with equal
            arguments.
        flow: The flow; by default it is imported from where it was when the other run was made.

    Returns:
        The state that the new run came to.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: The flow or its arguments cannot be had, or there is no such step.
        SignatureMismatchError: The flow has other parameters now.
    """
    step = None if from_step is None else from_step.bytes
    context = resuming.fork(
        flow_run_id.bytes, wiring.services(), make_runner, flow=flow, parameters=parameters, from_step=step
    )
    return resuming.run_here(context)


for _blocking, _twin in (
    (cancel_flow_run, acancel_flow_run),
    (pause_flow_run, apause_flow_run),
    (resume_flow_run, aresume_flow_run),
    (suspend_flow_run, asuspend_flow_run),
):
    setattr(_blocking, "aio", _twin)  # noqa: B010  # a function takes attributes, which its type does not have
