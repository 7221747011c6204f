"""Moments and durations.

Inside, a moment is an integer: microseconds since the Unix epoch, UTC. Users see aware `datetime`s.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Moment: TypeAlias = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND: Moment = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> Moment:
    """Return the present moment of the system's clock."""
    return time.time_ns() // 1_000


def to_datetime(moment: Moment) -> datetime:
    """Return the aware datetime (UTC) of a moment, exact to the microsecond."""
    return _EPOCH + timedelta(microseconds=moment)


def from_datetime(when: datetime) -> Moment:
    """Return the moment of a datetime; one without a zone is taken as local time."""
    return round((when.astimezone(UTC) - _EPOCH) / timedelta(microseconds=1))


def optional_datetime(moment: Moment | None) -> datetime | None:
    """Return the datetime of a moment, or None for none."""
    return None if moment is None else to_datetime(moment)


def duration_text(seconds: float) -> str:
    """Return a short text of a duration, such as `3.21 s`, `2m 5s` or `1h 2m`.

    Args:
        seconds: The duration in seconds.
    """
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours < 48 else f"{hours // 24}d {hours % 24}h"
