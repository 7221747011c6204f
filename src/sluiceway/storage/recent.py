"""What this process has cached lately, which the journal may not have yet."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sluiceway.base.times import SECOND, Moment
from sluiceway.model.results import CachedResult

_MOST_ENTRIES = 1_024
_MOST_BYTES = 8 * 1024 * 1024
_LONGEST = 60 * SECOND
"""The journal has an entry soon after it was made; after this long, another process may have a newer one."""


class RecentEntries:
    """Remembers a bounded number of cache entries for a short time, for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, CachedResult] = OrderedDict()
        self._bytes = 0

    def add(self, entry: CachedResult) -> None:
        """Remember an entry, in place of an older one of its key.

        Args:
            entry: The entry.
        """
        with self._lock:
            self._drop(entry.key)
            self._entries[entry.key] = entry
            self._bytes += _size(entry)
            while len(self._entries) > _MOST_ENTRIES or self._bytes > _MOST_BYTES:
                self._drop(next(iter(self._entries)))

    def get(self, key: str, at: Moment) -> CachedResult | None:
        """Return the entry of a key if it is recent, or None.

        Args:
            key: The cache key.
            at: The present moment.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and at - entry.created > _LONGEST:
                self._drop(key)
                return None
            return entry

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(entry)


def _size(entry: CachedResult) -> int:
    return len(entry.result.blob or b"")
