"""Child processes that calls can be sent to.

A child is a new interpreter, not a fork: threads and locks of the parent do not come along, and the user's
script is not imported again, so that it needs no `if __name__ == "__main__"`. It is reused for many calls, and
replaced when it dies.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from sluiceway.runners.bootstrap import MESSAGE, TROUBLE

_PROGRAM = "from sluiceway.runners.bootstrap import main; main({calls}, {lifeline})"

_EXIT_SECONDS = 10.0
"""How long a child that has hung up may take to end before it is killed."""


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
        ours, theirs = socket.socketpair()
        held, self._lifeline = os.pipe()  # the child holds the reading end, and sees it close
        program = _PROGRAM.format(calls=theirs.fileno(), lifeline=held)
        try:
            self._process = subprocess.Popen(
                [sys.executable, *subprocess._args_from_interpreter_flags(), "-c", program],  # type: ignore[attr-defined]  # as multiprocessing does
                pass_fds=(theirs.fileno(), held),
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        except BaseException:
            ours.close()
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(held)
        self._connection: Connection[Any, Any] = Connection(ours.detach())
        try:
            self.call(pickle.dumps((sys.path, entry, initializer)), lambda _: None)
        except BaseException:
            self.kill()
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def call(self, parcel: bytes, on_message: Callable[[bytes], object]) -> bytes:
        """Make a call, and return the reply.

        Args:
            parcel: The call.
            on_message: Called with each message that comes before the reply.

        Raises:
            CallFailed: The call could not be made; the child is as good as before.
            ChildDied: The child ended; all that it sent before has been handed on.
        """
        try:
            self._connection.send_bytes(parcel)
            while True:
                received = self._connection.recv_bytes()
                kind, content = received[:1], received[1:]
                if kind == MESSAGE:
                    on_message(content)
                elif kind == TROUBLE:
                    raise CallFailed(content.decode())
                else:
                    return content
        except (EOFError, OSError) as error:
            raise ChildDied(self._epitaph()) from error

    def kill(self) -> None:
        """End the process at once. Killing twice is harmless."""
        self._process.kill()

    def close(self) -> None:
        """Hang up, and wait until the process has ended."""
        self._connection.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _epitaph(self) -> str:
        """Return what the process ended of."""
        try:
            code = self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "it closed its connection"
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name if -code in signal.valid_signals() else "unknown"
        hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return f"signal {-code} ({name}){hint}"
