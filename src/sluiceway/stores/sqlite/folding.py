"""Folding: from the facts of a batch to few rows, one for each run that the batch tells of.

Rows lie flat, the values of one after those of another, as they are bound to statements.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
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
    ResultCached,
    TaskRunCreated,
    TaskRunDeferred,
    TaskRunMoved,
    TaskRunReopened,
    TaskRunSettled,
    TaskRunStaged,
    TaskRunStarted,
)
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.states import COMPLETED, FINAL_TYPES, State, StateType
from sluiceway.stores.rows import PENDING, RUNNING, SCHEDULED, is_out_of_hand, next_start, to_json
from sluiceway.stores.sqlite.binding import (
    NOTHING_COLUMNS,
    NULL,
    PICKLE,
    Value,
    blob_of,
    call_columns,
    result_columns,
    value_of,
)
from sluiceway.stores.sqlite.packing import pack_completed, pack_inputs, pack_states

if TYPE_CHECKING:
    from sluiceway.model.runs import FlowRun, TaskRun


class Numbers:
    """The numbers by which rows refer to flows, tasks and loggers."""

    __slots__ = ("flows", "loggers", "tasks")

    def __init__(self) -> None:
        self.flows: dict[str, int] = {}
        """By name."""
        self.tasks: dict[tuple[str, str], int] = {}
        """By name and key."""
        self.loggers: dict[str, int] = {}
        """By name."""

    def forget(self) -> None:
        """Forget them all; they are looked up again."""
        self.flows.clear()
        self.tasks.clear()
        self.loggers.clear()


class Batch:
    """What a batch of facts comes to.

    Args:
        numbers: The numbers that are known.
    """

    __slots__ = ("begun", "begun_tasks", "new_flows", "new_loggers", "new_tasks", "numbers", "over", "rows")

    def __init__(self, numbers: Numbers) -> None:
        self.numbers: Numbers = numbers
        self.rows: defaultdict[str, list[Value]] = defaultdict(list)
        """By the name of the statement that writes them."""
        self.new_flows: dict[str, Moment] = {}
        """Flows without a number, and when they were first seen."""
        self.new_tasks: set[tuple[str, str]] = set()
        self.new_loggers: set[str] = set()
        self.begun: list[RunId] = []
        """Flow runs that no other run has called, and that have not ended: they are in the hands of this process."""
        self.begun_tasks: list[RunId] = []
        """The same of task runs."""
        self.over: list[RunId] = []
        """The same of flow runs that have ended within the batch: a process may have taken one before it began."""

    @property
    def complete(self) -> bool:
        """Whether all numbers were known, so that the rows can be written."""
        return not (self.new_flows or self.new_tasks or self.new_loggers)


REOPENING = (FlowRunReopened, TaskRunReopened)


def fold(facts: Sequence[Fact], numbers: Numbers) -> list[Batch]:
    """Return what facts come to: one batch, or several that follow each other where runs are reopened.

    Args:
        facts: The facts in the order they were recorded.
        numbers: The numbers that are known; where others are needed, a batch is not complete.

    Raises:
        TypeError: Something is no fact.
    """
    kinds: defaultdict[type, list[Any]] = defaultdict(list)
    for fact in facts:
        kinds[type(fact)].append(fact)
    if kinds.keys().isdisjoint(REOPENING):
        return [_fold(kinds, numbers)]
    return [_fold(part, numbers) for part in _lives(facts)]


def _lives(facts: Sequence[Fact]) -> Iterator[defaultdict[type, list[Any]]]:
    """Yield facts by kind in parts, of which each begins with the runs that are reopened in it, if any."""
    kinds: defaultdict[type, list[Any]] = defaultdict(list)
    for fact in facts:
        if type(fact) in REOPENING and not kinds.keys() <= set(REOPENING):
            yield kinds
            kinds = defaultdict(list)
        kinds[type(fact)].append(fact)
    yield kinds


def _fold(kinds: defaultdict[type, list[Any]], numbers: Numbers) -> Batch:
    batch = Batch(numbers)
    for kind in REOPENING:
        if kind in kinds:
            _fold_reopened(kind, kinds.pop(kind), batch)
    task_moves = _by_run(kinds.pop(TaskRunMoved, ()))
    _fold_started(kinds.pop(TaskRunStarted, ()), task_moves, batch)
    if not (kinds or task_moves):  # a strict step, which waits for its end
        return batch
    _fold_described(kinds.pop(FlowDescribed, ()), batch)
    flow_moves = _by_run(kinds.pop(FlowRunMoved, ()))
    _fold_flow_runs(kinds.pop(FlowRunCreated, ()), flow_moves, batch)
    _fold_task_runs(((fact.run, [fact.state]) for fact in kinds.pop(TaskRunCreated, ())), task_moves, batch)
    if TaskRunDeferred in kinds:
        _fold_deferred(kinds.pop(TaskRunDeferred), task_moves, batch)
    _fold_flow_moves(flow_moves, batch)
    _fold_task_moves(task_moves, batch)
    for ended in kinds.pop(DeferredCallEnded, ()):
        batch.rows["end_waits"].append(bytearray(ended.run_key))
        batch.rows["end_calls"].append(bytearray(ended.run_key))
    for staged in kinds.pop(TaskRunStaged, ()):
        batch.rows["stage_task_runs"].append(bytearray(staged.run_key))
    for settled in kinds.pop(TaskRunSettled, ()):
        batch.rows["settle_task_runs"].append(bytearray(settled.run_key))
    _fold_cached(kinds.pop(ResultCached, ()), batch)
    _fold_logs(kinds.pop(LogWritten, ()), batch)
    if ArtifactMade in kinds or ArtifactChanged in kinds:
        from sluiceway.stores.sqlite.folding_artifacts import fold_artifacts  # lazy: most programs make none

        fold_artifacts(kinds.pop(ArtifactMade, ()), kinds.pop(ArtifactChanged, ()), batch)
    if kinds:
        raise TypeError(f"{next(iter(kinds)).__qualname__} is no fact that a journal can be told.")
    return batch


def _fold_reopened(kind: type, reopened: Sequence[FlowRunReopened | TaskRunReopened], batch: Batch) -> None:
    if kind is TaskRunReopened:
        batch.rows["note_reopened"] += [value for f in reopened for value in (bytearray(f.run_key), f.state.moment)]
    rows = batch.rows["reopen_flow_runs" if kind is FlowRunReopened else "reopen_task_runs"]
    for fact in reopened:
        history, code, state_name, _, ended = pack_states([fact.state])
        rows += (bytearray(fact.run_key), code, value_of(state_name), value_of(ended), history)


def fold_lives(
    flow_runs: Iterable[tuple[FlowRun, list[State[Any]], StoredResult | None]],
    task_runs: Iterable[tuple[TaskRun, list[State[Any]], StoredResult | None]],
    lines: Iterable[LogWritten],
    numbers: Numbers,
) -> Batch:
    """Return what whole runs come to, each with all its states and its result.

    Args:
        flow_runs: Flow runs.
        task_runs: Task runs.
        lines: What they logged.
        numbers: The numbers that are known; where others are needed, the batch is not complete.
    """
    batch = Batch(numbers)
    for flow_run, (first, *later), result in flow_runs:
        moves = [FlowRunMoved(flow_run.key, state, flow_run.run_count, result) for state in later]
        _fold_flow_runs([FlowRunCreated(flow_run, first)], {flow_run.key: moves}, batch)
    for task_run, (first, *later), result in task_runs:
        settled = [TaskRunMoved(task_run.key, state, task_run.run_count, result) for state in later]
        _fold_task_runs([(task_run, [first])], {task_run.key: settled}, batch)
    _fold_logs(lines, batch)
    return batch


def _by_run(moves: Sequence[Any]) -> dict[RunId, Sequence[Any]]:
    """Return the moves of each run in order; a run that has ended stays as it is."""
    runs: dict[RunId, Any] = {move.run_key: (move,) for move in moves}
    if len(runs) == len(moves):  # most runs start and complete within one batch
        return runs
    runs.clear()
    for move in moves:
        earlier = runs.setdefault(move.run_key, [])
        if not earlier or earlier[-1].state.type not in FINAL_TYPES:
            earlier.append(move)
    return runs


def _fold_started(started: Iterable[TaskRunStarted], moves: dict[RunId, Sequence[TaskRunMoved]], batch: Batch) -> None:
    """Fold the runs that started to run as soon as they could: nearly all, most of which have completed, too."""
    numbers, rows = batch.numbers.tasks, batch.rows["create_completed_task_runs"]
    others: list[tuple[TaskRun, list[State[Any]]]] = []
    null = NULL
    no_moves, no_result, nothing = (), (null, null, null), (NOTHING.serializer, null, null)
    # Most follow others of the same task and flow run, which then need not be looked up again.
    task_key: str | None = None
    flow_run_key: RunId | None = None
    task: int | None = None
    flow_run: Value = NULL
    for fact in started:
        run = fact.run
        if run.task_key is not task_key:
            task_key, task = run.task_key, numbers.get((run.task_name, run.task_key))
        moved = moves.get(run.key, no_moves)
        if task is None or len(moved) != 1 or not _is_simple(run, moved[0]):
            others.append((run, _first_states(run, fact.called)))
            continue
        if run.flow_run_key is not flow_run_key:
            flow_run_key, flow_run = run.flow_run_key, blob_of(run.flow_run_key)
        del moves[run.key]
        result, began, ended = moved[0].result, run.start or 0, moved[0].state.moment
        rows += (
            bytearray(run.key),
            flow_run,
            task,
            run.call_hash,
            run.ordinal,
            began,
            ended,
            null if run.call_preview is None else run.call_preview,
            pack_completed(fact.called, began, ended),
        )
        rows += nothing if result is NOTHING else no_result if result is None else _inline(result)
    _fold_task_runs(others, moves, batch)


def _is_simple(run: TaskRun, move: TaskRunMoved) -> bool:
    """Whether a run completed at once, and there is nothing special to tell of it."""
    state, result = move.state, move.result
    return (
        state.type is COMPLETED
        and state.bare
        and move.run_count == 1
        and move.cache_key is None
        and run.cache_key is None
        and move.name is None
        and run.given_name is None
        and run.parent_key is None
        and run.child_flow_run_key is None
        and run.inputs is None
        and not run.tags
        and (result is None or result.blob is not None)
    )


def _first_states(run: TaskRun, called: Moment) -> list[State[Any]]:
    """Return the states that a run which started at once has been in."""
    states: list[State[Any]] = [State(StateType.PENDING), State(StateType.RUNNING)]
    states[0].moment, states[1].moment = called, run.start or 0
    return states


def _inline(result: StoredResult) -> tuple[Value, Value, Value]:
    """Return serializer, preview and bytes of a result that is kept in its row."""
    serializer, blob, _, _, preview, _ = result
    return (
        NULL if serializer == PICKLE else serializer,
        NULL if preview is None else preview,
        NULL if blob is None else bytearray(blob),
    )


def _fold_task_runs(
    runs: Iterable[tuple[TaskRun, list[State[Any]]]], moves: dict[RunId, Sequence[TaskRunMoved]], batch: Batch
) -> None:
    tasks = batch.numbers.tasks
    rows = batch.rows["create_task_runs"]
    null = NULL
    flow_run_key: RunId | None = None
    flow_run: Value = null
    for run, states in runs:
        task = tasks.get((run.task_name, run.task_key))
        if task is None:
            batch.new_tasks.add((run.task_name, run.task_key))
            task = 0
        if run.flow_run_key is not flow_run_key:  # most follow others of the same flow run
            flow_run_key = run.flow_run_key
            flow_run = blob_of(flow_run_key)
        key = run.key
        later = moves.pop(key, ())
        if states[-1].type in FINAL_TYPES:
            later = ()
        run_count, result, name, cache_key = _follow(later, states, run.given_name, run.cache_key)
        history, code, state_name, started, ended = pack_states(states)
        rows += (
            bytearray(key),
            flow_run,
            task,
            code,
            null if state_name is None else state_name,
            run_count if later else int(started is not None),
            run.call_hash,
            run.ordinal,
            null if run.parent_key is None else bytearray(run.parent_key),
            null if run.child_flow_run_key is None else bytearray(run.child_flow_run_key),
            null if name is None else name,
            null if started is None else started,
            null if ended is None else ended,
            null if code != SCHEDULED else value_of(next_start(states[-1])),
            null if not run.tags else _tags(run, "tag_task_runs", batch),
            null if cache_key is None else cache_key,
            null if run.call_preview is None else run.call_preview,
            null if not run.inputs else pack_inputs(run.inputs),
            history,
        )
        rows += NOTHING_COLUMNS if result is NOTHING else result_columns(result)
        if flow_run_key is None and code in _IN_HAND:
            batch.begun_tasks.append(key)


_IN_HAND = (PENDING, RUNNING)
"""The codes of states in which a task run outside flows is in the hands of a process; a deferred one is scheduled."""


def _fold_deferred(
    deferred: Sequence[TaskRunDeferred], moves: dict[RunId, Sequence[TaskRunMoved]], batch: Batch
) -> None:
    _fold_task_runs(((fact.run, [fact.state]) for fact in deferred), moves, batch)
    calls, waits = batch.rows["defer_calls"], batch.rows["begin_waits"]
    for fact in deferred:
        run = fact.run
        task = batch.numbers.tasks.get((run.task_name, run.task_key), 0)
        calls += (bytearray(run.key), task, fact.due, bytearray(fact.call))
        for key in fact.upstream:
            waits += (bytearray(run.key), bytearray(key))


def _follow(
    moves: Sequence[TaskRunMoved], states: list[State[Any]], name: str | None, cache_key: str | None
) -> tuple[int, StoredResult | None, str | None, str | None]:
    """Add the states of moves to others; return run count, result, name and cache key after them."""
    run_count, result = 0, None
    for move in moves:
        states.append(move.state)
        run_count, result = move.run_count, move.result
        if move.name is not None:
            name = move.name
        if move.cache_key is not None:
            cache_key = move.cache_key
    return run_count, result, name, cache_key


def _fold_task_moves(moves: dict[RunId, Sequence[TaskRunMoved]], batch: Batch) -> None:
    rows = batch.rows["move_task_runs"]
    null = NULL
    for key, later in moves.items():
        states: list[State[Any]] = []
        run_count, result, name, cache_key = _follow(later, states, None, None)
        history, code, state_name, started, ended = pack_states(states)
        rows += (
            bytearray(key),
            code,
            null if state_name is None else state_name,
            run_count,
            null if started is None else started,
            null if ended is None else ended,
            null if code != SCHEDULED else value_of(next_start(states[-1])),
            null if name is None else name,
            null if cache_key is None else cache_key,
            history,
        )
        rows += NOTHING_COLUMNS if result is NOTHING else result_columns(result)


def _fold_described(described: Iterable[FlowDescribed], batch: Batch) -> None:
    last = {_flow_number(fact.flow_name, fact.moment, batch): fact for fact in described}
    for number, fact in last.items():  # of two rows for one flow, SQLite would take either
        batch.rows["describe_flows"] += (number, value_of(fact.description), value_of(fact.parameters))


def _fold_flow_runs(
    created: Iterable[FlowRunCreated], moves: dict[RunId, Sequence[FlowRunMoved]], batch: Batch
) -> None:
    rows = batch.rows["create_flow_runs"]
    for fact in created:
        run, first = fact.run, fact.state
        later = moves.pop(run.key, ())
        if first.type in FINAL_TYPES:
            later = ()
        states = [first, *[move.state for move in later]]
        history, code, state_name, started, ended = pack_states(states)
        names = [run.name, *[move.name for move in later if move.name is not None]]
        rows += (
            bytearray(run.key),
            _flow_number(run.flow_name, first.moment, batch),
            code,
            value_of(state_name),
            later[-1].run_count if later else int(started is not None),
            names[-1],
            value_of(run.flow_version),
            blob_of(run.parent_key),
            blob_of(run.parent_task_run_key),
            NULL if run.root_key == run.key else bytearray(run.root_key),
            value_of(started),
            value_of(ended),
            value_of(next_start(states[-1])),
            value_of(run.expected_start),
            NULL if not run.tags else _tags(run, "tag_flow_runs", batch),
            history,
        )
        rows += result_columns(later[-1].result if later else None)
        rows.append(to_json(dict(run.parameters)) if run.parameters else NULL)
        rows += (run.epoch, value_of(run.entrypoint), run.auto_resume or NULL, value_of(run.started_by))
        rows += call_columns(run.call)
        if run.parent_key is None:
            if is_out_of_hand(states[-1]):
                batch.over.append(run.key)
            else:
                batch.begun.append(run.key)


def _flow_number(name: str, moment: Moment, batch: Batch) -> int:
    number = batch.numbers.flows.get(name)
    if number is None:
        batch.new_flows.setdefault(name, moment)
        return 0
    return number


def _fold_flow_moves(moves: dict[RunId, Sequence[FlowRunMoved]], batch: Batch) -> None:
    rows = batch.rows["move_flow_runs"]
    for key, later in moves.items():
        last = later[-1]
        history, code, state_name, started, ended = pack_states([move.state for move in later])
        if is_out_of_hand(last.state):
            batch.rows["let_go_runs"].append(bytearray(key))
        names = [move.name for move in later if move.name is not None]
        rows += (
            bytearray(key),
            code,
            value_of(state_name),
            last.run_count,
            value_of(started),
            value_of(ended),
            value_of(next_start(last.state)),
            names[-1] if names else NULL,
            history,
        )
        rows += result_columns(last.result)


def _fold_cached(cached: Iterable[ResultCached], batch: Batch) -> None:
    rows = batch.rows["cache_results"]
    for fact in cached:
        entry = fact.entry
        rows += (entry.key, entry.created, value_of(entry.expires), *result_columns(entry.result))


def _fold_logs(lines: Iterable[LogWritten], batch: Batch) -> None:
    rows = batch.rows["append_logs"]
    loggers = batch.numbers.loggers
    for line in lines:
        number = loggers.get(line.logger)
        if number is None:
            batch.new_loggers.add(line.logger)
            number = 0
        rows += (blob_of(line.flow_run_key), blob_of(line.task_run_key), line.moment, line.level, number, line.message)


def _tags(run: FlowRun | TaskRun, statement: str, batch: Batch) -> str:
    """Return the tags of a run as text, and have them found by tag."""
    key = bytearray(run.key)
    tags = sorted(run.tags)
    for tag in tags:
        batch.rows[statement] += (tag, key)
    return to_json(tags)
