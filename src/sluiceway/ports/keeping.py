"""The store, as far as runs are removed from it, or come from another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.keeping import Holdings, KeptTree, LetGo, Removed, Root, Sizes, Tree
    from sluiceway.model.queries import Page


class Keeping(Protocol):
    """What is kept, and what goes."""

    def read_identity(self) -> str:
        """Return what tells this journal from all others: a short text that can name a folder.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_roots(self, ended_before: Moment, *, limit: int = 200, after: str | None = None) -> Page[Root]:
        """Return runs that are kept or removed as a whole: flow runs that no other called, task runs outside flows.

        Those that were created first come first. One that came from another journal counts as ended since then; a
        task run that could not start, as ended when it was created. Of what hangs on them, something may not have
        ended.

        Args:
            ended_before: Only those that ended before this moment.
            limit: How many to a page at most.
            after: The cursor of the page before.

        Raises:
            ValueError: The cursor is none of this list.
        """
        ...

    def read_tree(self, root: RunId) -> Tree:
        """Return how much hangs on a root; nothing on a run that is none.

        Args:
            root: The root.
        """
        ...

    def read_holdings(self) -> Holdings:
        """Return how much there is, to decide whether it is too much."""
        ...

    def measure(self) -> Sizes:
        """Return what the journal holds, for a person. It may go through all of it."""
        ...

    def remove_runs(self, roots: Sequence[RunId], most: int, at: Moment) -> Removed:
        """Remove a step's worth of what hangs on roots, in one short transaction: runs, tags, lines, deferred calls.

        Runs that others called go before their callers, so that the root goes last. A root of which something has
        not ended stays as it is. The places of results are noted as let go.

        Args:
            roots: The roots.
            most: How much at most: a row counts as one, and so does each page of 4 KiB that it fills beyond.
            at: The present moment.

        Returns:
            What was removed. Where that is nothing, what is left of the roots has not ended.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def remove_expired(self, at: Moment, most: int) -> int:
        """Remove cached results that have expired, and return how many.

        Args:
            at: The present moment.
            most: How much at most, as in `remove_runs`.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_let_go(self, before: Moment, *, limit: int = 200, after: str = "") -> tuple[LetGo, ...]:
        """Return places in result storage that something has let go of, in order, and whether others refer to them.

        Args:
            before: Only those that were let go last before this moment.
            limit: How many at most.
            after: The place after which to begin.
        """
        ...

    def let_go(self, locations: Iterable[str], at: Moment) -> None:
        """Note places in result storage that nothing may refer to.

        Args:
            locations: The places.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def forget_locations(self, locations: Iterable[str], before: Moment) -> None:
        """Forget that places were let go, unless it was at a moment or later.

        Args:
            locations: The places.
            before: The moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def compact(self) -> None:
        """Give free space back to the file system. Whoever writes waits meanwhile.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def adopt(self, tree: KeptTree, at: Moment) -> None:
        """Write a flow run of another journal with all that hangs on it, under the same identifiers, or nothing.

        Args:
            tree: The runs, the root in front.
            at: The present moment.

        Raises:
            ObjectAlreadyExists: One of the runs is there already.
            StoreError: The store cannot be used.
            ValueError: Something has a value that the store cannot take.
        """
        ...
