"""The fuse box: which adapters a process works with. The one room that names them."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sluiceway.ports.services import Services
from sluiceway.recording.batching import BatchingRecorder
from sluiceway.storage.results import ResultStorage
from sluiceway.wiring.clock import SystemClock
from sluiceway.wiring.configuration import Settings, process_settings

if TYPE_CHECKING:
    from sluiceway.ports.store import Store

_lock = threading.RLock()
_current: Services | None = None
_defaults: Settings | None = None


def services() -> Services:
    """Return the services of this process; they are built from the settings when they are first needed.

    Raises:
        ConfigurationError: A setting is unknown or bad.
    """
    return _current if _current is not None else _build_once()


def _build_once() -> Services:
    global _current
    with _lock:
        if _current is None:
            _current = build(process_settings())
        return _current


def build(settings: Settings) -> Services:
    """Return the services that settings ask for. Nothing is opened yet.

    Args:
        settings: The settings.

    Raises:
        ConfigurationError: No store goes by the database URL.
        MissingExtraError: Telemetry is on, and OpenTelemetry is not installed.
    """
    from sluiceway.wiring.presence import presence_of  # lazy: needed once something runs
    from sluiceway.wiring.retention import keep_house

    store, clock = make_store(settings), SystemClock()
    presence = presence_of(store, clock, settings)
    recorder = BatchingRecorder(store, settings.flush_interval, announcer=presence)
    results = ResultStorage(
        store,
        settings.results_storage,
        default_serializer=settings.results_serializer,
        inline_limit=settings.results_inline_limit,
    )
    prepare_logging(settings, recorder)
    if settings.progress != "off":
        from sluiceway.wiring.progress import show_progress

        show_progress(recorder)
    if settings.telemetry == "on" or (settings.telemetry == "auto" and "opentelemetry.trace" in sys.modules):
        from sluiceway.wiring.telemetry import send_spans

        send_spans(store, recorder)
    services = Services(settings, store, recorder, results, clock)
    services.presence = presence
    keep_house(services)
    return services


def make_store(settings: Settings) -> Store:
    """Return the store that settings name: a server's, or a database.

    Args:
        settings: The settings.

    Raises:
        ConfigurationError: No store goes by such a URL.
    """
    from sluiceway.wiring.databases import open_journal

    return open_journal(settings)


def prepare_logging(settings: Settings, recorder: BatchingRecorder) -> None:
    """Have the lines of runs go to the console and into the journal, as the settings say.

    Args:
        settings: The settings.
        recorder: The way into the journal.
    """
    from sluiceway.wiring.lines import attach

    # A line that is logged after the end must not build anything anew.
    attach(settings, lambda: None if _current is None else _current.recorder)


@contextmanager
def use(replacement: Services) -> Generator[Services, None, None]:
    """Have the whole process work with other services within; they are closed afterwards.

    Args:
        replacement: The services.
    """
    global _current
    with _lock:
        before, _current = _current, replacement
    try:
        yield replacement
    finally:
        try:
            replacement.close()
        finally:
            with _lock:
                _current = before


def reset() -> None:
    """Close the services of this process; they are built anew when they are needed again."""
    global _current, _defaults
    with _lock:
        ended, _current, _defaults = _current, None, None
    if ended is not None:
        ended.close()


def _forget_in_child() -> None:
    """A forked child has none of the threads; it builds services of its own."""
    global _current, _defaults, _lock
    _current = _defaults = None
    _lock = threading.RLock()


def defaults() -> Settings:
    """Return the settings that options of flows and tasks default to, without building any services."""
    global _defaults
    if _current is not None:
        return _current.settings  # type: ignore[no-any-return]  # the bundle does not know their type
    if _defaults is None:
        _defaults = process_settings()
    return _defaults


atexit.register(reset)
os.register_at_fork(after_in_child=_forget_in_child)
