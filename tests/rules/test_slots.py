"""Whose turn it is: nobody is overtaken, nobody gets a part, and slots that decay come free one after the other."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.base.times import SECOND
from sluiceway.exceptions import ConcurrencySlotAcquisitionError, InvalidOptionError
from sluiceway.model.slots import Limit, LimitUse, SlotRequest, Verdict
from sluiceway.rules import slots as rules

NOON = 1_767_268_800_000_000


def use(slots: int = 2, taken: int = 0, ahead: int = 0, *, active: bool = True, decay: float = 0.0) -> LimitUse:
    return LimitUse(Limit(b"k" * 16, "db", slots, active, decay), taken, NOON, ahead, ahead)


def request(occupy: int = 1, *, rate: bool = False, strict: bool = False) -> SlotRequest:
    return SlotRequest("me", ("db",), occupy, rate, strict)


@given(st.integers(1, 5), st.integers(0, 6), st.integers(0, 6), st.integers(1, 6))
def test_slots_are_granted_exactly_if_they_fit_beside_what_is_taken_and_what_others_wait_for(
    slots: int, taken: int, ahead: int, occupy: int
) -> None:
    granted = rules.verdict(request(occupy), [use(slots, taken, ahead)])
    if occupy > slots:
        assert granted is Verdict.IMPOSSIBLE
    else:
        assert granted is (Verdict.GRANTED if taken + ahead + occupy <= slots else Verdict.WAITING)


def test_what_is_not_active_or_has_no_limit_counts_for_nothing() -> None:
    assert rules.verdict(request(9), [use(2, 2, 2, active=False)]) is Verdict.GRANTED
    assert rules.verdict(request(9), []) is Verdict.GRANTED
    assert rules.verdict(request(strict=True), []) is Verdict.IMPOSSIBLE


def test_of_several_limits_all_have_to_have_room() -> None:
    assert rules.verdict(request(), [use(1), use(1, 1)]) is Verdict.WAITING
    assert rules.verdict(request(), [use(1), use(1)]) is Verdict.GRANTED


def test_a_rate_needs_a_limit_with_decay() -> None:
    assert rules.verdict(request(rate=True), [use()]) is Verdict.IMPOSSIBLE
    assert rules.verdict(request(rate=True), [use(decay=1.0)]) is Verdict.GRANTED


@pytest.mark.parametrize(
    ("asked", "uses", "words"),
    [
        (request(strict=True), [], "There is no concurrency limit 'db'. Make it first: sluiceway limit set db SLOTS"),
        (request(3), [use()], "'db' has 2 slot(s), never 3 at once"),
        (request(rate=True), [use()], "sluiceway limit set db 2 --decay SLOTS_PER_SECOND"),
    ],
)
def test_what_can_never_be_granted_says_why_and_what_to_do(
    asked: SlotRequest, uses: list[LimitUse], words: str
) -> None:
    assert rules.verdict(asked, uses) is Verdict.IMPOSSIBLE
    assert words in rules.why_impossible(asked, uses)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.sampled_from([0.5, 2.0, 3.0, 1000.0]))
def test_slots_decay_as_many_in_a_second_as_the_decay_says_however_many_were_taken_at_once(
    taken: list[int], decay: float
) -> None:
    latest = NOON
    for occupy in taken:
        latest = rules.until_when(use(decay=decay)._replace(latest=latest), occupy, NOON, NOON)
    assert latest - NOON == pytest.approx(sum(taken) / decay * SECOND, abs=len(taken))


def test_without_decay_slots_hold_until_the_lease_ends_and_a_tiny_decay_is_no_overflow() -> None:
    assert rules.until_when(use(), 1, NOON + 7, NOON) == NOON + 7
    assert rules.until_when(use(decay=5e-324), 1_000, NOON, NOON) < 1 << 62


@given(st.integers(0, 5_000), st.integers(1, 100), st.integers(0, 100_000))
def test_pauses_are_short_for_the_next_in_line_and_never_long(waiting: int, slots: int, looks: int) -> None:
    pause = rules.pause([use(slots)._replace(waiting=waiting)], looks)
    assert 0 < pause <= 5
    if waiting == 0:
        assert pause <= 0.05


@pytest.mark.parametrize("slots", [0, -1, 1.5, True, "2", None, 10**10])
def test_a_limit_of_zero_or_less_or_of_no_whole_number_is_refused(slots: Any) -> None:
    with pytest.raises(InvalidOptionError, match="whole number of slots from 1"):
        rules.limit_of(b"k" * 16, "db", slots)


@pytest.mark.parametrize("decay", [-1, math.nan, math.inf, True, "1", None])
def test_a_bad_decay_is_refused(decay: Any) -> None:
    with pytest.raises(InvalidOptionError, match="slot decay"):
        rules.limit_of(b"k" * 16, "db", 1, True, decay)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", None, 3])
def test_a_name_that_cannot_be_read_is_refused(name: Any) -> None:
    with pytest.raises(InvalidOptionError, match="name of a concurrency limit"):
        rules.limit_of(b"k" * 16, name, 1)


def test_whether_a_limit_is_active_is_true_or_false() -> None:
    inactive: Any = "no"
    with pytest.raises(InvalidOptionError, match="active or not"):
        rules.limit_of(b"k" * 16, "db", 1, inactive)


def test_names_are_asked_for_once_and_in_order() -> None:
    assert rules.request_of("me", ["b", "a", "b"], 2) == SlotRequest("me", ("a", "b"), 2)
    assert rules.request_of("me", "a", 1).names == ("a",)


@pytest.mark.parametrize(("names", "occupy"), [("db", 0), ("db", -1), ("db", 1.5), ("db", True), ("", 1), ([3], 1)])
def test_a_request_that_makes_no_sense_is_refused(names: Any, occupy: Any) -> None:
    with pytest.raises(ConcurrencySlotAcquisitionError):
        rules.request_of("me", names, occupy)


def test_patience_is_the_shorter_of_the_time_and_the_retries() -> None:
    assert rules.patience(None, None) is None
    assert (rules.patience(3, None), rules.patience(None, 2), rules.patience(0.5, 2)) == (3.0, 2.0, 0.5)


@pytest.mark.parametrize("bad", [-1, math.nan, True, "1"])
def test_bad_times_are_refused(bad: Any) -> None:
    with pytest.raises(InvalidOptionError, match="timeout_seconds"):
        rules.patience(bad, None)
    with pytest.raises(InvalidOptionError, match="max_retries"):
        rules.patience(None, bad)
    with pytest.raises(InvalidOptionError, match="lease_duration"):
        rules.lease_of(bad)
