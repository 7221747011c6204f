"""The main program of a child process: takes calls from its parent, one at a time, on its main thread.

It imports little, so that a child is there soon; what the calls need is imported when the first one comes.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

MESSAGE, REPLY, TROUBLE = b"M", b"R", b"T"
"""The first byte of what a child sends: facts under way, the reply, or why there is none."""


def main(calls: int, lifeline: int) -> None:
    """Serve calls until the parent hangs up.

    Args:
        calls: The descriptor of the socket that calls come through.
        lifeline: The descriptor of a pipe whose other end closes when the parent dies.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_die_with_parent, args=(lifeline,), daemon=True).start()
    connection: Connection[Any, Any] = Connection(calls)
    sending = threading.Lock()

    def send(kind: bytes, content: bytes) -> None:
        with sending:
            connection.send_bytes(kind + content)

    try:
        entry = _prepare(*pickle.loads(connection.recv_bytes()))
        send(REPLY, b"")
        while True:
            parcel = connection.recv_bytes()
            try:
                reply = entry(parcel, lambda batch: send(MESSAGE, batch))
            except Exception:
                send(TROUBLE, traceback.format_exc().encode())
            else:
                send(REPLY, reply)
    except (EOFError, ConnectionError):
        return  # the parent needs no more
    except Exception:
        send(TROUBLE, traceback.format_exc().encode())


def _prepare(
    path: list[str], entry: str, initializer: bytes | None
) -> Callable[[bytes, Callable[[bytes], Any]], bytes]:
    """Take over the parent's import path, initialise, and return what calls are handed to."""
    sys.path[:] = path
    if initializer is not None:
        function, arguments = pickle.loads(initializer)
        function(*arguments)
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)  # type: ignore[no-any-return]  # as the entry promises


def _die_with_parent(lifeline: int) -> None:
    """End the process, whatever it is doing, when the parent has died: nobody would take its results."""
    os.read(lifeline, 1)
    os._exit(1)
