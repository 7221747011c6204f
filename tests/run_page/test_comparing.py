"""Two runs side by side."""

from __future__ import annotations

import pytest

from sluiceway.model.states import StateType
from sluiceway.server.pages.lines import change
from sluiceway.server.pages.run.comparing import Fact, parameters_of, tasks_of
from tests.run_page.steps import a_step

SECOND = 1_000_000


def test_parameters_are_told_apart_by_value_and_by_being_given() -> None:
    facts = parameters_of({"day": "1", "limit": 3}, {"limit": 3, "root": None})
    assert facts == [Fact("day", '"1"', None), Fact("limit", "3", "3"), Fact("root", None, "null")]
    assert [fact.differs for fact in facts] == [True, False, True]


def test_tasks_are_compared_by_number_states_and_duration() -> None:
    left = [a_step("load", took=SECOND), a_step("parse", took=SECOND), a_step("parse", took=SECOND), a_step("gone")]
    right = [a_step("load", took=2 * SECOND), a_step("parse", took=2 * SECOND, state=StateType.FAILED), a_step("new")]
    rows = {row.name: row for row in tasks_of(left, right, 0)}
    assert list(rows) == ["load", "parse", "gone", "new"]
    assert rows["load"].change == 1.0
    assert rows["load"].slower
    assert not rows["load"].faster
    assert (rows["parse"].left.runs, rows["parse"].right.runs) == (2, 1)
    assert rows["parse"].change == 0.0
    assert rows["parse"].differs
    assert rows["gone"].change is None
    assert rows["new"].differs


def test_a_step_that_has_not_ended_counts_until_now() -> None:
    running = a_step("load", took=None, state=StateType.RUNNING)
    assert running.start is not None
    (row,) = tasks_of([running], [], running.start + SECOND)
    assert row.left.total == SECOND
    assert row.left.mean == SECOND


def test_a_small_change_is_none() -> None:
    rows = tasks_of([a_step("load", took=SECOND)], [a_step("load", took=SECOND + 50_000)], 0)
    assert not rows[0].differs


@pytest.mark.parametrize(("part", "text"), [(0.001, "±0 %"), (-0.25, "-25 %"), (12.0, "+1,200 %")])
def test_changes_have_a_sign(part: float, text: str) -> None:
    assert change(part) == text
