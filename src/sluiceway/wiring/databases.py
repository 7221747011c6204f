"""Stores by the address of a database or a server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from sluiceway.base.errors import ConfigurationError

if TYPE_CHECKING:
    from sluiceway.ports.store import Store
    from sluiceway.wiring.configuration import Settings


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


def open_journal(settings: Settings) -> Store:
    """Return the store that settings name: that of a server, if they name one, else the database.

    Args:
        settings: The settings.

    Raises:
        ConfigurationError: No store goes by the database URL.
    """
    if settings.api_url is None:
        return open_store(settings.database_url)
    from sluiceway.recording.batching import print_to_stderr
    from sluiceway.stores.http.spooling import SpoolingStore

    limit = settings.spool_limit or sys.maxsize
    store = SpoolingStore(settings.api_url, settings.api_key, settings.home, limit, print_to_stderr)
    return cast("Store", store)  # it has its verbs from the protocol
