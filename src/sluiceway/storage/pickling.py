"""Pickling: by reference with the standard library where that does, else with cloudpickle."""

from __future__ import annotations

import sys
from _pickle import Pickler  # the C code alone; `pickle` would load its twin in Python too
from _pickle import dumps as _dumps
from _pickle import loads as _loads
from collections.abc import Callable
from io import BytesIO
from types import FunctionType, GeneratorType
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.base.homes import have_imported

_PROTOCOL = 5  # PEP 574

_PLAIN = frozenset({bool, int, float, str, bytes})


class _ByValue(Exception):
    """The value holds code that other processes cannot import, which has to be pickled with it."""


class _ReferencePickler(Pickler):
    """The standard pickler, but stops at classes and functions that cannot be imported elsewhere."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, type):
            have_imported(obj)
        if isinstance(obj, type | FunctionType) and (
            obj.__module__ == "__main__" or "<locals>" in obj.__qualname__ or obj.__module__ in _taken_by_value()
        ):
            raise _ByValue
        return NotImplemented


def _taken_by_value() -> Any:
    """Return the modules that the user told cloudpickle to pickle by value."""
    cloudpickle = sys.modules.get("cloudpickle")
    return () if cloudpickle is None else cloudpickle.list_registry_pickle_by_value()


def dumps(value: object) -> bytes:
    """Return the pickle of a value, with what other processes could not import in it.

    Args:
        value: Any value.

    Raises:
        SerializationError: It cannot be pickled.
    """
    if value is None or type(value) in _PLAIN:
        return _dumps(value, _PROTOCOL)
    pickled = BytesIO()
    try:
        _ReferencePickler(pickled, _PROTOCOL).dump(value)
        return pickled.getvalue()
    except Exception:  # whatever the reason, cloudpickle may succeed, and has the last word
        return _dumps_by_value(value)


def _dumps_by_value(value: object) -> bytes:
    import cloudpickle  # type: ignore[import-untyped]  # heavy, and few values need it

    class Cloudpickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle comes without types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type):
                have_imported(obj)
            return super().reducer_override(obj)

    target = BytesIO()
    try:
        Cloudpickler(target, protocol=_PROTOCOL).dump(value)
    except Exception as error:
        raise refusal(value, "pickle", error) from error
    return target.getvalue()


def loads(blob: bytes, load: Callable[[bytes], Any] = _loads) -> Any:
    """Return the value of a pickle.

    Args:
        blob: The pickle.
        load: What loads it.

    Raises:
        SerializationError: It is damaged, or refers to code that is not at hand.
    """
    try:
        return load(blob)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SerializationError(
            f"The pickle cannot be loaded ({reason}); it is damaged, or the code it refers to was moved."
        ) from error


def refusal(value: object, serializer: str, error: Exception) -> SerializationError:
    """Return the error to raise for a value that a serializer does not take.

    Args:
        value: The value.
        serializer: The type of the serializer.
        error: Why not.
    """
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    remedy = "a list of what it yields" if isinstance(value, GeneratorType) else "plain data"
    return SerializationError(
        f"A value of type {name} cannot be stored with the {serializer} serializer: {error}. "
        f"Return {remedy}, choose another result_serializer, or set persist_result=False."
    )
