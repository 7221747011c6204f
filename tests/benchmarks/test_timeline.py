"""The measurement of the timeline in motion: what is promised of it, and how it is told."""

from __future__ import annotations

import pytest

from benchmarks.timeline import LEAST_FRAMES, SMOOTH, USABLE, Figure, table


@pytest.mark.parametrize(
    ("runs", "frames", "is_met"),
    [(SMOOTH, LEAST_FRAMES, True), (SMOOTH, LEAST_FRAMES - 0.1, False), (USABLE, 20.0, True)],
)
def test_a_timeline_is_held_to_its_frames_up_to_the_size_that_they_are_promised_for(
    runs: int, frames: float, is_met: bool
) -> None:
    figure = Figure(runs, "open", frames, 17.0)
    assert figure.is_met is is_met
    assert ("**no**" in table([figure])) is not is_met
