"""The parts of NumPy arrays and pandas tables that make up their value.

They are recognised by the names of their types, so that neither package is imported here. Two arrays of the
same numbers are the same whatever their layout in memory, and so are two tables of the same columns.
"""

from __future__ import annotations

from typing import Any

_RAW_KINDS = frozenset("biufcmMSUV")
"""The kinds of NumPy dtypes whose memory is the value: no pointers."""

_FRAMES = frozenset({"DataFrame"})
_COLUMNS = frozenset({"Series", "Index", "RangeIndex", "DatetimeIndex", "TimedeltaIndex", "CategoricalIndex"})


def parts_of(value: Any, kind: type) -> tuple[object, ...] | None:
    """Return what makes up the value of an array, a NumPy scalar or a table; None for anything else.

    Args:
        value: The value.
        kind: Its type.
    """
    package = kind.__module__.partition(".")[0]
    if package == "numpy" and any(base.__name__ in ("ndarray", "generic") for base in kind.__mro__):
        return _array_parts(value) if kind.__module__ == "numpy" else None
    if package == "pandas" and kind.__name__ in _FRAMES:
        columns = tuple(column for _, column in value.items())
        return ("table", value.index, columns, value.columns, dict(value.attrs))
    if package == "pandas" and kind.__name__ in _COLUMNS:
        index = value.index if kind.__name__ == "Series" else None
        return ("column", value.name, str(value.dtype), value.to_numpy(), index)
    return None


def _array_parts(value: Any) -> tuple[object, ...]:
    dtype = value.dtype
    if dtype.kind not in _RAW_KINDS or dtype.hasobject:
        return ("array", str(dtype), value.shape, value.tolist())
    memory = value.ravel().view("u1").data if value.nbytes else b""
    return ("array", repr(dtype.descr), value.shape, memory)
