"""The store in memory, which ends with the process: the model that the other stores are held to.

It is written to be plainly right rather than fast: lists are sorted and filtered when they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import Moment
from sluiceway.model.batches import BatchId
from sluiceway.model.deferred import Claim, DeferredCall
from sluiceway.model.facts import (
    ArtifactChanged,
    ArtifactMade,
    DeferredCallEnded,
    Fact,
    FlowDescribed,
    FlowRunCreated,
    FlowRunMoved,
    FlowRunReopened,
    LogWritten,
    Receipt,
    ResultCached,
    TaskRunCreated,
    TaskRunDeferred,
    TaskRunMoved,
    TaskRunReopened,
    TaskRunSettled,
    TaskRunStaged,
    TaskRunStarted,
)
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
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.ports.store import Announcer
from sluiceway.stores import cursors
from sluiceway.stores.hands import RunsInHand
from sluiceway.stores.keepsakes import MemoryKeepsakes
from sluiceway.stores.limits import MemoryLimits
from sluiceway.stores.matching import line_matches, run_matches
from sluiceway.stores.memory_inputs import MemoryInputs
from sluiceway.stores.memory_keeping import MemoryKeeping
from sluiceway.stores.memory_overview import MemoryOverview
from sluiceway.stores.records import Call, R, Record, frozen


class MemoryStore(RunsInHand, MemoryInputs, MemoryKeepsakes, MemoryKeeping, MemoryLimits, MemoryOverview):
    """A journal in memory."""

    def __init__(self) -> None:
        RunsInHand.__init__(self)
        MemoryInputs.__init__(self)
        MemoryKeeping.__init__(self)
        MemoryKeepsakes.__init__(self)
        MemoryLimits.__init__(self)
        MemoryOverview.__init__(self)
        self._flows: dict[str, FlowInfo] = {}
        self._batches: dict[RunId, int] = {}
        """The number of the last batch of each stream."""
        self._locks: dict[str, tuple[str, Moment]] = {}
        self._cached: dict[str, CachedResult] = {}
        self._lines: list[LogLine] = []
        self._verbs: dict[type, Callable[[Any], None]] = {
            FlowDescribed: self._describe_flow,
            FlowRunCreated: self._create_flow_run,
            FlowRunMoved: self._move_flow_run,
            TaskRunCreated: self._create_task_run,
            TaskRunStarted: self._start_task_run,
            TaskRunMoved: self._move_task_run,
            FlowRunReopened: self._reopen_flow_run,
            TaskRunReopened: self._reopen_task_run,
            TaskRunStaged: self._stage,
            TaskRunSettled: self._settle,
            TaskRunDeferred: self._defer_task_run,
            DeferredCallEnded: self._end_call,
            ResultCached: self._cache,
            LogWritten: self._log,
            ArtifactMade: self._make_artifact,
            ArtifactChanged: self._change_artifact,
        }

    # --- writing ------------------------------------------------------------------------------

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None = None,
        *,
        durable: bool = False,
        receipt: Receipt | None = None,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts in their order, all or none of them.

        Args:
            facts: The facts.
            announcer: Tells which process has the runs in hand; None where nobody is to know.
            durable: Does not matter: nothing here outlives the process.
            receipt: Told that they are written, as soon as they are.
            batch: What tells these facts from all others.

        Raises:
            FencedError: The process was taken for dead.
            TypeError: Something is no fact.
        """
        for fact in facts:
            if type(fact) not in self._verbs:
                raise TypeError(f"{type(fact).__qualname__} is no fact that a journal can be told.")
        with self._turn:
            if batch is None or batch.number > self._batches.get(batch.stream, 0):
                if announcer is not None:
                    self._refuse_fenced(announcer)
                for fact in sorted(facts, key=lambda fact: type(fact) is not FlowDescribed):  # flows before their runs
                    self._verbs[type(fact)](fact)
                self._take_stock(facts, announcer)
            if batch is not None:
                self._batches[batch.stream] = max(batch.number, self._batches.get(batch.stream, 0))
            if receipt is not None:
                receipt.written = True

    def _describe_flow(self, fact: FlowDescribed) -> None:
        known = self._flows.get(fact.flow_name)
        key, created = (new_id(), fact.moment) if known is None else (known.key, known.created_moment)
        self._flows[fact.flow_name] = FlowInfo(key, fact.flow_name, created, fact.description, fact.parameters)

    def _create_flow_run(self, fact: FlowRunCreated) -> None:
        run, state = fact.run, fact.state
        flow = self._flows.setdefault(run.flow_name, FlowInfo(new_id(), run.flow_name, state.moment))
        if run.key not in self._flow_runs:
            record = self._flow_runs[run.key] = Record(run)
            record.run.flow_key = flow.key
            record.run.parameters = frozen(run.parameters)
            record.begin(state)

    def _adopt(self, run: FlowRun | TaskRun, history: tuple[StoredState, ...], result: StoredResult | None) -> None:
        first, *later = map(live_state, history)
        if isinstance(run, FlowRun):
            self._create_flow_run(FlowRunCreated(run, first))
            self._flow_runs[run.key].adopt(later, run.run_count, result)
        else:
            self._begin_task_run(run, first)
            self._task_runs[run.key].adopt(later, run.run_count, result)

    def _create_task_run(self, fact: TaskRunCreated) -> None:
        self._begin_task_run(fact.run, fact.state)

    def _start_task_run(self, fact: TaskRunStarted) -> None:
        states: list[State[Any]] = [State(StateType.PENDING), State(StateType.RUNNING)]
        states[0].moment, states[1].moment = fact.called, fact.run.start or 0
        self._begin_task_run(fact.run, *states)

    def _begin_task_run(self, run: TaskRun, *states: State[Any]) -> None:
        if run.key not in self._task_runs:
            record = self._task_runs[run.key] = Record(run)
            record.run.inputs = {name: tuple(keys) for name, keys in (run.inputs or {}).items()} or None
            record.begin(*states)

    def _move_flow_run(self, fact: FlowRunMoved) -> None:
        if (record := self._flow_runs.get(fact.run_key)) is not None:
            record.move(fact)

    def _move_task_run(self, fact: TaskRunMoved) -> None:
        record = self._task_runs.get(fact.run_key)
        if record is not None and record.move(fact) and fact.cache_key is not None:
            record.run.cache_key = fact.cache_key

    def _reopen_flow_run(self, fact: FlowRunReopened) -> None:
        if (record := self._flow_runs.get(fact.run_key)) is not None:
            record.reopen(fact.state)

    def _reopen_task_run(self, fact: TaskRunReopened) -> None:
        if (record := self._task_runs.get(fact.run_key)) is not None:
            record.reopen(fact.state)

    def _stage(self, fact: TaskRunStaged) -> None:
        self._staged.add(fact.run_key)

    def _settle(self, fact: TaskRunSettled) -> None:
        self._staged.discard(fact.run_key)

    def _defer_task_run(self, fact: TaskRunDeferred) -> None:
        self._begin_task_run(fact.run, fact.state)
        if fact.run.key not in self._calls:
            upstream = {key for key in fact.upstream if key in self._calls}
            self._calls[fact.run.key] = Call(fact.run.key, fact.run.task_key, fact.due, fact.call, upstream)

    def _end_call(self, fact: DeferredCallEnded) -> None:
        self._calls.pop(fact.run_key, None)
        self._end_waits(fact.run_key)

    def _end_waits(self, run_key: RunId) -> None:
        for call in self._calls.values():
            call.upstream.discard(run_key)

    def _cache(self, fact: ResultCached) -> None:
        known = self._cached.get(fact.entry.key)
        if known is None or known.created <= fact.entry.created:
            self._cached[fact.entry.key] = fact.entry
            if known is not None and known.result.location != fact.entry.result.location:
                self._let_go(known.result, fact.entry.created)

    def _log(self, fact: LogWritten) -> None:
        self._lines.append(
            LogLine(
                self._lines[-1].number + 1 if self._lines else 1,
                fact.flow_run_key,
                fact.task_run_key,
                fact.moment,
                fact.level,
                fact.logger,
                fact.message,
            )
        )

    # --- deferred calls -----------------------------------------------------------------------

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker, the longest due first. Nobody else gets them."""
        with self._turn:
            calls = sorted(self._calls.values(), key=lambda call: (call.due, call.run_key))
            waiting = [call for call in calls if call.owner is None and call.due <= at and not call.upstream]
            claimed = [call for call in waiting if call.task_key in task_keys][:limit]
            for call in claimed:
                call.owner, call.claimed = owner, at
            return tuple(DeferredCall(call.run_key, call.call) for call in claimed)

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again for any worker, as far as they are claimed by this one."""
        with self._turn:
            for call in (self._calls[key] for key in run_keys if key in self._calls):
                if call.owner == owner:
                    call.owner = None

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so."""
        with self._turn:
            holder, deadline = self._locks.get(key, (owner, at))
            if holder != owner and deadline > at:
                return False
            self._locks[key] = owner, until
            return True

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it."""
        with self._turn:
            holder, deadline = self._locks.get(key, (None, at))
            if holder != owner or deadline <= at:
                return False
            del self._locks[key]
            return True

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock; None where nobody does, or its time is over."""
        with self._turn:
            holder, deadline = self._locks.get(key, (None, at))
            return holder if deadline > at else None

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many deferred calls no worker has claimed, by the key of their task."""
        with self._turn:
            return dict(Counter(call.task_key for call in self._calls.values() if call.owner is None))

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call, the longest claimed first."""
        with self._turn:
            claims = [
                Claim(call.run_key, call.task_key, call.owner, call.claimed)
                for call in self._calls.values()
                if call.owner is not None
            ]
        return tuple(sorted(claims, key=lambda claim: (claim.claimed, claim.run_key)))

    # --- reading ------------------------------------------------------------------------------

    def read_flow(self, key: RunId) -> FlowInfo | None:
        """Return a flow, or None where there is no such flow."""
        with self._turn:
            return next((flow for flow in self._flows.values() if flow.key == key), None)

    def read_flows(
        self, *, names: tuple[str, ...] | None = None, limit: int = 200, after: str | None = None
    ) -> Page[FlowInfo]:
        """Return the flows by name."""
        cursors.check_page(limit)
        beyond = "" if after is None else cursors.text(after, cursors.FLOWS)
        with self._turn:
            chosen = sorted(name for name in self._flows if name > beyond and (names is None or name in names))
            flows = tuple(self._flows[name] for name in chosen[:limit])
        return Page(flows, cursors.text_cursor(flows[-1].name, cursors.FLOWS) if len(chosen) > limit else None)

    def read_flow_run(self, key: RunId) -> FlowRun | None:
        """Return a flow run with its present state, or None where there is no such run."""
        return next(iter(self._chosen(self._flow_runs, FlowRunQuery(keys=(key,)))), None)

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
        return _page(self._chosen(self._flow_runs, query or FlowRunQuery()), order, limit, after, offset)

    def count_flow_runs(self, query: FlowRunQuery | None = None) -> int:
        """Return how many flow runs there are."""
        return len(self._chosen(self._flow_runs, query or FlowRunQuery()))

    def read_task_run(self, key: RunId) -> TaskRun | None:
        """Return a task run with its present state, or None where there is no such run."""
        return next(iter(self._chosen(self._task_runs, TaskRunQuery(keys=(key,)))), None)

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
        return _page(self._chosen(self._task_runs, query or TaskRunQuery()), order, limit, after, offset)

    def count_task_runs(self, query: TaskRunQuery | None = None) -> int:
        """Return how many task runs there are."""
        return len(self._chosen(self._task_runs, query or TaskRunQuery()))

    def count_task_runs_by_state(self, flow_run_key: RunId) -> dict[tuple[str, str], int]:
        """Return how many task runs of a flow run there are by task name and state name."""
        runs = self._chosen(self._task_runs, TaskRunQuery(flow_run_keys=(flow_run_key,)))
        return dict(Counter((run.task_name, run.state_name or "") for run in runs))

    def read_history(self, run_key: RunId) -> tuple[StoredState, ...]:
        """Return the states of a flow run or task run in order; none where there is no such run."""
        with self._turn:
            record = self._record(run_key)
            return () if record is None else tuple(record.history)

    def read_result(self, run_key: RunId) -> StoredResult | None:
        """Return what is stored of the result of a flow run or task run: that of its present state."""
        with self._turn:
            record = self._record(run_key)
            return None if record is None else record.result

    def read_cached(self, key: str) -> CachedResult | None:
        """Return the newest result that was cached under a key, expired or not."""
        with self._turn:
            return self._cached.get(key)

    def read_logs(
        self,
        query: LogQuery | None = None,
        *,
        limit: int = 200,
        after: str | None = None,
        newest_first: bool = False,
    ) -> Page[LogLine]:
        """Return log lines in the order they were written."""
        cursors.check_page(limit)
        order = cursors.LOGS[newest_first]
        lines = self._chosen_lines(query or LogQuery())
        if newest_first:
            lines.reverse()
        if after is not None:
            last = cursors.number(after, order)
            lines = [line for line in lines if (line.number < last if newest_first else line.number > last)]
        page = tuple(lines[:limit])
        return Page(page, cursors.write(order, page[-1].number) if len(lines) > limit else None)

    def count_logs(self, query: LogQuery | None = None) -> int:
        """Return how many log lines there are."""
        return len(self._chosen_lines(query or LogQuery()))

    def check(self) -> list[str]:
        """Return what is wrong with the store: nothing, ever."""
        return []

    def describe(self) -> dict[str, Any]:
        """Return facts for a person: `location`, `schema_version`, `rows` by table, `bytes`."""
        with self._turn:
            rows = {
                "flows": len(self._flows),
                "flow_runs": len(self._flow_runs),
                "task_runs": len(self._task_runs),
                "cached_results": len(self._cached),
                "log_lines": len(self._lines),
                "artifacts": len(self._artifacts),
            }
        return {"location": "memory:", "schema_version": 0, "rows": rows, "bytes": 0}

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _record(self, key: RunId) -> Record[TaskRun] | Record[FlowRun] | None:
        return self._task_runs.get(key) or self._flow_runs.get(key)

    def _chosen(self, records: dict[RunId, Record[R]], query: FlowRunQuery | TaskRunQuery) -> list[R]:
        with self._turn:
            keys: Iterable[RunId] = records if query.keys is None else dict.fromkeys(query.keys)
            found = (records[key] for key in keys if key in records)
            return [record.copy() for record in found if run_matches(record.run, query)]

    def _chosen_lines(self, query: LogQuery) -> list[LogLine]:
        with self._turn:
            return [line for line in self._lines if line_matches(line, query)]


def _page(runs: list[R], order: RunOrder | None, limit: int, after: str | None, offset: int) -> Page[R]:
    order = order or RunOrder.NEWEST_FIRST
    cursors.check_page(limit, offset)
    latest_first = order in cursors.DESCENDING
    runs.sort(key=lambda run: cursors.place_of(run, order), reverse=latest_first)
    if after is not None:
        last = cursors.run_place(after, order)
        places = ((cursors.place_of(run, order), run) for run in runs)
        runs = [run for place, run in places if (place < last if latest_first else place > last)]
    page = tuple(runs[offset : offset + limit])
    more = len(runs) > offset + limit
    return Page(page, cursors.run_cursor(page[-1], order) if more else None)
