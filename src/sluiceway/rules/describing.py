"""Describing values: plain data for the journal, bounded in size, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from enum import Enum
from itertools import repeat
from typing import Any

TEXT_LIMIT = 2_000
"""Characters of a text that are kept."""

ITEM_LIMIT = 100
"""Items of a collection that are kept."""

TOTAL_LIMIT = 1_000
"""Items that are kept of all collections within a value together."""

DEPTH_LIMIT = 6
"""Collections within collections that are looked into."""

NUMBER_LIMIT = 1_024
"""Bits of a whole number that are kept; Python writes no number of many thousand digits, and nobody reads it."""


def describe(value: Any) -> Any:
    """Return JSON data that tells a person what a value is.

    Args:
        value: Anything. What is no plain data is described by its own text, cut to a bounded length.
    """
    return _describe(value, 0, repeat(None, TOTAL_LIMIT))


def _describe(value: Any, depth: int, budget: Iterator[None]) -> Any:
    """Describe a value within a number of collections, each item of which takes one from the budget."""
    if value is None or isinstance(value, (bool, int)):
        return _whole(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # JSON knows neither infinity nor not-a-number
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if hasattr(type(value), "__fspath__"):
        return cut(str(value))
    if depth >= DEPTH_LIMIT:
        return text_of(value)
    if isinstance(value, Mapping):
        return _mapping(value, depth + 1, budget)
    if isinstance(value, (list, tuple, set, frozenset)):
        kept = zip(value, range(ITEM_LIMIT), budget, strict=False)
        items = [_describe(item, depth + 1, budget) for item, *_ in kept]
        surplus = len(value) - len(items)
        return [*items, f"… and {surplus} more"] if surplus else items
    fields = getattr(type(value), "__dataclass_fields__", None) or getattr(type(value), "__pydantic_fields__", None)
    if isinstance(fields, dict):
        return _mapping({name: getattr(value, name, None) for name in fields}, depth + 1, budget)
    return text_of(value)


def _whole(value: Any) -> Any:
    if isinstance(value, Enum):
        return describe(value.value)
    if value is None or value.bit_length() <= NUMBER_LIMIT:
        return value
    return f"<{type(value).__name__} of {value.bit_length()} bits>"


def _mapping(value: Mapping[Any, Any], depth: int, budget: Iterator[None]) -> dict[str, Any]:
    described: dict[str, Any] = {}
    surplus = len(value)
    kept = zip(value.items(), range(ITEM_LIMIT), budget, strict=False)
    for count, ((key, item), *_) in enumerate(kept, 1):
        described[cut(key) if isinstance(key, str) else text_of(key)] = _describe(item, depth, budget)
        surplus = len(value) - count
    if surplus:
        described["…"] = f"and {surplus} more"
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
