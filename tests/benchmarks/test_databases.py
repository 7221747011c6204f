from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from benchmarks.databases import live_bytes


def test_bytes_in_the_write_ahead_log_are_counted_before_they_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.db"
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE run (note TEXT)")
        before, on_disk = live_bytes(tmp_path), path.stat().st_size
        connection.execute("INSERT INTO run VALUES (?)", ("x" * 100_000,))

        assert path.stat().st_size == on_disk
        assert live_bytes(tmp_path) - before > 90_000


def test_pages_that_were_freed_do_not_count(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE run (note TEXT)")
        before = live_bytes(tmp_path)
        connection.execute("INSERT INTO run VALUES (?)", ("x" * 100_000,))
        connection.execute("DELETE FROM run")

        assert live_bytes(tmp_path) == before


def test_files_that_are_no_databases_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("SQLite, but only by name")
    (tmp_path / "empty.db").touch()

    assert live_bytes(tmp_path) == 0
