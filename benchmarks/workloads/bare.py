"""The yardsticks: the standard library's thread pool, recording nothing, and its SQLite, a row to a commit."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import perf_counter

from . import Workload

_CHUNK = 1_000


def hop(count: int) -> float:
    """One `ThreadPoolExecutor(1).submit(f).result()`: into another thread and back."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(_nothing).result()
        begin = perf_counter()
        for _ in range(count):
            threads.submit(_nothing).result()
        return (perf_counter() - begin) / count


def pool(count: int) -> float:
    """One item of `ThreadPoolExecutor().map`, a thousand at a time so that its own futures do not pile up."""
    with ThreadPoolExecutor() as threads:
        list(threads.map(_nothing, range(_CHUNK)))
        begin = perf_counter()
        for start in range(0, count, _CHUNK):
            list(threads.map(_nothing, range(start, min(start + _CHUNK, count))))
        return (perf_counter() - begin) / count


def commit(count: int) -> float:
    """One fsynced SQLite commit: a row of 200 bytes under a key of 16, the log of the database in its middle age."""
    with tempfile.TemporaryDirectory() as folder, closing(_database(Path(folder) / "yardstick.db")) as connection:
        execute = connection.execute
        begin = perf_counter()
        for number in range(_CHUNK, _CHUNK + count):
            _insert(execute, number)
        return (perf_counter() - begin) / count


def _database(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits wait for the disk.

    A log that still grows is slower than one that is written over, as that of an engine is after a while.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE record (key BLOB PRIMARY KEY, content BLOB)")
    connection.execute("PRAGMA synchronous = OFF")
    for number in range(_CHUNK):
        if number == _CHUNK - 1:
            connection.execute("PRAGMA synchronous = FULL")
        _insert(connection.execute, number)
    return connection


def _insert(execute: Callable[..., object], number: int) -> None:
    """Write a row, in a transaction of its own."""
    execute("BEGIN IMMEDIATE")
    execute("INSERT INTO record VALUES (?, ?)", (number.to_bytes(16, "big"), bytes(200)))
    execute("COMMIT")


YARDSTICKS: dict[str, Workload] = {"hop": hop, "pool": pool, "commit": commit}


def _nothing(_item: object = None) -> None:
    pass
