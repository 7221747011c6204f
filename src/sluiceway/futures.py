"""Futures: the results of submitted tasks, before and after they are there."""

from sluiceway.drivers.futures import DoneAndNotDoneFutures, Future, FutureList, as_completed, wait
from sluiceway.drivers.resolving import resolve_futures_to_results, resolve_futures_to_states

__all__ = [
    "DoneAndNotDoneFutures",
    "Future",
    "FutureList",
    "as_completed",
    "resolve_futures_to_results",
    "resolve_futures_to_states",
    "wait",
]
