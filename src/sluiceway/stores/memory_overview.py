"""The store in memory, as far as a person looks at it: plainly right rather than fast."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median_low
from typing import Any

from sluiceway.base.ids import RunId, new_id
from sluiceway.base.times import Moment
from sluiceway.model.keepsakes import Artifact, Variable
from sluiceway.model.overview import (
    MOST_SCANNED,
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
    Topic,
)
from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery, Page, StoredState, TaskRunQuery
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import CANCELLING, COMPLETED, CRASHED, FAILED, PENDING, RUNNING, SCHEDULED, StateType
from sluiceway.rules.searching import ERROR, WARNING, as_key_prefix
from sluiceway.stores import cursors
from sluiceway.stores.matching import contains, line_matches
from sluiceway.stores.rows import created

_OF_RUNS = frozenset({"_flow_runs", "_task_runs", "_calls", "_in_hand", "_staged", "_pauses", "_imported"})
"""What of a store is about runs."""

_OF_NOTHING = frozenset({"_lines", "_turn", "_verbs", "_pulses", "_source"})
"""What of a store is about lines, or about nothing."""


class MemoryOverview:
    """What a journal in memory shows of many runs at once. The verbs are those of the port."""

    _turn: threading.Lock
    _artifacts: dict[RunId, Artifact]
    _variables: dict[str, Variable]
    _flows: dict[str, FlowInfo]
    _flow_runs: dict[RunId, Any]
    _task_runs: dict[RunId, Any]
    _calls: dict[RunId, Any]
    _processes: dict[RunId, Any]
    _in_hand: dict[RunId, Any]
    _staged: set[RunId]
    _pauses: dict[Any, Any]
    _imported: dict[RunId, Moment]
    _lines: list[LogLine]

    def __init__(self) -> None:
        self._source = new_id().hex()[-12:]
        self._pulses: dict[Topic, tuple[int, object]] = {}
        """By topic, how many times it was found changed, and how it was found."""

    @abstractmethod
    def _chosen(self, records: dict[RunId, Any], query: Any) -> list[Any]:
        """Return copies of the runs that are asked for."""

    # --- the pulse ------------------------------------------------------------------------------

    def read_pulse(self) -> Pulse:
        """Return what is another one whenever anything has changed."""
        with self._turn:
            for topic, found in self._fingerprints().items():
                count, before = self._pulses.get(topic, (0, None))
                if found != before:
                    self._pulses[topic] = count + 1, found
            counts = [self._pulses[topic][0] for topic in Topic]
        return Pulse(self._source, sum(counts), tuple(map(str, counts)))

    def _fingerprints(self) -> dict[Topic, object]:
        """Return what is another value, by topic, after each change of it."""
        records = [*self._flow_runs.values(), *self._task_runs.values()]
        runs = [(record.run.key, record.run.name, len(record.history)) for record in records]
        held = [(key, hand.process, hand.cancel) for key, hand in self._in_hand.items()]
        calls = [(call.run_key, call.owner, len(call.upstream)) for call in self._calls.values()]
        others = {name: value for name, value in vars(self).items() if name not in _OF_RUNS | _OF_NOTHING}
        return {
            Topic.RUNS: (runs, held, calls, repr((self._staged, self._pauses, self._imported))),
            Topic.LOGS: [self._lines[0].number, self._lines[-1].number, len(self._lines)] if self._lines else [],
            Topic.OTHERS: repr(others),
        }

    # --- counts and strips ----------------------------------------------------------------------

    def read_flow_run_history(
        self, query: FlowRunQuery, start: Moment, width: Moment, count: int
    ) -> tuple[Bucket, ...]:
        """Return how many flow runs were created in each of several spans of time, by present state."""
        cursors.check_buckets(width, count)
        counts: list[Counter[StateType]] = [Counter() for _ in range(count)]
        for run in self._chosen(self._flow_runs, query):
            number = (created(run.key) - start) // width
            if 0 <= number < count:
                counts[number][run.state_type] += 1
        return tuple(Bucket(start + number * width, dict(found)) for number, found in enumerate(counts))

    def count_flow_runs_by_state(self, query: FlowRunQuery | None = None) -> dict[tuple[StateType, str], int]:
        """Return how many flow runs there are by type and name of their states."""
        runs = self._chosen(self._flow_runs, query or FlowRunQuery())
        return dict(Counter((run.state_type, run.state_name) for run in runs))

    def read_attention(self, since: Moment, at: Moment, *, limit: int = 20) -> Attention:
        """Return what a person should know of now."""
        cursors.check_page(limit)
        roots: list[FlowRun] = self._chosen(self._flow_runs, FlowRunQuery(roots_only=True))
        with self._turn:
            held = set(self._in_hand)
        failed = [run for run in roots if run.state_type in (FAILED, CRASHED) and (run.end or 0) >= since]
        running = [run for run in roots if run.state_type is RUNNING and run.key in held]
        late = [run for run in roots if run.state_type is SCHEDULED and (_due(run) or at) < at]
        at_work = (PENDING, RUNNING, CANCELLING)
        stuck = [run for run in roots if run.state_type in at_work and run.key not in held]
        failed.sort(key=lambda run: (run.end, run.key), reverse=True)
        running.sort(key=lambda run: (run.start, run.key))
        late.sort(key=lambda run: (_due(run), run.key))
        stuck.sort(key=lambda run: run.key)
        kinds = (failed, running, late, stuck)
        return Attention(*(tuple(runs[:limit]) for runs in kinds), *map(len, kinds))  # type: ignore[arg-type]  # four and four

    def read_flow_summaries(
        self, names: Sequence[str], since: Moment, until: Moment, *, last: int = 30
    ) -> tuple[FlowSummary, ...]:
        """Return how the runs of flows went, in the order of the names."""
        with self._turn:
            flows = [self._flows[name] for name in dict.fromkeys(names) if name in self._flows]
        return tuple(self._summary(flow, since, until, last) for flow in flows)

    def _summary(self, flow: FlowInfo, since: Moment, until: Moment, last: int) -> FlowSummary:
        runs: list[FlowRun] = self._chosen(self._flow_runs, FlowRunQuery(flow_names=(flow.name,)))
        runs.sort(key=lambda run: run.key, reverse=True)
        counted = [run for run in runs if since <= created(run.key) < until]
        times = [
            max(0, run.end - run.start)
            for run in counted
            if run.state_type is COMPLETED and run.start is not None and run.end is not None
        ]
        return FlowSummary(
            flow,
            dict(Counter(run.state_type for run in counted if run.state_type is not None)),
            sum(times) // len(times) if times else None,
            median_low(times) if times else None,
            tuple(
                RunMark(run.key, run.state_type or PENDING, run.state_name or "", run.start, run.end)
                for run in runs[:last]
            ),
        )

    # --- the steps of a run ---------------------------------------------------------------------

    def read_timeline(
        self,
        flow_run_key: RunId,
        *,
        keys: Sequence[RunId] | None = None,
        limit: int = 10_000,
        after: str | None = None,
    ) -> Page[Step]:
        """Return the task runs of a flow run as bars, the oldest first."""
        beyond = cursors.timeline_place(after, limit)
        query = TaskRunQuery(flow_run_keys=(flow_run_key,), keys=None if keys is None else tuple(keys))
        runs: list[TaskRun] = [run for run in self._chosen(self._task_runs, query) if run.key > beyond]
        runs.sort(key=lambda run: run.key)
        steps = tuple(_step(run) for run in runs[:limit])
        more = len(runs) > limit
        return Page(steps, cursors.write(cursors.TIMELINE, steps[-1].key.hex()) if more else None)

    def read_histories(self, run_keys: Sequence[RunId]) -> dict[RunId, tuple[StoredState, ...]]:
        """Return the states of flow runs and task runs in order, by run."""
        with self._turn:
            records = {key: self._task_runs.get(key) or self._flow_runs.get(key) for key in run_keys}
            return {key: tuple(record.history) for key, record in records.items() if record is not None}

    # --- searching ------------------------------------------------------------------------------

    def search(self, text: str, *, limit: int = 8) -> Found:
        """Return what goes by a text."""
        cursors.check_page(limit)
        if not text.strip():
            return NOTHING_FOUND
        text, prefix = text.strip(), as_key_prefix(text)

        def goes_by_it(run: FlowRun | TaskRun, name: str | None) -> bool:
            return (prefix is not None and run.key.hex().startswith(prefix)) or (name or "").startswith(text)

        flow_runs = [run for run in self._newest(self._flow_runs, FlowRunQuery()) if goes_by_it(run, run.name)]
        task_runs = [run for run in self._newest(self._task_runs, TaskRunQuery()) if goes_by_it(run, run.given_name)]
        with self._turn:
            flows = [self._flows[name] for name in sorted(self._flows) if contains(name, text)]
            names = sorted({record.run.task_name for record in self._task_runs.values()})
            tags = {tag for record in self._flow_runs.values() for tag in record.run.tags}
            artifact_keys = {artifact.key for artifact in self._artifacts.values() if artifact.key is not None}
            variables = set(self._variables)

        def begin_so(known: set[str]) -> tuple[str, ...]:
            return tuple(sorted(name for name in known if name.startswith(text)))[:limit]

        return Found(
            tuple(flow_runs[:limit]),
            tuple(task_runs[:limit]),
            tuple(flows[:limit]),
            tuple(name for name in names if contains(name, text))[:limit],
            begin_so(tags),
            begin_so(artifact_keys),
            begin_so(variables),
        )

    def _newest(self, records: dict[RunId, Any], query: Any) -> list[Any]:
        return sorted(self._chosen(records, query), key=lambda run: run.key, reverse=True)

    # --- log lines ------------------------------------------------------------------------------

    def outline_logs(self, query: LogQuery | None = None) -> LogOutline:
        """Return how many log lines there are, and where it becomes serious."""
        lines = self._matching(query)
        numbers = [line.number for line in lines]
        warnings = [line.number for line in lines if line.level >= WARNING]
        errors = [line.number for line in lines if line.level >= ERROR]
        return LogOutline(
            len(numbers),
            _first(numbers),
            numbers[-1] if numbers else None,
            _first(warnings),
            _first(errors),
            len(warnings),
            len(errors),
        )

    def find_log(self, query: LogQuery, position: int) -> int | None:
        """Return the number of the log line at a position; None beyond the last."""
        cursors.check_page(1, position)
        return _first([line.number for line in self._matching(query)][position:])

    def scan_logs(
        self,
        query: LogQuery,
        *,
        limit: int = 200,
        most: int = MOST_SCANNED,
        after: str | None = None,
        newest_first: bool = False,
    ) -> LogScan:
        """Search log lines, as far as it goes in a short time."""
        cursors.check_page(limit)
        cursors.check_page(most)
        order = cursors.LOGS[newest_first]
        lines = self._matching(query._replace(level_at_least=None, text=None))
        if newest_first:
            lines.reverse()
        if after is not None:
            last = cursors.number(after, order)
            lines = [line for line in lines if (line.number < last if newest_first else line.number > last)]
        found: list[LogLine] = []
        scanned = 0
        for line in lines[:most]:
            scanned += 1
            if line_matches(line, query):
                found.append(line)
                if len(found) == limit:
                    break
        more = scanned < len(lines)
        return LogScan(tuple(found), cursors.write(order, lines[scanned - 1].number) if more else None, scanned)

    def _matching(self, query: LogQuery | None) -> list[LogLine]:
        with self._turn:
            return [line for line in self._lines if line_matches(line, query or LogQuery())]

    # --- processes ------------------------------------------------------------------------------

    def read_in_hand(self) -> tuple[InHand, ...]:
        """Return the processes on the list, and what each has in hand."""
        with self._turn:
            processes = [self._processes[key] for key in sorted(self._processes)]
            held = {key: (hand.process, hand.cancel) for key, hand in self._in_hand.items()}
            owners = {key: call.owner for key, call in self._calls.items() if call.owner is not None}

        def runs_of(records: dict[RunId, Any], is_of_it: Callable[[RunId], bool], query: type[Any]) -> tuple[Any, ...]:
            keys = tuple(sorted(key for key in records if is_of_it(key)))
            return tuple(sorted(self._chosen(records, query(keys=keys)), key=lambda run: run.key))

        def in_hand(key: RunId) -> InHand:
            mine = {run for run, (process, _) in held.items() if process == key}
            claimed = {run for run, owner in owners.items() if owner.endswith(f"/{key.hex()}")}
            return InHand(
                self._processes[key],
                runs_of(self._flow_runs, mine.__contains__, FlowRunQuery),
                runs_of(self._task_runs, mine.__contains__, TaskRunQuery),
                runs_of(self._task_runs, claimed.__contains__, TaskRunQuery),
                frozenset(run for run in mine if held[run][1] is not None),
            )

        return tuple(in_hand(process.key) for process in processes)


def _step(run: TaskRun) -> Step:
    upstream = dict.fromkeys(key for keys in (run.inputs or {}).values() for key in keys)
    return Step(
        run.key,
        run.parent_key,
        run.task_name,
        run.name,
        run.state_type or PENDING,
        run.state_name or "",
        run.start,
        run.end,
        run.next_start,
        run.run_count,
        run.child_flow_run_key,
        tuple(upstream),
    )


def _due(run: FlowRun) -> Moment | None:
    return run.expected_start if run.next_start is None else run.next_start


def _first(numbers: list[int]) -> int | None:
    return numbers[0] if numbers else None
