"""Results storage: keeps what runs returned, and finds it again."""

from __future__ import annotations

from typing import Any, Protocol

from sluiceway.base.times import Moment
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import CachedResult, StoredResult


class Results(Protocol):
    """Keeps what runs returned. Every verb may be called from any thread."""

    def keep(
        self, value: object, policy: ResultPolicy, key: str | None = None, *, durable: bool = False
    ) -> StoredResult:
        """Serialise a value, and put it where it belongs: inline if small, else into result storage.

        A value that cannot be kept is no error: `why_not` of what is returned says why.

        Args:
            value: What a run returned.
            policy: How it is to be kept.
            key: The name in a storage of the policy's own; None for one made from the content.
            durable: Whether a file of this machine is to be on disk when this returns.

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

    def read_payload(self, stored: StoredResult) -> bytes | None:
        """Return the bytes of a stored result as they are, unopened; None where it was not stored.

        Raises:
            MissingResult: They are not at hand any more; the message says why.
        """
        ...

    def write_payload(self, payload: bytes, serializer: str, preview: str | None) -> StoredResult:
        """Write the bytes of a result that another journal had in result storage, where this one has its own.

        Raises:
            OSError: They could not be written.
        """
        ...

    def discard(self, location: str, written_before: Moment) -> int | None:
        """Remove a result from result storage that nothing in the journal refers to any more.

        Only what was put there under a name made from its content, by a process with the same journal, is removed.

        Args:
            location: Where it is.
            written_before: The moment since which nobody is to have written it: who writes it anew is about to refer
                to it.

        Returns:
            The bytes that it took; 0 where there is nothing to remove; None where it was written lately, and stays.

        Raises:
            OSError: It could not be removed.
        """
        ...
