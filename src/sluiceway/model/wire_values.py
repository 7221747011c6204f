"""Values on the wire that are not made of others: texts, numbers, bytes, times."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sluiceway.base import times

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class WireError(ValueError):
    """Something that was received is not what it should be.

    Args:
        trouble: What is wrong.
    """

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble: str = trouble
        self.place: str = ""

    def within(self, part: str | int) -> WireError:
        """Return the same error, as of a part of something larger.

        Args:
            part: The name of the field, or the index.
        """
        self.place = (f"[{part}]" if isinstance(part, int) else f".{part}") + self.place
        return self

    def __str__(self) -> str:
        return f"{self.place.lstrip('.')}: {self.trouble}" if self.place else self.trouble


class Codec(NamedTuple):
    """How values of a type are written and read.

    Args:
        write: Returns what JSON knows, from a value.
        read: Returns a value, from what JSON knows; raises `WireError`.
        kind: What it is called in messages.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any], Any]
    kind: str


def _kind_of(data: object) -> str:
    return "null" if data is None else type(data).__name__


def expected(kind: str, data: object) -> WireError:
    """Return the error of something being needed that is not there.

    Args:
        kind: What is needed.
        data: What there is.
    """
    return WireError(f"{kind} is needed, but this is {_kind_of(data)}")


def _exactly(kind: type, name: str) -> Codec:
    def read(data: Any) -> Any:
        if type(data) is not kind:
            raise expected(name, data)
        return data

    return Codec(_same, read, name)


def _same(value: Any) -> Any:
    return value


def _read_int(data: Any) -> int:
    if type(data) is not int:
        raise expected("a whole number", data)
    if not _LEAST <= data <= _MOST:
        raise WireError("a whole number of at most 64 bits is needed")
    return data


def _write_int(value: int) -> int:
    if not _LEAST <= value <= _MOST:
        raise ValueError(f"{value} is no whole number of at most 64 bits.")
    return value


def _read_float(data: Any) -> float:
    if type(data) is not float and type(data) is not int:
        raise expected("a number", data)
    return float(data)


def _write_bytes(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _read_bytes(data: Any) -> bytes:
    if type(data) is not str:
        raise expected("bytes in base64", data)
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except ValueError:
        raise WireError("bytes in base64 are needed, but this is another text") from None


def _write_datetime(value: datetime) -> str:
    return times.to_datetime(times.from_datetime(value)).isoformat()  # one without a zone is local to this side


def _parsed(read: Callable[[str], Any], kind: str) -> Callable[[Any], Any]:
    def parsed(data: Any) -> Any:
        if type(data) is not str:
            raise expected(kind, data)
        try:
            return read(data)
        except ValueError:
            raise WireError(f"{kind} is needed, but this is another text") from None

    return parsed


def one_of(members: Mapping[Any, Any], write: Callable[[Any], Any]) -> Codec:
    """Return how a value travels that is one of a few.

    Args:
        members: The values, by what stands for them.
        write: Returns what stands for a value.
    """
    kind = f"one of {', '.join(map(str, members))}"

    def read(data: Any) -> Any:
        try:
            return members[data]
        except (KeyError, TypeError):
            raise WireError(f"{kind} is needed, but this is {data!r:.40}") from None

    return Codec(write, read, kind)


def sized(inner: Codec, size: int) -> Codec:
    """Return how bytes travel of which the number is known.

    Args:
        inner: How bytes travel.
        size: How many there are.
    """

    def read(data: Any) -> Any:
        value = inner.read(data)
        if len(value) != size:
            raise WireError(f"{size} bytes are needed, but these are {len(value)}")
        return value

    return Codec(inner.write, read, f"{size} bytes")


PLAIN: dict[Any, Codec] = {
    Any: Codec(_same, _same, "anything"),
    type(None): _exactly(type(None), "null"),
    bool: _exactly(bool, "true or false"),
    str: _exactly(str, "a text"),
    int: Codec(_write_int, _read_int, "a whole number"),
    float: Codec(float, _read_float, "a number"),
    bytes: Codec(_write_bytes, _read_bytes, "bytes in base64"),
    datetime: Codec(_write_datetime, _parsed(datetime.fromisoformat, "a time"), "a time"),
    UUID: Codec(str, _parsed(UUID, "a UUID"), "a UUID"),
}
"""How they travel, by type."""
