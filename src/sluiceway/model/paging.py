"""Reading a list to its end, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from sluiceway.model.queries import Page

T = TypeVar("T")


def walk(read: Callable[[str | None], Page[T]]) -> Iterator[T]:
    """Yield the items of all pages, each page read when it is needed.

    Args:
        read: Returns the page after a cursor; None asks for the first one.
    """
    cursor = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.cursor
        if cursor is None:
            return
