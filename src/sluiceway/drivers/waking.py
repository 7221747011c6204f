"""Signals and the event loop of the main thread: a wait ends when one comes."""

from __future__ import annotations

import signal
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Generator
from contextlib import contextmanager, suppress


class _Waker:
    """Ends the wait of the main thread's event loop when a signal comes; shared by the flow runs in that loop."""

    def __init__(self) -> None:
        self._loop: AbstractEventLoop | None = None
        self._users = 0
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def set(self, loop: AbstractEventLoop) -> None:
        """Have signals wake a loop, unless it, or somebody else, sees to that already."""
        if loop is not self._loop:  # an earlier loop was left with runs that never ended
            self._put_away()
            self._loop, self._users = loop, 0
        self._users += 1
        if self._users == 1:
            self._begin(loop)

    def unset(self, loop: AbstractEventLoop) -> None:
        """Let signals be, once the last flow run of the loop has ended."""
        if loop is self._loop:
            self._users -= 1
            if not self._users:
                self._put_away()
                self._loop = None

    def _begin(self, loop: AbstractEventLoop) -> None:
        try:
            read, write = self._ends = socket.socketpair()
            for end in self._ends:
                end.setblocking(False)
            loop.add_reader(read, read.recv, 4096)
        except (OSError, NotImplementedError):  # no file can be opened any more, or the loop watches none:
            self._put_away()  # signals wake it most of the time, as ever
            return
        before = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            self._put_away()

    def _put_away(self) -> None:
        if self._ends is None or self._loop is None:
            return
        (read, write), self._ends = self._ends, None
        present = signal.set_wakeup_fd(-1)
        if present != write.fileno():
            signal.set_wakeup_fd(present)  # somebody else's
        if not self._loop.is_closed():
            with suppress(NotImplementedError):
                self._loop.remove_reader(read)
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
