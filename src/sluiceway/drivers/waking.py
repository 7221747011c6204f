"""Signals and the event loop of the main thread: a wait ends when one comes."""

from __future__ import annotations

import signal
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Generator
from contextlib import contextmanager


class _Waker:
    """Ends the wait of the main thread's event loop when a signal comes; shared by the flow runs in that loop."""

    def __init__(self) -> None:
        self._users = 0
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def set(self, loop: AbstractEventLoop) -> None:
        """Have signals wake a loop, unless it, or somebody else, sees to that already."""
        self._users += 1
        if self._users > 1:
            return
        try:
            read, write = socket.socketpair()
        except OSError:  # no file can be opened any more: signals wake the loop most of the time, as ever
            return
        for end in (read, write):
            end.setblocking(False)
        before = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        if before == -1:
            loop.add_reader(read, read.recv, 4096)
            self._ends = read, write
        else:
            signal.set_wakeup_fd(before)
            read.close()
            write.close()

    def unset(self, loop: AbstractEventLoop) -> None:
        """Let signals be, once the last flow run has ended."""
        self._users -= 1
        if self._users or self._ends is None:
            return
        (read, write), self._ends = self._ends, None
        present = signal.set_wakeup_fd(-1)
        if present != write.fileno():
            signal.set_wakeup_fd(present)  # somebody has come after us
        loop.remove_reader(read)
        read.close()
        write.close()


_waker = _Waker()


@contextmanager
def signals_wake(loop: AbstractEventLoop) -> Generator[None, None, None]:
    """Have signals end the wait of the event loop that runs in the main thread.

    Python calls handlers between two of its instructions. A signal that comes after the last one before the loop
    waits, or to another thread, would not be heeded before the wait is over by itself.

    Args:
        loop: The loop that runs in this thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _waker.set(loop)
    try:
        yield
    finally:
        _waker.unset(loop)
