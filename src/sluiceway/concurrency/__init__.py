"""Limits of how many may do something at once, or in a second, among all who use one run database.

`sluiceway.concurrency.sync` is for blocking code, `sluiceway.concurrency.asyncio` for async code.
"""

from __future__ import annotations

__all__: list[str] = []
