"""The spool: batches that a server could not take, in a file of this machine until it can.

A file belongs to the process that made it, which keeps it locked. One that nobody keeps locked was left behind by a
process that has ended, and whoever locks it next sends what is in it. The lock is that of `flock`, which the kernel
drops with the process, however it ends.

A frame of the file is a `_FRAME` and then the two parts of a batch. Whoever is killed while it appends leaves a
torn frame, which its checksum tells from a whole one.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import new_id

if os.name == "posix":
    import fcntl

SUFFIX = ".spool"
REFUSED_SUFFIX = ".refused"
"""How a file ends whose batches the server will never take: kept for whoever wants to know what was in them."""

_FRAME = struct.Struct(">III")
"""The length of the head, that of the facts as they are kept, and the checksum of both."""


class Frame(NamedTuple):
    """A batch of the spool.

    Args:
        head: What goes with the facts, as JSON.
        facts: The facts, as JSON.
        end: Where in the file the next one begins.
    """

    head: bytes
    facts: bytes
    end: int


def folder_of(home: str, address: str) -> str:
    """Return the folder of the files for a server. Its name tells the server, and no password that the address has.

    Args:
        home: The home folder of this process.
        address: Where the API of the server is.
    """
    parts = urlsplit(address)
    place = f"{parts.scheme}_{parts.hostname or ''}_{parts.port or ''}{parts.path}"
    return os.path.join(home, "spool", re.sub(r"[^A-Za-z0-9.-]+", "_", place).strip("_"))


class Spool:
    """A file of batches, which is made when the first one comes.

    Args:
        folder: Where it is.
        limit: The size that it may have, in bytes.
    """

    def __init__(self, folder: str, limit: int) -> None:
        self.path: str = os.path.join(folder, new_id().hex() + SUFFIX)
        self._limit = limit
        self._descriptor: int | None = None
        self._end = 0

    @classmethod
    def left_behind(cls, folder: str) -> Iterator[Spool]:
        """Yield the files of processes that have ended, oldest first, each one locked; they are closed afterwards.

        Args:
            folder: Where they are.
        """
        with suppress(FileNotFoundError):
            for name in sorted(os.listdir(folder)):
                if not name.endswith(SUFFIX):
                    continue
                spool = cls(folder, 0)
                spool.path = os.path.join(folder, name)
                if spool._open(os.O_RDWR):
                    try:
                        yield spool
                    finally:
                        spool.close()

    @property
    def size(self) -> int:
        """How large it is, in bytes."""
        return self._end

    def append(self, head: bytes, facts: bytes) -> None:
        """Add a batch.

        Args:
            head: What goes with the facts, as JSON.
            facts: The facts, as JSON.

        Raises:
            StoreError: There is no place for it; the file is as it was.
        """
        kept = zlib.compress(facts, 1)
        frame = _FRAME.pack(len(head), len(kept), zlib.crc32(kept, zlib.crc32(head))) + head + kept
        if self._end + len(frame) > self._limit:
            raise StoreError(
                f"The file {self.path}, which keeps what the server cannot take at present, has reached its limit of "
                f"{self._limit:,} bytes. Have the server answer again, or raise SLUICEWAY_SPOOL_LIMIT."
            )
        try:
            if self._descriptor is None:
                os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
                if not self._open(os.O_RDWR | os.O_CREAT | os.O_EXCL):
                    raise BlockingIOError("somebody else keeps it locked")
            assert self._descriptor is not None  # it has just been opened
            written = os.pwrite(self._descriptor, frame, self._end)
            if written < len(frame):
                raise OSError("the disk is full")
        except OSError as error:
            self._cut()
            raise StoreError(
                f"The file {self.path}, which is to keep what the server cannot take at present, cannot be written: "
                f"{error.strerror or error}."
            ) from error
        self._end += len(frame)

    def read(self, at: int) -> Frame | None:
        """Return the batch that begins at a place of the file; None where no whole one does.

        Args:
            at: The place, in bytes; 0 for the first one.
        """
        if self._descriptor is None or at + _FRAME.size > self._end:
            return None
        lengths = _FRAME.unpack(os.pread(self._descriptor, _FRAME.size, at))
        begin, (head_length, facts_length, checksum) = at + _FRAME.size, lengths
        body = os.pread(self._descriptor, head_length + facts_length, begin)
        if len(body) < head_length + facts_length or zlib.crc32(body) != checksum:
            return None
        return Frame(body[:head_length], zlib.decompress(body[head_length:]), begin + len(body))

    def clear(self) -> None:
        """Take out all batches."""
        self._end = 0
        self._cut()

    def set_aside(self) -> str:
        """Give the file another name, under which nobody will send it, and return that; an empty one takes its place.

        Raises:
            StoreError: The file cannot be renamed.
        """
        aside = self.path.removesuffix(SUFFIX) + REFUSED_SUFFIX
        try:
            os.replace(self.path, aside)
        except OSError as error:
            raise StoreError(f"The file {self.path} cannot be renamed: {error.strerror or error}.") from error
        self.abandon()
        self.path = os.path.join(os.path.dirname(self.path), new_id().hex() + SUFFIX)
        return aside

    def close(self) -> None:
        """Close the file, and remove it if it is empty."""
        if self._descriptor is not None and self._end == 0:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        self.abandon()

    def abandon(self) -> None:
        """Close the file and leave it as it is: in a forked child it is the parent's."""
        descriptor, self._descriptor, self._end = self._descriptor, None, 0
        if descriptor is not None:
            os.close(descriptor)

    def _open(self, flags: int) -> bool:
        """Open and lock the file, and return whether this process has it."""
        try:
            descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            return False  # somebody else has sent it
        if os.name == "posix":
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
        if os.fstat(descriptor).st_nlink == 0:  # it was sent between opening and locking
            os.close(descriptor)
            return False
        self._descriptor, self._end = descriptor, os.fstat(descriptor).st_size
        return True

    def _cut(self) -> None:
        """Take away what is behind the last whole batch."""
        if self._descriptor is not None:
            with suppress(OSError):  # what is torn is told by its checksum, too
                os.ftruncate(self._descriptor, self._end)
