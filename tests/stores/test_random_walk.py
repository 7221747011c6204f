"""A random walk over the verbs of the port: the store in a file answers as the model in memory does."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sluiceway.base.ids import RunId
from sluiceway.model.facts import (
    DeferredCallEnded,
    Fact,
    FlowDescribed,
    FlowRunCreated,
    FlowRunMoved,
    LogWritten,
    ResultCached,
    TaskRunCreated,
    TaskRunDeferred,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.overview import Attention, FlowSummary
from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, RunOrder, TaskRunQuery
from sluiceway.model.results import NOTHING, CachedResult, StoredResult
from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun
from sluiceway.model.states import State, StateDetails, StateType
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, key_at, state

# Few values each, so that filters find something, equal values meet, and an example takes few choices.
MOMENTS = st.sampled_from([NOON + seconds * 1_000_000 for seconds in range(6)])
NAMES = st.sampled_from(["a", "B", "a-1", "ä%_", "🜁"])
FLOWS = st.sampled_from(["etl", "Orders", "ö"])
TAGS = st.sampled_from([frozenset[str](), frozenset({"x"}), frozenset({"x", "z'\""}), frozenset({"y"})])
TEXTS = st.sampled_from([None, "", "it failed", "über\n\0 100 %"])
PARAMETERS = st.sampled_from([{}, {"n": 1 << 70}, {"ä": [None, {"": "\0"}], "f": 0.1, "b": True}])
INPUTS = st.sampled_from([None, {}, {"rows": (b"k" * 16, b"l" * 16), "ä": ()}])
HASHES = st.sampled_from([0, -(1 << 63), (1 << 63) - 1])
STORED = st.sampled_from(
    [
        NOTHING,
        StoredResult("pickle", b"\x80N.", None, 3, "None"),
        StoredResult("json", b"", None, 0),
        StoredResult("compressed/pickle", None, "file:///r/ab", 70_000, "…"),
        StoredResult("pickle", None, None, 0, None, "too odd"),
    ]
)
RESULTS = st.none() | STORED
WAITING = StateDetails(scheduled_time=datetime(2026, 1, 1, 13, tzinfo=UTC))
STATES = st.sampled_from(
    [
        *(state(kind, NOON + number % 4) for number, kind in enumerate(StateType)),
        state(StateType.RUNNING, NOON + 9),
        state(StateType.RUNNING, NOON, "Retrying"),
        state(StateType.RUNNING, NOON, "Failed", ""),
        state(StateType.SCHEDULED, NOON + 2, "AwaitingRetry", "it failed", WAITING),
        state(StateType.SCHEDULED, NOON + 3, details=WAITING),
        state(StateType.PAUSED, NOON, None, "über\n\0", StateDetails(retriable=True, cache_key="k")),
        state(StateType.PENDING, NOON, "NotReady", "…", StateDetails()),
        state(StateType.COMPLETED, NOON + 5, "Cached"),
    ]
)
ORDERS = st.sampled_from(RunOrder)
LEVELS = st.sampled_from([10, 20, 40])
UNKNOWN = b"\x01" * 16
"""The identifier of a run that nobody created."""


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a part of a query that lists what is asked for."""
    return st.lists(values, max_size=3).map(tuple)


COMMON_PARTS = {
    "state_types": several(st.sampled_from(StateType)),
    "state_names": several(st.sampled_from(["Retrying", "Completed", "Failed", "Pending"])),
    "tags": TAGS.map(tuple),
    "created_after": MOMENTS,
    "created_before": MOMENTS,
}


COURSE_PARTS = {
    "started_after": MOMENTS,
    "started_before": MOMENTS,
    "ended_after": MOMENTS,
    "ended_before": MOMENTS,
    "duration_at_least": st.sampled_from([0, 2_000_000]),
    "duration_at_most": st.sampled_from([0, 2_000_000]),
    "parameters": several(
        st.sampled_from([("n", str(1 << 70)), ("f", "0.1"), ("ä", '[null,{"":"\\u0000"}]'), ("b", "1")])
    ),
    "text": NAMES | st.sampled_from(["A", "n", "{", "z'\"", "\0", "u0000", "!"]),
}


def seen(thing: Any) -> Any:
    """Return everything that a reader can see of a thing, in a form that compares."""
    if isinstance(thing, FlowRun | TaskRun):
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        return [type(thing), *((name, seen(getattr(thing, name))) for name in slots if name != "flow_key")]
    if isinstance(thing, State):
        return [thing.type, thing.name, thing.message, thing.moment, thing.data, thing.state_details]
    if isinstance(thing, FlowInfo):
        return [thing.name, thing.created_moment, thing.description, thing.parameters_text]
    if isinstance(thing, FlowSummary):
        return [seen(thing.flow), *thing[1:]]
    if type(thing) is tuple or isinstance(thing, Attention):
        return [seen(item) for item in thing]
    if isinstance(thing, Page):
        return [[seen(item) for item in thing.items], thing.cursor]
    return thing


class Walk:
    """Writes the same to both stores and asks both the same, as an example of Hypothesis has it."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], store: SqliteStore) -> None:
        self.draw = draw
        self.model = MemoryStore()
        self.store = store
        self.flow_runs: list[FlowRun] = []
        self.task_runs: list[TaskRun] = []
        self.facts_of: list[Callable[[], Fact]] = [
            self.flow_described,
            self.flow_run_created,
            self.task_run_created,
            self.task_run_created,
            self.flow_run_moved,
            self.task_run_moved,
            self.task_run_moved,
            self.task_run_deferred,
            self.task_run_deferred,
            self.deferred_call_ended,
            self.result_cached,
            self.line_logged,
        ]
        self.questions: list[Callable[[], None]] = [
            self.list_flow_runs,
            self.list_task_runs,
            self.list_logs,
            self.list_flows,
            self.look_at_flows,
            self.look_at_runs,
            self.change_hands,
            self.check_runs,
            self.remove_runs,
        ]

    def step(self) -> None:
        """Write a batch of a few facts, then ask something."""
        for _ in range(self.draw(st.integers(1, 2))):
            batch = [self.draw(st.sampled_from(self.facts_of))() for _ in range(self.draw(st.integers(1, 8)))]
            self.model.write(batch)
            self.store.write(batch)
        for _ in range(2):
            self.draw(st.sampled_from(self.questions))()

    # --- facts --------------------------------------------------------------------------------

    def new_key(self) -> RunId:
        return key_at(self.draw(MOMENTS), 1 + len(self.flow_runs) + len(self.task_runs))

    def flow_run_created(self) -> Fact:
        draw = self.draw
        run = FlowRun(self.new_key(), draw(FLOWS), draw(TEXTS), draw(st.none() | NAMES), tags=draw(TAGS))
        run.parameters = draw(PARAMETERS)
        run.expected_start = draw(st.none() | MOMENTS)
        parent = draw(st.sampled_from([None, *self.flow_runs]))
        if parent is not None:
            run.parent_key, run.root_key = parent.key, parent.root_key
        self.flow_runs.append(run)
        return FlowRunCreated(run, draw(STATES))

    def flow_described(self) -> Fact:
        return FlowDescribed(*self.draw(st.tuples(FLOWS, TEXTS, st.sampled_from(["{}", '{"ä": "\\u0000"}']), MOMENTS)))

    def task_run_created(self) -> Fact:
        draw = self.draw
        run = self.new_task_run()
        if draw(st.booleans()):
            return TaskRunStarted(run, draw(MOMENTS))
        return TaskRunCreated(run, draw(STATES))

    def task_run_deferred(self) -> Fact:
        upstream = self.draw(self.keys_of(self.task_runs))
        run = self.new_task_run()
        return TaskRunDeferred(run, self.draw(STATES), self.draw(MOMENTS), run.key, upstream)

    def deferred_call_ended(self) -> Fact:
        return DeferredCallEnded(self.draw(st.sampled_from([UNKNOWN, *(run.key for run in self.task_runs)])))

    def new_task_run(self) -> TaskRun:
        draw = self.draw
        task = draw(FLOWS)
        run = TaskRun(self.new_key(), f"{task}-{draw(st.integers(0, 1))}", task, tags=draw(TAGS))
        run.flow_run_key = draw(st.sampled_from([None, *(flow.key for flow in self.flow_runs)]))
        run.given_name = draw(st.none() | NAMES)
        run.call_hash, run.ordinal = draw(HASHES), draw(st.integers(0, 2))
        run.call_preview, run.cache_key = draw(TEXTS), draw(TEXTS)
        run.inputs = draw(INPUTS)
        run.start = draw(MOMENTS)
        self.task_runs.append(run)
        return run

    def flow_run_moved(self) -> Fact:
        key = self.draw(st.sampled_from([UNKNOWN, *(run.key for run in self.flow_runs)]))
        return FlowRunMoved(key, *self.draw(st.tuples(STATES, st.integers(0, 3), RESULTS, st.none() | NAMES)))

    def task_run_moved(self) -> Fact:
        key = self.draw(st.sampled_from([UNKNOWN, *(run.key for run in self.task_runs)]))
        settled = st.tuples(STATES, st.integers(0, 3), RESULTS, st.none() | NAMES, TEXTS)
        return TaskRunMoved(key, *self.draw(settled))

    def result_cached(self) -> Fact:
        expires = st.none() | MOMENTS
        entry = st.builds(CachedResult, NAMES, STORED, MOMENTS, expires)
        return ResultCached(self.draw(entry))

    def line_logged(self) -> Fact:
        flow, task = (
            self.draw(st.sampled_from([None, *(run.key for run in runs)])) for runs in (self.flow_runs, self.task_runs)
        )
        return LogWritten(flow, task, *self.draw(st.tuples(MOMENTS, LEVELS, NAMES, NAMES)))

    # --- questions ----------------------------------------------------------------------------

    def agree(self, verb: str, *arguments: Any, **named: Any) -> Any:
        expected, found = (getattr(store, verb)(*arguments, **named) for store in (self.model, self.store))
        assert seen(found) == seen(expected), (verb, arguments, named)
        return found

    def walk_pages(self, verb: str, *arguments: Any, **named: Any) -> None:
        named["limit"] = self.draw(st.integers(1, 5))
        page = self.agree(verb, *arguments, **named)
        while page.cursor is not None:
            page = self.agree(verb, *arguments, **named, after=page.cursor)

    def few_of(self, **parts: st.SearchStrategy[Any]) -> dict[str, Any]:
        """Draw at most two parts of a query, so that it finds something."""
        chosen = self.draw(st.sets(st.sampled_from(sorted(parts)), max_size=2))
        return {name: self.draw(parts[name]) for name in sorted(chosen)}

    def keys_of(self, runs: Sequence[FlowRun | TaskRun]) -> st.SearchStrategy[tuple[RunId, ...]]:
        return several(st.sampled_from([UNKNOWN, *(run.key for run in runs)]))

    def list_flow_runs(self) -> None:
        parts = self.few_of(
            keys=self.keys_of(self.flow_runs),
            key_prefix=st.sampled_from(["01", "zz", *(run.key.hex()[:19] for run in self.flow_runs)]),
            names=several(NAMES | st.sampled_from(["", *(run.name for run in self.flow_runs)])),
            name_like=NAMES | st.just("A"),
            flow_names=several(FLOWS),
            parent=st.sampled_from([UNKNOWN, *(run.key for run in self.flow_runs)]),
            roots_only=st.booleans(),
            **COURSE_PARTS,
            **COMMON_PARTS,
        )
        self.agree("count_flow_runs_by_state", FlowRunQuery(**parts))
        width = self.draw(st.sampled_from([1_000, 1_500_000]))
        self.agree("read_flow_run_history", FlowRunQuery(**parts), self.draw(MOMENTS) - 1, width, 3)
        order, offset = self.draw(ORDERS), self.draw(st.integers(0, 3))
        self.walk_pages("read_flow_runs", FlowRunQuery(**parts), order=order)
        self.agree("read_flow_runs", FlowRunQuery(**parts), order=order, offset=offset, limit=2)
        self.agree("count_flow_runs", FlowRunQuery(**parts))

    def list_task_runs(self) -> None:
        parts = self.few_of(
            keys=self.keys_of(self.task_runs),
            flow_run_keys=self.keys_of(self.flow_runs),
            names=several(NAMES),
            task_names=several(FLOWS),
            text=st.sampled_from(["a", "E-", "o", ""]),
            **COMMON_PARTS,
        )
        order, offset = self.draw(ORDERS), self.draw(st.integers(0, 3))
        self.walk_pages("read_task_runs", TaskRunQuery(**parts), order=order)
        self.agree("read_task_runs", TaskRunQuery(**parts), order=order, offset=offset, limit=2)
        self.agree("count_task_runs", TaskRunQuery(**parts))

    def list_logs(self) -> None:
        parts = self.few_of(
            flow_run_keys=self.keys_of(self.flow_runs),
            task_run_keys=self.keys_of(self.task_runs),
            level_at_least=LEVELS,
            text=NAMES | st.just("A"),
            moment_after=MOMENTS,
            moment_before=MOMENTS,
            number_from=st.integers(1, 9),
            number_before=st.integers(1, 9),
        )
        self.agree("outline_logs", LogQuery(**parts))
        self.agree("find_log", LogQuery(**parts), self.draw(st.integers(0, 2)))
        self.search_logs(LogQuery(**parts))
        self.walk_pages("read_logs", LogQuery(**parts), newest_first=self.draw(st.booleans()))
        self.agree("count_logs", LogQuery(**parts))

    def search_logs(self, query: LogQuery) -> None:
        named = {"limit": self.draw(st.integers(1, 3)), "most": self.draw(st.integers(1, 5))}
        named["newest_first"] = self.draw(st.booleans())
        scan = self.agree("scan_logs", query, **named)
        while scan.cursor is not None:
            scan = self.agree("scan_logs", query, **named, after=scan.cursor)

    def look_at_flows(self) -> None:
        since, until = self.draw(MOMENTS), self.draw(MOMENTS) + 1_000
        self.agree("read_flow_summaries", self.draw(several(FLOWS)), since, until, last=2)
        self.agree("read_attention", since, until, limit=self.draw(st.integers(1, 3)))

    def look_at_runs(self) -> None:
        for run in self.flow_runs:
            self.walk_pages("read_timeline", run.key)
        keys = self.draw(self.keys_of([*self.flow_runs, *self.task_runs]))
        self.agree("read_timeline", keys[0] if keys else UNKNOWN, keys=keys)
        self.agree("read_histories", keys)
        begun = ["", "A", "etl", "rd", "x", *(run.key.hex()[:13] for run in self.task_runs)]
        text = self.draw(NAMES | st.sampled_from(begun))
        found, expected = (store.search(text, limit=3) for store in (self.store, self.model))
        for part in ("flow_runs", "task_runs", "flows", "tags"):
            assert seen(getattr(found, part)) == seen(getattr(expected, part)), part

    def list_flows(self) -> None:
        self.walk_pages("read_flows", names=self.draw(st.none() | several(FLOWS)))

    def change_hands(self) -> None:
        draw, owner = self.draw, self.draw(st.sampled_from(["one", "two"]))
        keys = draw(several(st.sampled_from(["etl-0", "Orders-1", "ö-0"])))
        self.agree("claim_calls", owner, keys, draw(st.integers(1, 3)), draw(MOMENTS))
        released = draw(self.keys_of(self.task_runs))
        self.agree("release_calls", owner, released)
        self.agree("read_claims")
        self.agree("count_waiting_calls")

    def remove_runs(self) -> None:
        moments = MOMENTS | st.just(NOON + 60 * 1_000_000)
        self.walk_pages("read_roots", self.draw(moments))
        roots = self.draw(self.keys_of([*self.flow_runs, *self.task_runs]))
        for root in roots:
            self.agree_about_tree(root)
        at = self.draw(MOMENTS)
        self.agree("remove_runs", tuple(dict.fromkeys(roots)), 1_000, at)
        self.agree("remove_expired", at, 1_000)
        self.agree("read_let_go", self.draw(moments))
        found, expected = self.store.read_holdings(), self.model.read_holdings()
        assert found[:2] == expected[:2]

    def agree_about_tree(self, root: RunId) -> None:
        found, expected = self.store.read_tree(root), self.model.read_tree(root)
        assert found[:2] == expected[:2]
        assert (found.unfinished is None) == (expected.unfinished is None)  # of several, each names one

    def check_runs(self) -> None:
        for run in (*self.flow_runs, *self.task_runs):
            self.agree("read_flow_run", run.key)
            self.agree("read_task_run", run.key)
            self.agree("read_history", run.key)
            self.agree("read_result", run.key)
            self.agree("count_task_runs_by_state", run.key)
        self.agree("read_cached", self.draw(NAMES))
        assert self.store.describe()["rows"] == self.model.describe()["rows"]


@pytest.mark.slow
@settings(max_examples=80, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@given(st.data())
def test_the_store_in_a_file_answers_as_the_model_does(data: st.DataObject) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(SqliteStore(f"{folder}/runs.db")) as store,
    ):
        walk = Walk(data.draw, store)
        for _ in range(4):
            walk.step()  # asserts that both answer alike
        walk.check_runs()
