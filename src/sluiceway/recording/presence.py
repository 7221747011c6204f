"""Presence: how a process shows others that it lives, and sees whether they do.

A process keeps a file of its own locked. The kernel drops the lock when the process dies, however it dies, and not
before: neither a busy interpreter nor a stopped process is ever taken for dead. The locks are those of POSIX records
(`fcntl`), since these belong to the process: a forked child does not inherit them. They have one trap: closing *any*
descriptor of the file in the same process drops them, so a process never opens a file of its own a second time.

Where there are no such locks, or processes on several machines share a store, a lease stands in, prolonged by a thread.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from functools import cache

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import new_id
from sluiceway.base.machine import host
from sluiceway.base.times import SECOND, Moment, now
from sluiceway.model.holding import ProcessInfo
from sluiceway.rules.liveness import cause_of_death

HAS_LOCKS: bool = sys.platform != "win32"
if sys.platform != "win32":
    import fcntl

_own_files: set[str] = set()
"""The files that this process keeps locked."""


class Presence:
    """Shows that this process lives, from when it first has something in hand.

    Args:
        folder: Where the files of processes are; made when it is needed.
        lease: Seconds after which the process counts as dead unless it has prolonged its lease; None for the lock.
    """

    def __init__(self, folder: str, lease: float | None = None) -> None:
        self.folder = folder
        self.lease: float | None = lease if HAS_LOCKS or lease is not None else DEFAULT_LEASE
        self.announced: ProcessInfo | None = None
        self._turn = threading.Lock()
        self._descriptor: int | None = None

    def announce(self) -> ProcessInfo:
        """Return the process, which from now on shows others that it lives; a lease begins now.

        Raises:
            StoreError: The file cannot be made or locked.
        """
        with self._turn:
            moment = now()
            if self.announced is None:
                key = new_id()
                lock = None if self.lease is not None else self._lock(key.hex())
                self.announced = ProcessInfo(key, host(), boot(), os.getpid(), moment, lock)
            if self.lease is not None:  # which would be over before it is on the list, if it were not then written
                self.announced = self.announced._replace(until=moment + round(self.lease * SECOND))
            return self.announced

    def leave(self) -> None:
        """Show no longer that this process lives. Leaving twice is harmless."""
        with self._turn:
            left, self.announced = self.announced, None
            if self._descriptor is not None and left is not None and left.lock is not None:
                with suppress(OSError):  # somebody has tidied up
                    os.unlink(left.lock)
                os.close(self._descriptor)
                _own_files.discard(left.lock)
            self._descriptor = None

    def _lock(self, name: str) -> str:
        path = os.path.join(self.folder, name)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"The file {path}, by which other processes see that this one lives, cannot be made and locked: "
                f"{error.strerror or error}. Let this user write that folder; where it does not know locks, "
                "set SLUICEWAY_LIVENESS=lease."
            ) from error
        _own_files.add(path)
        return path


DEFAULT_LEASE = 30.0
"""Seconds that a lease lasts unless it is prolonged: several times as long as a busy interpreter may keep a thread."""


def death_of(process: ProcessInfo, at: Moment, folder: str | None = None) -> str | None:
    """Return what happened to a process; None where it lives, or nobody here can know.

    Args:
        process: The process, as it has announced itself.
        at: The present moment.
        folder: Where the files of processes are, as this one sees it: containers may have other names for a place.
    """
    return cause_of_death(process, host(), boot(), at, lambda process: _lock_is_held(process, folder))


def _file_of(process: ProcessInfo, folder: str | None) -> str | None:
    """Return the file that a process keeps locked, by the name that it has here."""
    if process.lock is None or folder is None or process.lock in _own_files or os.path.exists(process.lock):
        return process.lock
    return os.path.join(folder, os.path.basename(process.lock))


def is_there(process: ProcessInfo) -> bool:
    """Return whether a process lives, and its number means the same here, so that it can be sent signals.

    A container may have the kernel in common with this process and number its processes by itself; so it is the
    kernel that is asked who keeps the lock.

    Args:
        process: The process, as it has announced itself.
    """
    if process.host != host() or process.boot != boot():
        return False
    if process.lock is None or process.lock in _own_files:  # to open one of these, and close it, would drop the lock
        return _exists(process.pid)
    return _keeper_of(process.lock) in (process.pid, _UNTOLD)


_UNTOLD = -1
"""Stands for a process that keeps a lock, where the system does not tell which it is."""

_LOCK = "hhqqi0q"
"""What Linux tells of a lock: type, whence, start, length, process."""


def _keeper_of(path: str) -> int | None:
    """Return the process that keeps a file locked; None where none does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if sys.platform == "linux":
            wanted = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_LOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, wanted))
            keeper = None if kind == fcntl.F_UNLCK else int(pid)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            keeper = None
    except OSError:
        keeper = _UNTOLD
    finally:
        os.close(descriptor)
    return keeper


def _lock_is_held(process: ProcessInfo, folder: str | None) -> bool:
    path = _file_of(process, folder)
    if path is None:
        return True
    try:
        return _is_locked(path)
    except FileNotFoundError:  # somebody has tidied up too much; in another container the number means another process
        return process.host != host() or _exists(process.pid)


def _is_locked(path: str) -> bool:
    """Return whether a process keeps a file locked.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if path in _own_files:
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:  # another user's
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether a process has ended, and nobody has waited for it yet."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[:1] == [b"Z"]
    except OSError:
        return False


def tidy_up(process: ProcessInfo, folder: str | None = None) -> None:
    """Remove the file of a process that is dead.

    Args:
        process: The process.
        folder: Where the files of processes are, as this one sees it.
    """
    path = _file_of(process, folder)
    if path is not None:
        with suppress(OSError):  # another process was first, or it is another user's
            os.unlink(path)


def sweep(folder: str, known: Collection[str], before: float) -> None:
    """Remove files of processes that died before they were on the list, or whose files nobody has removed.

    Args:
        folder: Where the files of processes are.
        known: Names of files that are not touched.
        before: Seconds since 1970; what was made later is not touched either: it may be about to be locked.
    """
    with suppress(OSError):  # it is another user's, or there is none
        for entry in os.scandir(folder):
            if entry.name in known or entry.stat().st_mtime >= before:
                continue
            with suppress(OSError):  # another process was first
                if not _is_locked(entry.path):
                    os.unlink(entry.path)


@cache
def boot() -> str:
    """Return what tells this start of the machine from others; empty where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _forget_in_child() -> None:
    """A forked child inherits no locks."""
    _own_files.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
