"""Tokens: bytes that stand for a value when it is hashed.

The first byte of a token tells its kind, so that no value of one kind has the token of another. Short values
are their own tokens; of everything else the token is a digest (BLAKE2b, RFC 7693).
"""

from __future__ import annotations

from _blake2 import blake2b  # what `hashlib.blake2b` is; `hashlib` would load OpenSSL
from collections.abc import Callable, Iterable, Sequence
from struct import error as StructError
from struct import pack
from types import EllipsisType, NoneType
from typing import Any

from sluiceway.base.keys import lasting_module

SIZE = 16
"""The number of bytes of a digest."""

PLAIN = frozenset({int, str, float, bool, NoneType, bytes})
"""The types of plain values, whose `repr` tells them apart exactly."""

_SHORT = 64

LARGE = 64 * 1024
"""The number of bytes from which two checksums stand for a value whose token need not withstand an attack."""


def digest(content: bytes) -> bytes:
    """Return the digest of bytes."""
    return blake2b(content, digest_size=SIZE).digest()


def node(tag: bytes, parts: Iterable[bytes | memoryview]) -> bytes:
    """Return the token of something made of parts.

    Args:
        tag: The kind of thing.
        parts: Bytes that stand for its parts, in order.
    """
    running = blake2b(tag, digest_size=SIZE)
    for part in parts:
        running.update(len(part).to_bytes(8, "little"))
        running.update(part)
    return b"#" + running.digest()


def checked(tag: bytes, *parts: bytes | memoryview) -> bytes:
    """Return the token of something large, at the speed of memory.

    Two checksums of 32 bits that have nothing to do with each other stand for each part: CRC-32, which misses no
    change within four bytes, and Adler-32. That is enough to tell the calls of a task apart, and no more.

    Args:
        tag: The kind of thing.
        parts: Bytes that stand for its parts, in order.
    """
    from zlib import adler32, crc32  # lazy: for large arguments only

    sums = [b"%d %d %d" % (len(part), crc32(part), adler32(part)) for part in parts]
    return node(b"checked " + tag, sums)


def named(tag: bytes, *names: str | None) -> bytes:
    """Return the token of something that counts by its names."""
    return node(tag, [str(name).encode("utf-8", "surrogatepass") for name in names])


def type_token(kind: type) -> bytes:
    """Return the token of a type that counts by its name."""
    return named(b"type", lasting_module(kind.__module__), kind.__qualname__)


def packed(values: Sequence[Any]) -> bytes | None:
    """Return bytes that stand for a sequence of plain values, or None where it holds others.

    A list of a million numbers is packed at once.
    """
    kinds = set(map(type, values))
    if not kinds <= PLAIN:
        return None
    try:
        if kinds == {float}:
            return b"d" + pack(f"<{len(values)}d", *values)
        if kinds == {int}:
            return b"q" + pack(f"<{len(values)}q", *values)
        return b"r" + repr(list(values)).encode("utf-8", "surrogatepass")
    except (StructError, ValueError):  # an integer too large for eight bytes, or for a text
        return None


def _leaf(tag: bytes, content: bytes) -> bytes:
    return tag + content if len(content) <= _SHORT else node(tag, (content,))


def _checked_leaf(tag: bytes, content: bytes) -> bytes:
    return _leaf(tag, content) if len(content) <= LARGE else checked(tag, content)


def _integer(value: int) -> bytes:
    return _leaf(b"i", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _memory(value: memoryview, large: int | None = None) -> bytes:
    flat = value.cast("B") if value.c_contiguous and value.nbytes else memoryview(value.tobytes())
    parts = (value.format.encode(), repr(value.shape).encode(), flat)
    return node(b"memory", parts) if large is None or flat.nbytes <= large else checked(b"memory", *parts)


ATOMS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda _: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: _integer,
    float: lambda value: b"f" + pack("<d", value),
    complex: lambda value: b"c" + pack("<dd", value.real, value.imag),
    str: lambda value: _leaf(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _leaf(b"b", value),
    bytearray: lambda value: _leaf(b"y", bytes(value)),
    memoryview: _memory,
    EllipsisType: lambda _: b".",
}
"""By exact type: the token of a value that holds no others."""

CHECKED_ATOMS: dict[type, Callable[[Any], bytes]] = {
    **ATOMS,
    str: lambda value: _checked_leaf(b"s", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: _checked_leaf(b"b", value),
    bytearray: lambda value: _checked_leaf(b"y", bytes(value)),
    memoryview: lambda value: _memory(value, LARGE),
}
"""The same, where large values need only be told apart within one flow run."""
