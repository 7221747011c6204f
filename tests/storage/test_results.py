"""Results are kept where they belong, and come back or say why they do not."""

from __future__ import annotations

import asyncio
import os
import pathlib
import pickle
import threading
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.errors import MissingResult, StoreError
from sluiceway.base.times import SECOND
from sluiceway.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import INLINE_LIMIT, NOTHING, PREVIEW_LIMIT, CachedResult, StoredResult
from sluiceway.ports.results import Results
from sluiceway.serializers import CompressedSerializer, JSONSerializer, Serializer
from sluiceway.storage.filed import FiledResults
from sluiceway.storage.places import Place
from sluiceway.storage.recent import RecentPayloads
from sluiceway.storage.results import ResultStorage

NOW = 1_700_000_000 * SECOND
USUAL = ResultPolicy()
LARGE = "x" * (INLINE_LIMIT + 1)


class Journal:
    """The part of a store that results need: its cache entries, and its name."""

    def __init__(self) -> None:
        self.cached: dict[str, CachedResult] = {}

    def read_cached(self, key: str) -> CachedResult | None:
        return self.cached.get(key)

    def read_identity(self) -> str:
        return "the-journal"


class BrokenJournal(Journal):
    def read_identity(self) -> str:
        raise StoreError("The run database runs.db is broken.")

    def read_cached(self, key: str) -> CachedResult | None:
        raise StoreError("The run database runs.db is broken.")


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def storage(tmp_path: pathlib.Path, journal: Journal) -> ResultStorage:
    return made(tmp_path / "results", journal)


def made(folder: pathlib.Path | str, journal: Journal, **options: Any) -> ResultStorage:
    return ResultStorage(cast(Any, journal), str(folder), **options)


def files_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_it_is_what_the_port_asks_for(storage: ResultStorage) -> None:
    port: Results = storage
    assert port.open(port.keep(1, USUAL)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(VALUES, st.sampled_from(["pickle", "compressed/pickle"]), st.integers(0, 40))
@settings(max_examples=50)
def test_every_value_comes_back(tmp_path: pathlib.Path, value: object, serializer: str, limit: int) -> None:
    storage = made(tmp_path / "results", Journal(), inline_limit=limit)
    policy = ResultPolicy(serializer=serializer)
    stored = storage.keep(value, policy)
    assert storage.open(stored) == value
    assert made(tmp_path / "results", Journal()).open(stored) == value, "in another process too"
    assert len(stored.preview or "") <= PREVIEW_LIMIT


def test_small_results_are_inline_and_nothing_is_written(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    for value in (1, "text", {"a": [1, 2]}, 2.5, True, (), b"x"):
        stored = storage.keep(value, USUAL)
        assert stored.blob is not None
        assert pickle.loads(stored.blob) == value
        assert (stored.serializer, stored.location, stored.size) == ("pickle", None, len(stored.blob))
        assert stored.preview == repr(value)
    assert files_in(tmp_path) == []


def test_none_is_kept_for_nothing(storage: ResultStorage) -> None:
    assert storage.keep(None, USUAL) is NOTHING
    assert storage.open(NOTHING) is None


def test_large_results_go_into_files_by_their_content(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    stored = storage.keep(LARGE, USUAL)
    assert stored.blob is None
    assert stored.size > INLINE_LIMIT
    (file,) = files_in(tmp_path)
    assert stored.location == file.as_uri()
    assert file.parent.name == file.name[:2]
    assert storage.keep(LARGE, USUAL).location == stored.location
    assert storage.keep(LARGE + "y", USUAL).location != stored.location
    assert storage.open(stored) == LARGE


def test_the_same_bytes_of_other_serializers_are_other_files(storage: ResultStorage) -> None:
    class Raw(Serializer[bytes]):
        type = "raw"

        def dumps(self, obj: bytes) -> bytes:
            return obj

        def loads(self, blob: bytes) -> bytes:
            return blob

    blob = JSONSerializer[str]().dumps(LARGE)
    raw, text = storage.keep(blob, ResultPolicy(serializer="raw")), storage.keep(LARGE, ResultPolicy(serializer="json"))
    assert raw.location != text.location
    assert (storage.open(raw), storage.open(text)) == (blob, LARGE)


def test_a_folder_with_blanks_in_its_name_can_be_used(tmp_path: pathlib.Path, journal: Journal) -> None:
    storage = made(tmp_path / "my results ü%", journal)
    stored = storage.keep(LARGE, USUAL)
    assert stored.location is not None
    assert " " not in stored.location
    assert made(tmp_path / "elsewhere", journal).open(stored) == LARGE


def test_the_serializer_can_be_chosen_by_setting_and_by_option(tmp_path: pathlib.Path, journal: Journal) -> None:
    storage = made(tmp_path, journal, default_serializer="json")
    assert storage.keep({"a": 1}, USUAL).blob == b'{"a": 1}'
    assert storage.keep(1, USUAL).blob == b"1"
    assert storage.keep(1, ResultPolicy(serializer="pickle")).serializer == "pickle"
    packed = CompressedSerializer[Any](serializer="json", compressionlib="zlib")
    stored = storage.keep([1], ResultPolicy(serializer=packed))
    assert stored.serializer.startswith("compressed ")
    assert storage.open(stored) == [1]


@pytest.mark.parametrize(
    ("value", "policy", "reason"),
    [
        (threading.Lock(), USUAL, "A value of type _thread.lock cannot be stored with the pickle serializer"),
        ((n for n in [1]), USUAL, "Return a list of what it yields"),
        ({1}, ResultPolicy(serializer=JSONSerializer(object_encoder=None)), "set is not JSON serializable"),
        (1, ResultPolicy(serializer="no-such"), "There is no serializer 'no-such'"),
        (1, ResultPolicy(persist=False), "Results are not persisted here"),
        (1, ResultPolicy(storage=3), "result_storage must be a file system, a path or a URL, not a int"),
        (1, ResultPolicy(storage=NullFileSystem()), "which keeps nothing"),
        (1, ResultPolicy(storage="/dev/null/nowhere"), "Not a directory"),
        (1, ResultPolicy(storage="carrier-pigeon://coop/1"), "carrier-pigeon://coop/1 cannot be used"),
    ],
)
def test_what_cannot_be_kept_says_why(storage: ResultStorage, value: object, policy: ResultPolicy, reason: str) -> None:
    stored = storage.keep(value, policy, "key")
    assert stored.blob is stored.location is None
    assert stored.why_not is not None
    assert reason in stored.why_not
    with pytest.raises(MissingResult) as caught:
        storage.open(stored)
    assert str(caught.value) == stored.why_not


def test_a_key_that_leads_out_of_the_storage_is_refused(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    stored = storage.keep(1, ResultPolicy(storage=tmp_path / "mine"), "../outside")
    assert "is outside of the base path" in str(stored.why_not)
    assert files_in(tmp_path) == []


def test_results_that_nobody_asked_to_persist_are_kept_by_default_only(
    tmp_path: pathlib.Path, journal: Journal
) -> None:
    storage = made(tmp_path, journal, persist_by_default=False)
    assert storage.keep(1, USUAL).why_not is not None
    assert storage.keep(1, ResultPolicy(persist=True)).blob is not None


def test_a_result_with_a_name_is_a_file_of_that_name(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    stored = storage.keep({"a": 1}, ResultPolicy(storage_key="{x}.pickle"), "reports/7.pickle")
    assert files_in(tmp_path) == [tmp_path / "results" / "reports" / "7.pickle"]
    assert storage.open(stored) == {"a": 1}


def test_the_name_counts_only_where_results_have_a_place_of_their_own(
    storage: ResultStorage, tmp_path: pathlib.Path
) -> None:
    assert storage.keep(1, USUAL, "cache-key").blob is not None
    large = storage.keep(LARGE, USUAL, "cache-key")
    assert large.location is not None
    assert "cache-key" not in large.location


def storages(tmp_path: pathlib.Path) -> list[Any]:
    folder = tmp_path / "shared"
    return [folder, str(folder), LocalFileSystem(folder), f"memory://{tmp_path.name}/shared", remote(), Own(), Async()]


def remote() -> RemoteFileSystem:
    return RemoteFileSystem("memory://shared/results", settings={"skip_instance_cache": True})


class Own:
    """A file system of the user's."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read_path(self, path: str) -> bytes:
        return self.files[path]

    def write_path(self, path: str, content: bytes) -> None:
        self.files[path] = content


class Async(Own):
    async def read_path(self, path: str) -> bytes:  # type: ignore[override]
        return self.files[path]

    async def write_path(self, path: str, content: bytes) -> None:  # type: ignore[override]
        self.files[path] = content


@pytest.mark.parametrize("number", range(7))
def test_machines_that_share_a_storage_share_the_cache(tmp_path: pathlib.Path, number: int) -> None:
    pytest.importorskip("fsspec")
    policy = ResultPolicy(storage=storages(tmp_path)[number])
    here, there = (made(tmp_path / name, Journal()) for name in ("here", "there"))
    assert there.find("key", policy, NOW) is None
    stored = here.keep({"a": 1}, policy, "key")
    assert there.find("key", policy, NOW) is None, "kept is not yet published"
    assert here.publish(CachedResult("key", stored, NOW, NOW + SECOND), policy) is False
    found = there.find("key", policy, NOW)
    assert found is not None
    assert (found.key, found.created, found.expires) == ("key", NOW, NOW + SECOND)
    assert found.result == stored
    assert there.open(found.result) == {"a": 1}
    assert there.find("key", policy, NOW + SECOND) is None
    assert there.find("other", policy, NOW) is None


def test_a_result_from_elsewhere_is_copied_into_the_storage_that_publishes_it(
    storage: ResultStorage, tmp_path: pathlib.Path
) -> None:
    policy = ResultPolicy(storage=tmp_path / "shared")
    for key, value in {"small": 1, "large": LARGE, "nothing": None}.items():
        storage.publish(CachedResult(key, storage.keep(value, USUAL), NOW), policy)
        found = made(tmp_path / "there", Journal()).find(key, policy, NOW)
        assert found is not None
        assert storage.open(found.result) == value
    assert len(files_in(tmp_path / "shared")) == 6


def test_a_storage_that_an_address_does_not_tell_is_named(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    stored = storage.keep(1, ResultPolicy(storage=Own()), "key")
    assert storage.open(stored) == 1
    with pytest.raises(MissingResult, match=r"Own/key is in a storage that only the program which made it knows"):
        made(tmp_path, Journal()).open(stored)


def test_file_systems_with_coroutines_work_within_a_loop(storage: ResultStorage) -> None:
    async def within() -> object:
        return storage.open(storage.keep([1], ResultPolicy(storage=Async()), "key"))

    assert asyncio.run(within()) == [1]


# --- the cache in the journal -------------------------------------------------------------------


def test_what_this_process_cached_is_found_before_the_journal_has_it(storage: ResultStorage, journal: Journal) -> None:
    entry = CachedResult("key", storage.keep(1, USUAL), NOW, NOW + SECOND)
    assert storage.find("key", USUAL, NOW) is None
    assert storage.publish(entry, USUAL) is True
    assert storage.find("key", USUAL, NOW) == entry
    assert storage.find("key", USUAL, NOW + SECOND) is None, "it has expired"


def test_what_the_journal_has_is_found(storage: ResultStorage, journal: Journal) -> None:
    entry = journal.cached["key"] = CachedResult("key", storage.keep(1, USUAL), NOW, NOW + SECOND)
    assert storage.find("key", USUAL, NOW) == entry
    assert storage.find("key", USUAL, NOW + SECOND) is None


def test_a_newer_entry_of_another_process_is_found_after_a_while(storage: ResultStorage, journal: Journal) -> None:
    storage.publish(CachedResult("key", storage.keep(1, USUAL), NOW), USUAL)
    newer = journal.cached["key"] = CachedResult("key", storage.keep(2, USUAL), NOW + SECOND)
    assert storage.find("key", USUAL, NOW + 120 * SECOND) == newer


def test_the_memory_of_entries_is_bounded(storage: ResultStorage) -> None:
    for number in range(5_000):
        storage.publish(CachedResult(f"{number}", StoredResult("pickle", b"x" * 4_096), NOW), USUAL)
    found = [number for number in range(5_000) if storage.find(f"{number}", USUAL, NOW) is not None]
    assert found == list(range(5_000 - len(found), 5_000)), "the latest are remembered"
    assert 100 < len(found) * 4_096 / 4_096 <= 2_048


def test_a_journal_that_cannot_be_read_is_a_miss_that_says_why(tmp_path: pathlib.Path) -> None:
    storage = made(tmp_path, BrokenJournal())
    found = storage.find("key", USUAL, NOW)
    assert found is not None
    with pytest.raises(MissingResult, match=r"runs\.db is broken"):
        storage.open(found.result)


# --- damage -------------------------------------------------------------------------------------


def damage(file: pathlib.Path, how: str) -> None:
    content = file.read_bytes()
    match how:
        case "cut":
            file.write_bytes(content[:-10])
        case "changed":
            file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        case "empty":
            file.write_bytes(b"")
        case "header":
            file.write_bytes(content[:30])
        case "gone":
            file.unlink()


DAMAGE = {
    "cut": "damaged: it has .* bytes. Delete it; run it again",
    "changed": "damaged: its bytes were changed",
    "empty": "damaged: it is not a result",
    "header": "damaged: its description cannot be read",
    "gone": "has gone, or is on another machine; run it again",
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_result_is_named_with_the_remedy(storage: ResultStorage, tmp_path: pathlib.Path, how: str) -> None:
    stored = storage.keep(LARGE, USUAL)
    (file,) = files_in(tmp_path)
    damage(file, how)
    with pytest.raises(MissingResult, match=DAMAGE[how]) as caught:
        storage.open(stored)
    assert file.name in str(caught.value)
    storage.keep(LARGE, USUAL)
    assert storage.open(stored) == LARGE, "writing it again heals it"


@pytest.mark.parametrize("how", [how for how in DAMAGE if how != "gone"])
def test_a_damaged_cache_entry_is_a_miss_that_says_why(
    storage: ResultStorage, tmp_path: pathlib.Path, how: str
) -> None:
    policy = ResultPolicy(storage=tmp_path / "shared")
    storage.publish(CachedResult("key", storage.keep(1, policy, "key"), NOW), policy)
    damage(tmp_path / "shared" / "key.cached", how)
    found = storage.find("key", policy, NOW)
    assert found is not None
    with pytest.raises(MissingResult, match=r"key\.cached is damaged"):
        storage.open(found.result)


def test_a_result_whose_code_has_gone_says_so(storage: ResultStorage) -> None:
    stored = StoredResult("pickle", b"cno_such_module\nThing\n.")
    with pytest.raises(MissingResult, match="No module named 'no_such_module'"):
        storage.open(stored)
    with pytest.raises(MissingResult, match="There is no serializer 'forgotten'"):
        storage.open(StoredResult("forgotten", b"x"))


def test_nothing_stored_is_a_missing_result(storage: ResultStorage) -> None:
    with pytest.raises(MissingResult, match="persist_result=True"):
        storage.open(StoredResult())


def test_a_full_disk_does_not_fail_the_run(
    storage: ResultStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: pathlib.Path
) -> None:
    policy = ResultPolicy(storage=tmp_path / "shared")
    stored = storage.keep(1, policy, "key")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left on device" in str(storage.keep(LARGE, USUAL).why_not)
    storage.publish(CachedResult("key", stored, NOW), policy)
    assert "The result is not in the cache: " in caplog.text
    assert storage.find("key", policy, NOW) is None


def test_many_threads_may_keep_the_same_result(storage: ResultStorage) -> None:
    results: list[object] = []

    def work() -> None:
        for number in range(20):
            stored = storage.keep([LARGE, number % 2], USUAL)
            storage.publish(CachedResult(str(number), stored, NOW), USUAL)
            results.append(storage.open(stored)[1])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, results)) == ["0"] * 40 + ["1"] * 40


# --- remembering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("remembers", [True, False])
def test_a_large_result_on_remote_storage_is_remembered_where_that_is_asked_for(
    journal: Journal, tmp_path: pathlib.Path, remembers: bool
) -> None:
    storage = made(f"memory://{tmp_path.name}/remembered", journal)
    policy = ResultPolicy(keep_in_memory=remembers)
    stored = storage.keep([LARGE], policy)
    RemoteFileSystem(f"memory://{tmp_path.name}").filesystem.rm(f"/{tmp_path.name}", recursive=True)
    if remembers:
        first, second = storage.open(stored), storage.open(stored)
        assert first == second == [LARGE]
        assert first is not second, "each gets a value of its own, lest one change that of the other"
    else:
        with pytest.raises(MissingResult):
            storage.open(stored)


def test_a_result_under_a_name_is_not_remembered_since_another_may_take_its_place(
    journal: Journal, tmp_path: pathlib.Path
) -> None:
    policy = ResultPolicy(storage=f"memory://{tmp_path.name}/named")
    here, elsewhere = made(tmp_path, journal), made(tmp_path, journal)
    stored = here.keep([1], policy, "latest")
    elsewhere.keep([2], policy, "latest")
    assert here.open(stored) == [2]


def test_the_bytes_that_are_remembered_are_bounded() -> None:
    payloads = RecentPayloads(most=100)
    payloads.add("too large", bytes(26))
    for name in "abcde":
        payloads.add(name, bytes(25))
    payloads.add("e", bytes(25))
    assert payloads.get("too large") is None
    assert [name for name in "abcde" if payloads.get(name)] == ["b", "c", "d", "e"]


# --- cache entries elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, LARGE])
@pytest.mark.parametrize("own_storage", [True, False])
def test_cache_entries_can_be_in_a_storage_of_their_own(
    journal: Journal, tmp_path: pathlib.Path, value: Any, own_storage: bool
) -> None:
    policy = ResultPolicy(storage=tmp_path / "results" if own_storage else None, key_storage=tmp_path / "keys")
    here, elsewhere = made(tmp_path / "default", journal), made(tmp_path / "default", Journal())
    assert not here.publish(CachedResult("key", here.keep(value, policy, "key"), NOW), policy), (
        "the journal is not told"
    )
    assert (tmp_path / "keys" / "key.cached").is_file()
    found = elsewhere.find("key", policy, NOW)
    assert found is not None
    assert elsewhere.open(found.result) == value
    assert elsewhere.find("other", policy, NOW) is None


def test_a_result_is_found_while_another_thread_gets_to_know_a_further_place(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed = FiledResults(str(tmp_path / "first"))
    stored = filed.write(b"payload", "pickle", "", ResultPolicy(), None)
    filed.write(b"other", "pickle", "", ResultPolicy(storage=LocalFileSystem(tmp_path / "second")), None)
    name_of = Place.name

    def name_meanwhile(place: Place, address: str) -> str | None:
        policy = ResultPolicy(storage=LocalFileSystem(tmp_path / f"place {len(filed._known)}"))
        adding = threading.Thread(target=filed._place, args=(policy,))
        adding.start()
        adding.join()
        return name_of(place, address)

    monkeypatch.setattr(Place, "name", name_meanwhile)
    assert filed.read(stored.location or "").payload == b"payload"
