"""How many bytes the databases in a folder hold."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

_SQLITE_MAGIC = b"SQLite format 3\x00"


def live_bytes(home: Path) -> int:
    """Sum up the used pages of all SQLite databases below `home`, those in the write-ahead log included."""
    return sum(_used_pages_bytes(path) for path in sorted(home.rglob("*")) if _is_database(path))


def settled_bytes(home: Path, *, quiet_seconds: float = 3.0, limit_seconds: float = 60.0) -> int:
    """Wait until `live_bytes` stays the same for a while, for engines whose writer cannot be waited for.

    Raises:
        TimeoutError: The databases still grew at `limit_seconds`.
    """
    deadline = time.monotonic() + limit_seconds
    before = live_bytes(home)
    while time.monotonic() < deadline:
        time.sleep(quiet_seconds)
        after = live_bytes(home)
        if after == before:
            return after
        before = after
    raise TimeoutError(f"the database was still growing after {limit_seconds:g} s")


def _is_database(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC


def _used_pages_bytes(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
    return int((pages - free) * size)
