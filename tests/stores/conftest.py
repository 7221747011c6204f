"""The stores that the tests of this folder run against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sluiceway.ports.store import Store
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return where a database is to be, in a folder that is still to be made."""
    return tmp_path / "journal" / "runs.db"


@pytest.fixture
def sqlite(database: Path) -> Iterator[SqliteStore]:
    """Return an empty store in a file."""
    store = SqliteStore(str(database))
    yield store
    store.close()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest) -> Store:
    """Return an empty store of each kind in turn."""
    if request.param == "memory":
        return MemoryStore()
    made: Store = request.getfixturevalue("sqlite")
    return made
