"""Retries: whether a failed run is tried again, and when."""

from __future__ import annotations

from collections.abc import Callable

from sluiceway.model.policies import RetryPolicy


def retries_left(policy: RetryPolicy, run_count: int) -> int:
    """Return how many more times a run may be tried.

    Args:
        policy: What the flow or task was told.
        run_count: How many times it has started to run.
    """
    return max(0, policy.retries - (run_count - 1))


def delay_before(policy: RetryPolicy, run_count: int, chance: float) -> float:
    """Return the seconds to wait before the next try.

    Args:
        policy: What the flow or task was told. The last delay holds for all tries that follow it.
        run_count: How many times the run has started to run, at least 1.
        chance: A random number, at least 0 and below 1, that places the delay within its jitter.
    """
    if not policy.delays:
        return 0.0
    delay = policy.delays[min(run_count, len(policy.delays)) - 1]
    return delay * (1 + policy.jitter * chance) if policy.jitter else delay


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Return a value for `retry_delay_seconds`: delays that double with each retry.

    Args:
        backoff_factor: Seconds before the first retry.

    Example:
        ```python
        @task(retries=4, retry_delay_seconds=exponential_backoff(2))  # 2, 4, 8 and 16 seconds
        def fetch(url: str) -> bytes: ...
        ```
    """

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2.0**n for n in range(max(1, retries))]

    return delays
