"""The journal that commands read."""

from __future__ import annotations

from sluiceway import wiring
from sluiceway.base.errors import StoreError
from sluiceway.ports.store import Store

DRAIN_SECONDS = 10.0


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
