"""File systems: folders, here or elsewhere, that results and directories are read from and written to."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from fnmatch import fnmatch
from typing import Any, ClassVar, TypeVar

from sluiceway.base.errors import InvalidOptionError, MissingExtraError
from sluiceway.base.ids import new_id

PUBLIC_MODULE = "sluiceway.filesystems"

T = TypeVar("T")


class PathNotFound(FileNotFoundError, ValueError):
    """There is no file of such a path."""


class PathOutside(PermissionError, ValueError):
    """The path leads out of the folder that the file system may touch."""


class ReadableFileSystem(ABC):
    """Reads files."""

    @abstractmethod
    def read_path(self, path: str) -> bytes | Awaitable[bytes]:
        """Return the content of a file; a coroutine function does as well.

        Args:
            path: The path of the file.

        Raises:
            FileNotFoundError: There is no such file.
        """


class WritableFileSystem(ReadableFileSystem):
    """Reads and writes files."""

    @abstractmethod
    def write_path(self, path: str, content: bytes) -> Any:
        """Write a file; a coroutine function does as well.

        Args:
            path: The path of the file; its folders are made.
            content: The content.
        """


class ReadableDeploymentStorage(ABC):
    """Gives directories out."""

    @abstractmethod
    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> Any:
        """Copy a directory of the storage to this machine; a coroutine function does as well.

        Args:
            from_path: The directory in the storage; by default all of it.
            local_path: Where to; by default the working directory.
        """


class WritableDeploymentStorage(ReadableDeploymentStorage):
    """Gives directories out and takes them in."""

    @abstractmethod
    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> Any:
        """Copy a directory of this machine into the storage; a coroutine function does as well.

        Args:
            local_path: The directory; by default the working directory.
            to_path: Where to in the storage; by default its root.
            ignore_file: A file of patterns, a line each, of what to leave out.
        """


class _Folder(WritableFileSystem, WritableDeploymentStorage):
    """What file systems that hold a folder have in common: directories, and verbs for async code."""

    @abstractmethod
    def read_path(self, path: str) -> bytes:
        """Return the content of a file."""

    @abstractmethod
    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, and return its full path."""

    @abstractmethod
    def _files_in(self, path: str) -> list[str]:
        """Return the paths of the files in a directory and below it, relative to that directory."""

    def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine.

        Args:
            from_path: The directory; by default all of the file system.
            local_path: Where to; by default the working directory.

        Raises:
            ValueError: The path leads out of the file system.
        """
        source, target = from_path or "", LocalFileSystem(os.path.abspath(local_path or "."))
        for path in self._files_in(source):
            target.write_path(path, self.read_path(_joined(source, path)))

    def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Copy a directory of this machine into the file system.

        Args:
            local_path: The directory; by default the working directory.
            to_path: Where to; by default the root of the file system.
            ignore_file: A file of patterns as in `.gitignore`, a line each, of what to leave out: `*.log`
                anywhere, `build/` for a directory, `docs/*.txt` from the root, `!keep.log` to copy after all.

        Returns:
            The number of files copied.

        Raises:
            ValueError: The path leads out of the file system.
        """
        return self._put(*_chosen(local_path, ignore_file), to_path or "", True)

    def _put(self, source: LocalFileSystem, paths: Iterable[str], to_path: str, overwrite: bool) -> int:
        """Copy files into a directory, and return how many; those that are there only if they are to be replaced."""
        there = set() if overwrite else set(self._files_in(to_path))
        wanted = [path for path in paths if path not in there]
        for path in wanted:
            self.write_path(_joined(to_path, path), source.read_path(path))
        return len(wanted)

    async def aread_path(self, path: str) -> bytes:
        """Return the content of a file; `read_path` for async code.

        Args:
            path: The path of the file.
        """
        return await in_thread(self.read_path, path)

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file, and return its full path; `write_path` for async code.

        Args:
            path: The path of the file.
            content: The content.
        """
        return await in_thread(self.write_path, path, content)

    async def aget_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Copy a directory to this machine; `get_directory` for async code.

        Args:
            from_path: The directory; by default all of the file system.
            local_path: Where to; by default the working directory.
        """
        await in_thread(self.get_directory, from_path, local_path)

    async def aput_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> int:
        """Copy a directory of this machine into the file system; `put_directory` for async code.

        Args:
            local_path: The directory; by default the working directory.
            to_path: Where to; by default the root of the file system.
            ignore_file: A file of patterns, a line each, of what to leave out.
        """
        return await in_thread(self.put_directory, local_path, to_path, ignore_file)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by value, and settings need not be hashable

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class LocalFileSystem(_Folder):
    """A folder of this machine. Files are replaced at once, so that nobody reads half a file.

    Args:
        basepath: The folder; by default the working directory at the time of each call.
    """

    def __init__(self, basepath: str | os.PathLike[str] | None = None) -> None:
        self.basepath: str | None = None if basepath is None else os.fspath(basepath)

    def read_path(self, path: str) -> bytes:
        """Return the content of a file.

        Args:
            path: The path of the file, relative to the folder or absolute within it.

        Raises:
            ValueError: There is no such file, or the path leads out of the folder.
        """
        full = self._full(path)
        if not os.path.isfile(full):
            problem = "is not a file" if os.path.exists(full) else "does not exist"
            raise PathNotFound(f"Path {full} {problem}.")
        with open(full, "rb") as file:
            return file.read()

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, and return its full path.

        Args:
            path: The path of the file, relative to the folder or absolute within it; its folders are made.
            content: The content.

        Raises:
            ValueError: The path leads out of the folder.
        """
        full = self._full(path)
        folder = os.path.dirname(full)
        os.makedirs(folder, exist_ok=True)
        unfinished = os.path.join(folder, f".{new_id().hex()}.part")
        try:
            with open(unfinished, "xb") as file:
                file.write(content)
            os.replace(unfinished, full)
        except BaseException:
            if os.path.exists(unfinished):
                os.unlink(unfinished)
            raise
        return full

    def _files_in(self, path: str) -> list[str]:
        top = self._full(path)
        return sorted(
            os.path.relpath(os.path.join(folder, name), top).replace(os.sep, "/")
            for folder, _, names in os.walk(top)
            for name in names
        )

    def _full(self, path: str) -> str:
        """Return the absolute path of a path, symbolic links followed."""
        base = os.path.realpath(os.path.expanduser(self.basepath or "."))
        full = os.path.realpath(os.path.join(base, os.path.expanduser(path)))
        if os.path.commonpath([base, full]) != base:
            raise PathOutside(f"Path {full} is outside of the base path {base}.")
        return full


class RemoteFileSystem(_Folder):
    """A folder elsewhere, by any protocol that fsspec knows, such as `s3://bucket/results`.

    Args:
        basepath: The URL of the folder.
        settings: Arguments for the file system of fsspec, such as credentials.

    Raises:
        InvalidOptionError: The URL has no scheme, or names no folder.
    """

    def __init__(self, basepath: str, settings: Mapping[str, Any] | None = None) -> None:
        scheme, mark, folder = basepath.partition("://")
        if not mark or not scheme:
            raise InvalidOptionError(f"The base path must begin with a scheme such as s3://, not {basepath!r}.")
        if not folder.strip("/"):
            raise InvalidOptionError(f"The base path must name a folder after the scheme, not {basepath!r}.")
        self.basepath: str = basepath.rstrip("/")
        self.settings: dict[str, Any] = dict(settings or {})

    @property
    def filesystem(self) -> Any:
        """The file system of fsspec.

        Raises:
            MissingExtraError: fsspec, or what it needs for the protocol, is not installed.
            InvalidOptionError: There is no such protocol.
        """
        scheme = self.basepath.partition("://")[0]
        try:
            import fsspec  # optional, and heavy
        except ImportError as error:
            raise MissingExtraError(
                f'{self.basepath} needs fsspec, which is not installed: pip install "sluiceway[remote]"'
            ) from error
        try:
            return fsspec.filesystem(scheme, **self.settings)
        except ImportError as error:
            raise MissingExtraError(f"{self.basepath} needs a package that is not installed: {error}") from error
        except ValueError as error:
            raise InvalidOptionError(f"{self.basepath} cannot be used: {error}.") from error

    def read_path(self, path: str) -> bytes:
        """Return the content of a file.

        Args:
            path: The path of the file, relative to the folder, or a URL within it.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The path leads out of the folder.
        """
        content: bytes = self.filesystem.cat_file(self._full(path))
        return content

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, and return its URL.

        Args:
            path: The path of the file, relative to the folder, or a URL within it; its folders are made.
            content: The content.

        Raises:
            ValueError: The path leads out of the folder.
        """
        full, filesystem = self._full(path), self.filesystem
        filesystem.makedirs(full.rpartition("/")[0], exist_ok=True)
        filesystem.pipe_file(full, content)
        return full

    def put_directory(
        self,
        local_path: str | None = None,
        to_path: str | None = None,
        ignore_file: str | None = None,
        overwrite: bool = True,
    ) -> int:
        """Copy a directory of this machine into the folder.

        Args:
            local_path: The directory; by default the working directory.
            to_path: Where to; by default the folder itself.
            ignore_file: A file of patterns as in `.gitignore`, a line each, of what to leave out.
            overwrite: Whether files that are there are replaced, rather than left alone.

        Returns:
            The number of files copied.
        """
        return self._put(*_chosen(local_path, ignore_file), to_path or "", overwrite)

    async def aput_directory(
        self,
        local_path: str | None = None,
        to_path: str | None = None,
        ignore_file: str | None = None,
        overwrite: bool = True,
    ) -> int:
        """Copy a directory of this machine into the folder; `put_directory` for async code.

        Args:
            local_path: The directory; by default the working directory.
            to_path: Where to; by default the folder itself.
            ignore_file: A file of patterns, a line each, of what to leave out.
            overwrite: Whether files that are there are replaced, rather than left alone.
        """
        return await in_thread(self.put_directory, local_path, to_path, ignore_file, overwrite)

    def _files_in(self, path: str) -> list[str]:
        filesystem, top = self.filesystem, self._full(path)
        start = str(filesystem._strip_protocol(top)).rstrip("/") + "/"
        return sorted(str(found).removeprefix(start) for found in filesystem.find(top))

    def _full(self, path: str) -> str:
        """Return the URL of a path."""
        full = path if "://" in path else _joined(self.basepath, path)
        inside = full == self.basepath or full.startswith(f"{self.basepath}/")
        if not inside or ".." in full.split("/"):
            raise PathOutside(f"Path {path!r} is outside of the base path {self.basepath!r}.")
        return full

    def __repr__(self) -> str:
        return f"{type(self).__name__}(basepath={self.basepath!r})"  # the settings may hold credentials


class NullFileSystem:
    """Keeps nothing: for where a file system is asked for and none is wanted."""

    async def read_path(self, path: str) -> None:
        """Return nothing.

        Args:
            path: Not used.
        """

    async def write_path(self, path: str, content: bytes) -> None:
        """Do nothing.

        Args:
            path: Not used.
            content: Not used.
        """

    async def get_directory(self, from_path: str | None = None, local_path: str | None = None) -> None:
        """Do nothing.

        Args:
            from_path: Not used.
            local_path: Not used.
        """

    async def put_directory(
        self, local_path: str | None = None, to_path: str | None = None, ignore_file: str | None = None
    ) -> None:
        """Do nothing.

        Args:
            local_path: Not used.
            to_path: Not used.
            ignore_file: Not used.
        """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NullFileSystem)

    def __hash__(self) -> int:
        return hash(NullFileSystem)

    def __repr__(self) -> str:
        return "NullFileSystem()"


for _class in (
    ReadableFileSystem,
    WritableFileSystem,
    ReadableDeploymentStorage,
    WritableDeploymentStorage,
    LocalFileSystem,
    RemoteFileSystem,
    NullFileSystem,
):
    _class.__module__ = PUBLIC_MODULE


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call a blocking function from async code, in a thread.

    Args:
        function: The function.
        arguments: Its arguments.
    """
    import asyncio  # heavy, and here only for callers that have a loop

    return await asyncio.to_thread(function, *arguments)


def _joined(folder: str, path: str) -> str:
    return f"{folder.rstrip('/')}/{path}" if folder else path


def _chosen(local_path: str | None, ignore_file: str | None) -> tuple[LocalFileSystem, list[str]]:
    """Return a directory of this machine, and the paths in it that are not to be left out."""
    source, patterns = LocalFileSystem(os.path.abspath(local_path or ".")), _patterns_of(ignore_file)
    return source, [path for path in source._files_in("") if not _is_ignored(path, patterns)]


def _patterns_of(ignore_file: str | None) -> list[str]:
    if ignore_file is None:
        return []
    with open(ignore_file, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line and not line.startswith("#")]


def _is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether the last pattern that fits a path says to leave it out."""
    ignored = False
    for pattern in patterns:
        if _fits(path, pattern.removeprefix("!")):
            ignored = not pattern.startswith("!")
    return ignored


def _fits(path: str, pattern: str) -> bool:
    """Whether a pattern fits a path or one of the directories that it is in."""
    parts = path.split("/")
    anchored = "/" in pattern.rstrip("/")
    wanted = pattern.strip("/")
    for length in range(1, len(parts) + 1):
        is_file = length == len(parts)
        candidate = "/".join(parts[:length]) if anchored else parts[length - 1]
        if fnmatch(candidate, wanted) and not (is_file and pattern.endswith("/")):
            return True
    return False
