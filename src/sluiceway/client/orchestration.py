"""The client: reads the journal, removes runs from it, and sets limits, in blocking code or in async code."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

from sluiceway.client.colours import Asynchronous, Blocking
from sluiceway.client.correcting import Correcting
from sluiceway.client.inputs import Sending
from sluiceway.client.keepsakes import Keepsaking
from sluiceway.client.limits import Limiting
from sluiceway.client.variables import Varying

__all__ = ["Client", "SyncClient", "get_client"]


class SyncClient(Correcting, Sending, Keepsaking, Limiting, Varying, Blocking):
    """Reads the journal, and sets limits, from blocking code. `get_client(sync_client=True)` makes one.

    Example:
        ```python
        with get_client(sync_client=True) as client:
            print(client.count_flow_runs())
        ```
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Nothing is held: the store belongs to the process."""


class Client(Correcting, Sending, Keepsaking, Limiting, Varying, Asynchronous):
    """Reads the journal, and sets limits, from async code. `get_client()` makes one.

    Its verbs are those of `SyncClient`, awaited.

    Example:
        ```python
        async with get_client() as client:
            print(await client.count_flow_runs())
        ```
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Nothing is held: the store belongs to the process."""


def blocking(client: Client | SyncClient) -> SyncClient:
    """Return a client for blocking code over the same journal.

    Args:
        client: The client.
    """
    return client if isinstance(client, SyncClient) else SyncClient(client._services)


@overload
def get_client(httpx_settings: dict[str, Any] | None = None, *, sync_client: Literal[True]) -> SyncClient: ...
@overload
def get_client(httpx_settings: dict[str, Any] | None = None, sync_client: Literal[False] = False) -> Client: ...
@overload
def get_client(httpx_settings: dict[str, Any] | None = None, sync_client: bool = False) -> Client | SyncClient: ...
def get_client(httpx_settings: dict[str, Any] | None = None, sync_client: bool = False) -> Client | SyncClient:
    """Return a client over the run database of this process.

    Args:
        httpx_settings: Settings of the connection to a server; without a server there is none.
        sync_client: Whether the client is for blocking code rather than for async code.

    Example:
        ```python
        with get_client(sync_client=True) as client:
            for run in client.read_flow_runs(limit=5):
                print(run.name, run.state_name)
        ```
    """
    return SyncClient() if sync_client else Client()
