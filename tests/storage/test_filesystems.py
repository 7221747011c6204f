"""File systems read what they wrote, stay within their folder, and never show half a file."""

from __future__ import annotations

import asyncio
import os
import pathlib
import pickle
import sys
import threading
from typing import Any

import pytest

from sluiceway.base.errors import InvalidOptionError, MissingExtraError
from sluiceway.filesystems import (
    SMB,
    LocalFileSystem,
    NullFileSystem,
    ReadableFileSystem,
    RemoteFileSystem,
    WritableFileSystem,
)

FILES = {"a.txt": b"A", "sub/b.txt": b"B", "sub/deep/c.log": b"C"}


@pytest.fixture(params=["local", "remote"])
def files(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> LocalFileSystem | RemoteFileSystem:
    if request.param == "local":
        return LocalFileSystem(tmp_path / "base")
    pytest.importorskip("fsspec")
    return RemoteFileSystem(f"memory://{tmp_path.name}/base")


def filled(files: LocalFileSystem | RemoteFileSystem) -> LocalFileSystem | RemoteFileSystem:
    for path, content in FILES.items():
        files.write_path(path, content)
    return files


def test_what_was_written_is_read(files: LocalFileSystem) -> None:
    full = files.write_path("sub/a.bin", b"\x00\xff")
    assert full.endswith("/base/sub/a.bin")
    assert files.read_path("sub/a.bin") == files.read_path(full) == b"\x00\xff"
    files.write_path("sub/a.bin", b"again")
    assert files.read_path("sub/a.bin") == b"again"


def test_async_code_has_verbs_of_its_own(files: LocalFileSystem, tmp_path: pathlib.Path) -> None:
    async def use() -> tuple[bytes, int]:
        await files.awrite_path("a", b"1")
        await files.aget_directory("", str(tmp_path / "out"))
        return await files.aread_path("a"), await files.aput_directory(str(tmp_path / "out"), "copy")

    assert asyncio.run(use()) == (b"1", 1)
    assert files.read_path("copy/a") == b"1"


def test_a_file_that_is_not_there_is_named(files: LocalFileSystem) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        files.read_path("nothing")


@pytest.mark.parametrize("path", ["../outside", "sub/../../outside", "/etc/hosts", "../base-of-another/x"])
def test_paths_out_of_the_folder_are_refused(tmp_path: pathlib.Path, path: str) -> None:
    files = LocalFileSystem(tmp_path / "base")
    with pytest.raises(ValueError, match="is outside of the base path"):
        files.read_path(path)
    with pytest.raises(ValueError, match="is outside of the base path"):
        files.write_path(path, b"")


def test_symbolic_links_do_not_lead_out_of_the_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="is outside of the base path"):
        LocalFileSystem(tmp_path / "base").write_path("link/x", b"")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "memory://other/x"])
def test_paths_out_of_a_remote_folder_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is outside of the base path"):
        RemoteFileSystem("memory://bucket/base").read_path(path)


def test_the_folder_of_a_user_and_the_working_directory_can_be_meant(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert LocalFileSystem().write_path("x", b"1") == str((tmp_path / "x").resolve())
    assert LocalFileSystem("~/here").write_path("x", b"1") == os.path.realpath(os.path.expanduser("~/here/x"))
    with pytest.raises(ValueError, match="is not a file"):
        LocalFileSystem("~").read_path("here")


def test_a_file_is_replaced_at_once(tmp_path: pathlib.Path) -> None:
    files = LocalFileSystem(tmp_path / "base")
    versions = [bytes([letter]) * 200_000 for letter in b"abcd"]
    files.write_path("file", versions[0])
    seen: set[bytes] = set()
    finished = threading.Event()

    def watch() -> None:
        while not finished.is_set():
            seen.add(files.read_path("file"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for version in versions * 3:
        files.write_path("file", version)
    finished.set()
    watcher.join()
    assert seen <= set(versions)
    assert os.listdir(tmp_path / "base") == ["file"], "nothing unfinished is left"


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    files = LocalFileSystem(tmp_path / "base")
    (tmp_path / "base" / "folder" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        files.write_path("folder", b"1")
    with pytest.raises(TypeError):
        files.write_path("text", "text")  # type: ignore[arg-type]
    assert os.listdir(tmp_path / "base") == ["folder"]


def test_directories_are_copied_out(files: LocalFileSystem, tmp_path: pathlib.Path) -> None:
    filled(files).get_directory("sub", str(tmp_path / "out"))
    copied = {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    assert copied == {"b.txt": b"B", "deep/c.log": b"C"}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        ("", {"a.txt", "sub/b.txt", "sub/deep/c.log"}),
        ("# a comment\n\n*.log\n", {"a.txt", "sub/b.txt"}),
        ("sub/\n", {"a.txt"}),
        ("deep/\n", {"a.txt", "sub/b.txt"}),
        ("/sub/*.txt\n", {"a.txt", "sub/deep/c.log"}),
        ("*\n!*.txt\n", {"a.txt", "sub/b.txt"}),
        ("a.txt/\n", {"a.txt", "sub/b.txt", "sub/deep/c.log"}),
    ],
)
def test_directories_are_copied_in_but_for_what_is_ignored(
    files: LocalFileSystem, tmp_path: pathlib.Path, patterns: str, left: set[str]
) -> None:
    source = LocalFileSystem(tmp_path / "source")
    filled(source)
    ignore = tmp_path / "ignore"
    ignore.write_text(patterns)
    assert files.put_directory(str(tmp_path / "source"), "copy", ignore_file=str(ignore)) == len(left)
    assert {path for path in FILES if _reads(files, f"copy/{path}")} == left


def _reads(files: LocalFileSystem, path: str) -> bool:
    try:
        return files.read_path(path) == FILES[path.removeprefix("copy/")]
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("basepath", "reason"),
    [("bucket/x", "must begin with a scheme"), ("s3://", "must name a folder"), ("s3:///", "must name a folder")],
)
def test_a_remote_file_system_needs_a_url(basepath: str, reason: str) -> None:
    with pytest.raises(InvalidOptionError, match=reason):
        RemoteFileSystem(basepath)


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(InvalidOptionError, match="carrier-pigeon://coop/1 cannot be used"):
        RemoteFileSystem("carrier-pigeon://coop/1").read_path("x")


def test_without_fsspec_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r'pip install "sluiceway\[remote\]"'):
        RemoteFileSystem("memory://bucket/x").read_path("x")


def test_settings_reach_fsspec() -> None:
    files = RemoteFileSystem("memory://bucket/x", settings={"skip_instance_cache": True})
    assert files.filesystem is not files.filesystem


def test_file_systems_are_compared_and_written_by_their_options() -> None:
    assert LocalFileSystem("/a") == LocalFileSystem(pathlib.Path("/a")) != LocalFileSystem("/b")
    assert repr(LocalFileSystem("/a")) == "LocalFileSystem(basepath='/a')"
    assert repr(RemoteFileSystem("memory://a/b")) == "RemoteFileSystem(basepath='memory://a/b')"
    share = SMB("results", smb_password="x", smb_host="nas")
    for files in (LocalFileSystem("/a"), RemoteFileSystem("memory://a/b", {"x": 1}), share, NullFileSystem()):
        assert pickle.loads(pickle.dumps(files)) == files
    assert LocalFileSystem.__module__ == "sluiceway.filesystems"


def test_a_null_file_system_keeps_nothing() -> None:
    async def use(files: Any) -> list[object]:
        await files.write_path("x", b"1")
        return [await files.read_path("x"), await files.get_directory(), await files.put_directory()]

    assert asyncio.run(use(NullFileSystem())) == [None, None, None]


def test_a_file_system_of_ones_own_needs_both_verbs() -> None:
    class OnlyReads(WritableFileSystem):
        def read_path(self, path: str) -> bytes:
            return b""

    with pytest.raises(TypeError, match="write_path"):
        OnlyReads()  # type: ignore[abstract]
    assert issubclass(LocalFileSystem, WritableFileSystem)
    assert issubclass(WritableFileSystem, ReadableFileSystem)


def test_files_that_are_there_can_be_left_alone(tmp_path: pathlib.Path) -> None:
    files = RemoteFileSystem(f"memory://{tmp_path.name}/put")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"new")
    (source / "b").write_bytes(b"new")
    files.write_path("copy/a", b"old")
    assert files.put_directory(str(source), "copy", overwrite=False) == 1
    assert (files.read_path("copy/a"), files.read_path("copy/b")) == (b"old", b"new")
    assert asyncio.run(files.aput_directory(str(source), "copy")) == 2
    assert files.read_path("copy/a") == b"new"


def test_a_share_is_a_remote_folder_whose_password_is_not_shown() -> None:
    share = SMB("results/nightly", "ada", "s3cret", smb_host="nas", smb_port=1445)
    assert share.basepath == "smb://nas/results/nightly"
    assert share.settings == {"username": "ada", "password": "s3cret", "host": "nas", "port": 1445}
    assert "s3cret" not in repr(share)
    assert SMB("results", smb_host="nas").settings == {"host": "nas"}
    with pytest.raises(InvalidOptionError, match="path names no share"):
        SMB("/", smb_host="nas")
