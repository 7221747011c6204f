"""The file that keeps batches while a server is away."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.base.errors import StoreError
from sluiceway.stores.http.spool import Spool, folder_of

PLENTY = 10**6

batches = st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=200)), min_size=1, max_size=6)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A folder with nothing else in it."""
    return str(tmp_path / "spool")


def contents(spool: Spool) -> list[tuple[bytes, bytes]]:
    """Return all batches of a spool, in their order."""
    found, at = [], 0
    while (frame := spool.read(at)) is not None:
        found.append((frame.head, frame.facts))
        at = frame.end
    return found


def left_behind(folder: str, kept: list[tuple[bytes, bytes]]) -> str:
    """Keep batches as a process does that is killed afterwards; return the path of the file."""
    spool = Spool(folder, PLENTY)
    for head, facts in kept:
        spool.append(head, facts)
    spool.abandon()
    return spool.path


@given(batches)
def test_what_is_kept_is_there_in_its_order_for_whoever_comes_next(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[bytes, bytes]]
) -> None:
    folder = str(tmp_path_factory.mktemp("spool"))
    left_behind(folder, kept)
    assert [contents(spool) for spool in Spool.left_behind(folder)] == [kept]


@given(batches, st.integers(0, 2_000))
def test_wherever_its_process_was_killed_the_whole_batches_are_there(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[bytes, bytes]], cut: int
) -> None:
    folder = str(tmp_path_factory.mktemp("spool"))
    path = left_behind(folder, kept)
    os.truncate(path, cut % (os.path.getsize(path) + 1))
    (found,) = [contents(spool) for spool in Spool.left_behind(folder)]
    assert found == kept[: len(found)]


def test_a_file_is_for_its_user_only_and_its_folder_tells_no_password(tmp_path: Path) -> None:
    folder = folder_of(str(tmp_path), "https://me:secret@example.com:4200/api")
    path = left_behind(folder, [(b"{}", b"[]")])
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert os.path.basename(folder) == "https_example.com_4200_api"


def test_the_file_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), PLENTY)
    spool.append(b"{}", b"[1]")
    assert list(Spool.left_behind(str(tmp_path))) == []
    spool.abandon()
    assert len([contents(other) for other in Spool.left_behind(str(tmp_path))]) == 1


def test_a_file_whose_batches_were_sent_goes(folder: str) -> None:
    left_behind(folder, [(b"{}", b"[1]")])
    for spool in Spool.left_behind(folder):
        spool.clear()
    assert os.listdir(folder) == []
    assert list(Spool.left_behind(os.path.join(folder, "nowhere"))) == []


def test_a_batch_beyond_the_limit_is_refused_and_what_is_kept_stays(folder: str) -> None:
    spool = Spool(folder, 100)
    spool.append(b"{}", b"[1]")
    with pytest.raises(StoreError, match=r"has reached its limit of 100 bytes.*SLUICEWAY_SPOOL_LIMIT"):
        spool.append(b"{}", os.urandom(200))
    assert contents(spool) == [(b"{}", b"[1]")]
    spool.clear()
    spool.close()
    assert os.listdir(folder) == []


def test_a_disk_that_is_full_is_named_and_leaves_no_half_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(str(tmp_path), PLENTY)
    spool.append(b"{}", b"[1]")
    whole = os.pwrite

    def half(descriptor: int, data: bytes, offset: int) -> int:
        return whole(descriptor, data[: len(data) // 2], offset)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", half)
        with pytest.raises(StoreError, match=r"cannot be written: the disk is full"):
            spool.append(b"{}", b"[2]")
    assert os.path.getsize(spool.path) == spool.size
    spool.append(b"{}", b"[3]")
    assert [facts for _, facts in contents(spool)] == [b"[1]", b"[3]"]
    spool.abandon()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(str(tmp_path / "file" / "folder"), PLENTY)
    with pytest.raises(StoreError, match=r"which is to keep what the server cannot take.*Not a directory"):
        spool.append(b"{}", b"[1]")


def test_what_will_never_be_taken_is_set_aside(folder: str) -> None:
    spool = Spool(folder, PLENTY)
    spool.append(b"{}", b"[1]")
    aside = spool.set_aside()
    assert os.listdir(folder) == [os.path.basename(aside)]
    assert list(Spool.left_behind(folder)) == []
    spool.append(b"{}", b"[2]")
    assert [facts for _, facts in contents(spool)] == [b"[2]"]
    spool.clear()
    spool.close()
