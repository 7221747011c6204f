"""Waiting for other processes that use the database."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds to wait for others before it counts as an error."""

ONE_WAIT = 1.0
"""Seconds that SQLite waits by itself. It looks ever more rarely (ten times a second in the end) and begins
anew with each wait, so short waits give a process among many a fair chance of its turn."""

_PAUSE = 0.005
"""Seconds between attempts, since SQLite does not wait at all where it fears a deadlock."""


def patiently(action: Callable[[], T]) -> T:
    """Return what an action returns, which is tried again while another connection is in its way.

    Args:
        action: What to do; it changes nothing when it fails.

    Raises:
        sqlite3.OperationalError: Something else is wrong, or others were in the way for too long.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
