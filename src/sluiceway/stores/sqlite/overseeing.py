"""Overseeing: the verbs that look at many runs at once."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any, TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.overview import (
    NOTHING_FOUND,
    Attention,
    Bucket,
    FlowSummary,
    Found,
    InHand,
    LogOutline,
    LogScan,
    Pulse,
    RunMark,
    Step,
)
from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, StoredState, TaskRunQuery
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import STATE_TYPES, StateType
from sluiceway.rules.searching import WARNING, as_key_prefix
from sluiceway.stores import cursors
from sluiceway.stores.rows import COMPLETED, first_key
from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.failures import explained
from sluiceway.stores.sqlite.packing import unpack_inputs
from sluiceway.stores.sqlite.reading import Reader, state_name_of, stored_states
from sluiceway.stores.sqlite.selecting import Bound, Select, key_range, select_logs
from sluiceway.stores.sqlite.statements import encodable, load
from sluiceway.stores.sqlite.tallying import tally_buckets, tally_names, tally_states

R = TypeVar("R", FlowRun, TaskRun)

FOUND_BY_BEGINNING = (("flow_run_tag", "tag"), ("artifact", "key"), ("variable", "name"))
"""Tables and columns of names that a search finds by how they begin, in the order in which it tells them."""

_BEYOND_ALL = "\U0010ffff"
"""After all texts that begin alike."""

_KINDS_OF_ATTENTION = ("failed", "running", "late", "stuck")


class Overseer:
    """Looks at many runs at once. The verbs are those of the port.

    Args:
        database: The database.
        reader: Reads single runs.
    """

    def __init__(self, database: Database, reader: Reader) -> None:
        self._database = database
        self._reader = reader
        self._texts = {**load("reading.sql"), **load("overview.sql")}
        self._turn = threading.Lock()
        self._pulse: sqlite3.Connection | None = None
        self._source = ""

    def close(self) -> None:
        """Close the connection that the pulse is read from; the others are the reader's."""
        with self._turn:
            self._give_up()

    # --- the pulse ------------------------------------------------------------------------------

    def read_pulse(self) -> Pulse:
        """Return what is another one whenever anything has changed.

        The version is that of the database as one connection sees it, which only others change; so it is kept open,
        writes nothing, and is a source of its own each time it is opened.
        """
        with self._turn:
            try:
                if self._pulse is None:
                    self._pulse = self._database.open("PRAGMA query_only = ON")
                    self._source = os.urandom(6).hex()
                (version,) = self._pulse.execute("PRAGMA data_version").fetchone()
                first, last = self._pulse.execute(self._texts["pulse"]).fetchone()
            except BaseException as error:
                self._give_up()
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self._database.path) from error
                raise
        return Pulse(self._source, version, ("", f"{first or 0}-{last or 0}", ""))

    def _give_up(self) -> None:
        if self._pulse is not None:
            self._pulse.close()
            self._pulse = None

    # --- counts and strips ----------------------------------------------------------------------

    def read_flow_run_history(
        self, query: FlowRunQuery, start: Moment, width: Moment, count: int
    ) -> tuple[Bucket, ...]:
        """Return how many flow runs were created in each of several spans of time, by present state."""
        cursors.check_buckets(width, count)
        borders = [first_key(start + number * width)[:16] for number in range(count + 1)]
        counts: list[dict[StateType, int]] = [{} for _ in range(count)]
        for number, code, found in self._all(*tally_buckets(self._texts, query, borders)):
            if found:
                counts[number][STATE_TYPES[code]] = found
        return tuple(Bucket(start + number * width, found) for number, found in enumerate(counts))

    def count_flow_runs_by_state(self, query: FlowRunQuery | None) -> dict[tuple[StateType, str], int]:
        """Return how many flow runs there are by type and name of their states."""
        query = query or FlowRunQuery()
        counts = dict(self._all(*tally_states(self._texts, query)))
        found: dict[tuple[StateType, str], int] = {}
        for code, name, count in self._all(*tally_names(self._texts, query)):
            found[STATE_TYPES[code], name] = count
            counts[code] = counts.get(code, 0) - count
        plain = {(STATE_TYPES[code], state_name_of(code, None)): count for code, count in counts.items() if count > 0}
        return found | plain

    def read_attention(self, since: Moment, at: Moment, limit: int) -> Attention:
        """Return what a person should know of now."""
        cursors.check_page(limit)
        values = {"since": since, "at": at, "most": limit}
        runs = [self._flow_runs(self._keys(kind, values)) for kind in _KINDS_OF_ATTENTION]
        counts = [self._all(self._texts[f"count {kind}"], values)[0][0] for kind in _KINDS_OF_ATTENTION]
        return Attention(runs[0], runs[1], runs[2], runs[3], counts[0], counts[1], counts[2], counts[3])

    def read_flow_summaries(
        self, names: Sequence[str], since: Moment, until: Moment, last: int
    ) -> tuple[FlowSummary, ...]:
        """Return how the runs of flows went, in the order of the names."""
        found = (self._all(self._texts["flow of name"], (encodable(name),)) for name in dict.fromkeys(names))
        span = {"first": first_key(since), "beyond": first_key(until), "last": last}
        return tuple(self._summary(FlowInfo(*row[1:]), {**span, "flow": row[0]}) for rows in found for row in rows)

    def _summary(self, flow: FlowInfo, values: dict[str, Any]) -> FlowSummary:
        rows = self._all(self._texts["runs of flow"], values)
        total, completed = next(((total, timed) for code, _, total, timed in rows if code == COMPLETED), (None, 0))
        place = {"place": max(0, completed - 1) // 2}
        median = self._all(self._texts["median of flow"], {**values, **place}) if completed else []
        marks = (
            RunMark(key, STATE_TYPES[code], state_name_of(code, name), started, ended)
            for key, code, name, started, ended in self._all(self._texts["last of flow"], values)
        )
        return FlowSummary(
            flow,
            {STATE_TYPES[code]: count for code, count, _, _ in rows},
            (total or 0) // completed if completed else None,
            median[0][0] if median else None,
            tuple(marks),
        )

    # --- the steps of a run ---------------------------------------------------------------------

    def read_timeline(
        self, flow_run_key: RunId, keys: Sequence[RunId] | None, limit: int, after: str | None
    ) -> Page[Step]:
        """Return the task runs of a flow run as bars, the oldest first."""
        beyond = cursors.timeline_place(after, limit)
        rows = self._all(*list_steps(self._texts, flow_run_key, keys, beyond, limit))
        steps = tuple(_step(row) for row in rows[:limit])
        return Page(steps, cursors.write(cursors.TIMELINE, steps[-1].key.hex()) if len(rows) > limit else None)

    def read_histories(self, run_keys: Sequence[RunId]) -> dict[RunId, tuple[StoredState, ...]]:
        """Return the states of flow runs and task runs in order, by run."""
        if not run_keys:
            return {}
        matches, values = Select(self._texts, "task_run").any_of(list(run_keys))
        rows = self._all(self._texts["histories"].format(any=matches), [*values, *values])
        return {key: stored_states(history) for key, history in rows}

    # --- searching ------------------------------------------------------------------------------

    def search(self, text: str, limit: int) -> Found:
        """Return what goes by a text."""
        cursors.check_page(limit)
        text = encodable(text.strip())
        if not text:
            return NOTHING_FOUND
        values: dict[str, Bound] = {"text": text, "beyond": text + _BEYOND_ALL, "most": limit}
        flow_runs, task_runs = self._keys("flow runs of name", values), self._keys("task runs of name", values)
        if (prefix := as_key_prefix(text)) is not None:
            values["first"], values["last"] = key_range(prefix)
            flow_runs += self._keys("flow runs of key", values)
            task_runs += self._keys("task runs of key", values)
        return Found(
            self._flow_runs(_newest(flow_runs, limit)),
            self._task_runs(_newest(task_runs, limit)),
            tuple(FlowInfo(*row) for row in self._all(self._texts["flows of text"], values)),
            tuple(name for (name,) in self._all(self._texts["tasks of text"], values)),
            *(
                tuple(
                    name for (name,) in self._all(self._texts["names of text"].format(table=table, name=name), values)
                )
                for table, name in FOUND_BY_BEGINNING
            ),
        )

    # --- log lines ------------------------------------------------------------------------------

    def outline_logs(self, query: LogQuery | None) -> LogOutline:
        """Return how many log lines there are, and where it becomes serious."""
        query = query or LogQuery()
        first = self._place(query, 0, newest_first=False)
        if first is None:
            return LogOutline(0, None, None, None, None, 0, 0)
        serious = select_logs(self._texts, query._replace(level_at_least=max(WARNING, query.level_at_least or 0)))
        statement = self._texts["serious"].format(where=serious.conditions())
        warning, error, warnings, errors = self._all(statement, serious.values)[0]
        lines, last = self._reader.count_logs(query), self._place(query, 0, newest_first=True)
        return LogOutline(lines, first, last, warning, error, warnings, errors)

    def find_log(self, query: LogQuery, position: int) -> int | None:
        """Return the number of the log line at a position; None beyond the last."""
        cursors.check_page(1, position)
        return self._place(query, position, newest_first=False)

    def _place(self, query: LogQuery, position: int, newest_first: bool) -> int | None:
        select = select_logs(self._texts, query)
        text = self._texts["place"].format(where=select.conditions(), direction=" DESC" if newest_first else "")
        found = self._all(text, (*select.values, position))
        return found[0][0] if found else None

    def scan_logs(self, query: LogQuery, limit: int, most: int, after: str | None, newest_first: bool) -> LogScan:
        """Search log lines, as far as it goes in a short time."""
        cursors.check_page(limit)
        cursors.check_page(most)
        order = cursors.LOGS[newest_first]
        query = query if after is None else _beyond(query, cursors.number(after, order), newest_first)
        every = query._replace(level_at_least=None, text=None)
        end = self._place(every, most, newest_first)  # the first line that is not gone through any more
        if end is not None:
            query = _until(query, end, newest_first)
        page = self._reader.read_logs(query, limit, None, newest_first)
        lines = page.items
        if len(lines) == limit:
            last = lines[-1].number
            more = end is not None or self._place(_beyond(every, last, newest_first), 0, newest_first) is not None
            scanned = self._reader.count_logs(_until(every, last + (-1 if newest_first else 1), newest_first))
            return LogScan(lines, cursors.write(order, last) if more else None, scanned)
        if end is None:
            return LogScan(lines, None, self._reader.count_logs(every))
        stop = self._place(every, most - 1, newest_first)
        return LogScan(lines, cursors.write(order, stop), most)

    # --- processes ------------------------------------------------------------------------------

    def read_in_hand(self, processes: Sequence[ProcessInfo]) -> tuple[InHand, ...]:
        """Return what each process has in hand."""
        held = self._all(self._texts["held"])
        claimed = self._all(self._texts["claimed"])

        def in_hand(process: ProcessInfo) -> InHand:
            mine = [run for key, run, _ in held if key == process.key]
            calls = [run for owner, run in claimed if owner.endswith(f"/{process.key.hex()}")]
            return InHand(
                process,
                self._flow_runs(mine),
                self._task_runs(mine),
                self._task_runs(calls),
                frozenset(run for key, run, cancel in held if key == process.key and cancel is not None),
            )

        return tuple(in_hand(process) for process in processes)

    # --- behind the verbs -----------------------------------------------------------------------

    def _keys(self, name: str, values: dict[str, Any]) -> list[RunId]:
        return [key for (key,) in self._all(self._texts[name], values)]

    def _flow_runs(self, keys: Sequence[RunId]) -> tuple[FlowRun, ...]:
        """Return flow runs in the order of their identifiers as given; those that are gone are left out."""
        if not keys:
            return ()
        found = self._reader.read_flow_runs(FlowRunQuery(keys=tuple(keys)), limit=len(keys)).items
        return _ordered(keys, found)

    def _task_runs(self, keys: Sequence[RunId]) -> tuple[TaskRun, ...]:
        if not keys:
            return ()
        found = self._reader.read_task_runs(TaskRunQuery(keys=tuple(keys)), limit=len(keys)).items
        return _ordered(keys, found)

    def _all(self, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> list[Any]:
        return self._reader.ask(statement, values)


def list_steps(
    texts: dict[str, str], flow_run_key: RunId, keys: Sequence[RunId] | None, beyond: RunId, limit: int
) -> tuple[str, list[Bound]]:
    """Return the statement that lists task runs for a timeline, one more than asked for, and its values.

    Args:
        texts: The parts of `overview.sql` and `reading.sql`.
        flow_run_key: The flow run.
        keys: Only these of its task runs; they are looked up each.
        beyond: Only task runs with an identifier after this one.
        limit: How many are asked for.
    """
    of, chosen, values = "run.flow_run", "", list[Bound]()
    if keys is not None:
        select = Select(texts, "task_run")
        select.where_any("keys", keys)
        of, chosen, values = "+run.flow_run", select.conditions().replace(" WHERE ", " AND ", 1), select.values
    return texts["timeline"].format(of=of, chosen=chosen), [flow_run_key, beyond, *values, limit + 1]


def _step(row: Sequence[Any]) -> Step:
    key, parent, task, flow_run, name, code, state_name, started, ended, next_start, count, child, inputs = row
    upstream = () if inputs is None else dict.fromkeys(one for keys in unpack_inputs(inputs).values() for one in keys)
    return Step(
        key,
        parent,
        task,
        name or TaskRun(key, "", task, flow_run).name,
        STATE_TYPES[code],
        state_name_of(code, state_name),
        started,
        ended,
        next_start,
        count,
        child,
        tuple(upstream),
    )


def _beyond(query: LogQuery, number: int, newest_first: bool) -> LogQuery:
    """Return a query for those lines only that come after one."""
    return _from(query, number + 1) if not newest_first else _before(query, number)


def _until(query: LogQuery, number: int, newest_first: bool) -> LogQuery:
    """Return a query for those lines only that come before one, in the order of the list."""
    return _before(query, number) if not newest_first else _from(query, number + 1)


def _from(query: LogQuery, number: int) -> LogQuery:
    return query._replace(number_from=max(number, number if query.number_from is None else query.number_from))


def _before(query: LogQuery, number: int) -> LogQuery:
    return query._replace(number_before=min(number, number if query.number_before is None else query.number_before))


def _newest(keys: list[RunId], limit: int) -> list[RunId]:
    return sorted(set(keys), reverse=True)[:limit]


def _ordered(keys: Sequence[RunId], runs: Sequence[R]) -> tuple[R, ...]:
    by_key = {run.key: run for run in runs}
    return tuple(by_key[key] for key in keys if key in by_key)
