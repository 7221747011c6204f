"""Workers: several processes that serve at one address, and one that sees to them."""

from __future__ import annotations

import multiprocessing
import signal
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from sluiceway import wiring
from sluiceway.server.serving import GRACE_SECONDS, Plan, serve

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

INTERVAL = 0.2
"""Seconds between two looks whether all are alive."""

PAUSE = 1.0
"""Seconds before another one is started in the place of one that died: what kills it may kill the next."""


def serve_with(count: int, plan: Plan, listener: socket.socket, ready: Callable[[], object]) -> None:
    """Serve with several processes until SIGTERM or Ctrl-C.

    Args:
        count: How many.
        plan: How to serve.
        listener: What listens; it is closed.
        ready: Called once all have been started.
    """
    context = multiprocessing.get_context("spawn")
    told: list[int] = []

    def heard(number: int, frame: FrameType | None) -> None:
        told.append(number)

    def start() -> SpawnProcess:
        process = context.Process(target=_work, args=(plan, listener), name="sluiceway-server")
        process.start()
        return process

    before = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    processes: list[SpawnProcess] = []
    try:
        while len(processes) < count and not told:
            processes.append(start())
        ready()
        while not told:
            time.sleep(INTERVAL)
            for place, process in enumerate(processes):
                if not process.is_alive() and not told:
                    time.sleep(PAUSE)
                    processes[place] = start()
    finally:
        listener.close()
        _end(processes)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(processes: list[SpawnProcess]) -> None:
    """End processes: those that take too long, by force."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS + 5
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _work(plan: Plan, listener: socket.socket) -> None:
    """Serve, as one of several."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends Ctrl-C to all; the first process says when to end
    try:
        serve(plan, listener)
    finally:
        wiring.reset()  # a child of `multiprocessing` runs none of what is registered for the end
