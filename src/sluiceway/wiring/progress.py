"""The display of progress, for the command line and for the setting `progress`."""

from __future__ import annotations

from sluiceway.recording.progress import Display, LiveDisplay, display_on

__all__ = ["Display", "LiveDisplay", "display_on"]
