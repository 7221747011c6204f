"""A random walk over the verbs of the port: the store in a file answers as the model in memory does."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule, run_state_machine_as_test

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    LogWritten,
    ResultCached,
    TaskRunCreated,
    TaskRunMoved,
    TaskRunStarted,
)
from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, RunOrder, TaskRunQuery
from sluiceway.model.results import NOTHING, CachedResult, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State, StateDetails, StateType
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, key_at, state

# Few values each, so that filters find something and equal values meet.
MOMENTS = st.integers(NOON, NOON + 5).map(lambda seconds: NOON + (seconds - NOON) * 1_000_000)
NAMES = st.sampled_from(["a", "B", "a-1", "ä%_", "🜁"])
FLOWS = st.sampled_from(["etl", "Orders", "ö"])
TAGS = st.frozensets(st.sampled_from(["x", "y", "z'\""]), max_size=2)
TEXTS = st.sampled_from([None, "", "it failed", "über\n\0 100 %"])
STATE_NAMES = st.sampled_from([None, None, None, "Retrying", "Cached", "Completed", "Failed"])
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)
RESULTS = st.none() | st.sampled_from(
    [
        NOTHING,
        StoredResult("pickle", b"\x80N.", None, 3, "None"),
        StoredResult("json", b"", None, 0),
        StoredResult("compressed/pickle", None, "file:///r/ab", 70_000, "…"),
        StoredResult("pickle", None, None, 0, None, "too odd"),
    ]
)
DETAILS = st.sampled_from(
    [
        None,
        None,
        None,
        StateDetails(),
        StateDetails(retriable=True, cache_key="k"),
        StateDetails(scheduled_time=datetime(2026, 1, 1, 13, tzinfo=UTC)),
    ]
)
STATES = st.builds(state, st.sampled_from(StateType), MOMENTS, STATE_NAMES, TEXTS, DETAILS)
ORDERS = st.sampled_from(RunOrder)


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for one part of a query: most often it is not set."""
    return st.none() | st.none() | st.lists(values, max_size=3).map(tuple)


def seen(thing: Any) -> Any:
    """Return everything that a reader can see of a thing, in a form that compares."""
    if isinstance(thing, FlowRun | TaskRun):
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        return [type(thing), *((name, seen(getattr(thing, name))) for name in slots if name != "flow_key")]
    if isinstance(thing, State):
        return [thing.type, thing.name, thing.message, thing.moment, thing.data, thing.state_details]
    if isinstance(thing, Page):
        return [[seen(item) for item in thing.items], thing.cursor]
    return thing


@settings(suppress_health_check=list(HealthCheck), deadline=None)
class Walk(RuleBasedStateMachine):
    """Writes the same to both stores and asks both the same."""

    flow_runs: Bundle[FlowRun] = Bundle("flow_runs")
    task_runs: Bundle[TaskRun] = Bundle("task_runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.model = MemoryStore()
        self.store = SqliteStore(f"{self.folder.name}/runs.db")
        self.number = 0
        self.batch: list[Fact] = []

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    def new_key(self, moment: Moment) -> RunId:
        self.number += 1
        return key_at(moment, self.number)

    # --- writing ------------------------------------------------------------------------------

    @rule(target=flow_runs, at=MOMENTS, flow=FLOWS, tags=TAGS, first=STATES, values=st.data())
    def create_flow_run(
        self, at: Moment, flow: str, tags: frozenset[str], first: State[Any], values: st.DataObject
    ) -> FlowRun:
        run = FlowRun(self.new_key(at), flow, values.draw(TEXTS), values.draw(st.none() | NAMES), tags=tags)
        run.parameters = values.draw(st.dictionaries(st.text(max_size=2), PLAIN, max_size=2))
        run.expected_start = values.draw(st.none() | MOMENTS)
        self.batch.append(FlowRunCreated(run, first))
        return run

    @rule(target=flow_runs, parent=flow_runs, at=MOMENTS, first=STATES)
    def create_child_flow_run(self, parent: FlowRun, at: Moment, first: State[Any]) -> FlowRun:
        run = FlowRun(self.new_key(at), parent.flow_name)
        run.parent_key, run.root_key = parent.key, parent.root_key
        self.batch.append(FlowRunCreated(run, first))
        return run

    @rule(target=task_runs, parent=flow_runs | st.none(), at=MOMENTS, task=FLOWS, first=STATES, values=st.data())
    def create_task_run(
        self, parent: FlowRun | None, at: Moment, task: str, first: State[Any], values: st.DataObject
    ) -> TaskRun:
        run = TaskRun(self.new_key(at), f"{task}-{at % 2}", task, parent and parent.key, tags=values.draw(TAGS))
        run.given_name = values.draw(st.none() | NAMES)
        run.call_hash = values.draw(st.integers(-(1 << 63), (1 << 63) - 1))
        run.call_preview, run.cache_key = values.draw(TEXTS), values.draw(TEXTS)
        upstream = st.lists(st.binary(min_size=16, max_size=16), max_size=2).map(tuple)
        run.inputs = values.draw(st.none() | st.dictionaries(NAMES, upstream, max_size=2))
        run.start = at
        self.batch.append(values.draw(st.sampled_from([TaskRunCreated(run, first), TaskRunStarted(run)])))
        return run

    @rule(run=flow_runs, to=STATES, count=st.integers(0, 3), result=RESULTS, name=st.none() | NAMES)
    def move_flow_run(
        self, run: FlowRun, to: State[Any], count: int, result: StoredResult | None, name: str | None
    ) -> None:
        self.batch.append(FlowRunMoved(run.key, to, count, result, name))

    @rule(run=task_runs, to=STATES, count=st.integers(0, 3), result=RESULTS, name=st.none() | NAMES, key=TEXTS)
    def move_task_run(
        self,
        run: TaskRun,
        to: State[Any],
        count: int,
        result: StoredResult | None,
        name: str | None,
        key: str | None,
    ) -> None:
        self.batch.append(TaskRunMoved(run.key, to, count, result, name, key))

    @rule(to=STATES)
    def move_unknown_run(self, to: State[Any]) -> None:
        self.batch += [FlowRunMoved(self.new_key(NOON), to, 1), TaskRunMoved(self.new_key(NOON), to, 1)]

    @rule(run=task_runs)
    def tell_a_creation_again(self, run: TaskRun) -> None:
        self.write()
        self.batch.append(TaskRunStarted(run))
        self.write()

    @rule(key=NAMES, result=RESULTS.filter(bool), created=MOMENTS, expires=st.none() | MOMENTS)
    def cache(self, key: str, result: StoredResult, created: Moment, expires: Moment | None) -> None:
        self.batch.append(ResultCached(CachedResult(key, result, created, expires)))

    @rule(flow=flow_runs | st.none(), task=task_runs | st.none(), at=MOMENTS, level=st.integers(0, 50), text=NAMES)
    def log(self, flow: FlowRun | None, task: TaskRun | None, at: Moment, level: int, text: str) -> None:
        line = LogWritten(flow and flow.key, task and task.key, at, level, text.lower(), text)
        self.batch.append(line)

    @rule()
    def write(self) -> None:
        batch, self.batch = self.batch, []
        self.model.write(batch)
        self.store.write(batch)

    # --- reading ------------------------------------------------------------------------------

    def agree(self, verb: str, *arguments: Any, **named: Any) -> Any:
        self.write()
        expected, found = (getattr(store, verb)(*arguments, **named) for store in (self.model, self.store))
        assert seen(found) == seen(expected), (verb, arguments, named)
        return found

    @rule(runs=st.lists(flow_runs, max_size=3), order=ORDERS, values=st.data())
    def list_flow_runs(self, runs: list[FlowRun], order: RunOrder, values: st.DataObject) -> None:
        query = FlowRunQuery(
            keys=values.draw(st.none() | st.just(tuple(run.key for run in runs))),
            key_prefix=values.draw(st.sampled_from([None, *(run.key.hex()[:15] for run in runs)])),
            names=values.draw(some(NAMES)),
            name_like=values.draw(st.none() | NAMES | st.just("A")),
            flow_names=values.draw(some(FLOWS)),
            parent=values.draw(st.sampled_from([None, *(run.key for run in runs)])),
            roots_only=values.draw(st.booleans()),
            **self.draw_common(values),
        )
        self.walk_pages("flow", query, order, values)

    @rule(runs=st.lists(task_runs, max_size=3), order=ORDERS, values=st.data())
    def list_task_runs(self, runs: list[TaskRun], order: RunOrder, values: st.DataObject) -> None:
        flow_runs = tuple(run.flow_run_key for run in runs if run.flow_run_key is not None)
        query = TaskRunQuery(
            keys=values.draw(st.none() | st.just(tuple(run.key for run in runs))),
            flow_run_keys=values.draw(st.none() | st.just(flow_runs)),
            names=values.draw(some(NAMES)),
            task_names=values.draw(some(FLOWS)),
            **self.draw_common(values),
        )
        self.walk_pages("task", query, order, values)

    @staticmethod
    def draw_common(values: st.DataObject) -> dict[str, Any]:
        """Return the parts that queries of both kinds of runs have."""
        return {
            "state_types": values.draw(some(st.sampled_from(StateType))),
            "state_names": values.draw(some(st.sampled_from(["Retrying", "Completed", "Failed", "Pending"]))),
            "tags": values.draw(st.none() | TAGS.map(tuple)),
            "created_after": values.draw(st.none() | MOMENTS),
            "created_before": values.draw(st.none() | MOMENTS),
        }

    def walk_pages(self, kind: str, query: Any, order: RunOrder, values: st.DataObject) -> None:
        limit, offset = values.draw(st.integers(1, 4)), values.draw(st.integers(0, 2))
        after = None
        while True:
            page = self.agree(f"read_{kind}_runs", query, order=order, limit=limit, after=after, offset=offset)
            after, offset = page.cursor, 0
            if after is None:
                break
        self.agree(f"count_{kind}_runs", query)

    @rule(flows=st.lists(flow_runs, max_size=2), tasks=st.lists(task_runs, max_size=2), values=st.data())
    def list_logs(self, flows: list[FlowRun], tasks: list[TaskRun], values: st.DataObject) -> None:
        query = LogQuery(
            flow_run_keys=values.draw(st.none() | st.just(tuple(run.key for run in flows))),
            task_run_keys=values.draw(st.none() | st.just(tuple(run.key for run in tasks))),
            level_at_least=values.draw(st.none() | st.integers(0, 50)),
            text=values.draw(st.none() | NAMES | st.just("A")),
            moment_after=values.draw(st.none() | MOMENTS),
            moment_before=values.draw(st.none() | MOMENTS),
        )
        newest_first, limit = values.draw(st.booleans()), values.draw(st.integers(1, 3))
        page = self.agree("read_logs", query, limit=limit, newest_first=newest_first)
        if page.cursor is not None:
            self.agree("read_logs", query, limit=limit, newest_first=newest_first, after=page.cursor)
        self.agree("count_logs", query)

    @rule(run=flow_runs)
    def read_one_flow_run(self, run: FlowRun) -> None:
        self.agree("read_flow_run", run.key)
        self.agree("read_history", run.key)
        self.agree("read_result", run.key)
        self.agree("count_task_runs_by_state", run.key)

    @rule(run=task_runs)
    def read_one_task_run(self, run: TaskRun) -> None:
        self.agree("read_task_run", run.key)
        self.agree("read_history", run.key)
        self.agree("read_result", run.key)

    @rule(key=NAMES)
    def read_cached(self, key: str) -> None:
        self.agree("read_cached", key)

    @rule(names=some(FLOWS), limit=st.integers(1, 3))
    def list_flows(self, names: tuple[str, ...] | None, limit: int) -> None:
        self.write()
        expected, found = (store.read_flows(names=names, limit=limit) for store in (self.model, self.store))
        assert found.cursor == expected.cursor
        assert [(flow.name, flow.created_moment) for flow in found.items] == [
            (flow.name, flow.created_moment) for flow in expected.items
        ]

    @rule()
    def count_rows(self) -> None:
        self.write()
        assert self.store.describe()["rows"] == self.model.describe()["rows"]


@pytest.mark.slow
def test_the_store_in_a_file_answers_as_the_model_does() -> None:
    # Each step asserts that both answer alike.
    run_state_machine_as_test(Walk, settings=settings(max_examples=60, stateful_step_count=40))
