"""Which runs a journal lets go: decisions over plain numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.times import SECOND
from sluiceway.model.keeping import Holdings, Root, Tree
from sluiceway.rules.retention import KEEP_ALL, Retention, outdated_before, spared_from, surplus, without, would_help

NOW = 1_767_268_800_000_000
FLOW, TASK = Root(b"k" * 16, NOW, True), Root(b"t" * 16, NOW, False)

COUNTS = st.integers(0, 10_000)
HOLDINGS = st.builds(Holdings, COUNTS, COUNTS, COUNTS)
LIMITS = st.none() | COUNTS
POLICIES = st.builds(Retention, st.none() | st.floats(0, 1e9), LIMITS, LIMITS, LIMITS)
TREES = st.builds(Tree, st.integers(0, 50), st.integers(0, 500), st.none())


def test_without_limits_nothing_goes() -> None:
    assert outdated_before(KEEP_ALL, NOW) is None
    assert surplus(KEEP_ALL, Holdings(10**9, 10**9, 10**15)) == Holdings(0, 0, 0)


def test_a_run_is_outdated_when_it_ended_longer_ago_than_runs_are_kept() -> None:
    assert outdated_before(Retention(max_age=90.5), NOW) == NOW - 90_500_000


def test_what_has_just_ended_is_spared_for_an_hour_unless_told_otherwise() -> None:
    assert spared_from(KEEP_ALL, NOW) == NOW - 3_600 * SECOND
    assert spared_from(Retention(spared=0.0), NOW) == NOW


def test_each_limit_counts_for_itself() -> None:
    held = Holdings(10, 100, 1_000)
    assert surplus(Retention(None, 9), held) == Holdings(1, 0, 0)
    assert surplus(Retention(None, None, 90), held) == Holdings(0, 10, 0)
    assert surplus(Retention(None, None, None, 0), held) == Holdings(0, 0, 1_000)
    assert surplus(Retention(None, 10, 100, 1_000), held) == Holdings(0, 0, 0)


def test_a_task_run_outside_flows_does_not_make_up_for_too_many_flow_runs() -> None:
    assert not would_help(Holdings(5, 0, 0), TASK, Tree(0, 1, None))
    assert would_help(Holdings(5, 0, 0), FLOW, Tree(1, 0, None))


def test_a_flow_run_without_task_runs_does_not_make_up_for_too_many_of_those() -> None:
    assert not would_help(Holdings(0, 5, 0), FLOW, Tree(1, 0, None))
    assert would_help(Holdings(0, 5, 0), TASK, Tree(0, 1, None))
    assert would_help(Holdings(0, 0, 1), FLOW, Tree(1, 0, None))


@settings(max_examples=50)
@given(POLICIES, HOLDINGS)
def test_a_surplus_is_never_negative_and_there_is_none_within_the_limits(policy: Retention, held: Holdings) -> None:
    over = surplus(policy, held)
    assert min(over) >= 0
    kept = Holdings(*(amount - more for amount, more in zip(held, over, strict=True)))
    assert not any(surplus(policy, kept))


@settings(max_examples=50)
@given(POLICIES, HOLDINGS, TREES, st.booleans())
def test_what_goes_makes_a_surplus_no_larger(policy: Retention, held: Holdings, tree: Tree, of_flow: bool) -> None:
    before, after = surplus(policy, held), surplus(policy, without(held, FLOW if of_flow else TASK, tree))
    assert all(less <= more for less, more in zip(after, before, strict=True))


@settings(max_examples=50)
@given(HOLDINGS)
def test_nothing_is_held_once_everything_has_gone(held: Holdings) -> None:
    everything = Tree(held.flow_runs, held.task_runs, None)
    assert without(held, FLOW, everything).bytes in (0, held.bytes)
    assert without(held, FLOW, everything).task_runs == 0
