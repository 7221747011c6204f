from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.clocks import Rounds
from benchmarks.lines import LINES, Detail, Reading, timed
from benchmarks.subjects import FULL, PEER, QUICK, Effort

PROMISED = {
    "hello": "≤ 6 × python -c pass",
    "import": "≤ 4 × python -c pass",
    "decorators": "≤ 4 × python -c pass",
    "direct": "≤ 0.75 × bare hop",
    "submitted": "≤ 1 × bare hop",
    "mapped": "≤ 0.8 × bare pool",
    "children": "≤ 5 × bare hop",
    "awaited": "≤ 1 × bare hop",
    "gathered": "≤ 2 × bare hop",
    "strict": "≤ 1.5 × fsynced commit",
    "shared": "≤ 1 × fsynced commit",
    "writers": "≤ 2 × one process",
    "growth": "≤ 1.2 × one of 1,000",
    "peak": "≤ 150 MB",
    "kept": "≤ 1 KB",
    "database": "≤ 400 B",
}


def test_the_table_holds_every_promise_with_its_limit() -> None:
    assert {line.key: line.promise for line in LINES} == PROMISED


def test_no_two_lines_share_a_name() -> None:
    assert max(Counter(line.name for line in LINES).values()) == 1


def test_a_timed_line_tells_its_yardstick_beside_its_figure_and_ratio() -> None:
    reading = timed(Rounds(bare=(4.0, 4.0), measured=(2.0, 2.0)), "bare hop")

    assert reading == Reading(2.0, 0.5, (Detail("bare hop", 4.0, "seconds"),))


@pytest.mark.parametrize("effort", [FULL, QUICK, PEER], ids=lambda effort: str(effort.name))
def test_every_effort_counts_every_workload_and_is_bounded_in_time(effort: Effort) -> None:
    assert set(effort.counts) == set(FULL.counts)
    assert min(effort.counts.values()) > 0
    assert 0 < effort.seconds <= 600


def test_the_full_effort_measures_the_sizes_that_the_promise_names() -> None:
    assert FULL.sizes == (1_000, 10_000, 100_000)
