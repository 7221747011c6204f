"""Child processes: the adapters that a task works with in a process that another one started."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache

from sluiceway import wiring
from sluiceway.ports.services import Services
from sluiceway.recording.pipe import PipeHandler, PipeRecorder
from sluiceway.runners.child import attempt
from sluiceway.runners.parcels import Parcel, Surroundings, origin
from sluiceway.storage.results import ResultStorage
from sluiceway.wiring.clock import SystemClock
from sluiceway.wiring.configuration import Settings
from sluiceway.wiring.runners import make_runner

_lock = threading.Lock()
_active: list[Services] = []
"""The services of the calls that are under way in this process, the latest last."""


def run(parcel: bytes, send: Callable[[bytes], object]) -> bytes:
    """Call the function of a task run, and return what came of it.

    Args:
        parcel: The call: a `Parcel`, pickled.
        send: Sends facts and log lines to the process that the call comes from.
    """
    opened: Parcel = pickle.loads(parcel)
    surroundings = _surroundings(opened.surroundings)
    if opened.origin == origin():  # a cluster of threads in the very process that called the flow
        return pickle.dumps(attempt(opened, surroundings, wiring.services(), make_runner, send))
    with _installed(_services(surroundings.settings, send)) as services:
        _redirect_lines(surroundings.levels)
        reply = attempt(opened, surroundings, services, make_runner, send)
    return pickle.dumps(reply)


@lru_cache(maxsize=1)
def _surroundings(packed: bytes) -> Surroundings:
    """Return what a call has in common with others, most often with the one before."""
    surroundings: Surroundings = pickle.loads(packed)
    return surroundings


def _services(settings: Settings, send: Callable[[bytes], object]) -> Services:
    """Return services that read the journal where it is, and tell it through the other process."""
    store = wiring.make_store(settings)
    results = ResultStorage(
        store,
        settings.results_storage,
        default_serializer=settings.results_serializer,
        inline_limit=settings.results_inline_limit,
    )
    return Services(settings, store, PipeRecorder(send, settings.flush_interval), results, SystemClock())


@contextmanager
def _installed(services: Services) -> Generator[Services, None, None]:
    """Have code outside runs work with these services, too; the latest ones, where several are in use."""
    with _lock:
        _active.append(services)
        wiring._current = services
    try:
        yield services
    finally:
        try:
            services.close()
        finally:
            with _lock:
                _active.remove(services)
                wiring._current = _active[-1] if _active else None


_handler = PipeHandler(lambda: _latest_recorder())


def _latest_recorder() -> PipeRecorder | None:
    recorder = _active[-1].recorder if _active else None
    return recorder if isinstance(recorder, PipeRecorder) else None


def _redirect_lines(levels: dict[str, int]) -> None:
    """Have log lines go to the process that the calls come from, whose handlers show and keep them.

    Args:
        levels: The least level that is logged, by logger.
    """
    for name, level in levels.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.disabled = False
        if _handler not in logger.handlers:
            logger.addHandler(_handler)
