"""Futures: the results of submitted tasks, before and after they are there."""

from sluiceway.drivers.futures import DoneAndNotDoneFutures, Future, FutureList, as_completed, wait

__all__ = ["DoneAndNotDoneFutures", "Future", "FutureList", "as_completed", "wait"]
