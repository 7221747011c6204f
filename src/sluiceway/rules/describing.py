"""Describing values: plain data for the journal, bounded in size, for people to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Any

TEXT_LIMIT = 2_000
"""Characters of a text that are kept."""

ITEM_LIMIT = 100
"""Items of a collection that are kept."""

DEPTH_LIMIT = 6
"""Collections within collections that are looked into."""


def describe(value: Any, depth: int = 0) -> Any:
    """Return JSON data that tells a person what a value is.

    Args:
        value: Anything. What is no plain data is described by its own text, cut to a bounded length.
        depth: How many collections it is in.
    """
    if value is None or isinstance(value, (bool, int)):
        return value if not isinstance(value, Enum) else describe(value.value, depth)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON knows neither infinity nor not-a-number
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if hasattr(value, "__fspath__"):
        return cut(str(value))
    if depth >= DEPTH_LIMIT:
        return text_of(value)
    if isinstance(value, Mapping):
        return _mapping(value, depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [describe(item, depth + 1) for item, _ in zip(value, range(ITEM_LIMIT), strict=False)]
        surplus = len(value) - len(items)
        return [*items, f"… and {surplus} more"] if surplus else items
    fields = getattr(type(value), "__dataclass_fields__", None) or getattr(type(value), "__pydantic_fields__", None)
    if isinstance(fields, dict):
        return {name: describe(getattr(value, name, None), depth + 1) for name in fields}
    return text_of(value)


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for (key, item), _ in zip(value.items(), range(ITEM_LIMIT), strict=False):
        described[key if isinstance(key, str) else text_of(key)] = describe(item, depth + 1)
    if len(value) > ITEM_LIMIT:
        described["…"] = f"and {len(value) - ITEM_LIMIT} more"
    return described


def text_of(value: Any) -> str:
    """Return the text of a value; where its own `repr` fails, its type.

    Args:
        value: Anything.
    """
    try:
        return cut(repr(value))
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


def cut(text: str) -> str:
    """Return a text, cut with a mark if it is over-long.

    Args:
        text: The text.
    """
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(text) - TEXT_LIMIT} more characters)"
