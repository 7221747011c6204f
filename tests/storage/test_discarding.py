"""Results go from result storage when nothing refers to them, and not when somebody has just written them again."""

from __future__ import annotations

import os
import pathlib
from typing import Any, cast

import pytest

from sluiceway.base import times
from sluiceway.base.errors import MissingResult, StoreError
from sluiceway.base.times import SECOND, Moment
from sluiceway.filesystems import LocalFileSystem, RemoteFileSystem
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import INLINE_LIMIT, CachedResult, StoredResult
from sluiceway.storage import discarding
from sluiceway.storage.results import ResultStorage
from sluiceway.stores.memory import MemoryStore

LARGE = "x" * (INLINE_LIMIT + 1)
USUAL = ResultPolicy()
HOUR = 3_600 * SECOND


@pytest.fixture
def storage(tmp_path: pathlib.Path) -> ResultStorage:
    return ResultStorage(MemoryStore(), str(tmp_path / "results"))


def kept(storage: ResultStorage, value: object = LARGE, policy: ResultPolicy = USUAL) -> str:
    location = storage.keep(value, policy).location
    assert location is not None
    return location


def an_hour_from_now() -> Moment:
    return times.now() + HOUR


def files_in(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_old_result_is_removed_and_its_size_told(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    location = kept(storage)
    (file,) = files_in(tmp_path)
    size = file.stat().st_size
    assert storage.discard(location, an_hour_from_now()) == size
    assert files_in(tmp_path) == []
    assert storage.discard(location, an_hour_from_now()) == 0


def test_a_result_that_was_written_lately_stays_and_is_there_all_the_time(
    storage: ResultStorage, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = kept(storage)
    monkeypatch.delattr(discarding.os, "rename")  # nobody is to move it aside
    assert storage.discard(location, times.now() - HOUR) is None
    assert len(files_in(tmp_path)) == 1


def test_a_result_that_is_stored_again_is_young_again(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    location = kept(storage)
    (file,) = files_in(tmp_path)
    os.utime(file, (1_000, 1_000))
    assert kept(storage) == location
    assert storage.discard(location, times.now() - HOUR) is None
    os.utime(file, (1_000, 1_000))
    assert storage.discard(location, times.now() - HOUR)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("moment", ["between the look and the taking", "after the taking"])
def test_a_result_that_another_process_stores_at_that_very_moment_is_not_lost(
    storage: ResultStorage, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    location = kept(storage)
    (file,) = files_in(tmp_path)
    os.utime(file, (1_000, 1_000))
    rename, renamed = os.rename, []

    def rename_meanwhile(source: str, target: str) -> None:
        first = not renamed
        renamed.append(target)
        if first and moment.startswith("between"):
            kept(storage)
        rename(source, target)
        if first and moment.startswith("after"):
            kept(storage)

    monkeypatch.setattr(discarding.os, "rename", rename_meanwhile)
    told = storage.discard(location, times.now() - HOUR)
    assert renamed
    assert (told is None) == moment.startswith("between")
    assert files_in(tmp_path) == [file]
    assert storage.open(StoredResult("pickle", None, location, 1)) == LARGE


def test_only_what_belongs_to_the_journal_is_removed(tmp_path: pathlib.Path) -> None:
    folder = str(tmp_path / "results")
    one, other = ResultStorage(MemoryStore(), folder), ResultStorage(MemoryStore(), folder)
    location = kept(one)
    assert kept(other) != location
    own_storage = kept(one, "small", ResultPolicy(storage=LocalFileSystem(tmp_path / "own")))
    named = one.keep(LARGE, ResultPolicy(storage_key="report"), "report").location or ""
    assert named.endswith("/results/report")
    assert other.discard(location, an_hour_from_now()) == 0
    for mine in (own_storage, named):
        assert one.discard(mine, an_hour_from_now()) == 0
    assert len(files_in(tmp_path)) == 4


def test_the_same_journal_is_known_by_its_name_in_another_process(tmp_path: pathlib.Path) -> None:
    store = MemoryStore()
    location = kept(ResultStorage(store, str(tmp_path)))
    assert ResultStorage(store, str(tmp_path)).discard(location, an_hour_from_now())


def test_a_result_is_kept_though_the_journal_cannot_be_asked_and_is_never_removed(tmp_path: pathlib.Path) -> None:
    class Broken:
        def read_cached(self, key: str) -> CachedResult | None:
            return None

        def read_identity(self) -> str:
            raise StoreError("The run database runs.db is broken.")

    storage = ResultStorage(cast(Any, Broken()), str(tmp_path))
    location = kept(storage)
    assert storage.discard(location, an_hour_from_now()) == 0
    assert storage.open(StoredResult("pickle", None, location, 1)) == LARGE


def test_a_result_elsewhere_is_removed_by_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = ResultStorage(MemoryStore(), "memory://sluiceway-discarding")
    location = kept(storage)
    assert storage.discard(location, times.now() - HOUR) is None
    assert (storage.discard(location, an_hour_from_now()) or 0) > INLINE_LIMIT
    assert storage.discard(location, an_hour_from_now()) == 0
    with pytest.raises(MissingResult):
        ResultStorage(MemoryStore(), "memory://elsewhere").read_payload(StoredResult("pickle", None, location, 1))


def test_a_result_elsewhere_of_an_unknown_age_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ageless:
        removed: list[str] = []  # noqa: RUF012 - one for the one instance

        def makedirs(self, path: str, exist_ok: bool) -> None:
            del path, exist_ok

        def pipe_file(self, path: str, content: bytes) -> None:
            del path, content

        def modified(self, path: str) -> Any:
            raise NotImplementedError

        def rm_file(self, path: str) -> None:
            self.removed.append(path)

    monkeypatch.setattr(RemoteFileSystem, "filesystem", Ageless())
    storage = ResultStorage(MemoryStore(), "odd://results")
    assert storage.discard(kept(storage), an_hour_from_now()) == 0
    assert Ageless.removed == []


def test_the_bytes_of_a_result_come_and_go_unopened(storage: ResultStorage, tmp_path: pathlib.Path) -> None:
    other = ResultStorage(MemoryStore(), str(tmp_path / "others"))
    written = other.write_payload(b"not a pickle", "pickle", "a preview")
    assert (written.size, written.preview, written.blob) == (12, "a preview", None)
    assert other.read_payload(written) == b"not a pickle"
    assert storage.read_payload(StoredResult("json", b"5", None, 1)) == b"5"
    assert storage.read_payload(StoredResult(why_not="too odd")) is None
