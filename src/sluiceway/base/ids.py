"""Identifiers: time-ordered UUIDs (version 7 of RFC 9562), so that primary keys append.

Inside, an identifier is its 16 bytes; users see `uuid.UUID`. Identifiers that one process makes
increase strictly, whatever the clock does.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

if TYPE_CHECKING:
    from uuid import UUID

RunId: TypeAlias = Annotated[bytes, 16]
"""The 16 bytes of a UUID."""

_VERSION_AND_VARIANT = (7 << 76) | (0b10 << 62)
_COUNTER_SHIFT = 22


def _seeded_generator() -> Callable[[], RunId]:
    """Return a function that makes identifiers, with random bits of its own.

    The bits of RFC 9562, section 6.2, method 1: 48 of milliseconds, then 12 and at the end 22 that are drawn
    once, and between them a counter of 40 that never starts over, so that identifiers of one millisecond are
    in order too.
    """
    drawn = int.from_bytes(os.urandom(12), "big")
    own = (drawn & 0xFFF) << 64 | (drawn >> 12) & 0x3FFFFF
    first = (drawn >> 40) & 0x7FFFFFFFFF
    # What does not change, the counter included, is one number that goes up: a single addition an identifier.
    steps = itertools.count(_VERSION_AND_VARIANT | own | first << _COUNTER_SHIFT, 1 << _COUNTER_SHIFT)
    last = 0

    def generate() -> RunId:
        nonlocal last
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds < last:
            milliseconds = last  # the clock was set back
        else:
            last = milliseconds
        return (milliseconds << 80 | next(steps)).to_bytes(16, "big")

    return generate


_generate = _seeded_generator()


def _reseed() -> None:
    global _generate
    _generate = _seeded_generator()


os.register_at_fork(after_in_child=_reseed)


def new_id() -> RunId:
    """Return an identifier that no process has made before."""
    return _generate()


def to_uuid(raw: RunId) -> UUID:
    """Return the UUID of 16 bytes."""
    from uuid import UUID  # lazy: 9 ms, for `platform`; a run needs no such object

    return UUID(bytes=raw)


def from_uuid(value: UUID | str | RunId) -> RunId:
    """Return the 16 bytes of an identifier in any of its forms.

    Raises:
        ValueError: The text is not a UUID.
    """
    if isinstance(value, bytes):
        return value
    from uuid import UUID  # lazy: as above

    return value.bytes if isinstance(value, UUID) else UUID(value).bytes


def optional_uuid(raw: RunId | None) -> UUID | None:
    """Return the UUID of 16 bytes, or None for none."""
    return None if raw is None else to_uuid(raw)
