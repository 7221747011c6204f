"""Blocks: values of a kind that are saved under a name."""

from __future__ import annotations

__all__: list[str] = []
