"""Telemetry, where the program has OpenTelemetry."""

from __future__ import annotations

import atexit

from sluiceway.base.errors import MissingExtraError
from sluiceway.ports.store import Recorder, Store

DRAIN_SECONDS = 10.0
"""Seconds that the end of a process waits at most for its last spans."""


def send_spans(store: Store, recorder: Recorder) -> None:
    """Have the runs of this process be spans of OpenTelemetry.

    Args:
        store: Tells of runs that go on here.
        recorder: Tells what was recorded.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    try:
        from sluiceway.recording.telemetry import Telemetry  # lazy: only for those who want it
    except ImportError as error:
        raise MissingExtraError(
            "SLUICEWAY_TELEMETRY is on, and OpenTelemetry is not installed: pip install 'sluiceway[otel]'"
        ) from error

    def hear_the_last() -> None:
        """Have what was recorded last be heard before the program's provider shuts down, which it does at the end.

        What is registered last is called first, and a provider may have been set since the services were built: so
        this is done once then, and once more when there is a first span.
        """
        atexit.register(recorder.drain, DRAIN_SECONDS)

    hear_the_last()
    recorder.listeners.append(Telemetry(store, at_first=hear_the_last))
