"""Cursors: where a page of a list ended, as a text that belongs to the order of the list."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.overview import MOST_BUCKETS, MOST_STEPS
from sluiceway.model.queries import RunOrder
from sluiceway.model.runs import FlowRun, TaskRun

_KEY_BYTES = 16
_DIGITS = 19
"""Fewer than the largest integer of 64 bits has."""

NEVER: Moment = (1 << 63) - 1
"""Stands for the start or end of a run that has not started or ended: later than all that have."""

FLOWS = "flows"
ROOTS = "roots"
TIMELINE = "timeline"
VARIABLES = "variables"
SECRETS = "secrets"
LATEST_ARTIFACTS = "artifacts by key"
ARTIFACTS = {False: "artifacts oldest first", True: "artifacts newest first"}
"""The orders of artifacts by age, by whether the newest come first."""
LOGS = {False: "logs oldest first", True: "logs newest first"}
"""The orders of lists other than those of runs; logs by whether the newest come first."""

DESCENDING = frozenset({RunOrder.NEWEST_FIRST, RunOrder.STARTED_LAST, RunOrder.ENDED_LAST})
"""The orders that begin at the end: the latest first."""


class Place(NamedTuple):
    """The place of a run in an order.

    Args:
        value: What runs are ordered by: a moment or a name; an empty text where only `key` counts.
        key: The identifier of the run, which decides among equals.
    """

    value: str | Moment
    key: RunId


def place_of(run: FlowRun | TaskRun, order: RunOrder) -> Place:
    """Return the place of a run in an order.

    Args:
        run: The run.
        order: The order.
    """
    if order is RunOrder.NAME:
        return Place(run.name, run.key)
    if order in (RunOrder.STARTED_FIRST, RunOrder.STARTED_LAST):
        return Place(NEVER if run.start is None else run.start, run.key)
    if order is RunOrder.ENDED_LAST:
        return Place(NEVER if run.end is None else run.end, run.key)
    return Place("", run.key)


def run_cursor(run: FlowRun | TaskRun, order: RunOrder) -> str:
    """Return the cursor of a page that ends with a run.

    Args:
        run: The last run of the page.
        order: The order of the list.
    """
    value, key = place_of(run, order)
    return write(order.value, key.hex(), value if isinstance(value, int) else _hidden(value))


def run_place(cursor: str, order: RunOrder) -> Place:
    """Return the place that a cursor stands for.

    Args:
        cursor: The cursor of the page before.
        order: The order of the list.

    Raises:
        ValueError: The cursor belongs to another order, or is none at all.
    """
    parts = read(cursor, order.value, 2)
    try:
        key = bytes.fromhex(parts[0])
        timed = order in (RunOrder.STARTED_FIRST, RunOrder.STARTED_LAST, RunOrder.ENDED_LAST)
        value = int(parts[1]) if timed else bytes.fromhex(parts[1]).decode()
    except ValueError:
        _refuse(cursor, order.value)
    if len(key) != _KEY_BYTES or (isinstance(value, int) and abs(value) > NEVER):
        _refuse(cursor, order.value)
    return Place(value, key)


def text_cursor(text: str, order: str) -> str:
    """Return the cursor of a page that ends with a text.

    Args:
        text: What the last row is ordered by.
        order: The order of the list.
    """
    return write(order, _hidden(text))


def text(cursor: str, order: str) -> str:
    """Return the text that a cursor stands for.

    Args:
        cursor: The cursor of the page before.
        order: The order of the list.

    Raises:
        ValueError: The cursor belongs to another order, or is none at all.
    """
    (part,) = read(cursor, order, 1)
    try:
        return bytes.fromhex(part).decode()
    except ValueError:
        _refuse(cursor, order)


def key(cursor: str, order: str) -> RunId:
    """Return the identifier that a cursor consists of.

    Args:
        cursor: The cursor of the page before.
        order: The order of the list.

    Raises:
        ValueError: The cursor belongs to another order, or is none at all.
    """
    (part,) = read(cursor, order, 1)
    try:
        found = bytes.fromhex(part)
    except ValueError:
        _refuse(cursor, order)
    if len(found) != _KEY_BYTES:
        _refuse(cursor, order)
    return found


def write(order: str, *parts: object) -> str:
    """Return a cursor.

    Args:
        order: The order that it belongs to.
        parts: Where the page ended, without points.
    """
    return ".".join((order.replace(" ", "-"), *map(str, parts)))


def read(cursor: str, order: str, count: int) -> list[str]:
    """Return the parts of a cursor.

    Args:
        cursor: The cursor.
        order: The order that it has to belong to.
        count: How many parts it has to have.

    Raises:
        ValueError: The cursor belongs to another order, or is none at all.
    """
    name, *parts = cursor.split(".")
    if name != order.replace(" ", "-") or len(parts) != count:
        _refuse(cursor, order)
    return parts


def number(cursor: str, order: str) -> int:
    """Return the number that a cursor consists of.

    Args:
        cursor: The cursor.
        order: The order that it has to belong to.

    Raises:
        ValueError: The cursor belongs to another order, or is none at all.
    """
    (text,) = read(cursor, order, 1)
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        _refuse(cursor, order)
    return int(text)


def _hidden(text: str) -> str:
    return text.encode("utf-8", "replace").hex()


def _refuse(cursor: str, order: str) -> NoReturn:
    raise ValueError(
        f"The cursor {cursor!r} does not belong to the order {order!r}. "
        "Read the first page without a cursor, and each further one with the cursor of the page before."
    )


def check_page(limit: int, offset: int = 0) -> None:
    """Refuse a page that cannot be.

    Args:
        limit: How many rows it has at most.
        offset: How many rows to leave out before it.

    Raises:
        ValueError: The limit is below 1, or the offset below 0.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}; a page has at least one row.")
    if offset < 0:
        raise ValueError(f"offset is {offset}; it is the number of rows to leave out, 0 or more.")


def timeline_place(cursor: str | None, limit: int) -> RunId:
    """Return the identifier after which a page of a timeline begins; an empty one for the first page.

    Args:
        cursor: The cursor of the page before; None for the first.
        limit: How many steps the page has at most.

    Raises:
        ValueError: The cursor is none of a timeline, or the page cannot be.
    """
    check_page(limit)
    if limit > MOST_STEPS:
        raise ValueError(f"limit is {limit}; a page of a timeline has at most {MOST_STEPS} steps.")
    return b"" if cursor is None else key(cursor, TIMELINE)


def check_buckets(width: int, count: int) -> None:
    """Refuse a history that cannot be.

    Args:
        width: How many microseconds each bucket spans.
        count: How many there are.

    Raises:
        ValueError: The width is below a millisecond, or there are no or too many buckets.
    """
    if width < 1_000:
        raise ValueError(f"width is {width} µs; a bucket spans at least a millisecond.")
    if not 1 <= count <= MOST_BUCKETS:
        raise ValueError(f"count is {count}; a history has 1 to {MOST_BUCKETS} buckets.")
