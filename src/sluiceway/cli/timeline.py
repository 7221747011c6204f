"""Bars on a time axis, drawn with characters."""

from __future__ import annotations

from typing import NamedTuple

from sluiceway.base import times

LINE = "━"


class Axis(NamedTuple):
    """A stretch of time that is drawn on one line.

    Args:
        start: Where it begins.
        end: Where it ends.
        width: Its length in characters.
    """

    start: times.Moment
    end: times.Moment
    width: int

    def bar(self, start: times.Moment | None, end: times.Moment) -> str:
        """Return a bar for a part of the stretch, at least one character long; empty where it has no start.

        Args:
            start: Where the part begins.
            end: Where it ends.
        """
        if start is None:
            return ""
        first = min(self._place(start), self.width - 1)
        length = max(1, self._place(end) - first)
        return " " * first + LINE * length

    def scale(self) -> str:
        """Return the heading of the axis, from 0 to its whole duration."""
        total = times.duration_text((self.end - self.start) / times.SECOND)
        return "0" + total.rjust(self.width - 1) if self.width > len(total) + 1 else total[: self.width]

    def _place(self, moment: times.Moment) -> int:
        """Return the character that a moment falls on."""
        whole = max(1, self.end - self.start)
        return min(self.width, max(0, round((moment - self.start) * self.width / whole)))
