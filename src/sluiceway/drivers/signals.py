"""SIGTERM during a flow run: it unwinds like Ctrl-C, so that the journal says what happened."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from sluiceway.base.errors import TerminationSignal

if TYPE_CHECKING:
    from sluiceway.ports.store import Recorder


def _raise(number: int, _: FrameType | None) -> None:
    raise TerminationSignal(number)


@contextmanager
def termination_raises(outermost: bool, recorder: Recorder) -> Generator[None, None, None]:
    """Let SIGTERM raise `TerminationSignal` here; afterwards the process ends by the signal, as it would have.

    Args:
        outermost: Whether this is a flow run that no other called; others have nothing to do.
        recorder: Drained before the process ends.
    """
    if not outermost or _handler() is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    except TerminationSignal as ended:
        _end(ended.signal, recorder)
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is _raise:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


_cancels: set[Callable[[int], object]] = set()
"""Each cancels one of the outermost flow runs that are under way in the event loop of the main thread."""

_received: int | None = None
"""The signal that has cancelled them."""


def _cancel_all(number: int, _: FrameType | None) -> None:
    global _received
    _received = number
    for cancel in list(_cancels):
        cancel(number)


@contextmanager
def termination_cancels(cancel: Callable[[int], object], recorder: Recorder) -> Generator[None, None, None]:
    """Let SIGTERM cancel an outermost flow run in an event loop; after the last one the process ends by the signal.

    Args:
        cancel: Called with the number of the signal, in the midst of anything that the main thread does.
        recorder: Drained before the process ends.
    """
    if _handler() not in (signal.SIG_DFL, _cancel_all):
        yield
        return
    signal.signal(signal.SIGTERM, _cancel_all)
    _cancels.add(cancel)
    try:
        yield
    finally:
        _cancels.discard(cancel)
        if not _cancels and signal.getsignal(signal.SIGTERM) is _cancel_all:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            if _received is not None:
                _end(_received, recorder)


def _handler() -> object:
    """Return what SIGTERM does; None where this thread cannot change it."""
    main = threading.current_thread() is threading.main_thread()
    return signal.getsignal(signal.SIGTERM) if main else None


def _end(number: int, recorder: Recorder) -> None:
    """End the process by a signal, as it would have without us, once the journal is written."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    recorder.drain(timeout=10)
    os.kill(os.getpid(), number)
