"""Pruning: what a journal need not keep goes from it, in steps so short that nobody who writes waits for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from itertools import islice, takewhile
from typing import TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.keeping import Holdings, Pruned, Removed, Root, Tree
from sluiceway.model.paging import walk
from sluiceway.ports.results import Results
from sluiceway.ports.store import Store
from sluiceway.rules.retention import Retention, outdated_before, spared_from, surplus, without, would_help

T = TypeVar("T")

STEP = 500
"""Rows, or pages of 4 KiB, to a transaction: a few milliseconds, which others who write may have to wait."""

AT_ONCE = 200
"""Roots that are looked at before their removal begins."""

FEW = 10
"""Roots that go before the size is measured anew: it is estimated meanwhile, and they may be larger than most."""

SHARE = 2.0
"""How long to rest after a step, in durations of the step, so that others who write come in between."""

LEAST_REST = 0.005
"""Seconds to rest at least."""

GRACE: Moment = 3_600 * SECOND
"""How long nothing has to have referred to a result in storage, and nobody to have written it, until it goes.

A process stores a result first, and tells the journal afterwards; it takes a result from the cache, and tells then,
too. What it then refers to must still be there. Between the two lie milliseconds, and seconds where the database is
busy; an hour is long enough for both, and for clocks of file servers that are wrong by minutes.
"""


class Pruner:
    """Removes runs, cached results, and results in storage.

    Args:
        store: The journal.
        results: Result storage.
        now: Returns the present moment.
        stopped: Set by whoever wants it to stop, which it does after the step that it is in.
    """

    def __init__(
        self, store: Store, results: Results, now: Callable[[], Moment], stopped: threading.Event | None = None
    ) -> None:
        self._store = store
        self._results = results
        self._now = now
        self._stopped = threading.Event() if stopped is None else stopped

    def prune(self, policy: Retention) -> Pruned:
        """Remove what a policy does not keep, the oldest first, and say what that was.

        Args:
            policy: How much is kept.

        Raises:
            StoreError: The journal cannot be used.
        """
        pruned = Pruned()
        outdated = outdated_before(policy, self._now())
        if outdated is not None:
            for batch in _batches(takewhile(lambda _: not self._stopped.is_set(), self._roots(outdated))):
                pruned = pruned.plus(self.remove([root.key for root in batch]))
        for batch in self._surplus(policy):
            pruned = pruned.plus(self.remove([root.key for root in batch]))
        return pruned.plus(self.sweep())

    def would_prune(self, policy: Retention) -> Pruned:
        """Return which runs and cached results a policy does not keep, and remove nothing; sizes are estimates.

        Args:
            policy: How much is kept.
        """
        now, holdings = self._now(), self._store.read_holdings()
        outdated = outdated_before(policy, now)
        gone: set[RunId] = set()
        pruned = Pruned()
        for root in () if outdated is None else self._roots(outdated):
            tree = self._store.read_tree(root.key)
            if tree.unfinished is None:
                gone.add(root.key)
                holdings = without(holdings, root, tree)
                pruned = pruned.plus(_told(root, tree))
        for root, tree in self._superfluous(policy, holdings, spared_from(policy, now), gone):
            pruned = pruned.plus(_told(root, tree))
        return pruned

    def sweep(self) -> Pruned:
        """Remove cached results that have expired, and results in storage that nothing refers to any more.

        Raises:
            StoreError: The journal cannot be used.
        """
        pruned = Pruned()
        while not self._stopped.is_set():
            count = self._step(partial(self._store.remove_expired, self._now(), STEP))
            if not count:
                break
            pruned = pruned.plus(Pruned(cached_results=count))
        return pruned.plus(self._swept())

    # --- runs -----------------------------------------------------------------------------------

    def remove(self, roots: Sequence[RunId]) -> Pruned:
        """Remove roots with all that hangs on them, as far as they have ended.

        Args:
            roots: The roots.

        Raises:
            StoreError: The journal cannot be used.
        """
        pruned, left = Pruned(), tuple(roots)
        while left and not self._stopped.is_set():
            step: Removed = self._step(partial(self._store.remove_runs, left, STEP, self._now()))
            removed = Pruned(len(left) - len(step.left), *step[:3])
            if not any(removed) and not step.artifacts:
                break  # what is left has not ended
            pruned = pruned.plus(removed)
            left = step.left
        return pruned

    def _roots(self, ended_before: Moment) -> Iterator[Root]:
        read = partial(self._store.read_roots, ended_before, limit=AT_ONCE)
        return walk(lambda after: read(after=after))

    def _surplus(self, policy: Retention) -> Iterator[list[Root]]:
        """Yield roots to be removed, until the journal holds no more than it may: what it holds is measured anew."""
        while not self._stopped.is_set():
            holdings = self._store.read_holdings()
            spared = spared_from(policy, self._now())
            over = surplus(policy, holdings)
            most = AT_ONCE if over.flow_runs or over.task_runs else FEW
            chosen = self._superfluous(policy, holdings, spared, frozenset())
            batch = [root for root, _ in islice(chosen, most)]
            if not batch:
                return
            yield batch
            if self._store.read_holdings() == holdings:
                return  # none of them could be removed

    def _superfluous(
        self, policy: Retention, holdings: Holdings, spared: Moment, gone: Set[RunId]
    ) -> Iterator[tuple[Root, Tree]]:
        """Yield the oldest roots whose removal helps, until enough would have gone."""
        over = surplus(policy, holdings)
        if not any(over):
            return
        for root in self._roots(spared):
            tree = self._store.read_tree(root.key)
            if root.key not in gone and tree.unfinished is None and would_help(over, root, tree):
                yield root, tree
                holdings = without(holdings, root, tree)
                over = surplus(policy, holdings)
                if not any(over):
                    return

    # --- results in storage ---------------------------------------------------------------------

    def _swept(self) -> Pruned:
        pruned, place = Pruned(), ""
        before = self._now() - GRACE
        while not self._stopped.is_set():
            noted = self._store.read_let_go(before, limit=AT_ONCE, after=place)
            if not noted:
                break
            place = noted[-1].location
            settled = []
            for location, needed in noted:
                size = 0 if needed else self._discarded(location, before)
                if size is not None:
                    settled.append(location)
                if size:
                    pruned = pruned.plus(Pruned(stored_results=1, stored_bytes=size))
            self._step(partial(self._store.forget_locations, settled, before))
        return pruned

    def _discarded(self, location: str, before: Moment) -> int | None:
        """Remove a result; return the bytes that it took, and None where it is to be tried again."""
        if self._stopped.is_set():
            return None
        try:
            return self._results.discard(location, before)
        except Exception as error:  # whatever a file system raises, the rest can go
            import logging  # lazy: hardly any removal fails

            logging.getLogger("sluiceway.retention").warning("The result %s could not be removed: %r", location, error)
            return None

    def _step(self, step: Callable[[], T]) -> T:
        """Do something that writes to the journal, and then let others have their turn."""
        began = time.monotonic()
        done = step()
        self._stopped.wait(max(LEAST_REST, SHARE * (time.monotonic() - began)))
        return done


def _told(root: Root, tree: Tree) -> Pruned:
    return Pruned(1, tree.flow_runs, tree.task_runs)


def _batches(roots: Iterator[Root]) -> Iterator[list[Root]]:
    batch: list[Root] = []
    for root in roots:
        batch.append(root)
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
