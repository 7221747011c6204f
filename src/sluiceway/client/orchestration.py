"""The client: reads what the journal knows, in blocking code or in async code."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

from sluiceway.client.colours import Asynchronous, Blocking
from sluiceway.client.reading import Reading

__all__ = ["Client", "SyncClient", "get_client"]


class SyncClient(Reading, Blocking):
    """Reads the journal from blocking code. `get_client(sync_client=True)` makes one.

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


class Client(Reading, Asynchronous):
    """Reads the journal from async code, by the verbs of `SyncClient`, awaited. `get_client()` makes one.

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
