"""Stores by database URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluiceway.base.errors import ConfigurationError

if TYPE_CHECKING:
    from sluiceway.ports.store import Store


def open_store(url: str) -> Store:
    """Return the store that a URL names.

    Args:
        url: `sqlite:///PATH`, or `memory:` for a journal that ends with the process.

    Raises:
        ConfigurationError: No store goes by such a URL.
    """
    if url.startswith("sqlite:///"):
        from sluiceway.stores.sqlite.store import SqliteStore

        return SqliteStore(url.removeprefix("sqlite:///"))
    if url == "memory:":
        from sluiceway.stores.memory import MemoryStore

        return MemoryStore()
    raise ConfigurationError(
        f"SLUICEWAY_DATABASE_URL is {url!r}; use memory: or sqlite:///PATH, with four slashes for an absolute path."
    )
