"""Selecting: what is asked of the journal as one statement, put together from the parts of `reading.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from sluiceway.base.ids import RunId
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.states import DEFAULT_NAMES, STATE_CODES, StateType
from sluiceway.rules.searching import WARNING
from sluiceway.stores import cursors
from sluiceway.stores.matching import as_compact_json, json_part
from sluiceway.stores.rows import COMPLETED, first_key, to_json
from sluiceway.stores.sqlite.statements import encodable

RunQuery: TypeAlias = FlowRunQuery | TaskRunQuery
Bound: TypeAlias = "int | str | bytes"

_TYPE_OF_NAME = {name: kind for kind, name in DEFAULT_NAMES.items()}

_LONGEST_PATTERN = 10_000
"""How many letters a text has at most that is searched for with LIKE, which takes 50,000 bytes."""


class Select:
    """A statement in the making.

    Args:
        texts: The parts of `reading.sql`.
        table: `flow_run`, `task_run` or `log`.
    """

    def __init__(self, texts: dict[str, str], table: str) -> None:
        self.table = table
        self.values: list[Bound] = []
        self._by_tag = False
        self._texts = texts
        self._conditions: list[str] = []

    def part(self, name: str) -> str:
        """Return one of the parts.

        Args:
            name: Its name.
        """
        return self._texts[name]

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
        self._conditions.append(f"({self._led(condition)})")
        self.values += [encodable(value) if isinstance(value, str) else value for value in values]

    def contains(self, column: str, text: str) -> tuple[str, list[Bound]]:
        """Return the condition that a column contains a text, without regard to case (ASCII), and the values to bind.

        Args:
            column: The column.
            text: The text.
        """
        if "\0" in text or len(text) > _LONGEST_PATTERN:
            return self._texts["contains any"].format(column=column), [text]
        return self._texts["contains"].format(column=column), [_pattern(text), text]

    def has_piece(self, column: str, text: str) -> tuple[str, list[Bound]]:
        """Return the same for a column of JSON, which has no NUL, and a text as it is written there.

        Args:
            column: The column.
            text: The text.
        """
        if len(text) > _LONGEST_PATTERN:
            return self._texts["contains any"].format(column=column), [text]
        return self._texts["has piece"].format(column=column), [_pattern(text)]

    def where_contains(self, column: str, text: str) -> None:
        """Narrow the choice to what contains a text in a column, without regard to case (ASCII).

        Args:
            column: The column.
            text: The text.
        """
        condition, values = self.contains(column, text)
        self.that(condition, *values)

    def lead_by_tag(self, tag: str) -> None:
        """Go along the index of tags, which has the runs with a tag in their order; to be called before all else.

        Args:
            tag: The tag.
        """
        self._by_tag = True
        self.where("leading tag", tag)

    def count(self) -> str:
        """Return the statement that counts the rows."""
        where = self.conditions()
        if self._by_tag and "run." not in where.replace("tagged.run", ""):
            return f"SELECT count(*) FROM {self.table}_tag AS tagged{where}"
        alias = " AS run" if self.table in _NAME else ""
        return self._along_tags(f"SELECT count(*) FROM {self.table}{alias}{where}")

    def rows(self, order: str, limit: int, offset: int = 0) -> str:
        """Return the statement that lists a page of the rows, and one more to tell whether it is the last.

        Args:
            order: What to order by.
            limit: How many rows a page has at most.
            offset: How many rows to leave out.
        """
        self.values += (limit + 1, offset)
        text = self._along_tags(self._texts[self.table])
        return f"{text}{self.conditions()} ORDER BY {self._led(order)} LIMIT ? OFFSET ?"

    def _along_tags(self, text: str) -> str:
        runs = f"FROM {self.table} AS run"
        return text.replace(runs, self._texts["by_tag"].format(table=self.table)) if self._by_tag else text

    def _led(self, text: str) -> str:
        return text.replace("run.key", "tagged.run") if self._by_tag else text

    def conditions(self) -> str:
        """Return the WHERE clause, with a blank in front; nothing where all rows are asked for."""
        return f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


def _pattern(text: str) -> str:
    """Return the pattern of LIKE, with `!` for its escape, of what contains a text."""
    return "%" + "".join(f"!{letter}" if letter in "!%_" else letter for letter in text) + "%"


# --- runs -----------------------------------------------------------------------------------------


def select_runs(texts: dict[str, str], query: RunQuery, by_age: bool = False) -> Select:
    """Return the selection of the runs that are asked for.

    Args:
        texts: The parts of `reading.sql`.
        query: Which runs.
        by_age: Whether they are wanted in the order of their age, or in none.
    """
    select = Select(texts, "flow_run" if isinstance(query, FlowRunQuery) else "task_run")
    tags = query.tags or ()
    if tags and by_age and _lead_nowhere(query):
        select.lead_by_tag(tags[0])
        tags = tags[1:]
    for name in ("keys", "names", "flow_names", "task_names", "flow_run_keys"):
        values = getattr(query, name, None)
        if values is not None:
            select.where_any(name, values)
    if query.key_prefix is not None:
        _where_prefix(select, query.key_prefix)
    for name in ("created_after", "created_before"):
        if (moment := getattr(query, name)) is not None:
            select.where(name, first_key(moment))
    _where_state(select, query)
    for tag in tags:
        select.where(f"{select.table} tag", tag)
    if isinstance(query, FlowRunQuery):
        _where_place_in_tree(select, query, by_age)
        _where_course(select, query)
    else:
        _where_task_text(select, query.text)
    return select


_LEADING = ("keys", "key_prefix", "names", "flow_names", "flow_run_keys", "parent", "state_names")
"""The parts of a query that lead to fewer runs than a tag does."""


def _lead_nowhere(query: RunQuery) -> bool:
    """Return whether no part of a query but a tag leads to a few runs."""
    rare = query.state_types is not None and StateType.COMPLETED not in query.state_types
    return not rare and all(getattr(query, name, None) is None for name in _LEADING)


def _where_task_text(select: Select, text: str | None) -> None:
    if text is not None:
        select.where("task_run text", text, text, text)


def _where_place_in_tree(select: Select, query: FlowRunQuery, by_age: bool) -> None:
    if query.name_like is not None:
        select.where_contains("run.name", query.name_like)
    if query.parent is not None:
        select.where("parent", query.parent)
    if query.roots_only:
        select.where("roots_only" if by_age else "roots_only in another order")
    if query.may_resume:
        select.where("may_resume")


_TIMES = (
    "started_after",
    "started_before",
    "ended_after",
    "ended_before",
    "duration_at_least",
    "duration_at_most",
)


def _where_course(select: Select, query: FlowRunQuery) -> None:
    for name in _TIMES:
        value = getattr(query, name)
        if value is not None:
            select.where(name, value)
    for name, value in query.parameters or ():
        plain = as_compact_json(name, value)
        piece = f"{to_json(name)}:{plain}"
        has_piece, values = select.has_piece("run.parameters", piece)
        condition = select.part("where parameter").replace("{has_piece}", has_piece)
        select.that(condition, *values, piece, piece, plain, name)
    if query.text is not None:
        _where_text(select, query.text)


def _where_text(select: Select, text: str) -> None:
    written = json_part(text)
    found = {
        "name": select.contains("run.name", text),
        "flow": select.contains("name", text),
        "parameters": select.has_piece("run.parameters", written),
        "tags": select.has_piece("run.tags", written),
        "tag": select.contains("tag.value", text),
    }
    condition = select.part("where text").format_map({place: condition for place, (condition, _) in found.items()})
    select.that(condition, *(value for _, values in found.values() for value in values))


def _where_prefix(select: Select, prefix: str) -> None:
    digits = prefix.lower()
    if len(digits) > 32 or not set(digits) <= set("0123456789abcdef"):
        select.that("FALSE")
        return
    select.where("key_range", *key_range(digits))


def key_range(digits: str) -> tuple[RunId, RunId]:
    """Return the lowest and the highest identifier that begin with hexadecimal digits.

    Args:
        digits: The digits.
    """
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))


def _has_type(table: str, types: Sequence[StateType]) -> str:
    """Return the condition that a state is of one of some types.

    The index of task runs leaves out completed ones, and SQLite uses it only where a condition says the same.
    """
    codes = [STATE_CODES[kind] for kind in types]
    condition = f"run.state IN ({', '.join(map(str, codes))})"
    if table == "flow_run" or COMPLETED in codes:
        return condition
    return f"{condition} AND run.state <> {COMPLETED}"


def _where_state(select: Select, query: RunQuery) -> None:
    if query.state_types is not None:
        select.that(_has_type(select.table, query.state_types))
    if query.state_names is not None:
        _where_state_name(select, query.state_names)


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
    select = select_runs(texts, query, by_age=order in (RunOrder.NEWEST_FIRST, RunOrder.OLDEST_FIRST))
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
        elif name == "text" and value is not None:
            select.where_contains("log.message", value)
        elif value is not None:
            select.where(f"log {name}", value)
    if query.level_at_least is not None and query.level_at_least >= WARNING:
        select.where("log serious")
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
