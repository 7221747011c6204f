"""The main program of a child process: takes calls from its parent, one at a time, on its main thread.

It imports little, so that a child is there soon; what the calls need is imported when the first one comes.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import FrameType

from sluiceway.runners.packets import MESSAGE, REPLY, TROUBLE, Message, packets

LENGTH_BYTES = 8
"""How many bytes before a call say how long it is, the least significant one first."""

_READ_BYTES = 1 << 16

Entry = Callable[[bytes, Callable[[bytes], None]], bytes]


def main(calls: int, results: int, lifeline: int) -> None:
    """Serve calls until the parent hangs up.

    Args:
        calls: The descriptor of the pipe that calls come through.
        results: The descriptor of the pipe that messages and replies go through.
        lifeline: The descriptor of a pipe whose other end closes when the parent dies.
    """
    signal.signal(signal.SIGINT, _leave_it_to_the_parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # it was held back until now
    for descriptor in (calls, results, lifeline):
        os.set_inheritable(descriptor, False)  # a program that a task starts has no business with them
    _die_with_parent(lifeline)
    line = _Line(calls, results)
    try:
        _serve(line)
    except (EOFError, BrokenPipeError):
        return  # the parent needs no more


def _leave_it_to_the_parent(signum: int, frame: FrameType | None) -> None:
    """Take no notice of Ctrl-C, which reaches the whole group.

    It is a function, and not SIG_IGN, because programs that a task starts would inherit that.
    """


def _die_with_parent(lifeline: int) -> None:
    """Have this process end when the parent has died, whatever it is doing: nobody would take its results."""
    if not _killed_when_closed(lifeline):
        threading.Thread(target=_exit_when_closed, args=(lifeline,), daemon=True).start()


def _killed_when_closed(lifeline: int) -> bool:
    """Have the kernel kill this process when the other end of a pipe is closed; return whether it can.

    It is what fcntl(2) tells of F_SETSIG. A thread would have to wait while C code keeps the interpreter to itself.
    """
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        os.read(lifeline, 1)
    except BlockingIOError:
        return True
    os._exit(1)  # it was closed before


def _exit_when_closed(lifeline: int) -> None:
    os.read(lifeline, 1)
    os._exit(1)


class _Line:
    """The connection to the parent."""

    def __init__(self, calls: int, results: int) -> None:
        self._calls = calls
        self._results = results
        self._process = os.getpid()
        self._numbers = itertools.count()
        self._received = bytearray()

    def receive(self) -> bytes:
        """Return the next call.

        Raises:
            EOFError: There are no more: the parent hung up, or this is a process that a call has forked.
        """
        if os.getpid() != self._process:
            raise EOFError
        return self._take(int.from_bytes(self._take(LENGTH_BYTES), "little"))

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            piece = os.read(self._calls, _READ_BYTES)
            if not piece:
                raise EOFError
            self._received += piece
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def send(self, kind: bytes, call: int, content: bytes) -> None:
        """Send a message, unless this is a process that a call has forked."""
        if os.getpid() == self._process:
            for packet in packets(Message(kind, call, content), next(self._numbers)):
                os.write(self._results, packet)


def _serve(line: _Line) -> None:
    """Prepare, and make one call after the other."""
    try:
        entry = _prepare(*pickle.loads(line.receive()))
    except Exception:
        line.send(TROUBLE, 0, traceback.format_exc().encode())
        return
    line.send(REPLY, 0, b"")
    for number in itertools.count(1):
        parcel = line.receive()
        try:
            reply = entry(parcel, partial(line.send, MESSAGE, number))
        except Exception:
            kind, reply = TROUBLE, traceback.format_exc().encode()
        else:
            kind = REPLY
        _tidy_up()
        line.send(kind, number, reply)


def _prepare(entry: str, initializer: bytes | None) -> Entry:
    """Initialise, and return what calls are handed to."""
    if initializer is not None:
        function, arguments = pickle.loads(initializer)
        function(*arguments)
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]  # as the entry promises


def _tidy_up() -> None:
    """Leave nothing of a call to the next one: no alarm, and no output that would be lost if the process died."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # there is none, it is broken, or the call closed it
