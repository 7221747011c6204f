"""The display of progress, for the command line and for the setting `progress`."""

from __future__ import annotations

from sluiceway.recording.progress import Display, display_on

__all__ = ["Display", "display_on"]
