"""The display of progress, for the command line and for the setting `progress`."""

from __future__ import annotations

import atexit
import sys

from sluiceway.ports.store import Recorder
from sluiceway.recording.progress import Display, LiveDisplay, display_on

__all__ = ["Display", "LiveDisplay", "display_on", "show_progress"]

DRAIN_SECONDS = 10.0


def show_progress(recorder: Recorder) -> None:
    """Show bars of the flows of this process from now on to its end, if there is a terminal to show them on.

    Args:
        recorder: Tells what was recorded.
    """
    display = display_on(sys.stderr)
    if display is not None:
        recorder.listeners.append(display)
        atexit.register(_end, recorder, display)


def _end(recorder: Recorder, display: Display) -> None:
    """Show what was recorded last, and give the terminal back."""
    recorder.drain(DRAIN_SECONDS)
    if display in recorder.listeners:  # one that failed is not there any more
        recorder.listeners.remove(display)
    display.close()
