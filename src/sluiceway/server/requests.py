"""What a request brings along, and where answers lead."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from sluiceway.ports.services import Services
from sluiceway.ports.store import Store


def here(connection: HTTPConnection, path: str) -> str:
    """Return a path of this server as a link is to name it: below the prefix, if there is one.

    Args:
        connection: The request that is answered.
        path: The path, from the first page on, such as `/runs`.
    """
    prefix: str = connection.app.state.prefix
    return prefix + path


def _services(connection: HTTPConnection) -> Services:
    services: Services = connection.app.state.services
    return services


def _store(connection: HTTPConnection) -> Store:
    """Return the journal, once it knows which processes are dead: so no run shows as running that is not."""
    services = _services(connection)
    if services.presence is not None:
        services.presence.look_around()
    return services.store


ServicesHere = Annotated[Services, Depends(_services)]
"""The services that the application was made with."""

StoreHere = Annotated[Store, Depends(_store)]
"""The journal, to read from."""
