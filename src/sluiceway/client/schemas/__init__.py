"""What the client speaks of: objects, filters and sorts."""

from __future__ import annotations

__all__: list[str] = []
