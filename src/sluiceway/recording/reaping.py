"""Reaping: runs whose process is dead are brought to an end, by whoever looks."""

from __future__ import annotations

import logging
import os
import time

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.model.holding import ProcessInfo
from sluiceway.ports.store import Clock, Store
from sluiceway.recording.presence import death_of, sweep, tidy_up

SWEPT_AFTER = 60.0
"""Seconds after which a file that no process keeps locked is nobody's any more."""

_logger = logging.getLogger("sluiceway.recorder")


def reap(store: Store, own: ProcessInfo | None, folder: str, clock: Clock, doubt: float) -> tuple[RunId, ...]:
    """Bring the runs to an end that dead processes had in hand, and return those that have crashed.

    Who may read the journal but not write it leaves them as they are; the log says so. A lease that is over gives a
    reason to doubt the clock, too: it may have been put forward, the machine may have slept, or another machine's may
    be late. A process that lives prolongs its lease meanwhile, and then nothing happens to it.

    Args:
        store: The journal.
        own: This process, which lives; None where it has not announced itself.
        folder: Where the files of processes are.
        clock: The time.
        doubt: Seconds in which a process that lives prolongs its lease.

    Raises:
        StoreError: The store cannot be read.
    """
    crashed: list[RunId] = []
    others = [process for process in store.read_processes() if own is None or process.key != own.key]
    dead = [(process, reason) for process in others if (reason := death_of(process, clock.now(), folder)) is not None]
    if any(process.until is not None for process, _ in dead):
        clock.sleep(doubt)
    for process, reason in dead:
        try:
            crashed += store.bury_process(process, reason, clock.now())
        except StoreError as error:
            _logger.warning("%s Its runs cannot be marked as crashed. %s", reason, error)
        else:
            tidy_up(process, folder)
    if dead:
        known = {os.path.basename(process.lock) for process in others if process.lock is not None}
        sweep(folder, known, time.time() - SWEPT_AFTER)
    return tuple(crashed)
