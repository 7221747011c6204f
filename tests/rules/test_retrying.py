"""Whether a failed run is tried again, and when."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.model.policies import RetryPolicy
from sluiceway.rules.retrying import delay_before, exponential_backoff, retries_left

few = settings(max_examples=50)

seconds = st.floats(0, 1e6)
chances = st.floats(0, 1, exclude_max=True)


@few
@given(st.integers(0, 20), st.integers(1, 30))
def test_a_run_is_tried_once_and_then_as_often_as_it_may_be_retried(retries: int, run_count: int) -> None:
    left = retries_left(RetryPolicy(retries), run_count)
    assert left == max(0, retries + 1 - run_count)


@few
@given(st.integers(0, 10))
def test_tries_add_up(retries: int) -> None:
    policy, run_count = RetryPolicy(retries), 1
    while retries_left(policy, run_count):
        run_count += 1
    assert run_count == retries + 1


@few
@given(st.lists(seconds, min_size=1, max_size=5), st.integers(1, 10), chances)
def test_the_last_delay_holds_for_all_tries_that_follow(delays: list[float], run_count: int, chance: float) -> None:
    delay = delay_before(RetryPolicy(20, tuple(delays)), run_count, chance)
    assert delay == (delays[run_count - 1] if run_count <= len(delays) else delays[-1])


@given(st.integers(1, 10), chances)
def test_without_delays_a_run_is_tried_again_at_once(run_count: int, chance: float) -> None:
    assert delay_before(RetryPolicy(3, (), 0.5), run_count, chance) == 0


@few
@given(seconds, st.floats(0, 10), chances)
def test_jitter_stretches_a_delay_up_to_its_factor(delay: float, jitter: float, chance: float) -> None:
    stretched = delay_before(RetryPolicy(1, (delay,), jitter), 1, chance)
    assert delay <= stretched <= delay * (1 + jitter)


@few
@given(st.floats(0.001, 100), st.floats(0.1, 2), chances, chances)
def test_a_higher_chance_means_a_longer_delay(delay: float, jitter: float, one: float, other: float) -> None:
    policy = RetryPolicy(1, (delay,), jitter)
    low, high = sorted((one, other))
    assert delay_before(policy, 1, low) <= delay_before(policy, 1, high)


@few
@given(st.floats(0, 100), st.integers(0, 12))
def test_exponential_delays_double(factor: float, retries: int) -> None:
    delays = exponential_backoff(factor)(retries)
    assert len(delays) == max(1, retries)
    assert delays[0] == factor
    assert all(after == 2 * before for before, after in pairwise(delays))
