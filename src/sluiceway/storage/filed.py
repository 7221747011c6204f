"""Results in files: large ones, and those whose flow or task names a storage of its own.

A result is a record under its key, or under its digest where it has none. A cache entry is a small record
under the key with `.cached` after it, which tells where the result is and until when it holds; so machines
that share a folder or bucket share the cache.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sluiceway.base import times
from sluiceway.base.errors import InvalidOptionError, MissingExtraError, MissingResult, StoreError
from sluiceway.base.times import Moment
from sluiceway.base.tokens import digest
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.storage.discarding import discard
from sluiceway.storage.places import Place, place_at, place_of
from sluiceway.storage.records import DamagedRecord, Record, unpacked


class FiledResults:
    """Keeps results in files.

    Those that go where all go by default are in a folder of their journal's: only it refers to them, and so knows when
    nothing does any more.

    Args:
        folder: Where they go by default: a path or a URL.
        identity: Returns what tells the journal from all others, or raises StoreError; None for no journal.
    """

    def __init__(self, folder: str, identity: Callable[[], str] | None = None) -> None:
        self._folder = folder
        self._identity = identity
        self._own: str | None = None
        self._known: dict[str, Place] = {}
        """The places that this process has used, by their roots: some know more than an address tells."""

    def write(
        self,
        payload: bytes,
        serializer: str,
        preview: str | None,
        policy: ResultPolicy,
        key: str | None,
        durable: bool = False,
    ) -> StoredResult:
        """Write a result, and return what is known of it.

        Args:
            payload: The bytes of the result.
            serializer: How they were made.
            preview: A short text of the value.
            policy: Tells the storage.
            key: The name of the file; None for one made from the content.
            durable: Whether it is to be on disk when this returns, if it is on this machine.

        Raises:
            OSError: It could not be written.
            InvalidOptionError: The storage is none.
        """
        place, name = self._place(policy), key
        if name is None:
            content = digest(serializer.encode() + b"\n" + payload).hex()
            name = f"{self._own_folder() if policy.storage is None else ''}{content[:2]}/{content}"
        place.write(name, Record(payload, serializer, times.now(), None, preview).packed())
        if durable:
            place.settle(name)
        return StoredResult(serializer, None, place.address(name), len(payload), preview)

    def read(self, address: str) -> Record:
        """Return a result that was written.

        Args:
            address: The location of the stored result.

        Raises:
            MissingResult: It has gone or cannot be read; the message says why and what to do.
        """
        places = list(self._known.values())  # at once: other threads add to them
        known = [place for place in places if place.name(address) is not None]
        place = max(known, key=lambda place: len(place.root)) if known else place_at(address)
        if place is None:
            raise MissingResult(
                f"The stored result {address} is in a storage that only the program which made it knows; read it there."
            )
        return read_record(place, place.name(address) or "", "run it again")

    def discard(self, address: str, written_before: Moment) -> int | None:
        """Remove a result that nothing refers to any more, if it is in the journal's own folder.

        Args:
            address: The location of the stored result.
            written_before: The moment since which nobody is to have written it.

        Returns:
            The bytes that it took; 0 where there is nothing to remove; None where it was written lately, and stays.

        Raises:
            OSError: It could not be removed.
        """
        place, own = self._place(ResultPolicy()), self._own_folder()
        name = place.name(address)
        return discard(place, name, written_before) if own and name is not None and name.startswith(own) else 0

    def _own_folder(self) -> str:
        """Return the folder of the journal's own, with a slash; nothing where the journal cannot be asked."""
        if self._own is None and self._identity is not None:
            try:
                self._own = f"{self._identity()}/"
            except StoreError:  # the result is kept nevertheless; it is never removed
                return ""
        return self._own or ""

    def find(self, key: str, policy: ResultPolicy, at: Moment) -> CachedResult | None:
        """Return what is cached under a key in the policy's storage and has not expired, or None.

        Args:
            key: The cache key.
            policy: Tells the storage.
            at: The present moment.

        Raises:
            MissingResult: There is an entry, but it cannot be read.
        """
        place = self._key_place(policy)
        try:
            record = read_record(place, f"{key}.cached", "the result will be made anew")
        except ResultGone:
            return None
        if record.expires is not None and record.expires <= at:
            return None
        told: dict[str, Any] = json.loads(record.payload)
        address: str = told["address"] if "address" in told else place.address(told["name"])
        stored = StoredResult(told["serializer"], None, address, told["size"], record.preview)
        return CachedResult(key, stored, record.created, record.expires)

    def publish(self, entry: CachedResult, policy: ResultPolicy) -> None:
        """Write a cache entry into the policy's storage, and the result too if it is not there.

        Args:
            entry: The entry.
            policy: Tells the storage.

        Raises:
            OSError: It could not be written.
            MissingResult: The result is not at hand.
        """
        place, stored = self._key_place(policy), entry.result
        told: dict[str, Any] = {"serializer": stored.serializer, "size": stored.size}
        name = None if stored.location is None else place.name(stored.location)
        if name is not None:
            told["name"] = name
        elif stored.location is not None and policy.key_storage is not None:
            told["address"] = stored.location
        else:
            payload = stored.blob if stored.location is None else self.read(stored.location).payload
            record = Record(payload or b"", stored.serializer, times.now(), None, stored.preview or "")
            place.write(entry.key, record.packed())
            told["name"] = entry.key
        record = Record(json.dumps(told).encode(), "json", entry.created, entry.expires, stored.preview)
        place.write(f"{entry.key}.cached", record.packed())

    def _key_place(self, policy: ResultPolicy) -> Place:
        """Return where cache entries are: in a storage of their own, or with the results."""
        return self._place(policy if policy.key_storage is None else ResultPolicy(storage=policy.key_storage))

    def _place(self, policy: ResultPolicy) -> Place:
        place = place_of(self._folder if policy.storage is None else policy.storage)
        return self._known.setdefault(place.root, place)


class ResultGone(MissingResult):
    """There is no such result any more, or not on this machine."""


def read_record(place: Place, name: str, remedy: str) -> Record:
    """Return the record in a file.

    Args:
        place: Where the file is.
        name: Its path.
        remedy: What to tell a person who misses it.

    Raises:
        ResultGone: There is no such file.
        MissingResult: It cannot be read, or is damaged.
    """
    address = place.address(name)
    try:
        return unpacked(place.read(name))
    except FileNotFoundError:
        raise ResultGone(f"The stored result {address} has gone, or is on another machine; {remedy}.") from None
    except DamagedRecord as error:
        raise MissingResult(f"The stored result {address} is damaged: {error}. Delete it; {remedy}.") from None
    except (InvalidOptionError, MissingExtraError):
        raise
    except Exception as error:  # whatever a file system raises: a connection, a permission, a disk
        raise MissingResult(f"The stored result {address} could not be read: {error!r}.") from error
