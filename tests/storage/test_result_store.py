"""A result store keeps results by key, under locks where it has some."""

from __future__ import annotations

import asyncio
import datetime as dt
import pathlib
import threading
from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.base.errors import ConfigurationError, MissingResult, SerializationError
from sluiceway.cache_policies import INPUTS
from sluiceway.filesystems import LocalFileSystem
from sluiceway.results import (
    DEFAULT_STORAGE_KEY_FN,
    ResultRecord,
    ResultStore,
    aget_default_result_storage,
    aresolve_result_storage,
    default_cache,
    get_default_persist_setting,
    get_default_persist_setting_for_tasks,
    get_default_result_serializer,
    get_default_result_storage,
    get_result_store,
    resolve_result_storage,
    should_persist_result,
)
from sluiceway.serializers import JSONSerializer, PickleSerializer

PAST = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
FUTURE = dt.datetime(2990, 1, 1, tzinfo=dt.UTC)


class Locks:
    """Locks of one process, for one holder at a time."""

    def __init__(self) -> None:
        self.holders: dict[str, str] = {}
        self.waited: list[str] = []

    def acquire_lock(self, key: str, holder: str, acquire_timeout: float | None = None) -> bool:
        return self.holders.setdefault(key, holder) == holder

    async def aacquire_lock(self, key: str, holder: str, acquire_timeout: float | None = None) -> bool:
        return self.acquire_lock(key, holder, acquire_timeout)

    def release_lock(self, key: str, holder: str) -> None:
        if self.holders.get(key) == holder:
            del self.holders[key]

    def is_locked(self, key: str) -> bool:
        return key in self.holders

    def is_lock_holder(self, key: str, holder: str) -> bool:
        return self.holders.get(key) == holder

    def wait_for_lock(self, key: str, timeout: float | None = None) -> bool:
        self.waited.append(key)
        return key not in self.holders

    async def await_for_lock(self, key: str, timeout: float | None = None) -> bool:
        return self.wait_for_lock(key, timeout)


@pytest.fixture
def store(tmp_path: pathlib.Path) -> ResultStore:
    return ResultStore(result_storage=tmp_path / "store")


def test_what_is_written_under_a_key_is_read_under_it(store: ResultStore, tmp_path: pathlib.Path) -> None:
    store.write({"rows": 3}, key="monday", expiration=FUTURE)
    record = ResultStore(result_storage=tmp_path / "store").read("monday")
    assert record.result == {"rows": 3}
    assert (record.metadata.storage_key, record.expiration) == ("monday", FUTURE)
    assert record.serializer == PickleSerializer[Any]()
    assert (tmp_path / "store" / "monday").is_file()


def test_a_result_exists_until_it_expires(store: ResultStore) -> None:
    assert not store.exists("key")
    store.write(1, key="key", expiration=FUTURE)
    assert store.exists("key")
    store.write(1, key="key", expiration=PAST)
    assert not store.exists("key")
    assert store.read("key").result == 1, "whoever asks for it still gets it"


def test_a_result_that_is_not_there_is_named(store: ResultStore) -> None:
    with pytest.raises(MissingResult, match=r"store/tuesday has gone"):
        store.read("tuesday")


def test_a_record_can_be_made_first_and_written_later(store: ResultStore) -> None:
    record = store.create_result_record([1])
    assert isinstance(record, ResultRecord)
    assert not store.exists(record.metadata.storage_key)
    store.persist_result_record(record)
    assert store.read(record.metadata.storage_key) == record
    assert store.create_result_record([1]) != record, "its key is another"
    assert len(DEFAULT_STORAGE_KEY_FN()) == 32


def test_async_code_has_verbs_of_its_own(store: ResultStore) -> None:
    store.lock_manager = Locks()

    async def use() -> list[object]:
        await store.aacquire_lock("key")
        await store.awrite(1, key="key")
        store.release_lock("key")
        return [await store.aexists("key"), (await store.aread("key")).result, await store.await_for_lock("key")]

    assert asyncio.run(use()) == [True, 1, True]


def test_what_cannot_be_serialised_is_refused(store: ResultStore) -> None:
    with pytest.raises(SerializationError, match=r"_thread\.lock"):
        store.write(threading.Lock(), key="key")


def test_a_locked_key_is_written_by_its_holder_only(store: ResultStore) -> None:
    store.lock_manager = locks = Locks()
    assert store.acquire_lock("key")
    assert store.is_locked("key")
    assert store.is_lock_holder("key")
    assert not store.acquire_lock("key", holder="somebody else")
    store.write(1, key="key")
    with pytest.raises(RuntimeError, match="'key' cannot be written: its key is locked by another holder"):
        store.write(2, key="key", holder="somebody else")
    assert store.read("key").result == 1
    assert locks.waited == []
    assert store.read("key", holder="somebody else").result == 1
    assert locks.waited == ["key"], "others wait for the lock"
    store.release_lock("key")
    store.write(2, key="key", holder="somebody else")
    assert store.wait_for_lock("key")


def test_without_locks_only_weak_isolation_is_offered(store: ResultStore) -> None:
    with pytest.raises(ConfigurationError, match="give it a lock_manager"):
        store.acquire_lock("key")
    assert [store.supports_isolation_level(level) for level in ("READ_COMMITTED", "SERIALIZABLE")] == [True, False]
    store.lock_manager = Locks()
    assert store.supports_isolation_level("SERIALIZABLE")


def test_every_thread_is_a_holder_of_its_own(store: ResultStore) -> None:
    names = [store.generate_default_holder()]
    thread = threading.Thread(target=lambda: names.append(store.generate_default_holder()))
    thread.start()
    thread.join()
    assert names[0] != names[1]
    assert names[0] == store.generate_default_holder()


def test_a_store_can_be_made_for_a_flow_or_task(store: ResultStore, tmp_path: pathlib.Path) -> None:
    @flow(result_storage=tmp_path / "flows", result_serializer="json")
    def report() -> None: ...

    @task(result_storage=tmp_path / "tasks")
    def step() -> None: ...

    assert store.update_for_flow(report).result_storage == LocalFileSystem(tmp_path / "flows")
    assert store.update_for_flow(report).serializer == JSONSerializer[Any]()
    assert store.update_for_task(step).result_storage == LocalFileSystem(tmp_path / "tasks")
    assert store.result_storage == LocalFileSystem(tmp_path / "store"), "the store itself stays as it is"


def test_the_store_that_holds_here_is_that_of_the_run(tmp_path: pathlib.Path, sluiceway_home: pathlib.Path) -> None:
    seen: dict[str, Any] = {}

    @flow(result_storage=tmp_path / "flows", persist_result=False)
    def report() -> None:
        seen["flow"] = get_result_store().result_storage, should_persist_result()

    report()
    assert seen["flow"] == (LocalFileSystem(tmp_path / "flows"), False)
    assert get_result_store().result_storage == LocalFileSystem(sluiceway_home / "results")
    assert should_persist_result()


def test_the_settings_say_how_results_are_kept_by_default(
    sluiceway_home: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEWAY_RESULTS_SERIALIZER", "json")
    monkeypatch.setenv("SLUICEWAY_RESULTS_PERSIST", "false")
    assert get_default_result_serializer() == JSONSerializer[Any]()
    assert get_default_persist_setting() is get_default_persist_setting_for_tasks() is False
    assert get_default_result_storage() == LocalFileSystem(sluiceway_home / "results")
    assert asyncio.run(aget_default_result_storage()) == get_default_result_storage()


def test_an_option_stands_for_a_file_system(tmp_path: pathlib.Path) -> None:
    assert resolve_result_storage(tmp_path) == LocalFileSystem(tmp_path)
    assert asyncio.run(aresolve_result_storage(str(tmp_path))) == LocalFileSystem(tmp_path)
    assert resolve_result_storage("memory://a/b").basepath == "memory://a/b"


# --- what a store remembers, and where it looks ---------------------------------------------------


def test_a_store_gives_the_same_object_again_unless_it_is_not_to_remember(tmp_path: pathlib.Path) -> None:
    usual, forgetful = (
        ResultStore(result_storage=tmp_path),
        ResultStore(result_storage=tmp_path, cache_result_in_memory=False),
    )
    usual.write([1], key="a")
    assert usual.read("a") is usual.read("a")
    assert forgetful.read("a") is not forgetful.read("a")
    assert forgetful.read("a") == usual.read("a")
    assert not forgetful.cache


def test_a_store_with_locks_reads_what_others_wrote(tmp_path: pathlib.Path) -> None:
    locked, other = ResultStore(result_storage=tmp_path, lock_manager=Locks()), ResultStore(result_storage=tmp_path)
    locked.write(1, key="a")
    other.write(2, key="a")
    assert locked.read("a").result == 2


def test_what_a_store_remembers_is_bounded_and_may_be_shared(tmp_path: pathlib.Path) -> None:
    cache = default_cache()
    one, other = (ResultStore(result_storage=tmp_path, cache=cache) for _ in range(2))
    one.write([1], key="a")
    assert other.read("a").result is one.read("a").result
    for number in range(cache.maxsize + 5):
        one.write(number, key="b") if number < 2 else cache.update({str(number): one.read("a")})
    assert len(cache) == cache.maxsize


def test_a_store_tells_by_its_metadata_whether_there_is_a_result(tmp_path: pathlib.Path) -> None:
    store = ResultStore(result_storage=tmp_path / "results", metadata_storage=tmp_path / "known")
    store.write("value", key="a", expiration=FUTURE)
    store.write("value", key="old", expiration=PAST)
    assert (store.exists("a"), store.exists("old"), store.exists("b")) == (True, False, False)
    (tmp_path / "known" / "a").unlink()
    assert not store.exists("a")
    assert store.read("a").result == "value"
    assert b"value" not in (tmp_path / "known" / "old").read_bytes().replace(b"'value'", b"")
    assert store.metadata_storage.basepath == str(tmp_path / "known")
    assert ResultStore(result_storage=tmp_path).metadata_storage is None


def test_a_store_takes_over_what_a_flow_or_task_was_given(tmp_path: pathlib.Path) -> None:
    @task(
        cache_policy=INPUTS.configure(key_storage=tmp_path / "keys"),
        result_serializer="json",
        cache_result_in_memory=False,
    )
    def given() -> None: ...

    @flow(result_storage=tmp_path / "own")
    def given_too() -> None: ...

    async def updated() -> tuple[ResultStore, ResultStore]:
        return await ResultStore().aupdate_for_task(given), await ResultStore().aupdate_for_flow(given_too)

    for_task, for_flow = asyncio.run(updated())
    assert for_task.metadata_storage.basepath == str(tmp_path / "keys")
    assert (for_task.serializer.label, for_task.cache_result_in_memory) == ("json", False)
    assert for_flow.result_storage.basepath == str(tmp_path / "own")
