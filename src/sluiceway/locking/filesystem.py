"""Locks among the processes of one machine, on files."""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sluiceway.base.tokens import digest
from sluiceway.drivers.trying import TryingLockManager

__all__ = ["FileSystemLockManager"]

_LONGEST_NAME = 200


class FileSystemLockManager(TryingLockManager):
    """Gives out locks among all processes of a machine that name the same folder.

    The kernel drops the lock of a process that dies, however it dies, so that nobody waits for the dead.

    Args:
        lock_files_directory: The folder. It is made when it is first needed, and should be on a local disk.
    """

    def __init__(self, lock_files_directory: Path | str) -> None:
        self.lock_files_directory: Path = Path(lock_files_directory).expanduser().absolute()
        self._turn = threading.Lock()
        self._held: dict[str, int] = {}
        """The open file of each key that was locked here: the lock is on it."""
        _managers.add(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.lock_files_directory,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileSystemLockManager) and (self.lock_files_directory,) == (
            other.lock_files_directory,
        )

    def __hash__(self) -> int:
        return hash(self.lock_files_directory)

    def is_locked(self, key: str, use_cache: bool = False) -> bool:
        """Return whether anybody has a key locked.

        Args:
            key: The key.
            use_cache: Accepted for compatibility: looking costs little.
        """
        return super().is_locked(key)

    def _try_to_lock(self, key: str, holder: str, hold_timeout: float | None) -> bool:
        with self._alone():
            if self._present(key) not in (None, holder):
                return False
            file = self._held.get(key)
            if file is None or not _is_at(file, self._path(key)):
                self._close(key)
                file = self._own_file(key)
            until = None if hold_timeout is None else time.time() + hold_timeout
            os.ftruncate(file, 0)
            os.pwrite(file, json.dumps([holder, until]).encode(), 0)
            return True

    def _holder_of(self, key: str) -> str | None:
        with self._alone():
            return self._present(key)

    def _unlock(self, key: str, holder: str) -> bool:
        with self._alone():
            if self._present(key) != holder:
                return False
            self._path(key).unlink(missing_ok=True)
            self._close(key)
            return True

    def _present(self, key: str) -> str | None:
        """Return who holds a lock: one who lives, and whose time is not over."""
        try:
            file = os.open(self._path(key), os.O_RDWR)
        except FileNotFoundError:
            return None
        try:
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return None  # whoever held it has died
            holder, until = json.loads(os.pread(file, os.fstat(file).st_size, 0))
        finally:
            os.close(file)
        return None if until is not None and until <= time.time() else holder

    def _own_file(self, key: str) -> int:
        """Make the file of a key anew, and lock it: an old one is of the dead, or of one whose time is over."""
        path = self._path(key)
        path.unlink(missing_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        self._held[key] = file
        return file

    def _close(self, key: str) -> None:
        file = self._held.pop(key, None)
        if file is not None:
            os.close(file)

    def _path(self, key: str) -> Path:
        name = quote(key, safe="")
        if len(name) > _LONGEST_NAME:
            name = digest(key.encode()).hex()
        return self.lock_files_directory / f"{name}.lock"

    @contextmanager
    def _alone(self) -> Generator[None, None, None]:
        """Look at files, and change them, while no other thread or process does; never for long."""
        with self._turn:
            self.lock_files_directory.mkdir(parents=True, exist_ok=True)
            guard = os.open(self.lock_files_directory / ".guard", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(guard, fcntl.LOCK_EX)
                yield
            finally:
                fcntl.flock(guard, fcntl.LOCK_UN)  # for a child, too, that was forked meanwhile
                os.close(guard)

    def _forget(self) -> None:
        """Close what a forked child has inherited, which would keep the locks of its parent beyond its death."""
        self._turn = threading.Lock()
        for key in list(self._held):
            self._close(key)


def _is_at(file: int, path: Path) -> bool:
    """Return whether an open file is the one at a path, rather than one that was there before."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


_managers: weakref.WeakSet[FileSystemLockManager] = weakref.WeakSet()


def _forget_in_child() -> None:
    for manager in list(_managers):
        manager._forget()


os.register_at_fork(after_in_child=_forget_in_child)
