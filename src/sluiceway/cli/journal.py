"""The journal that commands read."""

from __future__ import annotations

from sluiceway import wiring
from sluiceway.base.errors import StoreError
from sluiceway.cli.printing import Refusal
from sluiceway.ports.store import Store

DRAIN_SECONDS = 10.0


def journal_to_serve(api_url: str | None) -> Store:
    """Return the store that a server is to show: a database, and not what another server keeps.

    Args:
        api_url: The server that this process works with; None where it works with a database.

    Raises:
        Refusal: There is one.
        StoreError: The database cannot be used.
    """
    if api_url is not None:
        raise Refusal(
            f"Runs are recorded by the server at {api_url}, which has pages of its own. "
            "To serve a database of this machine, unset SLUICEWAY_API_URL."
        )
    return journal()


def journal() -> Store:
    """Return the store that the settings name, with all that this process recorded; runs of dead processes have ended.

    Raises:
        StoreError: It cannot be used; the message names it and the remedy.
    """
    services = wiring.services()
    if not services.recorder.drain(DRAIN_SECONDS):
        raise StoreError("What this process recorded could not be written. Find out why with: sluiceway doctor")
    if services.presence is not None:
        services.presence.look_around()
    return services.store
