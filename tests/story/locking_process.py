"""A process that counts under a lock: `python locking_process.py KIND FOLDER TURNS`, once it reads a line.

It looks into a file whether somebody else is inside, which a lock that works never allows.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sluiceway.locking.filesystem import FileSystemLockManager
from sluiceway.locking.protocol import LockManager
from sluiceway.locking.store import StoreLockManager


def locks_of(kind: str, folder: Path) -> LockManager:
    """Return a manager of locks of a kind."""
    return FileSystemLockManager(folder / "locks") if kind == "file" else StoreLockManager()


def main(kind: str, folder: Path, turns: int) -> None:
    """Take turns, or hold the lock until killed if there are none."""
    locks, me = locks_of(kind, folder), f"process-{os.getpid()}"
    inside, count = folder / "inside", folder / "count"
    print("ready", flush=True)
    sys.stdin.readline()
    if not turns:
        locks.acquire_lock("key", me)
        print("locked", flush=True)
        sys.stdin.readline()
    for _ in range(turns):
        assert locks.acquire_lock("key", me, acquire_timeout=60)
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))  # fails if somebody else is inside
        count.write_text(str(int(count.read_text()) + 1))
        inside.unlink()
        locks.release_lock("key", me)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
