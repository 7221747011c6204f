"""What this process has cached or read lately: the journal may not have it yet, or it takes time to get."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TypeVar

from sluiceway.base.times import SECOND, Moment
from sluiceway.model.results import CachedResult

_MOST_ENTRIES = 1_024
_MOST_BYTES = 8 * 1024 * 1024
_MOST_PAYLOAD = 32 * 1024 * 1024
_LONGEST = 60 * SECOND
"""The journal has an entry soon after it was made; after this long, another process may have a newer one."""


V = TypeVar("V")


class Recent(OrderedDict[str, V]):
    """Remembers a bounded number of values by name; those that were set longest ago go first.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.maxsize: int = most
        self._setting = threading.Lock()

    def __setitem__(self, name: str, value: V) -> None:
        with self._setting:
            super().__setitem__(name, value)
            self.move_to_end(name)
            if len(self) > self.maxsize:
                del self[next(iter(self))]


class RecentPayloads:
    """Remembers the bytes of results by their locations, up to a number of bytes in all, for any number of threads.

    What is at such a location never changes: its name is made from the content.

    Args:
        most: How many bytes; a result of more than a quarter of that is not remembered.
    """

    def __init__(self, most: int = _MOST_PAYLOAD) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._payloads: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def add(self, location: str, payload: bytes) -> None:
        """Remember the bytes of a result.

        Args:
            location: Where it is.
            payload: The bytes.
        """
        if len(payload) > self._most // 4:
            return
        with self._lock:
            self._bytes += len(payload) - len(self._payloads.pop(location, b""))
            self._payloads[location] = payload
            while self._bytes > self._most:
                self._bytes -= len(self._payloads.popitem(last=False)[1])

    def get(self, location: str) -> bytes | None:
        """Return the bytes of a result, if they are remembered.

        Args:
            location: Where it is.
        """
        with self._lock:
            return self._payloads.get(location)


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
