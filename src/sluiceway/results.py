"""Results by key, as transactions keep them, and where and how results are stored."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, MutableMapping
from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.base.errors import ConfigurationError
from sluiceway.base.ids import new_id
from sluiceway.base.previews import preview
from sluiceway.drivers import scope
from sluiceway.wiring.storage import (
    Place,
    Recent,
    Record,
    ResultGone,
    ResultRecord,
    ResultRecordMetadata,
    Serializer,
    in_thread,
    place_of,
    read_record,
    resolve_serializer,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sluiceway.model.policies import ResultPolicy

__all__ = [
    "DEFAULT_STORAGE_KEY_FN",
    "ResultRecord",
    "ResultRecordMetadata",
    "ResultStore",
    "aget_default_result_storage",
    "aresolve_result_storage",
    "default_cache",
    "get_default_persist_setting",
    "get_default_persist_setting_for_tasks",
    "get_default_result_serializer",
    "get_default_result_storage",
    "get_result_store",
    "resolve_result_storage",
    "resolve_serializer",
    "should_persist_result",
]


def DEFAULT_STORAGE_KEY_FN() -> str:
    """Return a new key."""
    return new_id().hex()


def default_cache() -> Recent[ResultRecord[Any]]:
    """Return what a store remembers the results in that it has written or read: the thousand latest."""
    return Recent(1_000)


class ResultStore:
    """Keeps results by key, for whoever knows the key.

    Args:
        result_storage: A file system, a path or a URL; by default that of the settings.
        metadata_storage: Where what is known of a result is kept, if not with it: a file system, a path or a URL.
            Stores with one tell by it whether there is a result, so that a marker can be where all look for it
            while the results are elsewhere.
        lock_manager: What locks keys; None for no locks.
        cache_result_in_memory: Whether the store remembers what it has written or read, and gives the same object
            again, though another process may have written another one meanwhile; with locks, it never does.
        serializer: A serializer or the name of one; by default that of the settings.
        storage_key_fn: Makes keys for results that are written without one.
        cache: What it remembers them in, by address.

    Raises:
        InvalidOptionError: The storage or the serializer is none.

    Example:
        ```python
        store = ResultStore(result_storage="/shared/results")
        store.write({"rows": 3}, key="monday")
        assert store.read("monday").result == {"rows": 3}
        ```
    """

    def __init__(
        self,
        *,
        result_storage: Any = None,
        metadata_storage: Any = None,
        lock_manager: Any = None,
        cache_result_in_memory: bool = True,
        serializer: Serializer[Any] | str | None = None,
        storage_key_fn: Callable[[], str] = DEFAULT_STORAGE_KEY_FN,
        cache: MutableMapping[str, ResultRecord[Any]] | None = None,
    ) -> None:
        settings = wiring.defaults()
        self._place = place_of(settings.results_storage if result_storage is None else result_storage)
        self._markers: Place | None = None if metadata_storage is None else place_of(metadata_storage)
        self.lock_manager = lock_manager
        self.cache_result_in_memory: bool = cache_result_in_memory
        self.cache: MutableMapping[str, ResultRecord[Any]] = default_cache() if cache is None else cache
        self.serializer: Serializer[Any] = resolve_serializer(serializer or settings.results_serializer)
        self.storage_key_fn = storage_key_fn

    @property
    def result_storage(self) -> Any:
        """The file system that results are in."""
        return self._place.files

    @property
    def metadata_storage(self) -> Any:
        """The file system that what is known of results is in; None where that is with them."""
        return None if self._markers is None else self._markers.files

    def update_for_flow(self, flow: Any) -> Self:
        """Return this store with the storage and serializer that a flow was given.

        Args:
            flow: The flow.
        """
        return self._with(flow.policy.result)

    def update_for_task(self, task: Any) -> Self:
        """Return this store with the storage and serializer that a task was given, and its cache's locks.

        Args:
            task: The task.
        """
        updated = self._with(task.policy.result)
        updated.lock_manager = getattr(task.policy.cache, "lock_manager", None) or updated.lock_manager
        return updated

    async def aupdate_for_flow(self, flow: Any) -> Self:
        """Return this store with what a flow was given; `update_for_flow` for async code.

        Args:
            flow: The flow.
        """
        return self.update_for_flow(flow)

    async def aupdate_for_task(self, task: Any) -> Self:
        """Return this store with what a task was given; `update_for_task` for async code.

        Args:
            task: The task.
        """
        return self.update_for_task(task)

    def _with(self, policy: ResultPolicy) -> Self:
        updated = copy(self)
        if policy.storage is not None:
            updated._place = place_of(policy.storage)
        if policy.key_storage is not None:
            updated._markers = place_of(policy.key_storage)
        if policy.serializer is not None:
            updated.serializer = resolve_serializer(policy.serializer)
        updated.cache_result_in_memory = policy.keep_in_memory
        return updated

    # --- results ----------------------------------------------------------------------------------

    def exists(self, key: str) -> bool:
        """Return whether there is a result under a key that has not expired.

        Args:
            key: The key.

        Raises:
            MissingResult: There is one, but it cannot be read.
        """
        try:
            record = read_record(self._markers or self._place, key, "")
        except ResultGone:
            return False
        return record.expires is None or times.now() < record.expires

    async def aexists(self, key: str) -> bool:
        """Return whether there is a result under a key; `exists` for async code.

        Args:
            key: The key.
        """
        return await in_thread(self.exists, key)

    def read(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """Return the result under a key, expired or not, once nobody else has it locked.

        Args:
            key: The key.
            holder: Who asks, if not this thread.

        Raises:
            MissingResult: There is none, or it cannot be read.
        """
        if self.lock_manager is not None and not self.is_lock_holder(key, holder):
            self.wait_for_lock(key)
        known = self.cache.get(self._place.address(key)) if self._remembers else None
        if known is not None:
            return known
        record = read_record(self._place, key, "write it first")
        serializer = resolve_serializer(record.serializer)
        expiration = times.optional_datetime(record.expires)
        found = ResultRecord(serializer.loads(record.payload), ResultRecordMetadata(key, expiration, serializer))
        self._remember(found)
        return found

    @property
    def _remembers(self) -> bool:
        """Whether results are remembered: not where keys are locked, since others then write them, too."""
        return self.cache_result_in_memory and self.lock_manager is None

    def _remember(self, record: ResultRecord[Any]) -> None:
        if self._remembers:
            self.cache[self._place.address(record.metadata.storage_key)] = record

    async def aread(self, key: str, holder: str | None = None) -> ResultRecord[Any]:
        """Return the result under a key; `read` for async code.

        Args:
            key: The key.
            holder: Who asks, if not this thread.
        """
        return await in_thread(self.read, key, holder or self.generate_default_holder())

    def create_result_record(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None
    ) -> ResultRecord[Any]:
        """Return a record of a result, without writing it.

        Args:
            obj: The result.
            key: The key; by default a new one.
            expiration: From when on the result is not to be used; None for never.
        """
        metadata = ResultRecordMetadata(self.storage_key_fn() if key is None else key, expiration, self.serializer)
        return ResultRecord(obj, metadata)

    def persist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record, unless somebody else has its key locked.

        Args:
            result_record: The record.
            holder: Who writes, if not this thread.

        Raises:
            RuntimeError: Somebody else has the key locked.
            SerializationError: The result cannot be serialised.
        """
        key, expiration, serializer = result_record.metadata
        if self.lock_manager is not None and self.is_locked(key) and not self.is_lock_holder(key, holder):
            raise RuntimeError(f"The result {key!r} cannot be written: its key is locked by another holder.")
        record = Record(
            serializer.dumps(result_record.result),
            serializer.label,
            times.now(),
            None if expiration is None else times.from_datetime(expiration),
            preview(result_record.result),
        )
        self._place.write(key, record.packed())
        if self._markers is not None:
            self._markers.write(key, record._replace(payload=b"").packed())
        self._remember(result_record)

    async def apersist_result_record(self, result_record: ResultRecord[Any], holder: str | None = None) -> None:
        """Write a record; `persist_result_record` for async code.

        Args:
            result_record: The record.
            holder: Who writes, if not this thread.
        """
        await in_thread(self.persist_result_record, result_record, holder or self.generate_default_holder())

    def write(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a result.

        Args:
            obj: The result.
            key: The key; by default a new one.
            expiration: From when on the result is not to be used; None for never.
            holder: Who writes, if not this thread.

        Raises:
            RuntimeError: Somebody else has the key locked.
            SerializationError: The result cannot be serialised.
        """
        self.persist_result_record(self.create_result_record(obj, key, expiration), holder)

    async def awrite(
        self, obj: Any, key: str | None = None, expiration: datetime | None = None, holder: str | None = None
    ) -> None:
        """Write a result; `write` for async code.

        Args:
            obj: The result.
            key: The key; by default a new one.
            expiration: From when on the result is not to be used; None for never.
            holder: Who writes, if not this thread.
        """
        await self.apersist_result_record(self.create_result_record(obj, key, expiration), holder)

    # --- locks ------------------------------------------------------------------------------------

    @staticmethod
    def generate_default_holder() -> str:
        """Return what this thread is called as a holder of locks."""
        thread = threading.current_thread()
        return f"{socket.gethostname()}:{os.getpid()}:{thread.ident}:{thread.name}"

    def supports_isolation_level(self, level: Any) -> bool:
        """Return whether transactions of an isolation level can use this store.

        Args:
            level: `READ_COMMITTED`, or `SERIALIZABLE`, which needs locks.
        """
        return getattr(level, "value", level) == "READ_COMMITTED" or self.lock_manager is not None

    def acquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Lock a key, and return whether that was possible in time.

        Args:
            key: The key.
            holder: Who is to have the lock, if not this thread.
            timeout: How long to wait at most, in seconds; None for as long as it takes.

        Raises:
            ConfigurationError: The store has no locks.
        """
        held: bool = self._locks.acquire_lock(key, holder or self.generate_default_holder(), timeout)
        return held

    async def aacquire_lock(self, key: str, holder: str | None = None, timeout: float | None = None) -> bool:
        """Lock a key; `acquire_lock` for async code.

        Args:
            key: The key.
            holder: Who is to have the lock, if not this thread.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        held: Awaitable[bool] = self._locks.aacquire_lock(key, holder or self.generate_default_holder(), timeout)
        return await held

    def release_lock(self, key: str, holder: str | None = None) -> None:
        """Give a lock back.

        Args:
            key: The key.
            holder: Who has the lock, if not this thread.
        """
        self._locks.release_lock(key, holder or self.generate_default_holder())

    def is_locked(self, key: str) -> bool:
        """Return whether anybody has a key locked.

        Args:
            key: The key.
        """
        return bool(self._locks.is_locked(key))

    def is_lock_holder(self, key: str, holder: str | None = None) -> bool:
        """Return whether somebody has a key locked.

        Args:
            key: The key.
            holder: Who, if not this thread.
        """
        return bool(self._locks.is_lock_holder(key, holder or self.generate_default_holder()))

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked, and return whether that came in time.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        return bool(self._locks.wait_for_lock(key, timeout))

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        """Wait until nobody has a key locked; `wait_for_lock` for async code.

        Args:
            key: The key.
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        free: Awaitable[bool] = self._locks.await_for_lock(key, timeout)
        return await free

    @property
    def _locks(self) -> Any:
        if self.lock_manager is None:
            raise ConfigurationError("The result store has no locks; give it a lock_manager to use them.")
        return self.lock_manager

    def __repr__(self) -> str:
        return f"ResultStore(result_storage={self.result_storage!r}, serializer={self.serializer!r})"


def get_result_store() -> ResultStore:
    """Return the store of results that holds here: of the run's flow or task, or the default one."""
    context, store = scope.current(), ResultStore()
    return store if context is None else store._with(context.policy.result)


def should_persist_result() -> bool:
    """Return whether the result of the present run is stored where its flow or task does not leave it open."""
    context = scope.current()
    persist = None if context is None else context.policy.result.persist
    return get_default_persist_setting() if persist is None else persist


def get_default_persist_setting() -> bool:
    """Return whether results that a cache, a retry or a resume may need are stored by default."""
    return wiring.defaults().results_persist is not False


def get_default_persist_setting_for_tasks() -> bool:
    """Return whether results of tasks that something may need are stored by default."""
    return get_default_persist_setting()


def get_default_result_serializer() -> Serializer[Any]:
    """Return the serializer of results whose flow or task does not say."""
    return resolve_serializer(wiring.defaults().results_serializer)


def get_default_result_storage() -> Any:
    """Return the file system of results that are too large for the run database."""
    return resolve_result_storage(wiring.defaults().results_storage)


async def aget_default_result_storage() -> Any:
    """Return the file system of large results; `get_default_result_storage` for async code."""
    return get_default_result_storage()


def resolve_result_storage(result_storage: Any) -> Any:
    """Return the file system that an option stands for.

    Args:
        result_storage: A file system, the path of a folder, or a URL.

    Raises:
        InvalidOptionError: It is none of these.
    """
    return place_of(result_storage).files


async def aresolve_result_storage(result_storage: Any) -> Any:
    """Return the file system that an option stands for; `resolve_result_storage` for async code.

    Args:
        result_storage: A file system, the path of a folder, or a URL.
    """
    return resolve_result_storage(result_storage)
