"""Bells: whoever waits in this process for something in the journal is woken at once when it is put there here.

What another process puts there, it finds when it looks.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from sluiceway.base.ids import RunId


class Bell:
    """What somebody waits for, in blocking code or in async code."""

    __slots__ = ("_wake", "rung")

    def __init__(self) -> None:
        self.rung: threading.Event = threading.Event()
        """Set when it rings."""
        self._wake: Callable[[], object] | None = None

    def ring(self) -> None:
        """Wake whoever waits, or is about to; from any thread."""
        self.rung.set()
        wake = self._wake
        if wake is not None:
            with suppress(RuntimeError):  # the loop has ended, and so has whoever waited in it
                wake()

    async def heard(self) -> None:
        """Wait until it rings, in async code."""
        import asyncio  # lazy: for async code only

        heard = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(heard.set)
        try:
            if not self.rung.is_set():
                await heard.wait()
        finally:
            self._wake = None


_turn = threading.Lock()
_hung: dict[RunId, list[Bell]] = {}
"""The bells of this process, by the flow run that somebody waits for news of."""


@contextmanager
def hung(run_key: RunId) -> Generator[Bell, None, None]:
    """Have a bell ring, within, when there is news of a flow run in this process.

    Args:
        run_key: The run.
    """
    bell = Bell()
    with _turn:
        _hung.setdefault(run_key, []).append(bell)
    try:
        yield bell
    finally:
        with _turn:
            bells = _hung.get(run_key, [])
            if bell in bells:  # a forked child has none
                bells.remove(bell)
            if not bells:
                _hung.pop(run_key, None)


def ring(run_key: RunId) -> None:
    """Wake all who wait in this process for news of a flow run.

    Args:
        run_key: The run.
    """
    with _turn:
        bells = list(_hung.get(run_key, ()))
    for bell in bells:
        bell.ring()


def _forget_in_child() -> None:
    """A forked child has none of the threads that wait."""
    global _turn
    _turn = threading.Lock()
    _hung.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
