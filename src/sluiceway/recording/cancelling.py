"""Cancelling: bringing a flow run to an end, in whichever process it is under way, in a bounded time.

First the process is asked: a flag in the journal, which its sentry sees, has the code interrupted. Then it is sent
SIGTERM; then it is killed, with what it has started. One that cannot be reached is fenced: it may record no more.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import Abort, ObjectNotFound, RunNotStoppableError
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.drivers import in_hand, scope
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.recording import presence
from sluiceway.rules.outcomes import CALLED_OFF, cancelled, cancelling
from sluiceway.rules.stopping import refusal

if TYPE_CHECKING:
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.model.runs import FlowRun

_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25
"""Seconds between two looks whether the run has ended: short at first."""

_DEATH_SECONDS = 10.0
"""How long a process that was killed may take to be gone; the kernel may be busy with it."""

_logger = logging.getLogger("sluiceway.cancelling")


def cancel(run_key: RunId, grace: float, services: Services) -> State[Any]:
    """Bring a flow run to an end, and return the state that it came to.

    Args:
        run_key: The run.
        grace: Seconds until a process that has not ended it is killed; in the midst of it SIGTERM is sent.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotStoppableError: It has ended already, or another run has called it.
        Abort: The code that asks is part of the run itself.
    """
    run = _read(run_key, services)
    refused = refusal(run)
    if refused is not None:
        raise RunNotStoppableError(refused)
    now = services.clock.now()
    held = services.store.request_cancel(run_key, cancelling(now))
    here = in_hand.call_off(run_key, CALLED_OFF)
    if not held and not here:
        services.store.end_flow_run(run_key, cancelled(now))
    elif here and _is_part_of(run_key):
        raise Abort(CALLED_OFF)
    else:
        _wait_for_end(run_key, grace, services)
        # What the run had called, and no code has brought to an end, such as a thread in a long call of the system.
        services.store.end_flow_run(run_key, cancelled(services.clock.now()))
    ended = _read(run_key, services).state
    assert ended is not None  # it was read from the journal
    return ended


def _read(run_key: RunId, services: Services) -> FlowRun:
    """Return a run as the journal has it, once it knows which processes are dead."""
    services.recorder.drain()
    if services.presence is not None:
        services.presence.look_around()
    run = services.store.read_flow_run(run_key)
    if run is None:
        raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(run_key)}.")
    return run


def _is_part_of(run_key: RunId) -> bool:
    """Return whether the executing code belongs to a flow run, or to what that has called."""
    context = scope.current()
    flow = None if context is None else context.flow_context
    return flow is not None and flow.flow_run.root_key == run_key


def _wait_for_end(run_key: RunId, grace: float, services: Services) -> None:
    """Wait until a run has ended, and see to it that it does."""
    began, pause, told = time.monotonic(), _FIRST_PAUSE, False
    while not _has_ended(run_key, services):
        passed = time.monotonic() - began
        if passed >= grace:
            _end_by_force(run_key, services)
            return
        if passed >= grace / 2 and not told:
            told = True
            _signal(run_key, signal.SIGTERM, services)
        in_hand.call_off(run_key, CALLED_OFF)
        time.sleep(min(pause, max(0.0, grace - passed)))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _has_ended(run_key: RunId, services: Services) -> bool:
    state = _read(run_key, services).state
    return state is not None and state.is_final()


def _end_by_force(run_key: RunId, services: Services) -> None:
    """Bring a run to an end whose process does not: kill that, or see to it that it records no more."""
    holder = services.store.read_holder(run_key)
    own = None if services.presence is None else services.presence.announced
    now = services.clock.now()
    if holder is None or (own is not None and holder.key == own.key):
        _logger.warning("%s Its code goes on in this process, since it swallows what interrupts it.", CALLED_OFF)
        services.store.end_flow_run(run_key, cancelled(now), None if own is None else own.key)
        return
    killed = _kill(holder)
    who = f"Process {holder.pid} on {holder.host}"
    reason = f"{who} did not end it in time, and was killed." if killed else f"{who} did not end it in time."
    left: ProcessInfo | None = holder
    while left is not None and left.key == holder.key:  # one that prolongs its lease just now stays on the list
        services.store.bury_process(left, reason, services.clock.now())
        left = services.store.read_holder(run_key)
    if killed:
        presence.tidy_up(holder)


def _signal(run_key: RunId, number: int, services: Services) -> None:
    """Send a signal to the process that has a run in hand, if that can be reached from here, and is not this one."""
    holder = services.store.read_holder(run_key)
    if holder is not None and _is_within_reach(holder):
        try:
            os.kill(holder.pid, number)
        except (ProcessLookupError, PermissionError) as error:
            _logger.debug("Process %d was not sent signal %d: %s", holder.pid, number, error)


def _kill(process: ProcessInfo) -> bool:
    """Kill a process and what it has started; return whether it is dead."""
    if not _is_within_reach(process):
        return presence.death_of(process, 0) is not None
    children = list(_descendants(process.pid))
    try:
        if os.getpgid(process.pid) == process.pid != os.getpgrp():
            os.killpg(process.pid, signal.SIGKILL)
        for pid in (process.pid, *children):
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was the last to go, or a child that went with its parent
    except PermissionError as error:
        _logger.warning("Process %d cannot be killed: %s", process.pid, error)
        return False
    deadline = time.monotonic() + _DEATH_SECONDS
    while presence.is_there(process) and time.monotonic() < deadline:
        time.sleep(_FIRST_PAUSE)
    return not presence.is_there(process)


def _is_within_reach(process: ProcessInfo) -> bool:
    """Return whether the number of a process means the same process here, and it is another one than this."""
    return process.pid != os.getpid() and presence.is_there(process)


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that these have; none where the system does not say."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                children = [int(child) for child in file.read().split()]
        except OSError:
            continue  # the thread has ended
        for child in children:
            yield from _descendants(child)
            yield child
