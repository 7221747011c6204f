"""Selecting: what is asked of the journal as one statement, put together from the parts of `reading.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.states import DEFAULT_NAMES, STATE_CODES, StateType
from sluiceway.stores import cursors
from sluiceway.stores.rows import COMPLETED, to_json
from sluiceway.stores.sqlite.statements import encodable

RunQuery: TypeAlias = FlowRunQuery | TaskRunQuery
Bound: TypeAlias = "int | str | bytes"

_TYPE_OF_NAME = {name: kind for kind, name in DEFAULT_NAMES.items()}
_MOST_MILLISECONDS = (1 << 48) - 1
"""The last millisecond that an identifier can tell of."""


class Select:
    """A statement in the making.

    Args:
        texts: The parts of `reading.sql`.
        table: `flow_run`, `task_run` or `log`.
    """

    def __init__(self, texts: dict[str, str], table: str) -> None:
        self.table = table
        self.values: list[Bound] = []
        self._texts = texts
        self._conditions: list[str] = []

    def where(self, name: str, *values: Bound) -> None:
        """Narrow the choice by a condition.

        Args:
            name: The name of the condition among the parts.
            values: The values of its placeholders.
        """
        self.that(self._texts[f"where {name}"], *values)

    def where_any(self, name: str, values: Sequence[str] | Sequence[RunId]) -> None:
        """Narrow the choice to what has one of several values.

        Args:
            name: The name of the condition among the parts.
            values: The values.
        """
        matches, bound = self.any_of(values)
        equals = "=" if len(values) == 1 else "IN"
        self.that(self._texts[f"where {name}"].format_map({"any": matches, "is": equals}), *bound)

    def any_of(self, values: Sequence[str] | Sequence[RunId]) -> tuple[str, list[Bound]]:
        """Return what comes after a column that is to have one of several values, and the values to bind.

        Args:
            values: The values.
        """
        if len(values) == 1:
            return "= ?", [values[0]]
        keys = [value for value in values if isinstance(value, bytes)]
        if keys:
            return self._texts["any_key"], [b"".join(keys)] * 2
        return self._texts["any"], [to_json(values)]

    def that(self, condition: str, *values: Bound) -> None:
        """Narrow the choice by a condition that is no part of the file.

        Args:
            condition: The condition.
            values: The values of its placeholders.
        """
        self._conditions.append(f"({condition})")
        self.values += [encodable(value) if isinstance(value, str) else value for value in values]

    def count(self) -> str:
        """Return the statement that counts the rows."""
        alias = " AS run" if self.table != "log" else ""
        return f"SELECT count(*) FROM {self.table}{alias}{self._where()}"

    def rows(self, order: str, limit: int, offset: int = 0) -> str:
        """Return the statement that lists a page of the rows, and one more to tell whether it is the last.

        Args:
            order: What to order by.
            limit: How many rows a page has at most.
            offset: How many rows to leave out.
        """
        self.values += (limit + 1, offset)
        return f"{self._texts[self.table]}{self._where()} ORDER BY {order} LIMIT ? OFFSET ?"

    def _where(self) -> str:
        return f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


# --- runs -----------------------------------------------------------------------------------------


def select_runs(texts: dict[str, str], query: RunQuery) -> Select:
    """Return the selection of the runs that are asked for.

    Args:
        texts: The parts of `reading.sql`.
        query: Which runs.
    """
    select = Select(texts, "flow_run" if isinstance(query, FlowRunQuery) else "task_run")
    for name in ("keys", "names", "flow_names", "task_names", "flow_run_keys"):
        values = getattr(query, name, None)
        if values is not None:
            select.where_any(name, values)
    if query.key_prefix is not None:
        _where_prefix(select, query.key_prefix)
    if query.created_after is not None:
        select.where("created_after", _first_key(query.created_after))
    if query.created_before is not None:
        select.where("created_before", _first_key(query.created_before))
    if query.state_types is not None:
        select.that(_has_type(select.table, query.state_types))
    if query.state_names is not None:
        _where_state_name(select, query.state_names)
    for tag in query.tags or ():
        select.where(f"{select.table} tag", tag)
    if isinstance(query, FlowRunQuery):
        _where_place_in_tree(select, query)
    return select


def _where_place_in_tree(select: Select, query: FlowRunQuery) -> None:
    if query.name_like is not None:
        select.where("name_like", query.name_like)
    if query.parent is not None:
        select.where("parent", query.parent)
    if query.roots_only:
        select.where("roots_only")


def _where_prefix(select: Select, prefix: str) -> None:
    digits = prefix.lower()
    if len(digits) > 32 or not set(digits) <= set("0123456789abcdef"):
        select.that("FALSE")
        return
    select.where("key_range", bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f")))


def _first_key(moment: Moment) -> RunId:
    """Return the lowest identifier of a run that is created at a moment or later."""
    milliseconds = -(-moment // 1_000)
    if milliseconds > _MOST_MILLISECONDS:
        return b"\xff" * 17
    return max(0, milliseconds).to_bytes(6, "big") + bytes(10)


def _has_type(table: str, types: Sequence[StateType]) -> str:
    """Return the condition that a state is of one of some types.

    The index of task runs leaves out completed ones, and SQLite uses it only where a condition says the same.
    """
    codes = [STATE_CODES[kind] for kind in types]
    condition = f"run.state IN ({', '.join(map(str, codes))})"
    if table == "flow_run" or COMPLETED in codes:
        return condition
    return f"{condition} AND run.state <> {COMPLETED}"


def _where_state_name(select: Select, names: Sequence[str]) -> None:
    matches, bound = select.any_of(names)
    condition = f"run.state_name {matches}"
    types = [_TYPE_OF_NAME[name] for name in names if name in _TYPE_OF_NAME]
    if types:
        condition += f" OR (run.state_name IS NULL AND {_has_type(select.table, types)})"
    select.that(condition, *bound)


_NAME = {"flow_run": "run.name", "task_run": "task_run_name(run.key, run.flow_run, task.name, run.name)"}
"""What runs are ordered by name by; the generated names of task runs are not in the database."""


def list_runs(
    texts: dict[str, str],
    query: RunQuery,
    order: RunOrder = RunOrder.NEWEST_FIRST,
    limit: int = 200,
    after: str | None = None,
    offset: int = 0,
) -> tuple[str, list[Bound]]:
    """Return the statement that lists runs, and its values.

    Args:
        texts: The parts of `reading.sql`.
        query: Which runs.
        order: In which order.
        limit: How many to a page.
        after: The cursor of the page before.
        offset: How many to leave out.

    Raises:
        ValueError: The cursor belongs to another order, or the page cannot be.
    """
    cursors.check_page(limit, offset)
    select = select_runs(texts, query)
    name = _NAME[select.table]
    if after is not None:
        place = cursors.run_place(after, order)
        values: tuple[Bound, ...] = place if "," in texts[f"after {order.value}"] else (place.key,)
        select.that(texts[f"after {order.value}"].format(name=name), *values)
    return select.rows(texts[f"order {order.value}"].format(name=name), limit, offset), select.values


# --- log lines ------------------------------------------------------------------------------------


def select_logs(texts: dict[str, str], query: LogQuery) -> Select:
    """Return the selection of the log lines that are asked for.

    Args:
        texts: The parts of `reading.sql`.
        query: Which lines.
    """
    select = Select(texts, "log")
    for name, value in query._asdict().items():
        if isinstance(value, tuple):
            select.where_any(f"log {name}", value)
        elif value is not None:
            select.where(f"log {name}", value)
    return select


def list_logs(
    texts: dict[str, str],
    query: LogQuery,
    limit: int = 200,
    after: str | None = None,
    newest_first: bool = False,
) -> tuple[str, list[Bound]]:
    """Return the statement that lists log lines, and its values.

    Args:
        texts: The parts of `reading.sql`.
        query: Which lines.
        limit: How many to a page.
        after: The cursor of the page before.
        newest_first: Whether the last line comes first.

    Raises:
        ValueError: The cursor belongs to another order, or the page cannot be.
    """
    cursors.check_page(limit)
    select = select_logs(texts, query)
    if after is not None:
        order = cursors.LOGS[newest_first]
        select.that(f"log.number {'<' if newest_first else '>'} ?", cursors.number(after, order))
    return select.rows(f"log.number{' DESC' if newest_first else ''}", limit), select.values
