"""Previews: a short text of any value, at a bounded cost and without running the code of its class."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any

from sluiceway.base import masking

_MOST_ITEMS = 6
_DEEPEST = 3
_MOST_BITS = 256

_BRIEF = frozenset({NoneType, bool, int, float})

_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
    dict: ("{", "}"),
}

_TELLING = frozenset(
    "datetime.date datetime.datetime datetime.time datetime.timedelta datetime.timezone decimal.Decimal "
    "uuid.UUID pathlib.PosixPath pathlib.WindowsPath pathlib.PurePosixPath "
    "pathlib.PureWindowsPath pathlib._local.PosixPath pathlib._local.WindowsPath pathlib._local.PurePosixPath "
    "pathlib._local.PureWindowsPath zoneinfo.ZoneInfo".split()
)
"""Types of the standard library whose `repr` is short and safe."""

_SHAPED = frozenset("numpy pandas polars pyarrow scipy torch xarray".split())
"""Packages whose objects tell their shape at once."""


def preview(value: object, limit: int = 200) -> str:
    """Return a short text of a value.

    Values of Python's own types are shown, large ones in part; of others, the type is named, since their
    `repr` may be slow, fail or give away what it should not.

    Args:
        value: Any value.
        limit: The number of characters of the text at most.
    """
    try:
        text = _text(value, limit, 0)
        return cut(masking.masked(text) if masking.forms else text, limit)
    except Exception:  # changed by another thread meanwhile, or hostile: not worth failing for
        return cut(f"{type(value).__qualname__} object", limit)


def cut(text: str, limit: int) -> str:
    """Return a text, shortened with a mark where it is longer than a number of characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


_UNRULY = {
    code: repr(chr(code))[1:-1]
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Control characters, further ends of lines and changes of direction, each spelled out as Python does."""

_UNRULY_IN_LINES = {code: text for code, text in _UNRULY.items() if chr(code) not in "\n\t"}


def on_one_line(text: str) -> str:
    """Return a text that users gave as it can be shown among others: what breaks or turns a line is spelled out.

    Args:
        text: Such as the name of a run.
    """
    return text if text.isprintable() else text.translate(_UNRULY)


def on_lines(text: str) -> str:
    """Return a text of many lines that can be shown on a terminal without effect on it.

    Args:
        text: Such as a message.
    """
    return text.translate(_UNRULY_IN_LINES)


def _text(value: Any, limit: int, depth: int) -> str:
    kind = type(value)
    if value is None or kind in (bool, float, complex):
        return repr(value)
    if kind is int:
        bits = value.bit_length()
        return repr(value) if bits <= _MOST_BITS else f"int of {bits} bits"
    if kind is str and masking.forms:
        value = masking.masked(value)  # before a part of it is shown
    if kind in (str, bytes, bytearray):
        return repr(value[:limit]) + ("…" if len(value) > limit else "")
    if kind in _BRACKETS:
        return _container(value, limit, depth)
    return _other(value, kind, limit, depth)


def _container(value: Any, limit: int, depth: int) -> str:
    kind = type(value)
    opening, closing = _BRACKETS[kind]
    if not value:
        return opening + closing if kind in (list, tuple, dict) else f"{kind.__name__}()"
    if kind in (list, tuple) and len(value) <= _MOST_ITEMS and _BRIEF.issuperset(map(type, value)):
        return repr(value)  # what is usual, at once
    if depth == _DEEPEST:
        return f"{opening}…{closing}"
    pairs: Iterable[tuple[object, ...]] = value.items() if kind is dict else zip(value, strict=True)
    shown: list[str] = []
    room = limit
    for pair in pairs:
        if len(shown) == _MOST_ITEMS or room <= 0:
            shown.append(f"… {len(value) - len(shown):,} more")
            break
        shown.append(": ".join([_text(part, room, depth + 1) for part in pair]))
        room -= len(shown[-1]) + 2
    comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
    return f"{opening}{', '.join(shown)}{comma}{closing}"


def _other(value: Any, kind: type, limit: int, depth: int) -> str:
    name = kind.__qualname__
    if f"{kind.__module__}.{name}" in _TELLING:
        return repr(value)
    if issubclass(kind, Enum):
        return f"{name}.{value._name_ or value._value_}"
    if issubclass(kind, BaseException):
        shown = [_text(arg, limit, depth + 1) for arg in value.args[:_MOST_ITEMS]]
        return f"{name}({', '.join(shown)})"
    if issubclass(kind, type):
        return f"class {value.__qualname__}"
    if kind in (FunctionType, BuiltinFunctionType):
        return f"function {value.__qualname__}"
    if kind.__module__.partition(".")[0] in _SHAPED:
        facts = (getattr(value, fact, None) for fact in ("shape", "dtype"))
        return " ".join([name, *(str(fact) for fact in facts if fact is not None)])
    container = next((base for base in kind.__mro__ if base in _BRACKETS), None)
    if container is not None:
        size: int = container.__len__(value)  # type: ignore[attr-defined]
        return f"{name} of {size:,} items"
    return f"{name} object"
