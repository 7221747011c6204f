"""Locks on keys, for transactions and cached tasks that are to run one at a time."""

from __future__ import annotations

__all__: list[str] = []
