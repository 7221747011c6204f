"""Sorting: a table that is whole on its page is sorted by a click on the heading of a column; the address says how.

Lists that go over several pages are sorted by the store, in the orders that it has an index for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request

from sluiceway.base.times import now
from sluiceway.model.overview import FlowSummary
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.server.pages.filters import one_of

Row = TypeVar("Row")

LEFT_BEHIND = ("after", "notice")
"""What an address does not keep when the order changes: a place in the old one, and what was told once."""


class Heading(NamedTuple):
    """The heading of a column.

    Args:
        href: The query that a click leads to, on the same page; None where the table cannot be sorted.
        sort: How the table is sorted by it now, as `aria-sort` has it; empty where it is not.
    """

    href: str | None
    sort: str


class Table(NamedTuple, Generic[Row]):
    """Rows in the order that was asked for.

    Args:
        rows: The rows.
        headings: What the heading of each column is, by its name.
    """

    rows: list[Row]
    headings: dict[str, Heading]


def arrange(
    request: Request,
    rows: Iterable[Row],
    columns: Mapping[str, Callable[[Row], Any]],
    usual: str,
    *,
    name: str = "sort",
    whole: bool = True,
) -> Table[Row]:
    """Return rows in the order that the address asks for.

    Args:
        request: The request that is answered.
        rows: The rows, in their usual order.
        columns: By the name of each column, what it is sorted by; None comes last. A name that begins with `-` is that
            of a column whose largest values come first at the first click.
        usual: The order that the rows have already: the name of a column, with `-` before it if it is falling; empty
            where no column tells it.
        name: What the address calls the order of this table.
        whole: Whether these are all rows; if not, they stay as they are.

    Raises:
        HTTPException: The address names no column.
    """
    keys = {column.removeprefix("-"): key for column, key in columns.items()}
    chosen = one_of(
        name, request.query_params.get(name, "") or usual, [usual, *keys, *(f"-{column}" for column in keys)]
    )
    falling, column = chosen.startswith("-"), chosen.removeprefix("-")
    found = list(rows)
    if whole and chosen != usual:
        keyed = [(keys[column](row), row) for row in found]
        known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=falling)
        found = [row for _, row in known] + [row for value, row in keyed if value is None]
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in (*LEFT_BEHIND, name)]

    def heading(first: str) -> Heading:
        here = first.removeprefix("-") == column
        wanted = first if not here else column if falling else f"-{column}"
        query = urlencode([*kept, *([(name, wanted)] if wanted != usual else [])])
        sort = "" if not here else "descending" if falling else "ascending"
        return Heading(f"?{query}" if whole else None, sort)

    return Table(found, {first.removeprefix("-"): heading(first) for first in columns})


SUMMARIES: Mapping[str, Callable[[FlowSummary], Any]] = {
    "name": lambda summary: summary.flow.name,
    "-runs": lambda summary: summary.runs,
    "success": lambda summary: summary.success_rate,
    "-failed": lambda summary: summary.failures,
    "-median": lambda summary: summary.median,
    "-last": lambda summary: summary.last[0].start if summary.last else None,
}
"""What flows are sorted by."""

RUNS: Mapping[str, Callable[[FlowRun | TaskRun], Any]] = {
    "state": lambda run: run.state_name,
    "name": lambda run: run.name,
    "-created": lambda run: run.key,  # identifiers of version 7 begin with the time
    "-started": lambda run: run.start,
    "-duration": lambda run: None if run.start is None else (run.end or now()) - run.start,
}
"""What runs are sorted by."""
