"""Whether a process that has runs in hand still lives."""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.base.times import Moment, to_datetime
from sluiceway.model.holding import ProcessInfo


def cause_of_death(
    process: ProcessInfo, host: str, boot: str, now: Moment, lock_is_held: Callable[[ProcessInfo], bool]
) -> str | None:
    """Return what happened to a process; None where it lives, or nobody here can know.

    On one kernel, which the boot id tells, or the host where the system has no such id, the lock of the process
    decides, since the kernel drops it when the process dies, however it dies, and never before. Beyond that there is
    only the lease.

    Args:
        process: The process, as it has announced itself.
        host: The name of this machine.
        boot: What tells this start of the machine from others; empty where the system does not say.
        now: The present moment.
        lock_is_held: Whether the lock of a process on this kernel is held.
    """
    who = f"Process {process.pid} on {process.host}"
    if process.until is not None:
        if process.until > now:
            return None
        ended = to_datetime(process.until).isoformat(timespec="seconds")
        return f"{who} has not prolonged its lease, which ended at {ended}."
    if process.boot == boot and (boot or process.host == host):
        return None if lock_is_held(process) else f"{who} died without a word: it was killed, or crashed."
    if process.host == host and boot and process.boot:
        return f"{who} ended when the machine was restarted."
    return None


def taken_for_dead(process: ProcessInfo) -> str:
    """Return what a process is told that others have taken off the list.

    Args:
        process: The process.
    """
    return (
        f"Process {process.pid} was taken for dead by another one, which has marked its runs as crashed. "
        "What it records of its runs is refused."
    )
