"""The regression guard: has a line become worse than when the results were last committed?

A line is worse when the number its promise is about, ratio or figure, exceeds the committed one by more
than the tolerance. A busy moment can do that to any line, so a line that looks worse is measured again
before it is named, and its best value counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks.quantities import Unit, quantity
from benchmarks.results import Findings, Promise, Results

TOLERANCE = 0.35
"""By which part a ratio may exceed the committed one. Single runs on a busy machine differ by more, the best
of a few attempts by less."""

SIZE_TOLERANCE = 0.10
"""The same for sizes in memory and in the database, which hardly depend on the neighbours."""

ATTEMPTS = 3
"""How often a line is measured at the most before it counts as worse."""

Measure = Callable[[Sequence[str]], Findings]
"""Measures the lines with these keys."""


class Worse(NamedTuple):
    """A line that became worse, or can no longer be measured."""

    promise: Promise
    before: float
    now: float | None
    tolerance: float

    def __str__(self) -> str:
        unit: Unit = "times" if self.promise.has_yardstick else self.promise.unit
        before = quantity(self.before, unit)
        if self.now is None:
            return f"{self.promise.name}: {before} when last committed, could not be measured now"
        return (
            f"{self.promise.name}: {before} when last committed, {quantity(self.now, unit)} now "
            f"({self.now / self.before - 1:+.0%}, tolerated {self.tolerance:+.0%})"
        )


def tolerance_of(promise: Promise, tolerance: float = TOLERANCE) -> float:
    """By how much this line may exceed its committed value."""
    return tolerance if promise.has_yardstick else min(tolerance, SIZE_TOLERANCE)


def check(measure: Measure, committed: Results, tolerance: float = TOLERANCE, attempts: int = ATTEMPTS) -> list[Worse]:
    """Measure the committed lines anew and return those that are worse each time.

    Args:
        measure: Measures the lines with the given keys.
        committed: What to compare with.
        tolerance: By which part of the committed value a ratio may exceed it.
        attempts: How often a line that looks worse is measured, at least once.
    """
    best: dict[str, float] = {}
    suspects = [promise for promise in committed.promises if promise.key in committed.ours.readings]
    worse: list[Worse] = []
    for _ in range(attempts):
        found = measure([promise.key for promise in suspects]).readings
        for promise in suspects:
            if promise.key in found:
                best[promise.key] = min(best.get(promise.key, math.inf), promise.judged(found[promise.key]))
        lines = (_compare(promise, committed, best.get(promise.key), tolerance) for promise in suspects)
        worse = [line for line in lines if line is not None]
        suspects = [line.promise for line in worse]
        if not suspects:
            break
    return worse


def _compare(promise: Promise, committed: Results, now: float | None, tolerance: float) -> Worse | None:
    before, allowed = promise.judged(committed.ours.readings[promise.key]), tolerance_of(promise, tolerance)
    if now is not None and now <= before * (1 + allowed):
        return None
    return Worse(promise, before, now, allowed)
