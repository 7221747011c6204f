"""The store in one SQLite file: which verbs it has, and who does them."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sluiceway.stores.sqlite.connection import Database
from sluiceway.stores.sqlite.writing import Writer

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.deferred import Claim, DeferredCall
    from sluiceway.model.facts import Fact
    from sluiceway.model.queries import (
        FlowRunQuery,
        LogLine,
        LogQuery,
        Page,
        RunOrder,
        StoredState,
        TaskRunQuery,
    )
    from sluiceway.model.results import CachedResult, StoredResult
    from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
    from sluiceway.stores.sqlite.claiming import Claimer
    from sluiceway.stores.sqlite.reading import Reader


class SqliteStore:
    """A journal in one SQLite file, which is made when it is first used.

    Any number of threads and processes may use the file at once; a process that was forked opens it anew.

    Args:
        path: The file. Its folder is made too where it is missing.
        strict: Whether what was written survives a loss of power, rather than only the end of the process.

    Raises:
        ValueError: The path names no file.
    """

    def __init__(self, path: str, *, strict: bool = False) -> None:
        if path in ("", ":memory:"):
            raise ValueError(f"The path {path!r} names no file; a journal in memory is a MemoryStore.")
        self._path = os.path.abspath(path)
        self._strict = strict
        self._held = {os.getpid(): _Held(self._path, strict)}
        """What is held, by process: this one, and those that it was forked from."""

    @property
    def schema_version(self) -> int:
        """The number of the last migration that the database has seen."""
        return int(self.describe()["schema_version"])

    def upgrade(self) -> int:
        """Bring the database to the present schema, as its first use does too; return the schema's number."""
        return self.schema_version

    def write(self, facts: Sequence[Fact]) -> None:
        """Write facts in their order, all or none of them, durably.

        Args:
            facts: The facts.

        Raises:
            StoreError: The database cannot be used; the message names the file and the remedy.
            TypeError: Something is no fact.
            ValueError: A fact has a value that the database cannot take.
        """
        self._present().writer.write(facts)

    def close(self) -> None:
        """Release everything that is held. Closing twice is harmless."""
        held = self._present()
        held.database.close()
        held.writer.close()
        if held.reader is not None:
            held.reader.close()
        if held.claimer is not None:
            held.claimer.close()

    def _present(self) -> _Held:
        """Return what this process holds."""
        pid = os.getpid()
        held = self._held.get(pid)
        if held is not None:
            return held
        _inherited.extend(of_parent for other, of_parent in list(self._held.items()) if other != pid)
        return self._held.setdefault(pid, _Held(self._path, self._strict))  # the first of several threads counts

    def _reader(self) -> Reader:
        held = self._present()
        if held.reader is not None:
            return held.reader
        from sluiceway.stores.sqlite.reading import Reader  # lazy: running flows reads nothing

        with held.turn:
            if held.reader is None:
                held.reader = Reader(held.database)
            return held.reader

    def _claimer(self) -> Claimer:
        held = self._present()
        if held.claimer is not None:
            return held.claimer
        from sluiceway.stores.sqlite.claiming import Claimer  # lazy: only workers and locks claim

        with held.turn:
            if held.claimer is None:
                held.claimer = Claimer(held.database, self._strict)
            return held.claimer

    # --- deferred calls, as the port describes them -------------------------------------------------

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker, the longest due first. Nobody else gets them."""
        return self._claimer().claim_calls(owner, task_keys, limit, at)

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again for any worker, as far as they are claimed by this one."""
        self._claimer().release_calls(owner, run_keys)

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many deferred calls no worker has claimed, by the key of their task."""
        return self._claimer().count_waiting_calls()

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call, the longest claimed first."""
        return self._claimer().read_claims()

    # --- locks, as the port describes them ------------------------------------------------------------

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so."""
        return self._claimer().claim_lock(key, owner, until, at)

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it."""
        return self._claimer().release_lock(key, owner, at)

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock; None where nobody does, or its time is over."""
        return self._claimer().read_lock_owner(key, at)

    # --- the verbs that read, as the port describes them --------------------------------------------

    def read_flow(self, key: RunId) -> FlowInfo | None:
        """Return a flow, or None where there is no such flow."""
        return self._reader().read_flow(key)

    def read_flows(
        self, *, names: tuple[str, ...] | None = None, limit: int = 200, after: str | None = None
    ) -> Page[FlowInfo]:
        """Return the flows by name."""
        return self._reader().read_flows(names, limit, after)

    def read_flow_run(self, key: RunId) -> FlowRun | None:
        """Return a flow run with its present state, or None where there is no such run."""
        return self._reader().read_flow_run(key)

    def read_flow_runs(
        self,
        query: FlowRunQuery | None = None,
        *,
        order: RunOrder | None = None,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[FlowRun]:
        """Return flow runs with their present states, the newest first unless another order is given."""
        return self._reader().read_flow_runs(query, order, limit, after, offset)

    def count_flow_runs(self, query: FlowRunQuery | None = None) -> int:
        """Return how many flow runs there are."""
        return self._reader().count_flow_runs(query)

    def read_task_run(self, key: RunId) -> TaskRun | None:
        """Return a task run with its present state, or None where there is no such run."""
        return self._reader().read_task_run(key)

    def read_task_runs(
        self,
        query: TaskRunQuery | None = None,
        *,
        order: RunOrder | None = None,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[TaskRun]:
        """Return task runs with their present states, the newest first unless another order is given."""
        return self._reader().read_task_runs(query, order, limit, after, offset)

    def count_task_runs(self, query: TaskRunQuery | None = None) -> int:
        """Return how many task runs there are."""
        return self._reader().count_task_runs(query)

    def count_task_runs_by_state(self, flow_run_key: RunId) -> dict[tuple[str, str], int]:
        """Return how many task runs of a flow run there are by task name and state name."""
        return self._reader().count_task_runs_by_state(flow_run_key)

    def read_history(self, run_key: RunId) -> tuple[StoredState, ...]:
        """Return the states of a flow run or task run in order; none where there is no such run."""
        return self._reader().read_history(run_key)

    def read_result(self, run_key: RunId) -> StoredResult | None:
        """Return what is stored of the result of a flow run or task run: that of its present state."""
        return self._reader().read_result(run_key)

    def read_cached(self, key: str) -> CachedResult | None:
        """Return the newest result that was cached under a key, expired or not."""
        return self._reader().read_cached(key)

    def read_logs(
        self,
        query: LogQuery | None = None,
        *,
        limit: int = 200,
        after: str | None = None,
        newest_first: bool = False,
    ) -> Page[LogLine]:
        """Return log lines in the order they were written."""
        return self._reader().read_logs(query, limit, after, newest_first)

    def count_logs(self, query: LogQuery | None = None) -> int:
        """Return how many log lines there are."""
        return self._reader().count_logs(query)

    def check(self) -> list[str]:
        """Return what is wrong with the database, a sentence each; nothing where it is sound."""
        return self._reader().check()

    def describe(self) -> dict[str, Any]:
        """Return facts for a person: `location`, `schema_version`, `rows` by table, `bytes`."""
        return self._reader().describe()


class _Held:
    """What one process holds of a store."""

    __slots__ = ("claimer", "database", "reader", "turn", "writer")

    def __init__(self, path: str, strict: bool) -> None:
        self.database = Database(path)
        self.writer = Writer(self.database, strict)
        self.reader: Reader | None = None
        self.claimer: Claimer | None = None
        self.turn = threading.Lock()
        """Held by the thread that makes reader or claimer, of which there is to be one each."""


_inherited: list[_Held] = []
"""What a parent of this process holds. It is kept for good, since closing it would meddle with the parent's
locks (www.sqlite.org/howtocorrupt.html, section 2.6)."""
