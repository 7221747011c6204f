from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from benchmarks import guard
from benchmarks.lines import Reading
from benchmarks.results import Findings, Results


class Machine:
    """Measures nothing: answers with the values it was given, one a call, and the last one for ever."""

    def __init__(self, *, direct: Sequence[float | None], database: Sequence[float | None]) -> None:
        self._given = {"direct": list(direct), "database": list(database)}
        self.asked: list[list[str]] = []

    def __call__(self, keys: Sequence[str]) -> Findings:
        self.asked.append(list(keys))
        readings = {key: Reading(value, value) for key in keys if (value := self._next(key)) is not None}
        return Findings("sluiceway", "Sluiceway", "full", readings, {})

    def _next(self, key: str) -> float | None:
        given = self._given[key]
        return given.pop(0) if len(given) > 1 else given[0]


def names(worse: Sequence[guard.Worse]) -> list[str]:
    return [line.promise.key for line in worse]


def test_lines_as_good_as_committed_pass(results: Results) -> None:
    assert guard.check(Machine(direct=[0.5], database=[450.0]), results) == []


def test_a_line_within_the_tolerance_passes_and_one_beyond_it_is_named(results: Results) -> None:
    within, beyond = 0.5 * (1 + guard.TOLERANCE - 0.01), 0.5 * (1 + guard.TOLERANCE + 0.01)

    assert guard.check(Machine(direct=[within], database=[1.0]), results) == []
    assert names(guard.check(Machine(direct=[beyond], database=[1.0]), results)) == ["direct"]


def test_a_size_has_a_narrower_tolerance_than_a_ratio(results: Results) -> None:
    grown = 450.0 * (1 + guard.SIZE_TOLERANCE + 0.01)

    assert names(guard.check(Machine(direct=[0.5], database=[grown]), results)) == ["database"]


def test_a_line_is_judged_by_the_committed_value_though_it_keeps_its_promise(results: Results) -> None:
    assert results.promises[0].limit == 0.75

    assert names(guard.check(Machine(direct=[0.74], database=[1.0]), results)) == ["direct"]


def test_a_line_that_looks_worse_is_measured_again_and_only_that_line(results: Results) -> None:
    machine = Machine(direct=[2.0, 0.5], database=[450.0])

    assert guard.check(machine, results) == []
    assert machine.asked == [["direct", "database"], ["direct"]]


def test_a_line_that_stays_worse_is_named_with_its_best_value_after_the_last_attempt(
    results: Results,
) -> None:
    machine = Machine(direct=[3.0, 2.0, 4.0], database=[1.0])

    worse = guard.check(machine, results, attempts=3)

    assert [str(line) for line in worse] == [
        "a no-op task: 0.50 × when last committed, 2.00 × now (+300%, tolerated +35%)"
    ]
    assert len(machine.asked) == 3


def test_a_line_that_can_no_longer_be_measured_counts_as_worse(results: Results) -> None:
    worse = guard.check(Machine(direct=[None], database=[1.0]), results)

    assert [str(line) for line in worse] == ["a no-op task: 0.50 × when last committed, could not be measured now"]


def test_a_line_that_was_not_measured_when_committed_is_not_compared(results: Results) -> None:
    ours = dataclasses.replace(results.ours, readings={"database": Reading(450.0)})
    machine = Machine(direct=[99.0], database=[450.0])

    assert guard.check(machine, dataclasses.replace(results, subjects=(ours,))) == []
    assert machine.asked == [["database"]]


@pytest.mark.parametrize(("tolerance", "named"), [(0.2, ["direct"]), (0.6, [])])
def test_the_tolerance_can_be_given(results: Results, tolerance: float, named: list[str]) -> None:
    assert names(guard.check(Machine(direct=[0.7], database=[1.0]), results, tolerance)) == named
