"""Work with a server instead of a database: what commands need of it beyond the store."""

from __future__ import annotations

from sluiceway.base.errors import ConfigurationError
from sluiceway.ports.services import Services
from sluiceway.stores.http.spooling import SpoolingStore


def send_left_behind(services: Services) -> int:
    """Send the server what processes have left behind that ended while it was away, and return how many batches.

    Args:
        services: The services of this process.

    Raises:
        ConfigurationError: There is no server; this process works with a database.
        StoreError: The server does not take them.
    """
    if not isinstance(services.store, SpoolingStore):
        raise ConfigurationError("Runs are recorded in a database here, not by a server: SLUICEWAY_API_URL is not set.")
    return services.store.send_left_behind()
