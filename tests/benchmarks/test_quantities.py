from __future__ import annotations

import pytest

from benchmarks.quantities import Unit, limit, quantity


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (12.34e-6, "seconds", "12.3 µs"),
        (0.0985, "seconds", "98.5 ms"),
        (9.5, "seconds", "9.50 s"),
        (250e-9, "seconds", "250 ns"),
        (382.0, "bytes", "382 B"),
        (150e6, "bytes", "150 MB"),
        (1e3, "bytes", "1.00 KB"),
        (0.0, "bytes", "0.00 B"),
        (0.5, "times", "0.50 ×"),
        (35_059.7, "times", "35,060 ×"),
        (-3e6, "bytes", "-3.00 MB"),
    ],
)
def test_a_quantity_has_three_significant_digits_and_the_largest_fitting_unit(
    value: float, unit: Unit, written: str
) -> None:
    assert quantity(value, unit) == written


@pytest.mark.parametrize(("value", "written"), [(1e3, "1 KB"), (400.0, "400 B"), (150e6, "150 MB")])
def test_a_limit_is_written_as_it_was_set(value: float, written: str) -> None:
    assert limit(value, "bytes") == written
