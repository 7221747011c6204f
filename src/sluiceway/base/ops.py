"""What every operation is: the value that a script awaits, and its driver performs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Generic, TypeVar

Reply = TypeVar("Reply")


class Op(Generic[Reply]):
    """An operation: awaited, it hands itself to whoever drives the script, and returns the driver's reply."""

    __slots__ = ()

    def __await__(self) -> Generator[Op[Reply], Reply, Reply]:
        return (yield self)
