"""Rounds of a bare yardstick and a measured workload in turn, and what may be read from them.

On a shared machine a time means little, but two times taken one after the other suffer the same neighbours.
So every round times the yardstick first and the workload right after it, and the median of the rounds'
ratios is the figure that counts.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

Stopwatch = Callable[[], float]
"""Does its work once and returns the seconds one operation of it took."""


class Rounds(NamedTuple):
    """Seconds per operation of the yardstick and of the workload, one of each for every round."""

    bare: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the rounds of workload divided by yardstick."""
        return median(measured / bare for bare, measured in zip(self.bare, self.measured, strict=True))

    @property
    def figure(self) -> float:
        """The median time of one operation of the workload, in seconds."""
        return median(self.measured)

    @property
    def yardstick(self) -> float:
        """The median time of one operation of the yardstick, in seconds."""
        return median(self.bare)


def alternate(bare: Stopwatch, measured: Stopwatch, rounds: int) -> Rounds:
    """Time yardstick and workload in turn, `rounds` times each; neither leaves its garbage to the other."""
    if rounds < 1:
        raise ValueError(f"rounds must be at least 1, not {rounds}")
    pairs = [(_on_a_clean_heap(bare), _on_a_clean_heap(measured)) for _ in range(rounds)]
    return Rounds(bare=tuple(pair[0] for pair in pairs), measured=tuple(pair[1] for pair in pairs))


def _on_a_clean_heap(stopwatch: Stopwatch) -> float:
    gc.collect()
    return stopwatch()
