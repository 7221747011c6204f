"""Results storage: keeps what runs returned, and finds it again."""

from __future__ import annotations

from typing import Any, Protocol

from sluiceway.base.times import Moment
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import CachedResult, StoredResult


class Results(Protocol):
    """Keeps what runs returned. Every verb may be called from any thread."""

    def keep(self, value: object, policy: ResultPolicy, key: str | None = None) -> StoredResult:
        """Serialise a value, and put it where it belongs: inline if small, else into result storage.

        A value that cannot be kept is no error: `why_not` of what is returned says why.

        Args:
            value: What a run returned.
            policy: How it is to be kept.
            key: The name in a storage of the policy's own; None for one made from the content.
        """
        ...

    def open(self, stored: StoredResult) -> Any:
        """Return the value of a stored result.

        Raises:
            MissingResult: It was not stored, has gone, or cannot be read any more; the message says which.
        """
        ...

    def find(self, key: str, policy: ResultPolicy, at: Moment) -> CachedResult | None:
        """Return what is cached under a key and has not expired, or None.

        What this process has cached is found at once, though the journal may not have it yet. An entry that
        cannot be read comes back with `why_not`, and `open` says so.

        Args:
            key: The cache key.
            policy: How results are kept: a storage of its own is looked into instead of the journal.
            at: The present moment, for the expiry.
        """
        ...

    def publish(self, entry: CachedResult, policy: ResultPolicy) -> bool:
        """Let later runs find a result.

        Returns:
            Whether the journal is to be told (`ResultCached`): true unless the policy has a storage of its own.
        """
        ...
