"""Marks on arguments: how `map` and the search for futures are to treat them."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

T = TypeVar("T")


class BaseAnnotation(Generic[T]):
    """A value with a mark on it.

    Args:
        value: The value.
    """

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value: T = value

    def unwrap(self) -> T:
        """Return the value without the mark."""
        return self.value

    def rewrap(self, value: Any) -> Any:
        """Return another value with the same mark."""
        return type(self)(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BaseAnnotation) and type(self) is type(other) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(BaseAnnotation[T]):
    """Pass the value to every run of a `map` as it is, rather than one element to each."""

    __slots__ = ()

    def __getitem__(self, _: object) -> T:
        return self.value


class allow_failure(BaseAnnotation[T]):
    """Run though the upstream run failed; its exception is passed instead of its result."""

    __slots__ = ()


class quote(BaseAnnotation[T]):
    """Do not look for futures in the value; the function receives it as it is."""

    __slots__ = ()

    def unquote(self) -> T:
        """Return the value without the mark."""
        return self.value


class opaque(BaseAnnotation[T]):
    """Do not look for futures in the value."""

    __slots__ = ()


class freeze(BaseAnnotation[T]):
    """Hold the value against changes of the parameters that it is passed in."""

    __slots__ = ()

    def unfreeze(self) -> T:
        """Return the value without the mark."""
        return self.value


class NotSet:
    """Stands for an argument that was not given, where None means something."""


for _mark in (BaseAnnotation, unmapped, allow_failure, quote, opaque, freeze, NotSet):
    _mark.__module__ = "sluiceway.utilities.annotations"
