"""Child processes that calls can be sent to.

A child is a new interpreter, not a fork: threads and locks of the parent do not come along, and the user's
script is not imported again, so that it needs no `if __name__ == "__main__"`. It is reused for many calls, and
replaced when it dies.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from sluiceway.runners.bootstrap import LENGTH_BYTES
from sluiceway.runners.packets import MESSAGE, TROUBLE, Assembly, Message

_PROGRAM = "import sys; sys.path[:] = {}; from sluiceway.runners.bootstrap import main; main({}, {}, {})"

_EXIT_SECONDS = 10.0
"""How long a child that has hung up may take to end before it is killed."""

_POLL_SECONDS = 0.2
"""How often to see whether a child is still there, where the system does not tell."""

_READ_BYTES = 1 << 16


class ChildDied(Exception):
    """A child process ended in the midst of a call.

    Args:
        why: What is known of the reason, such as `exit code 3`.
    """


class CallFailed(Exception):
    """A call could not be made in the child; the message is its traceback."""


class Child:
    """A child process that makes calls, one at a time.

    Args:
        entry: What calls are handed to in the child, as `module:function`: it takes the call and a function that
            sends messages, and returns the reply, all of them bytes.
        initializer: A pickled pair of a function and its arguments, called in the child first; None for none.

    Raises:
        CallFailed: The initializer raised something, or the entry cannot be imported.
        ChildDied: The child ended before it was ready.
    """

    def __init__(self, entry: str, initializer: bytes | None = None) -> None:
        self._line = _Line()
        _lines.add(self._line)
        self._call = -1
        try:
            self.call(pickle.dumps((entry, initializer)), lambda _: None)
        except BaseException:
            self.kill()
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._line.process.pid

    def call(self, parcel: bytes, on_message: Callable[[bytes], object]) -> bytes:
        """Make a call, and return the reply.

        Args:
            parcel: The call.
            on_message: Called with each message that comes before the reply.

        Raises:
            CallFailed: The call could not be made; the child is as good as before.
            ChildDied: The child ended; all that it sent before has been handed on.
        """
        self._call += 1
        try:
            self._line.send(len(parcel).to_bytes(LENGTH_BYTES, "little") + parcel)
            while True:
                kind, call, content = self._line.receive()
                if call != self._call:
                    continue  # of a thread that the call before left behind
                if kind == MESSAGE:
                    on_message(content)
                elif kind == TROUBLE:
                    raise CallFailed(content.decode())
                else:
                    return content
        except EOFError as error:
            raise ChildDied(self._epitaph()) from error

    def kill(self) -> None:
        """End the process at once. Killing twice is harmless."""
        self._line.process.kill()

    def close(self) -> None:
        """Hang up, and wait until the process has ended."""
        self._line.hang_up()
        try:
            self._line.process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._line.process.kill()
            self._line.process.wait()
        self._line.close()

    def _epitaph(self) -> str:
        """Return what the process ended of."""
        try:
            code = self._line.process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._line.process.kill()
            return "it closed its connection"
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in signal.valid_signals() else "unknown"
        hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return f"signal {-code} ({name}){hint}"


class _Line:
    """A process and the connection to it.

    The process is watched by itself: that a pipe is open does not say that it lives, as a process that it forked
    holds the other end, too.
    """

    def __init__(self) -> None:
        (calls, self._calls), (self._results, results), (lifeline, self._lifeline) = _pipes(3)
        self._ends = {self._calls, self._results, self._lifeline}
        try:
            self.process = _start(calls, results, lifeline)
            self._watch = _watch_of(self.process)
        except BaseException:
            self.close()
            raise
        finally:
            for theirs in (calls, results, lifeline):
                os.close(theirs)
        if self._watch is not None:
            self._ends.add(self._watch)
        for ours in (self._calls, self._results):
            os.set_blocking(ours, False)
        self._writable = self._poll_for(self._calls, select.POLLOUT)
        self._readable = self._poll_for(self._results, select.POLLIN)
        self._assembly = Assembly()
        self._arrived: deque[Message] = deque()

    def send(self, call: bytes) -> None:
        """Send a call to the process.

        Raises:
            EOFError: It has ended.
        """
        self._assembly.forget()
        rest = memoryview(call)
        while rest:
            try:
                rest = rest[os.write(self._calls, rest) :]
            except BlockingIOError:
                if self._wait(self._writable):
                    raise EOFError from None
            except BrokenPipeError:
                raise EOFError from None

    def receive(self) -> Message:
        """Return the next message of the process.

        Raises:
            EOFError: It has ended, and all that it sent has been returned.
        """
        while not self._arrived:
            ended = self._wait(self._readable)
            if not self._read() and ended:
                raise EOFError
        return self._arrived.popleft()

    def _read(self) -> bool:
        """Read what is there; return whether that was something."""
        try:
            received = os.read(self._results, _READ_BYTES)
        except BlockingIOError:
            return False
        if not received:
            raise EOFError
        self._arrived.extend(self._assembly.take(received))
        return True

    def _poll_for(self, end: int, event: int) -> select.poll:
        poll = select.poll()
        poll.register(end, event)
        if self._watch is not None:
            poll.register(self._watch, select.POLLIN)
        return poll

    def _wait(self, poll: select.poll) -> bool:
        """Wait until a pipe is ready, or the process has ended; return whether it has."""
        if self._watch is None:
            poll.poll(_POLL_SECONDS * 1000)
            return self.process.poll() is not None
        return any(ready == self._watch for ready, _ in poll.poll())

    def hang_up(self) -> None:
        """Tell the process that there are no more calls."""
        self._close({self._calls, self._results})

    def close(self) -> None:
        """Release what the connection holds. A process that is still there is killed by that."""
        self._close(set(self._ends))

    def _close(self, ends: set[int]) -> None:
        for end in ends & self._ends:
            self._ends.discard(end)
            os.close(end)

    def disown(self) -> None:
        """Let go of a process that belongs to the process which this one was forked from."""
        self.close()
        self.process.returncode = 0  # so that nothing here ever waits for it, or kills it


def _pipes(number: int) -> list[tuple[int, int]]:
    """Open some pipes, all or none."""
    pipes: list[tuple[int, int]] = []
    try:
        while len(pipes) < number:
            pipes.append(os.pipe())
    except OSError:
        for end in (end for ends in pipes for end in ends):
            os.close(end)
        raise
    return pipes


def _start(calls: int, results: int, lifeline: int) -> subprocess.Popen[bytes]:
    """Start the process, in which Ctrl-C is held back until it knows what to make of it."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    path = ascii([entry for entry in sys.path if isinstance(entry, str)])
    program = _PROGRAM.format(path, calls, results, lifeline)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, *flags, "-c", program],
            pass_fds=(calls, results, lifeline),
            stdin=subprocess.DEVNULL,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _watch_of(process: subprocess.Popen[bytes]) -> int | None:
    """Return a descriptor that is ready when a process has ended, or None where there are none."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        try:
            return os.pidfd_open(process.pid)
        except OSError:
            return None  # the kernel is older than 5.3
    return None


_lines: WeakSet[_Line] = WeakSet()


def _disown_all() -> None:
    """Let go of all children in a process that was forked, lest they outlive their parent for its sake."""
    for line in list(_lines):
        line.disown()


os.register_at_fork(after_in_child=_disown_all)
