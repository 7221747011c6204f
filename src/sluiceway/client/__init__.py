"""Reading back what ran: flows, runs, states, results and logs, and setting limits, in blocking and in async code."""

from __future__ import annotations

from sluiceway.client.orchestration import Client, SyncClient, get_client

__all__ = ["Client", "SyncClient", "get_client"]
