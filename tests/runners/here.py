"""A remote runner whose other process is this one: everything is packed, sent, opened, run and sent back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sluiceway.base.ids import new_id
from sluiceway.runners import parcels
from sluiceway.runners.child import ENTRY, run_collected
from sluiceway.runners.remote import Errand, RemoteTaskRunner
from sluiceway.wiring import children

PATIENCE = 10.0
"""Seconds after which a test no longer waits for what should have come at once."""


class HereTaskRunner(RemoteTaskRunner):
    """Runs each call at once, on the thread that sends it.

    Args:
        limit: How many calls are under way at once.
    """

    def __init__(self, limit: int = 1) -> None:
        super().__init__()
        self.limit = limit

    def settings(self) -> tuple[Any, ...]:
        return (self.limit,)

    def open(self) -> int:
        return self.limit

    def send(self, errand: Errand) -> None:
        sent, reply = run_collected(ENTRY, errand.parcel)
        for batch in sent:
            errand.take(batch)
        errand.reply(reply)

    def stop(self) -> None:
        pass

    def release(self) -> None:
        pass


class HeldTaskRunner(HereTaskRunner):
    """Holds every call until the test says what becomes of it."""

    held: list[Errand]
    arrived: threading.Semaphore

    def __init__(self, limit: int = 1) -> None:
        super().__init__(limit)
        type(self).held, type(self).arrived = [], threading.Semaphore(0)

    def send(self, errand: Errand) -> None:
        self.held.append(errand)
        self.arrived.release()

    @classmethod
    def next(cls, count: int = 1) -> list[Errand]:
        """Return the calls that are held, once there are so many more of them."""
        for _ in range(count):
            assert cls.arrived.acquire(timeout=PATIENCE)
        return cls.held


@contextmanager
def taken_for_another_process(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have what is packed within look as if another process had packed it, when this one opens it.

    Only log lines go their usual way, since this process shows and keeps them already.
    """
    elsewhere = (0, new_id())
    with patch.context() as within:
        within.setattr(parcels, "origin", lambda: elsewhere)
        within.setattr(children, "_redirect_lines", lambda levels: None)
        yield
