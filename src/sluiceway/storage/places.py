"""Places: where results are, by the same blocking verbs whatever the file system."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any
from urllib.parse import quote, unquote

from sluiceway.base.errors import InvalidOptionError
from sluiceway.storage.filesystems import LocalFileSystem, NullFileSystem, RemoteFileSystem

_FILE = "file://"


class Place:
    """A file system with results in it.

    Args:
        files: The file system, whose verbs may be coroutine functions.
    """

    __slots__ = ("files", "root")

    def __init__(self, files: Any) -> None:
        self.files: Any = files
        self.root: str = _root_of(files)
        """What the addresses of all files in here begin with."""

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Args:
            name: The path of the file.

        Raises:
            FileNotFoundError: There is no such file.
        """
        try:
            content = _finished(self.files.read_path(name))
        except (KeyError, ValueError) as error:  # what file systems of users raise for it, and ours in part
            raise FileNotFoundError(str(error)) from error
        if content is None:
            raise FileNotFoundError(f"{self.files!r} keeps nothing.")
        return bytes(content)

    def write(self, name: str, content: bytes) -> None:
        """Write a file.

        Args:
            name: The path of the file.
            content: The content.
        """
        _finished(self.files.write_path(name, content))

    def settle(self, name: str) -> None:
        """Wait until a file that was written is on disk, and its name in the folders: if they are on this machine.

        Args:
            name: The path of the file.

        Raises:
            OSError: The disk does not take it.
        """
        if not isinstance(self.files, LocalFileSystem):
            return  # whoever keeps it there knows
        base = unquote(self.root.removeprefix(_FILE)).rstrip("/")
        path = os.path.normpath(os.path.join(base, name))
        _synchronise(path)
        while len(path) > len(base):
            path = os.path.dirname(path)
            _synchronise(path)

    def address(self, name: str) -> str:
        """Return what names a file in the journal.

        Args:
            name: The path of the file.
        """
        return self.root + quote(name)

    def name(self, address: str) -> str | None:
        """Return the path of the file of an address, or None for one that is elsewhere.

        Args:
            address: The address.
        """
        return unquote(address.removeprefix(self.root)) if address.startswith(self.root) else None


def place_of(storage: Any) -> Place:
    """Return the place that an option stands for.

    Args:
        storage: A file system, the path of a folder, or a URL.

    Raises:
        InvalidOptionError: It is none of these.
    """
    if isinstance(storage, str) and "://" in storage and not storage.startswith(_FILE):
        return Place(RemoteFileSystem(storage))
    if isinstance(storage, str | os.PathLike):
        return Place(LocalFileSystem(unquote(os.fspath(storage).removeprefix(_FILE))))
    if isinstance(storage, NullFileSystem):
        raise InvalidOptionError("result_storage is a NullFileSystem, which keeps nothing")
    if hasattr(storage, "read_path") and hasattr(storage, "write_path"):
        return Place(storage)
    raise InvalidOptionError(f"result_storage must be a file system, a path or a URL, not a {type(storage).__name__}")


def place_at(address: str) -> Place | None:
    """Return the place of an address, or None where only the process that wrote it knows it.

    Args:
        address: The address of a file.
    """
    folder, _, name = address.rpartition("/")
    return place_of(folder) if name and "://" in folder else None


def _synchronise(path: str) -> None:
    """Have a file or folder on disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _root_of(files: Any) -> str:
    if isinstance(files, LocalFileSystem):
        base = os.path.realpath(os.path.expanduser(files.basepath or "."))
        return f"{_FILE}{quote(base)}/"
    if isinstance(files, RemoteFileSystem):
        return f"{files.basepath}/"
    return f"{type(files).__module__}.{type(files).__qualname__}/"


def _finished(value: Any) -> Any:
    """Return a value, or what an awaitable comes to: in a thread of its own, for there may be a loop here."""
    if not isinstance(value, Awaitable):
        return value
    import asyncio  # heavy, and needed only for file systems with coroutine functions
    from concurrent.futures import ThreadPoolExecutor

    async def awaited() -> Any:
        return await value

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, awaited()).result()
