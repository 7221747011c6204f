"""Mapping: the calls that `map` makes of its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sluiceway.base.errors import MappingLengthMismatch, MappingMissingIterable
from sluiceway.model.annotations import BaseAnnotation, allow_failure, unmapped

_SINGLE = (str, bytes, bytearray, Mapping)


def expand(parameters: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the parameters of each call, lazily.

    Args:
        parameters: The arguments by name. Iterables are gone through side by side; texts, mappings and
            whatever is marked `unmapped` go to each call as they are.
        defaults: Arguments that were left out: they go to each call as they are.

    Raises:
        MappingMissingIterable: There is nothing to go through.
        MappingLengthMismatch: The iterables differ in length.
    """
    static: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for name, value in parameters.items():
        if name in defaults and value is defaults[name]:
            static[name] = value
        else:
            _sort_in(name, value, static, columns)
    if not columns:
        raise MappingMissingIterable(
            "No iterable parameters were received. Parameters for map must include at least one iterable. "
            f"Parameters: {dict(parameters)}"
        )
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(
            f"Expected iterable parameters to have the same length, but the lengths are: {lengths}. "
            "Mark arguments that each call is to receive whole with `unmapped`."
        )
    return _calls(dict.fromkeys(parameters) | static, columns)


def _calls(shared: dict[str, Any], columns: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Return, lazily, copies of what all calls share with each row filled in; in the order of the signature."""
    names = list(columns)
    for row in zip(*columns.values(), strict=True):
        call = shared.copy()
        call.update(zip(names, row))  # noqa: B905 - of equal length, and done for each of a million items
        yield call


def _sort_in(name: str, value: Any, static: dict[str, Any], columns: dict[str, list[Any]]) -> None:
    """Put an argument among those that go to each call, or among those that are gone through."""
    if isinstance(value, unmapped):
        static[name] = value.value
    elif isinstance(value, allow_failure) and _is_iterable(value.value):
        columns[name] = [allow_failure(item) for item in value.value]
    elif isinstance(value, BaseAnnotation) or not _is_iterable(value):
        static[name] = value
    else:
        columns[name] = list(value)


def _is_iterable(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (*_SINGLE, type))
