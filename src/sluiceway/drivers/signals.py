"""SIGTERM during a flow run: it unwinds like Ctrl-C, so that the journal says what happened."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from sluiceway.base.errors import TerminationSignal
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
    if (
        not outermost
        or threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    ):
        yield
        return
    signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    except TerminationSignal as ended:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        recorder.drain(timeout=10)
        os.kill(os.getpid(), ended.signal)
        raise
    finally:
        if signal.getsignal(signal.SIGTERM) is _raise:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
