"""Results that no machine measured, for the parts of the benchmark that only reckon, draw and write."""

from __future__ import annotations

import pytest

from benchmarks.lines import Detail, Reading
from benchmarks.results import Findings, Promise, Results

FAST = Promise("direct", "a no-op task", "≤ 0.75 × bare hop", 0.75, True, "seconds")
SMALL = Promise("database", "a task run in the database", "≤ 400 B", 400.0, False, "bytes")


@pytest.fixture
def results() -> Results:
    """One line kept and one broken by Sluiceway, and a peer that could take only one of them."""
    hop = Detail("bare hop", 20e-6, "seconds")
    ours = Findings(
        "sluiceway",
        "Sluiceway",
        "full",
        {"direct": Reading(10e-6, 0.5, (hop,)), "database": Reading(450.0)},
        {},
    )
    peer = Findings(
        "other", "Other engine", "peer", {"direct": Reading(4e-3, 200.0)}, {"database": "not done after 60 s"}
    )
    return Results("2025-01-02 03:04 UTC", "CPython, 2 cores", (FAST, SMALL), (ours, peer))
