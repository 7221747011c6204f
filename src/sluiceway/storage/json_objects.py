"""How JSON holds objects: as `{"__class__": "datetime.date", "data": "2024-02-29"}`, and exceptions likewise.

Pydantic models, data classes, enumerations and common types of the standard library come back equal. Tuples
come back as lists, and keys of dicts as texts, since JSON knows nothing else.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import is_dataclass
from datetime import date, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from pkgutil import resolve_name
from typing import Any
from uuid import UUID

_Codec = tuple[tuple[type, ...], Callable[[Any], Any], Callable[[Any, Any], Any]]


def sluiceway_json_object_encoder(obj: Any) -> Any:
    """Return what JSON can hold for an object that it does not know.

    Args:
        obj: The object.

    Raises:
        TypeError: There is no way to write it as JSON so that it comes back equal.
    """
    cls = type(obj)
    if isinstance(obj, BaseException):
        return {"__exc_type__": _name_of(cls), "message": str(obj), "args": list(obj.args)}
    encode, _ = _codec_of(cls)
    return {"__class__": _name_of(cls), "data": encode(obj)}


def sluiceway_json_object_decoder(result: dict[str, Any]) -> Any:
    """Return the object that a JSON object stands for; any other JSON object as it is.

    Args:
        result: The JSON object.

    Raises:
        ValueError: It stands for an object whose class is not at hand, or does not take the data.
    """
    if result.keys() >= {"__exc_type__", "message"}:
        return _exception_of(result)
    if result.keys() != {"__class__", "data"}:
        return result
    cls = _class_of(result["__class__"])
    _, decode = _codec_of(cls)
    return decode(cls, result["data"])


def _codec_of(cls: type) -> tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]:
    for classes, encode, decode in _CODECS:
        if issubclass(cls, classes):
            return encode, decode
    if hasattr(cls, "__pydantic_fields__") or is_dataclass(cls):
        return _fields_of, _object_of
    raise TypeError(f"JSON cannot hold an object of type {cls.__qualname__}")


def _name_of(cls: type) -> str:
    """Return the name by which another process finds a class."""
    if "<locals>" in cls.__qualname__:
        raise TypeError(f"JSON cannot name the class {cls.__qualname__}, which is defined inside a function")
    return f"{cls.__module__}.{cls.__qualname__}"


def _class_of(name: str) -> type:
    try:
        cls = resolve_name(name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the class {name} is not at hand ({error})") from error
    if not isinstance(cls, type):
        raise ValueError(f"{name} is not a class")
    return cls


def _exception_of(result: dict[str, Any]) -> BaseException:
    cls = _class_of(result["__exc_type__"])
    if not issubclass(cls, BaseException):
        raise ValueError(f"{result['__exc_type__']} is not an exception")
    arguments = result.get("args", [result["message"]])
    try:
        return cls(*arguments)
    except TypeError:  # its constructor takes something else
        restored = cls.__new__(cls)
        restored.args = tuple(arguments)
        return restored


def _member_data(member: Enum) -> Any:
    return member.name if member.name in type(member).__members__ else member.value


def _member_of(cls: type[Enum], data: Any) -> Enum:
    return cls[data] if data in cls.__members__ else cls(data)


def _fields_of(obj: Any) -> Any:
    """Return the fields of a model or data class, having made sure that it comes back equal."""
    from pydantic import TypeAdapter  # heavy, and needed for such objects only

    cls = type(obj)
    fields = TypeAdapter(cls).dump_python(obj, mode="json")
    try:
        restored = _object_of(cls, fields)
    except ValueError as error:
        raise TypeError(f"JSON cannot hold what is in an object of type {cls.__qualname__} ({error})") from error
    by_value = cls.__eq__ is not object.__eq__  # type: ignore[comparison-overlap]
    if by_value and restored != obj:
        raise TypeError(f"an object of type {cls.__qualname__} would not come back equal from JSON")
    return fields


def _object_of(cls: type, fields: Any) -> Any:
    from pydantic import TypeAdapter  # heavy, and needed for such objects only

    return TypeAdapter(cls).validate_python(fields)


def _iso_of(value: date | time) -> str:
    zone = getattr(value, "tzinfo", None)
    if zone is not None and not isinstance(zone, timezone):
        raise TypeError(f"JSON cannot hold the time zone {zone}; convert it to UTC")
    return value.isoformat()


_CODECS: tuple[_Codec, ...] = (
    ((Enum,), _member_data, _member_of),
    ((set, frozenset), list, lambda cls, data: cls(data)),
    ((bytes, bytearray), lambda value: b64encode(value).decode(), lambda cls, data: cls(b64decode(data))),
    (
        (timedelta,),
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda cls, data: cls(*data),
    ),
    ((date, time), _iso_of, lambda cls, data: cls.fromisoformat(data)),
    ((UUID, PurePath, Decimal, complex), str, lambda cls, data: cls(data)),
)
"""By classes: how a value becomes data, and how a class and data become the value again."""
