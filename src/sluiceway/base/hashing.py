"""Hashes of values that every process computes alike.

Values are hashed by their structure: containers by what they hold (dicts and sets whatever their order),
objects by what `pickle` would rebuild them from, code by what it runs and reads. Equal values of the same
types have equal hashes; `1`, `1.0`, `True`, `"1"` and `b"1"` have different ones.
"""

from __future__ import annotations

from _blake2 import blake2b  # what `hashlib.blake2b` is; `hashlib` would load OpenSSL
from collections.abc import Callable, Mapping

from sluiceway.base.errors import HashError
from sluiceway.base.previews import cut, preview
from sluiceway.base.tokens import PLAIN, digest, node, type_token
from sluiceway.base.walks import (
    MOST_READ_BY_CODE,
    CallWalk,
    CodeWalk,
    Cycle,
    Obstacle,
    TooMuch,
    Walk,
)

PREVIEW_LIMIT = 80
"""The number of characters of the text that `call_hash` makes of arguments at most."""


def stable_hash(value: object, name: str = "value") -> bytes:
    """Return 16 bytes (BLAKE2b, RFC 7693) that stand for a value in every process.

    Args:
        value: Any value. Functions count by their code and what it reads, see `code_hash`; objects by the
            name of their class and their state, as `pickle` would take it.
        name: What to call the value in an error.

    Raises:
        HashError: It holds something that has no value of its own, such as a lock or a generator; the message
            says where.
    """
    return _hashed(Walk, value, name)


def code_hash(function: object, name: str = "function") -> bytes:
    """Return 16 bytes that stand for what a function does.

    That is its compiled code, its defaults, what it closes over and the globals it reads. Functions, classes
    and modules of the user's own that it refers to are followed; those of installed packages count by name
    and version. A resource, such as a lock or a connection, counts by its type. What the function only
    writes, such as a list that it appends to, does not count.

    Args:
        function: A function, or a tuple of functions and classes.
        name: What to call it in an error.

    Raises:
        HashError: It reads more objects than can be hashed in reasonable time.
    """
    first = function[0] if isinstance(function, tuple) else function
    home = str(getattr(first, "__module__", "")).partition(".")[0]
    return _hashed(lambda graph: CodeWalk(home), function, name)


def plain_call(parameters: Mapping[str, object]) -> str | None:
    """Return a text that tells the arguments of a call in full, so that it stands for them like a hash.

    Args:
        parameters: The bound arguments by name, all of them plain values (`PLAIN`).

    Returns:
        The text; None where it would be longer than a preview may be.
    """
    try:
        text = ", ".join([f"{name}={value!r}" for name, value in parameters.items()])
    except ValueError:  # an integer with too many digits for a text
        return None
    return text if len(text) <= PREVIEW_LIMIT else None


def call_hash(parameters: Mapping[str, object]) -> tuple[int, str]:
    """Return a signed integer of 64 bits, and a short text, that stand for the arguments of a call.

    Arguments that cannot be hashed count by their types, and functions by their code, not by what it reads.

    Args:
        parameters: The bound arguments by name.

    Returns:
        Zero and a text that tells the arguments in full, if they are plain and few. Else their hash, which is
        not zero, and a preview.
    """
    if PLAIN.issuperset(map(type, parameters.values())):
        text = plain_call(parameters)
        if text is not None:
            return 0, text
    return _slow_call_hash(parameters)


def text_hash(text: str) -> int:
    """Return a signed integer of 64 bits, not zero, that stands for a text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass")).digest()[:8], "little", signed=True) or 1


def _slow_call_hash(parameters: Mapping[str, object]) -> tuple[int, str]:
    parts: list[bytes] = []
    for name, value in parameters.items():
        try:
            token = _hashed(CallWalk, value, name)
        except HashError:
            token = type_token(type(value))
        parts += (name.encode(), token)
    room = PREVIEW_LIMIT // max(1, min(len(parameters), 4))
    text = ", ".join([f"{name}={preview(value, room)}" for name, value in parameters.items()])
    return int.from_bytes(node(b"call", parts)[-8:], "little", signed=True) or 1, cut(text, PREVIEW_LIMIT)


def _hashed(walk: Callable[[bool], Walk], value: object, name: str) -> bytes:
    """Return the hash of a value.

    Args:
        walk: Begins a walk through a tree, or a graph if told so.
        value: The value.
        name: What to call it in an error.
    """
    try:
        try:
            return digest(walk(False).token(value))
        except Cycle:
            return digest(walk(True).token(value))
    except Obstacle as obstacle:
        where = name + "".join(reversed(obstacle.steps))
        raise HashError(f"{where} cannot be hashed: {obstacle.reason}.") from None
    except TooMuch:
        raise HashError(f"{name} reads more than {MOST_READ_BY_CODE:,} objects, too many to hash.") from None
    except RecursionError:
        raise HashError(f"{name} cannot be hashed: it is nested too deeply.") from None
    except RuntimeError as error:  # a container that another thread changes meanwhile
        raise HashError(f"{name} cannot be hashed: {error}.") from error
