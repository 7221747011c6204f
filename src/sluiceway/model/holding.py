"""Runs in hand: which process has which run, and what it has recorded of its steps so far."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.states import StateType


class ProcessInfo(NamedTuple):
    """A process that has runs in hand, as it has announced itself.

    Args:
        key: The 16 bytes of the identifier of this announcement. One that was taken off the list never returns.
        host: The name of the machine.
        boot: What tells this start of the machine from others; empty where the system does not say.
        pid: The number of the process.
        started: When it announced itself.
        lock: The file that it keeps locked as long as it lives; None where a lease stands for that.
        until: When the lease ends, unless it is prolonged; None where a lock stands for that.
    """

    key: RunId
    host: str
    boot: str
    pid: int
    started: Moment
    lock: str | None = None
    until: Moment | None = None


class RecordedStep(NamedTuple):
    """A task run of a flow run, as going on with the flow run needs it.

    Args:
        key: The 16 bytes of the identifier.
        parent_key: The task run that called it; None for the flow itself.
        task_key: What names the task in every run and process.
        task_name: The name of the task.
        call_hash: The hash of the arguments; 0 where the preview tells them in full.
        call_preview: A short text of the arguments.
        ordinal: How many equal calls the same parent made before.
        state_type: The type of its present state.
        state_name: The name of that, where it is a special one.
        run_count: How many times it has started to run.
        name: The name that somebody chose; None for a generated one.
        child_flow_run_key: The flow run that it stands for.
        started: When it first started to run.
        ended: When it ended.
    """

    key: RunId
    parent_key: RunId | None
    task_key: str
    task_name: str
    call_hash: int
    call_preview: str | None
    ordinal: int
    state_type: StateType
    state_name: str | None
    run_count: int
    name: str | None
    child_flow_run_key: RunId | None
    started: Moment | None
    ended: Moment | None


NEVER: Moment = 253_402_300_799_000_000
"""When a pause ends that does not end by itself: at the end of the year 9999."""

FROM_OUTSIDE = "from-outside:"
"""How the keys of pauses begin that somebody else than the flow run has asked for."""


class Pause(NamedTuple):
    """A place at which a flow run was paused.

    Args:
        run_key: The run.
        key: What tells the place from others of the run.
        until: When the pause ends by itself, and the run with it.
        resumed: When somebody had the run go on; None while it waits.
        answer: What was given to it then, as JSON.
    """

    run_key: RunId
    key: str
    until: Moment
    resumed: Moment | None = None
    answer: str | None = None
