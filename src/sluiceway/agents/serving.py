"""Serving: a task worker in the foreground, with what it tells people and how they end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import FrameType

from sluiceway.agents.task_worker import TaskWorker
from sluiceway.base.errors import TerminationSignal

SIGNALLED = 128
"""Added to the number of a signal to make the exit code of a process that it ended."""


def announce(worker: TaskWorker, where: str, waiting: Mapping[str, int]) -> None:
    """Tell what a worker serves, and what waits for others.

    Args:
        worker: The worker.
        where: Where the runs come from.
        waiting: How many calls wait, by the key of their task.
    """
    count = len(worker.tasks)
    at_once = "any number of runs" if worker.limit is None else f"up to {worker.limit} run{'s' * (worker.limit > 1)}"
    _say(f"Serving {count} task{'s' * (count > 1)}, {at_once} at once, from {where}:")
    for key, task in worker.tasks.items():
        _say(f"  {task.name}  ({key})" + (f", {waiting[key]} waiting" if key in waiting else ""))
    others = ", ".join(f"{key} ({count})" for key, count in waiting.items() if key not in worker.tasks)
    if others:
        _say(f"Calls of other tasks are waiting, too, for a worker that serves these: {others}")
    _say("Ctrl-C ends this, once the runs under way have ended.")


def work(worker: TaskWorker, timeout: float | None) -> None:
    """Have a worker work on this thread; where it is the main one, until Ctrl-C or SIGTERM.

    Args:
        worker: The worker.
        timeout: Seconds after which to end in any case; None for never.

    Raises:
        KeyboardInterrupt: Ctrl-C came twice, so that runs were given up.
        SystemExit: SIGTERM came twice, so that runs were given up; its code is 143.
        StoreError: The journal cannot be used from the beginning.
    """
    with _ended_by_signals(worker) as received:
        worker.run(timeout)
    if len(received) > 1:
        if received[-1] == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(SIGNALLED + received[-1])


def tell_to_end(worker: TaskWorker, number: int) -> None:
    """Tell a worker to end, and a person what it is waiting for.

    Args:
        worker: The worker.
        number: The signal that was received.
    """
    worker.end(KeyboardInterrupt() if number == signal.SIGINT else TerminationSignal(number))
    count = worker.under_way
    if count and worker.told_to_end == 1:
        runs = "1 run is" if count == 1 else f"{count} runs are"
        again = "Ctrl-C" if number == signal.SIGINT else "the signal"
        _say(f"Ending: {runs} still under way, and waited for. Send {again} once more to give up.")
    elif worker.told_to_end == 1:
        _say("Ending.")


@contextmanager
def _ended_by_signals(worker: TaskWorker) -> Generator[list[int], None, None]:
    """Let signals tell a worker to end, as far as this thread may receive any; yield those that came."""
    received: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        received.append(number)
        tell_to_end(worker, number)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _say(line: str) -> None:
    print(line, flush=True)
