"""Result storage: keeps what runs returned, small values in the journal and large ones in files."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import MissingResult, SerializationError, UnreadableResult
from sluiceway.base.previews import preview
from sluiceway.base.times import Moment
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import INLINE_LIMIT, NOTHING, PREVIEW_LIMIT, CachedResult, StoredResult
from sluiceway.storage import pickling
from sluiceway.storage.recent import RecentEntries, RecentPayloads

if TYPE_CHECKING:
    from sluiceway.ports.store import Store
    from sluiceway.storage.filed import FiledResults
    from sluiceway.storage.serializers import Serializer

_PLAIN = frozenset({bool, int, float, str})


class ResultStorage:
    """Keeps results and finds them again; see the port `Results`.

    Args:
        store: The journal, where cache entries are.
        folder: Where large results go: a path or a URL.
        default_serializer: How results are stored whose flow or task does not say: a serializer or its name.
        inline_limit: Results up to this many bytes are kept in the journal.
        persist_by_default: Whether results are kept whose flow or task does not say.
    """

    def __init__(
        self,
        store: Store,
        folder: str,
        *,
        default_serializer: Serializer[Any] | str = "pickle",
        inline_limit: int = INLINE_LIMIT,
        persist_by_default: bool = True,
    ) -> None:
        self._store = store
        self._folder = folder
        self._default_serializer = default_serializer
        self._inline_limit = inline_limit
        self._persist_by_default = persist_by_default
        self._pickles = default_serializer == "pickle"
        self._recent = RecentEntries()
        self._payloads = RecentPayloads()
        self._filed: FiledResults | None = None
        self._opening = threading.Lock()
        self._trouble = ""
        """Why nothing could be found in the cache the last time."""

    def keep(
        self, value: object, policy: ResultPolicy, key: str | None = None, *, durable: bool = False
    ) -> StoredResult:
        """Serialise a value, and put it where it belongs: inline if small, else into a file.

        A value that cannot be kept is no error: `why_not` of what is returned says why.

        Args:
            value: What a run returned.
            policy: How it is to be kept.
            key: The name in a storage of the policy's own; None for one made from the content.
            durable: Whether a file of this machine is to be on disk when this returns.
        """
        if policy.persist is not True and not (policy.persist is None and self._persist_by_default):
            return StoredResult(why_not="Results are not persisted here; set persist_result=True to keep this one.")
        own = policy.storage is not None or policy.storage_key is not None
        if not own:
            if value is None:
                return NOTHING
            if self._pickles and policy.serializer is None and type(value) in _PLAIN:
                blob = pickling.dumps(value)
                if len(blob) <= self._inline_limit:
                    return StoredResult("pickle", blob, None, len(blob), preview(value, PREVIEW_LIMIT))
        try:
            serializer, payload = self._serialised(value, policy)
            text = preview(value, PREVIEW_LIMIT)
            if not own and len(payload) <= self._inline_limit:
                return StoredResult(serializer, payload, None, len(payload), text)
            stored = self._files().write(payload, serializer, text, policy, key if own else None, durable)
            if policy.keep_in_memory and not (own and key) and _is_remote(stored):
                self._payloads.add(stored.location or "", payload)
            return stored
        except SerializationError as error:
            return StoredResult(why_not=str(error))
        except Exception as error:  # whatever a serializer or file system raises, the run has its value
            return StoredResult(why_not=f"The result could not be written: {error} ({type(error).__name__}).")

    def open(self, stored: StoredResult) -> Any:
        """Return the value of a stored result.

        Args:
            stored: The stored result.

        Raises:
            MissingResult: It was not stored, or has gone; the message says which.
            UnreadableResult: It cannot be read any more.
        """
        if stored.why_not is not None:
            raise MissingResult(stored.why_not)
        if stored.serializer == NOTHING.serializer:
            return None
        payload = stored.blob if stored.location is None else self._read(stored.location)
        if payload is None:
            raise MissingResult("The result was not stored; set persist_result=True to keep results.")
        try:
            if stored.serializer == "pickle":
                return pickling.loads(payload)
            return _resolved(stored.serializer).loads(payload)
        except Exception as error:  # whatever a serializer of the user's raises
            where = f" at {stored.location}" if stored.location else ""
            raise UnreadableResult(f"The stored result{where} cannot be read: {error}") from error

    def find(self, key: str, policy: ResultPolicy, at: Moment) -> CachedResult | None:
        """Return what is cached under a key and has not expired, or None.

        What this process has cached is found at once, though the journal may not have it yet. Of an entry
        that cannot be read, `why_not` of its result says why, and `open` raises it.

        Args:
            key: The cache key.
            policy: How results are kept: a storage of its own is looked into instead of the journal.
            at: The present moment, for the expiry.
        """
        try:
            if policy.storage is not None or policy.key_storage is not None:
                return self._files().find(key, policy, at)
            recent = self._recent.get(key, at)
            entry = recent if recent is not None else self._store.read_cached(key)
        except Exception as error:  # whatever a store or file system raises, the run can do without
            if str(error) == self._trouble:
                return None  # it has been said once; while a server is away, it is the same for every task
            self._trouble = str(error)
            return CachedResult(key, StoredResult(why_not=str(error)), at)
        self._trouble = ""
        return None if entry is None or (entry.expires is not None and entry.expires <= at) else entry

    def publish(self, entry: CachedResult, policy: ResultPolicy) -> bool:
        """Let later runs find a result.

        Args:
            entry: The result and its key.
            policy: How results are kept.

        Returns:
            Whether the journal is to be told (`ResultCached`): unless the policy has a storage of its own.
        """
        if policy.storage is None and policy.key_storage is None:
            self._recent.add(entry)
            return True
        try:
            self._files().publish(entry, policy)
        except Exception as error:  # whatever a file system raises, the run has its value
            _warn(f"The result is not in the cache: {error} ({type(error).__name__})")
        return False

    def read_payload(self, stored: StoredResult) -> bytes | None:
        """Return the bytes of a stored result as they are; None where it was not stored.

        Args:
            stored: The stored result.

        Raises:
            MissingResult: They are not at hand any more; the message says why.
        """
        return stored.blob if stored.location is None else self._read(stored.location)

    def write_payload(self, payload: bytes, serializer: str, preview: str | None) -> StoredResult:
        """Write the bytes of a result that another journal had in result storage.

        Args:
            payload: The bytes.
            serializer: How they were made.
            preview: A short text of the value.

        Raises:
            OSError: They could not be written.
        """
        return self._files().write(payload, serializer, preview, ResultPolicy(), None)

    def discard(self, location: str, written_before: Moment) -> int | None:
        """Remove a result that nothing refers to any more; see the port `Results`."""
        return self._files().discard(location, written_before)

    def _read(self, location: str) -> bytes:
        known = self._payloads.get(location)
        return self._files().read(location).payload if known is None else known

    def _serialised(self, value: object, policy: ResultPolicy) -> tuple[str, bytes]:
        """Return the label of the serializer, and the bytes it makes of a value."""
        chosen = self._default_serializer if policy.serializer is None else policy.serializer
        if chosen == "pickle":
            return "pickle", pickling.dumps(value)
        serializer = _resolved(chosen)
        return serializer.label, serializer.dumps(value)

    def _files(self) -> FiledResults:
        if self._filed is not None:
            return self._filed
        from sluiceway.storage.filed import FiledResults  # heavy, and many programs have small results only

        with self._opening:  # the places that one thread makes known are known to all
            if self._filed is None:
                self._filed = FiledResults(self._folder, self._store.read_identity)
            return self._filed


def _is_remote(stored: StoredResult) -> bool:
    """Return whether it takes a way to another machine to read a result; the system remembers files itself."""
    return stored.location is not None and not stored.location.startswith("file://")


def _resolved(serializer: Serializer[Any] | str) -> Serializer[Any]:
    from sluiceway.storage.serializers import resolve_serializer  # heavy, and many programs have pickles only

    return resolve_serializer(serializer)


def _warn(message: str) -> None:
    import logging  # heavy, and here for a failure only

    logging.getLogger("sluiceway.results").warning(message)
