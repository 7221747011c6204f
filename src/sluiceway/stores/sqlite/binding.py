"""Binding: values as they are given to statements that write many rows at once.

Two things keep binding cheap, which happens while user code waits for the interpreter: Python's sqlite3 looks for
adapters (about half a microsecond) for every value that is `None` or `bytes`, and for no `float` or `bytearray`. So
NULL is written as a NaN, which SQLite takes for NULL (www.sqlite.org/nulls.html), and bytes as bytearrays.
"""

from __future__ import annotations

from typing import TypeAlias

from sluiceway.model.results import NOTHING, StoredResult

Value: TypeAlias = "int | float | str | bytearray"

NULL = float("nan")
PICKLE = "pickle"
"""The serializer that is not spelled out in rows."""

NO_RESULT = (NULL,) * 6
NOTHING_COLUMNS = (NOTHING.serializer, *NO_RESULT[1:])


_NO_CALL = (NULL,) * 3


def value_of(value: int | str | None) -> Value:
    """Return a value as it is bound.

    Args:
        value: The value.
    """
    return NULL if value is None else value


def blob_of(value: bytes | None) -> Value:
    """Return bytes as they are bound.

    Args:
        value: The bytes.
    """
    return NULL if value is None else bytearray(value)


def result_columns(result: StoredResult | None) -> tuple[Value, ...]:
    """Return the six columns of a result.

    Args:
        result: What is stored of it.
    """
    if result is None:
        return NO_RESULT
    if result is NOTHING:
        return NOTHING_COLUMNS
    serializer, blob, location, size, preview, why_not = result
    return (
        NULL if serializer == PICKLE else serializer,
        size if blob is None else NULL,
        NULL if location is None else location,
        NULL if why_not is None else why_not,
        NULL if preview is None else preview,
        NULL if blob is None else bytearray(blob),
    )


def call_columns(kept: StoredResult | None) -> tuple[Value, ...]:
    """Return the three columns of the arguments of a flow run.

    Args:
        kept: How they are kept.
    """
    return _NO_CALL if kept is None else (blob_of(kept.blob), value_of(kept.location), value_of(kept.why_not))
