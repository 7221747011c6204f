"""Masking: the values of secrets that this process has seen are blotted out of texts that others read.

Where there are none, it costs a look at a list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

MASK = "********"
"""What stands in the place of a secret."""

LEAST = 4
"""The number of characters of the shortest value that is blotted out: shorter ones are in any text."""

_LEAST_OF_LINE = 12
"""The same of a line of a value that has several."""

_turn = threading.Lock()
_order: list[str] = []
"""The values, in the order in which they were learned."""
_known: set[str] = set()
forms: list[str] = []
"""How the values may stand in texts, the longest first. Empty as long as there are none."""


class Learned:
    """Tells another process which values to blot out.

    Args:
        values: The values.
    """

    __slots__ = ("values",)

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values: tuple[str, ...] = values


def learn(values: Iterable[str]) -> None:
    """Have values blotted out from now on.

    Args:
        values: The values; those that are too short are passed over.
    """
    global forms
    with _turn:
        new = [value for value in values if len(value) >= LEAST and value not in _known]
        if new:
            _known.update(new)
            _order.extend(new)
            every = {form for value in new for form in _forms_of(value)}.union(forms)
            forms = sorted(every, key=len, reverse=True)


def count() -> int:
    """Return how many values have been learned."""
    return len(_order)


def learned_since(number: int) -> tuple[str, ...]:
    """Return the values that were learned after the first ones.

    Args:
        number: How many those are.
    """
    return tuple(_order[number:])


def masked(text: str) -> str:
    """Return a text without the values of secrets.

    Args:
        text: The text.
    """
    for form in forms:
        if form in text:
            text = text.replace(form, MASK)
    return text


def forget() -> None:
    """Forget all values, for tests."""
    global forms
    with _turn:
        _order.clear()
        _known.clear()
        forms = []


def _forms_of(value: str) -> Iterator[str]:
    """Yield how a value may stand in a text: as it is, escaped as in Python and JSON, in a URL, line by line."""
    import json  # lazy: few processes have secrets
    from urllib.parse import quote, quote_plus

    yield value
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield quote(value, safe="")
    yield quote_plus(value)
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _LEAST_OF_LINE)
