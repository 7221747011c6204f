"""Reading: the verbs that ask the journal. Nothing is remembered between two of them."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.base.names import run_name
from sluiceway.model.queries import (
    FlowRunQuery,
    LogLine,
    LogQuery,
    Page,
    RunOrder,
    StoredState,
    TaskRunQuery,
)
from sluiceway.model.restoring import live_state
from sluiceway.model.results import NOTHING, CachedResult, StoredResult
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import DEFAULT_NAMES, STATE_TYPES
from sluiceway.stores import cursors
from sluiceway.stores.rows import from_json, to_json
from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.migrating import schema_version
from sluiceway.stores.sqlite.packing import unpack_inputs, unpack_states
from sluiceway.stores.sqlite.pool import ReadingPool
from sluiceway.stores.sqlite.selecting import Bound, Select, list_logs, list_runs, select_logs, select_runs
from sluiceway.stores.sqlite.statements import encodable, load


class Reader:
    """Asks the journal. The verbs are those of the port.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._path = database.path
        self._pool = ReadingPool(database, teach)
        self._texts = load("reading.sql")

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    # --- flows --------------------------------------------------------------------------------

    def read_flow(self, key: RunId) -> FlowInfo | None:
        """Return a flow, or None."""
        found = self.ask(self._texts["flow"], (key,))
        return FlowInfo(*found[0]) if found else None

    def read_flows(self, names: tuple[str, ...] | None, limit: int, after: str | None) -> Page[FlowInfo]:
        """Return the flows by name."""
        cursors.check_page(limit)
        beyond = "" if after is None else cursors.text(after, cursors.FLOWS)
        if names is None:
            found = self.ask(self._texts["flows"], (beyond, limit + 1))
        else:
            chosen = to_json([encodable(name) for name in names])
            found = self.ask(self._texts["flows_of_names"], (beyond, chosen, limit + 1))
        flows = tuple(FlowInfo(*row) for row in found[:limit])
        return Page(flows, cursors.text_cursor(flows[-1].name, cursors.FLOWS) if len(found) > limit else None)

    # --- runs ---------------------------------------------------------------------------------

    def read_flow_run(self, key: RunId) -> FlowRun | None:
        """Return a flow run, or None."""
        return next(iter(self.read_flow_runs(FlowRunQuery(keys=(key,))).items), None)

    def read_flow_runs(
        self,
        query: FlowRunQuery | None,
        order: RunOrder | None = None,
        limit: int = 1,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[FlowRun]:
        """Return flow runs."""
        query, order = query or FlowRunQuery(), order or RunOrder.NEWEST_FIRST
        found = self.ask(*list_runs(self._texts, query, order, limit, after, offset))
        return _run_page([_flow_run(row) for row in found[:limit]], len(found) > limit, order)

    def read_task_run(self, key: RunId) -> TaskRun | None:
        """Return a task run, or None."""
        return next(iter(self.read_task_runs(TaskRunQuery(keys=(key,))).items), None)

    def read_task_runs(
        self,
        query: TaskRunQuery | None,
        order: RunOrder | None = None,
        limit: int = 1,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[TaskRun]:
        """Return task runs."""
        query, order = query or TaskRunQuery(), order or RunOrder.NEWEST_FIRST
        found = self.ask(*list_runs(self._texts, query, order, limit, after, offset))
        return _run_page([_task_run(row) for row in found[:limit]], len(found) > limit, order)

    def count_flow_runs(self, query: FlowRunQuery | None) -> int:
        """Return how many flow runs there are."""
        return self._count(select_runs(self._texts, query or FlowRunQuery(), by_age=True))

    def count_task_runs(self, query: TaskRunQuery | None) -> int:
        """Return how many task runs there are."""
        return self._count(select_runs(self._texts, query or TaskRunQuery(), by_age=True))

    def _count(self, select: Select) -> int:
        return int(self.ask(select.count(), select.values)[0][0])

    def count_task_runs_by_state(self, flow_run_key: RunId) -> dict[tuple[str, str], int]:
        """Return how many task runs of a flow run there are by task name and state name."""
        counts: Counter[tuple[str, str]] = Counter()
        for task, code, state_name, count in self.ask(self._texts["task_runs_by_state"], (flow_run_key,)):
            counts[task, state_name_of(code, state_name)] += count
        return dict(counts)

    # --- what a run left behind ---------------------------------------------------------------

    def read_history(self, run_key: RunId) -> tuple[StoredState, ...]:
        """Return the states of a run in order."""
        found = self.ask(self._texts["history"], (run_key, run_key))
        return stored_states(found[0][0]) if found else ()

    def read_result(self, run_key: RunId) -> StoredResult | None:
        """Return what is stored of the result of a run, or None."""
        found = self.ask(self._texts["result"], (run_key, run_key))
        return _result(*found[0]) if found else None

    def read_cached(self, key: str) -> CachedResult | None:
        """Return the newest result that was cached under a key, or None."""
        for created, expires, *columns in self.ask(self._texts["cached"], (encodable(key),)):
            result = _result(*columns)
            return None if result is None else CachedResult(key, result, created, expires)
        return None

    def read_logs(self, query: LogQuery | None, limit: int, after: str | None, newest_first: bool) -> Page[LogLine]:
        """Return log lines."""
        found = self.ask(*list_logs(self._texts, query or LogQuery(), limit, after, newest_first))
        lines = tuple(LogLine(*row) for row in found[:limit])
        more = len(found) > limit
        return Page(lines, cursors.write(cursors.LOGS[newest_first], lines[-1].number) if more else None)

    def count_logs(self, query: LogQuery | None) -> int:
        """Return how many log lines there are."""
        return self._count(select_logs(self._texts, query or LogQuery()))

    # --- the database itself ------------------------------------------------------------------

    def check(self) -> list[str]:
        """Return what is wrong with the database, a sentence each."""
        try:
            damage = self.ask("PRAGMA integrity_check")
            dangling = self.ask(self._texts["dangling"])
        except StoreError as error:
            return [str(error)]
        return [
            *(f"The run database {self._path} is damaged: {line}." for (line,) in damage if line != "ok"),
            *(
                f"In the run database {self._path}, {count} rows of {table} name a missing {parent}."
                for table, parent, count in dangling
            ),
        ]

    def describe(self) -> dict[str, Any]:
        """Return facts about the database for a person."""
        with self._pool.lend() as connection:
            sizes = connection.execute(self._texts["sizes"])
            rows = dict(zip((column[0] for column in sizes.description), sizes.fetchone(), strict=True))
            version = schema_version(connection, self._path)
        files = [self._path + suffix for suffix in ("", "-wal", "-shm")]
        return {
            "location": self._path,
            "schema_version": version,
            "rows": rows,
            "bytes": sum(os.path.getsize(file) for file in files if os.path.exists(file)),
        }

    def ask(self, statement: str, values: Sequence[Bound] | dict[str, Any] = ()) -> list[Any]:
        """Return what comes of a statement.

        Args:
            statement: The statement.
            values: The values of its placeholders.

        Raises:
            StoreError: The database cannot be used.
        """
        with self._pool.lend() as connection:
            return connection.execute(statement, values).fetchall()


def teach(connection: sqlite3.Connection) -> None:
    """Teach a connection the function that `reading.sql` orders task runs by name with.

    Args:
        connection: A connection that reads.
    """
    connection.create_function("task_run_name", 4, _task_run_name, deterministic=True)


def _task_run_name(key: RunId, flow_run_key: RunId | None, task_name: str, name: str | None) -> str:
    return TaskRun(key, "", task_name, flow_run_key, name).name


def _run_page(runs: list[Any], more: bool, order: RunOrder) -> Page[Any]:
    return Page(tuple(runs), cursors.run_cursor(runs[-1], order) if more else None)


def _flow_run(row: Sequence[Any]) -> FlowRun:
    key, flow_name, flow_key, version, name, tags, parameters = row[:7]
    run = FlowRun(
        key,
        flow_name,
        version,
        None if name == run_name(key) else name,
        None if parameters is None else from_json(parameters),
        _tags(tags),
    )
    run.flow_key = flow_key
    run.parent_key, run.parent_task_run_key, root_key = row[7:10]
    run.root_key = root_key or key
    run.run_count, run.start, run.end, run.next_start, run.expected_start, history = row[10:16]
    run.epoch, run.entrypoint, auto_resume, run.started_by = row[16:]
    run.auto_resume = auto_resume or 0
    run.state = live_state(stored_states(history)[-1])
    return run


def _task_run(row: Sequence[Any]) -> TaskRun:
    key, task_key, task_name, flow_run_key, name, tags = row[:6]
    run = TaskRun(key, task_key, task_name, flow_run_key, name, _tags(tags))
    run.parent_key, run.child_flow_run_key, run.call_hash, run.ordinal = row[6:10]
    run.call_preview, run.cache_key, inputs = row[10:13]
    run.inputs = None if inputs is None else unpack_inputs(inputs)
    run.run_count, run.start, run.end, run.next_start, history = row[13:]
    run.state = live_state(stored_states(history)[-1])
    return run


def _tags(text: str | None) -> frozenset[str]:
    return frozenset() if text is None else frozenset(from_json(text))


def stored_states(packed: bytes) -> tuple[StoredState, ...]:
    """Return the states of a packed history in order.

    Args:
        packed: The packed history.
    """
    return tuple(
        StoredState(STATE_TYPES[code], state_name_of(code, name), moment, message, details)
        for code, name, moment, message, details in unpack_states(packed)
    )


def state_name_of(code: int, name: str | None) -> str:
    """Return the name of a state.

    Args:
        code: The code of its type.
        name: Its name, where that is not the one of the type.
    """
    return name or DEFAULT_NAMES[STATE_TYPES[code]]


def _result(
    serializer: str | None,
    blob: bytes | None,
    location: str | None,
    size: int | None,
    preview: str | None,
    why_not: str | None,
) -> StoredResult | None:
    """Return the result that the columns tell of, or None where they tell of none."""
    if serializer == NOTHING.serializer:
        return NOTHING
    if blob is None and location is None and why_not is None:
        return None
    size = len(blob) if blob is not None else size or 0
    return StoredResult(serializer or "pickle", blob, location, size, preview, why_not)
