"""Batches: facts that are written at once, told apart where they may be sent more than once."""

# No `from __future__ import annotations` here: named tuples would compile each annotation, which takes longer
# than all else that an import does.

from typing import NamedTuple

from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND, Moment

REMEMBERED: Moment = 30 * 86_400 * SECOND
"""How long a journal remembers the last batch of a stream: longer than anybody waits before sending one again."""


class BatchId(NamedTuple):
    """What tells a batch from all others.

    Args:
        stream: The 16 bytes of an identifier of whoever sends batches one after the other.
        number: Which of its batches it is; each has a higher number than the one before.
    """

    stream: RunId
    number: int
