"""Task workers: processes that run the calls which `Task.delay` left for them."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

from sluiceway import wiring
from sluiceway.agents import serving
from sluiceway.agents.task_worker import TaskWorker

__all__ = ["aserve", "serve"]


def serve(*tasks: Any, limit: int | None = 10, timeout: float | None = None) -> None:
    """Run the deferred calls of some tasks, from any process that uses the same run database.

    It works until Ctrl-C or SIGTERM, then takes no more calls, waits for those it has begun, and returns. A second
    signal gives those up: they are recorded as crashed. In a thread other than the main one, which gets no signals, it
    works until the timeout.

    Args:
        tasks: The tasks.
        limit: How many runs at once at most, each in a thread, not counting those that wait for other deferred runs;
            None for any number.
        timeout: Seconds after which to take no more calls; None for never.

    Raises:
        TypeError: Something is no task.
        ValueError: There is no task, two have the same key, or the limit is below one.
        MissingTaskError: A task was defined in no file, so that nobody else can call it.
        StoreError: The run database cannot be used.

    Example:
        ```python
        if __name__ == "__main__":
            serve(send_mail, make_report, limit=4)
        ```
    """
    serving.work(_worker(tasks, limit), timeout)


async def aserve(*tasks: Any, limit: int | None = 10, timeout: float | None = None) -> None:
    """Run the deferred calls of some tasks; `serve` for callers in async code, whose event loop goes on.

    It works until it is cancelled, which Ctrl-C does to the main coroutine, or SIGTERM comes; then it waits for the
    calls that it has begun.

    Args:
        tasks: The tasks.
        limit: How many runs at once at most, each in a thread; None for any number.
        timeout: Seconds after which to take no more calls; None for never.

    Raises:
        TypeError: Something is no task.
        ValueError: There is no task, two have the same key, or the limit is below one.
        MissingTaskError: A task was defined in no file, so that nobody else can call it.
        StoreError: The run database cannot be used.
    """
    worker = _worker(tasks, limit)
    with _ended_by_termination(worker):
        working = asyncio.ensure_future(asyncio.to_thread(worker.run, timeout))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            serving.tell_to_end(worker, signal.SIGINT)
            await working
            raise


@contextmanager
def _ended_by_termination(worker: TaskWorker) -> Generator[None, None, None]:
    """Let SIGTERM tell a worker to end within, where this thread may receive any; what handled it before comes back."""
    loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
    handled = False
    if threading.current_thread() is threading.main_thread():
        with suppress(NotImplementedError):  # Windows has no such signals
            loop.add_signal_handler(signal.SIGTERM, serving.tell_to_end, worker, signal.SIGTERM)
            handled = True
    try:
        yield
    finally:
        if handled:
            loop.remove_signal_handler(signal.SIGTERM)  # which sets the default, whatever was there
            signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _worker(tasks: tuple[Any, ...], limit: int | None) -> TaskWorker:
    """Return a worker in this process, and tell what it serves."""
    services = wiring.services()
    worker = TaskWorker(tasks, services, limit)
    where = services.settings.database_url.removeprefix("sqlite:///").removesuffix(":")
    serving.announce(worker, where, services.store.count_waiting_calls())
    return worker
