"""Archives: files that hold a run, for another journal to take over.

An archive is a zip file. `manifest.json` says what it is, and of every other file in it how long it is and what its
digest is; the manifest has a digest of its own. Runs and lines are JSON objects, one a line. Equal contents make
equal files, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from sluiceway.base.errors import ArchiveError
from sluiceway.base.ids import new_id

KIND = "sluiceway run"
FORMAT = 1
"""The form of archives. A greater one is a newer version's."""

MANIFEST = "manifest.json"

_LONGEST_MANIFEST = 64 * 1024 * 1024

_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    NotImplementedError,
)
"""What reading a file raises that is no archive, or one that was cut short or changed."""


class ArchiveWriter:
    """Writes an archive; the file is there once all of it is.

    Args:
        path: The file, which must not be there yet.

    Raises:
        ArchiveError: The file cannot be made, or is there.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._unfinished = f"{path}.{new_id().hex()}.part"
        self._files: dict[str, dict[str, Any]] = {}
        if os.path.lexists(path):
            raise ArchiveError(f"The file {path} is there already. Name another one, or remove it first.")
        try:
            self._zip = zipfile.ZipFile(self._unfinished, "x")
        except OSError as error:
            raise ArchiveError(f"The file {path} cannot be written: {error.strerror or error}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        if kind is not None:
            os.unlink(self._unfinished)

    def add(self, name: str, content: bytes) -> None:
        """Add a file; one that is there already is there once.

        Args:
            name: Its name.
            content: Its content.
        """
        if name not in self._files:
            self._files[name] = {"bytes": len(content), "sha256": digest(content)}
            self._zip.writestr(_entry(name), content)

    def add_records(self, name: str, records: Iterable[dict[str, Any]]) -> None:
        """Add a file of JSON objects, one a line.

        Args:
            name: Its name.
            records: The objects.
        """
        self.add(name, b"".join(_line(record) for record in records))

    def finish(self, told: dict[str, Any]) -> None:
        """Write the manifest, and give the file its name.

        Args:
            told: What the manifest is to tell beside.
        """
        manifest = {"kind": KIND, "format": FORMAT, **told, "files": self._files}
        manifest["sha256"] = digest(_line(manifest))
        self._zip.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1).encode())
        self._zip.close()
        os.rename(self._unfinished, self._path)


class ArchiveReader:
    """Reads an archive, nothing of which is believed that does not have the digest it should have.

    Args:
        path: The file.

    Raises:
        ArchiveError: It is no archive, or a newer version's; the message names it and says what is wrong.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except OSError as error:
            raise ArchiveError(f"The file {path} cannot be read: {error.strerror or error}.") from error
        except _UNREADABLE as error:
            raise self._broken("it is no archive, or was cut short") from error
        try:
            self.manifest: dict[str, Any] = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files in it, but for the manifest."""
        return tuple(self.manifest["files"])

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Args:
            name: Its name.

        Raises:
            ArchiveError: It is not there, was cut short, or was changed.
        """
        if name not in self.manifest["files"]:
            raise self._broken(f"{name} is missing")
        with self._reading(name):
            told = self.manifest["files"][name]
            if self._zip.getinfo(name).file_size != told["bytes"]:
                raise ValueError("it has another length")
            content = self._zip.read(name)
            if digest(content) != told["sha256"]:
                raise ValueError("its bytes were changed")
            return content

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a file that holds one a line.

        Args:
            name: Its name.

        Raises:
            ArchiveError: It is not there, was cut short, or was changed.
        """
        for line in self.read(name).splitlines():
            with self._reading(name):
                record = json.loads(line)
                if not isinstance(record, dict):
                    raise ValueError("a line of it is no JSON object")
            yield record

    @contextmanager
    def understanding(self, name: str) -> Iterator[None]:
        """Tell of whatever is raised within that a file of the archive cannot be understood.

        Args:
            name: Its name.
        """
        with self._reading(name):
            yield

    def refuse(self, what: str) -> ArchiveError:
        """Return the error of an archive that cannot be taken.

        Args:
            what: What is wrong with it, a clause.
        """
        return self._broken(what)

    def _read_manifest(self) -> dict[str, Any]:
        if MANIFEST not in self._zip.namelist():
            raise self._broken("it holds no exported run")
        with self._reading(MANIFEST):
            if self._zip.getinfo(MANIFEST).file_size > _LONGEST_MANIFEST:
                raise ValueError("it is too long")
            manifest: dict[str, Any] = json.loads(self._zip.read(MANIFEST))
            kind, form, files = manifest["kind"], int(manifest["format"]), manifest["files"]
        if kind != KIND:
            raise self._broken("it holds something else than an exported run")
        if form > FORMAT:
            raise ArchiveError(
                f"The file {self._path} was written by a newer version of Sluiceway (format {form}, the newest known "
                f"here is {FORMAT}). Upgrade Sluiceway to import it."
            )
        with self._reading(MANIFEST):
            told = manifest.pop("sha256")
            if digest(_line(manifest)) != told:
                raise ValueError("its bytes were changed")
            if sorted(self._zip.namelist()) != sorted([MANIFEST, *files]):
                raise ValueError("it lists other files than there are")
        return manifest

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArchiveError(f"The file {self._path} cannot be read: {error.strerror or error}.") from error
        except _UNREADABLE as error:
            raise self._broken(f"{name} in it cannot be read: {error}") from error

    def _broken(self, what: str) -> ArchiveError:
        return ArchiveError(f"The file {self._path} cannot be imported: {what}. Nothing was changed; export it anew.")


def digest(content: bytes) -> str:
    """Return the digest of bytes (SHA-256), in hexadecimal.

    Args:
        content: The bytes.
    """
    return hashlib.sha256(content).hexdigest()


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _entry(name: str) -> zipfile.ZipInfo:
    """Return an entry that is the same whenever and wherever it is made."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o600 << 16
    return entry
