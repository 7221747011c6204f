"""The measurement of pages: every address is answered, and what is too slow or too large is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.big_database import Sizes
from benchmarks.pages import ADDRESSES, MOST_BYTES, Figure, measure, table


@pytest.mark.slow
def test_every_address_is_asked_for_calm_and_busy(tmp_path: Path) -> None:
    sizes = Sizes(60, 200, 100)
    measured = measure(sizes, tmp_path, repeats=1)
    assert [each.path for each in measured.figures] == list(ADDRESSES.values())
    assert all(each.seconds > 0 and each.busy_seconds > 0 and each.size > 0 for each in measured.figures)
    assert measured.rate > 0
    assert len(table(measured, sizes).splitlines()) == 6 + len(measured.figures)


@pytest.mark.parametrize(
    ("path", "seconds", "size", "is_met"),
    [
        ("/runs", 0.099, MOST_BYTES, True),
        ("/runs", 0.101, 1, False),
        ("/runs", 0.001, MOST_BYTES + 1, False),
        ("/runs/RUN/timeline.json", 0.001, MOST_BYTES + 1, True),
        ("/api/flow_runs", 0.001, MOST_BYTES + 1, True),
    ],
)
def test_a_page_is_held_to_its_time_and_its_size(path: str, seconds: float, size: int, is_met: bool) -> None:
    assert Figure("it", path, seconds, seconds, seconds, size).is_met is is_met
