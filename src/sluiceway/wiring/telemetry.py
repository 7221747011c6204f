"""Telemetry, where the program has OpenTelemetry."""

from __future__ import annotations

from sluiceway.base.errors import MissingExtraError
from sluiceway.ports.store import Recorder


def send_spans(recorder: Recorder) -> None:
    """Have the runs of this process be spans of OpenTelemetry.

    Args:
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
    recorder.listeners.append(Telemetry())
