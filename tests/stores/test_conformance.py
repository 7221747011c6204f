"""What holds for every store. Every backend runs it; the one in memory is the model of the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from sluiceway.base import ids
from sluiceway.base.ids import RunId
from sluiceway.model.deferred import Claim, DeferredCall
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
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, StoredState, TaskRunQuery
from sluiceway.model.results import NOTHING, CachedResult, StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateDetails, StateType
from sluiceway.ports.store import Store
from tests.stores.making import (
    NOON,
    TASK_NAME,
    finished_task_facts,
    flow_facts,
    flow_run,
    key_at,
    log_line,
    state,
    task_facts,
    task_run,
)

PENDING, RUNNING, COMPLETED, FAILED = (
    StateType.PENDING,
    StateType.RUNNING,
    StateType.COMPLETED,
    StateType.FAILED,
)
SCHEDULED = StateType.SCHEDULED
SECOND = 1_000_000


def read_flow_run(store: Store, run: FlowRun) -> FlowRun:
    found = store.read_flow_run(run.key)
    assert found is not None
    return found


def read_task_run(store: Store, run: TaskRun) -> TaskRun:
    found = store.read_task_run(run.key)
    assert found is not None
    return found


# --- runs ---------------------------------------------------------------------------------------


def test_a_flow_run_is_read_back_as_it_was_created(store: Store) -> None:
    root, parent, stand_in = flow_run("root"), flow_run("parent"), task_run()
    run = flow_run(
        flow_version="abc123",
        given_name="brave-order",
        parameters={"n": 3, "nested": {"list": [1, None, "ä"]}},
        tags=frozenset({"eu", "daily"}),
        parent_key=parent.key,
        parent_task_run_key=stand_in.key,
        root_key=root.key,
        expected_start=NOON,
    )
    store.write([FlowRunCreated(run, state(PENDING))])
    found = read_flow_run(store, run)
    assert (found.flow_name, found.flow_version, found.given_name) == ("orders", "abc123", "brave-order")
    assert found.parameters == {"n": 3, "nested": {"list": [1, None, "ä"]}}
    assert found.tags == {"eu", "daily"}
    assert (found.parent_key, found.parent_task_run_key, found.root_key) == (parent.key, stand_in.key, root.key)
    assert (found.expected_start, found.run_count) == (NOON, 0)
    assert (found.state_type, found.state_name) == (PENDING, "Pending")
    assert found.flow_key is not None


def test_a_flow_run_without_anything_special_is_read_back_so(store: Store) -> None:
    run = flow_run()
    store.write([FlowRunCreated(run, state(PENDING))])
    found = read_flow_run(store, run)
    assert (found.given_name, found.name) == (None, run.name)
    assert (found.parameters, found.tags) == ({}, frozenset())
    assert (found.parent_key, found.root_key, found.expected_start) == (None, run.key, None)
    assert (found.start, found.end, found.next_start) == (None, None, None)


def test_a_task_run_is_read_back_as_it_was_created(store: Store) -> None:
    flow, first, second, child = flow_run(), task_run(), task_run(), flow_run()
    run = task_run(
        flow,
        given_name="load-eu",
        tags=frozenset({"heavy"}),
        parent_key=first.key,
        call_hash=-(1 << 63),
        ordinal=2,
        call_preview="url='…'",
        cache_key="k",
        inputs={"rows": (first.key, second.key), "wait_for": (first.key,), "none": ()},
        child_flow_run_key=child.key,
    )
    store.write([TaskRunCreated(run, state(PENDING))])
    found = read_task_run(store, run)
    assert (found.task_key, found.task_name, found.flow_run_key) == ("load-key", "load", flow.key)
    assert (found.given_name, found.parent_key, found.tags) == ("load-eu", first.key, frozenset({"heavy"}))
    assert (found.call_hash, found.ordinal, found.call_preview) == (-(1 << 63), 2, "url='…'")
    assert (found.cache_key, found.child_flow_run_key) == ("k", child.key)
    assert found.inputs == {"rows": (first.key, second.key), "wait_for": (first.key,), "none": ()}


FIXED_KEY = bytes(16)
"""A key that is the same each time: it is part of the names of tests."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("given_name", "load-eu"),
        ("tags", frozenset({"heavy"})),
        ("parent_key", FIXED_KEY),
        ("child_flow_run_key", FIXED_KEY),
        ("cache_key", "k"),
        ("call_hash", 42),
        ("ordinal", 2),
        ("call_preview", "url='…'"),
        ("inputs", {"rows": (ids.new_id(),)}),
    ],
)
def test_what_is_special_about_a_run_that_completed_at_once_is_kept(store: Store, name: str, value: object) -> None:
    run = task_run(**{name: value})
    store.write(finished_task_facts(run))
    found = read_task_run(store, run)
    assert (getattr(found, name), found.state_name, found.run_count) == (value, "Completed", 1)


@pytest.mark.parametrize("special", [{"name": "settled-late"}, {"cache_key": "settled-late"}, {"run_count": 2}])
def test_what_is_settled_only_as_a_run_completes_is_kept(store: Store, special: dict[str, Any]) -> None:
    run = task_run(start=NOON)
    settled: dict[str, Any] = {"run_count": 1, **special}
    store.write([TaskRunStarted(run, NOON), TaskRunMoved(run.key, state(COMPLETED), **settled)])
    found = read_task_run(store, run)
    kept = {"name": found.given_name, "cache_key": found.cache_key, "run_count": found.run_count}
    assert {name: kept[name] for name in special} == special


def test_a_task_run_that_started_at_once_was_pending_and_running_at_the_same_moment(store: Store) -> None:
    run = task_run(start=NOON)
    store.write([TaskRunStarted(run, NOON)])
    assert store.read_history(run.key) == (
        StoredState(PENDING, "Pending", NOON),
        StoredState(RUNNING, "Running", NOON),
    )
    found = read_task_run(store, run)
    assert (found.state_type, found.start, found.run_count, found.end) == (RUNNING, NOON, 1, None)


@pytest.mark.parametrize("batches", [1, 2, 4])
def test_a_life_is_the_same_in_however_many_batches_it_is_written(store: Store, batches: int) -> None:
    flow, task = flow_run(), task_run()
    facts = flow_facts(flow, PENDING, RUNNING, COMPLETED) + task_facts(task, PENDING, RUNNING, FAILED)
    facts.sort(key=lambda fact: type(fact) in (FlowRunMoved, TaskRunMoved))
    size = -(-len(facts) // batches)
    for begin in range(0, len(facts), size):
        store.write(facts[begin : begin + size])
    for run, last in ((read_flow_run(store, flow), COMPLETED), (read_task_run(store, task), FAILED)):
        history = store.read_history(run.key)
        assert [entry.type for entry in history] == [PENDING, RUNNING, last]
        assert (run.start, run.end, run.run_count) == (NOON + SECOND, NOON + 2 * SECOND, 1)
        assert run.state is not None
        assert (run.state.type, run.state.moment, run.state.data) == (last, NOON + 2 * SECOND, None)


def test_names_and_cache_keys_that_are_settled_late_are_kept(store: Store) -> None:
    flow, task = flow_run(), task_run()
    store.write([FlowRunCreated(flow, state(PENDING)), TaskRunCreated(task, state(PENDING))])
    store.write(
        [
            FlowRunMoved(flow.key, state(RUNNING), 1, name="brave"),
            TaskRunMoved(task.key, state(RUNNING), 1, name="load-3", cache_key="k"),
            TaskRunMoved(task.key, state(COMPLETED), 1),
        ]
    )
    assert read_flow_run(store, flow).given_name == "brave"
    found = read_task_run(store, task)
    assert (found.given_name, found.cache_key) == ("load-3", "k")


def test_what_the_program_does_to_a_run_later_does_not_change_the_journal(store: Store) -> None:
    parameters = {"list": [1]}
    flow, task = flow_run(parameters=parameters), task_run()
    first = state(PENDING)
    store.write([FlowRunCreated(flow, first), TaskRunCreated(task, first)])
    parameters["list"].append(2)
    flow.run_count = task.run_count = 7
    flow.end = task.start = NOON
    task.cache_key = "k"
    first.message = "changed"
    found = read_flow_run(store, flow)
    assert (found.parameters, found.run_count, found.end) == ({"list": [1]}, 0, None)
    again = read_task_run(store, task)
    assert (again.cache_key, again.run_count, again.start) == (None, 0, None)
    assert store.read_history(flow.key)[0].message is None


def test_what_a_reader_does_to_a_run_does_not_change_the_journal(store: Store) -> None:
    run = flow_run(parameters={"list": [1]})
    store.write([FlowRunCreated(run, state(PENDING))])
    found = read_flow_run(store, run)
    found.parameters["list"].append(2)
    found.run_count = 9
    assert found.state is not None
    found.state.message = "changed"
    again = read_flow_run(store, run)
    assert (again.parameters, again.run_count) == ({"list": [1]}, 0)
    assert again.state is not None
    assert again.state.message is None


def test_a_run_that_waits_for_its_time_says_when_until_it_goes_on(store: Store) -> None:
    when = datetime(2026, 1, 1, 13, tzinfo=UTC)
    run = task_run()
    waiting = state(SCHEDULED, name="AwaitingRetry", details=StateDetails(scheduled_time=when))
    store.write([TaskRunCreated(run, state(PENDING)), TaskRunMoved(run.key, waiting, 1)])
    found = read_task_run(store, run)
    assert found.next_scheduled_start_time == when
    store.write([TaskRunMoved(run.key, state(RUNNING, name="Retrying"), 2)])
    found = read_task_run(store, run)
    assert (found.next_start, found.run_count, found.state_name) == (None, 2, "Retrying")


def test_a_run_that_runs_again_started_when_it_first_did(store: Store) -> None:
    run = task_run()
    store.write(task_facts(run, RUNNING, SCHEDULED))
    store.write([TaskRunMoved(run.key, state(RUNNING, NOON + 9 * SECOND), 2)])
    found = read_task_run(store, run)
    assert (found.start, found.end, found.run_count) == (NOON, None, 2)


def test_a_task_run_that_only_waited_for_a_thread_was_pending_meanwhile(store: Store) -> None:
    run = task_run(start=NOON + SECOND)
    store.write([TaskRunStarted(run, NOON)])
    assert [(entry.type, entry.moment) for entry in store.read_history(run.key)] == [
        (PENDING, NOON),
        (RUNNING, NOON + SECOND),
    ]
    found = read_task_run(store, run)
    assert (found.start, found.run_count) == (NOON + SECOND, 1)


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_nothing_that_is_told_of_a_run_that_has_ended_changes_it(store: Store, batches: int) -> None:
    flow, task = flow_run(), task_run()
    facts: list[Fact] = [
        FlowRunCreated(flow, state(FAILED)),
        TaskRunCreated(task, state(COMPLETED)),
        FlowRunMoved(flow.key, state(RUNNING, NOON + SECOND), 5, NOTHING, "late"),
        TaskRunMoved(task.key, state(FAILED, NOON + SECOND), 5, NOTHING, "late", "late"),
        FlowRunMoved(flow.key, state(PENDING, NOON + SECOND), 6),
        TaskRunMoved(task.key, state(PENDING, NOON + SECOND), 6),
    ]
    size = len(facts) // batches
    for begin in range(0, len(facts), size):
        store.write(facts[begin : begin + size])
    for run, kind in ((read_flow_run(store, flow), FAILED), (read_task_run(store, task), COMPLETED)):
        assert (run.state_type, run.end, run.run_count, run.given_name) == (kind, NOON, 0, None)
        assert len(store.read_history(run.key)) == 1
        assert store.read_result(run.key) is None
    assert read_task_run(store, task).cache_key is None


def test_a_state_keeps_its_name_message_and_details(store: Store) -> None:
    details = StateDetails(
        scheduled_time=datetime(2026, 1, 1, 13, 30, 0, 1, tzinfo=UTC),
        cache_key="k",
        retriable=True,
        pause_timeout=datetime(2026, 1, 2, tzinfo=UTC),
        pause_reschedule=True,
        child_flow_run_id=UUID(int=7),
    )
    run = flow_run()
    told = state(StateType.PAUSED, name="Suspended", message="until\nmorning \ud800", details=details)
    store.write([FlowRunCreated(run, state(PENDING)), FlowRunMoved(run.key, told, 1)])
    found = read_flow_run(store, run).state
    assert found is not None
    assert (found.type, found.name, found.message) == (told.type, told.name, told.message)
    assert found.state_details == details
    plain = store.read_history(run.key)[1].details
    assert plain == {
        "scheduled_time": "2026-01-01T13:30:00.000001+00:00",
        "cache_key": "k",
        "retriable": True,
        "pause_timeout": "2026-01-02T00:00:00+00:00",
        "pause_reschedule": True,
        "child_flow_run_id": "00000000-0000-0000-0000-000000000007",
    }


def test_what_is_told_of_an_unknown_run_changes_nothing(store: Store) -> None:
    flow, task = flow_run(), task_run()
    store.write([FlowRunMoved(flow.key, state(RUNNING), 1), TaskRunMoved(task.key, state(RUNNING), 1)])
    assert store.read_flow_run(flow.key) is None
    assert store.read_task_run(task.key) is None
    assert store.read_history(task.key) == ()
    assert store.read_result(flow.key) is None


def test_a_creation_that_is_told_twice_counts_once(store: Store) -> None:
    flow, task = flow_run(), task_run()
    created: list[Fact] = [FlowRunCreated(flow, state(PENDING)), TaskRunCreated(task, state(PENDING))]
    store.write(created)
    store.write(created + created)
    assert (store.count_flow_runs(), store.count_task_runs()) == (1, 1)
    assert len(store.read_history(task.key)) == 1


def test_what_is_no_fact_is_refused_and_the_facts_beside_it_are_not_written(store: Store) -> None:
    odd: Any = object()
    with pytest.raises(TypeError, match="object is no fact"):
        store.write([FlowRunCreated(flow_run(), state(PENDING)), odd])
    assert store.count_flow_runs() == 0
    store.write([FlowRunCreated(flow_run(), state(PENDING))])
    assert store.count_flow_runs() == 1


def test_writing_nothing_is_harmless(store: Store) -> None:
    store.write([])
    assert store.count_flow_runs() == 0


# --- results ------------------------------------------------------------------------------------

RESULTS = [
    NOTHING,
    StoredResult("pickle", b"\x80\x05K\x05.", None, 5, "5"),
    StoredResult("json", b"", None, 0, ""),
    StoredResult("compressed/json", None, "file:///results/ab", 1 << 40, "…"),
    StoredResult("pickle", why_not="It cannot be pickled."),
    StoredResult("pickle", bytes(range(256)) * 64, None, 1 << 14),
]


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_read_back_as_it_was_stored(store: Store, result: StoredResult) -> None:
    flow, task, late = flow_run(), task_run(), task_run()
    store.write(flow_facts(flow, RUNNING, COMPLETED, result=result))
    store.write(task_facts(task, RUNNING, COMPLETED, result=result))
    store.write(task_facts(late, RUNNING))
    store.write([TaskRunMoved(late.key, state(COMPLETED), 1, result)])
    assert [store.read_result(run.key) for run in (flow, task, late)] == [result] * 3


def test_the_result_is_that_of_the_present_state(store: Store) -> None:
    run = task_run()
    store.write(task_facts(run, RUNNING, StateType.PAUSED, result=StoredResult("pickle", b"half", None, 4)))
    store.write([TaskRunMoved(run.key, state(RUNNING), 2)])
    assert store.read_result(run.key) is None


def test_the_newest_result_of_a_cache_key_is_found_in_whatever_order_they_are_written(store: Store) -> None:
    def entry(created: int, expires: int | None = None) -> ResultCached:
        result = StoredResult("pickle", str(created).encode(), None, 4)
        return ResultCached(CachedResult("key" * 200, result, created, expires))

    store.write([entry(2_000), entry(3_000, 9_000), entry(1_000)])
    store.write([entry(2_500)])
    assert store.read_cached("key" * 200) == entry(3_000, 9_000).entry
    store.write([entry(4_000)])
    assert store.read_cached("key" * 200) == entry(4_000).entry
    assert store.read_cached("other") is None


# --- flows --------------------------------------------------------------------------------------


def test_flows_are_listed_by_name_page_by_page(store: Store) -> None:
    names = ["b", "a", "ä", "Z", "c.d"]
    store.write([FlowRunCreated(flow_run(name), state(PENDING, NOON)) for name in [*names, "a"]])
    found = list(walk(lambda after: store.read_flows(limit=2, after=after)))
    assert [flow.name for flow in found] == sorted(names)
    assert found[0].created_moment == NOON
    assert [store.read_flow(flow.key) is not None for flow in found] == [True] * 5
    assert [flow.name for flow in store.read_flows(names=("c.d", "b", "none")).items] == ["b", "c.d"]
    assert store.read_flow(ids.new_id()) is None


def test_a_flow_keeps_its_identifier(store: Store) -> None:
    first, second = flow_run(), flow_run()
    store.write([FlowRunCreated(first, state(PENDING))])
    store.write([FlowRunCreated(second, state(PENDING))])
    assert read_flow_run(store, first).flow_key == read_flow_run(store, second).flow_key
    assert store.describe()["rows"]["flows"] == 1


def test_a_flow_is_as_it_was_described_last_whether_it_has_runs_or_not(store: Store) -> None:
    run = flow_run("etl")
    first = FlowDescribed("etl", "Load.", '{"properties":{"n":{"type":"integer"}}}', NOON - 1)
    store.write([FlowRunCreated(run, state(PENDING, NOON)), FlowRunCreated(flow_run("plain"), state(PENDING, NOON))])
    store.write([FlowDescribed("new", None, "{}", NOON), FlowDescribed("etl", "Old.", "{}", NOON), first])
    etl, new, plain = store.read_flows().items
    assert (etl.description, etl.parameter_schema) == ("Load.", {"properties": {"n": {"type": "integer"}}})
    assert etl.created_moment == NOON
    assert (new.name, new.description, new.parameter_schema) == ("new", None, {})
    assert (plain.description, plain.parameter_schema) == (None, None)
    found = store.read_flow(etl.key)
    assert found is not None
    (summary,) = store.read_flow_summaries(["etl"], NOON, NOON + 1, last=1)
    for same in (found, summary.flow, store.search("et", limit=1).flows[0]):
        assert (same.key, same.description, same.parameters_text) == (etl.key, "Load.", first.parameters)
    assert read_flow_run(store, run).flow_key == etl.key


# --- lists of runs ------------------------------------------------------------------------------


def test_runs_are_listed_in_each_order(store: Store) -> None:
    early, late, waiting = flow_run(given_name="m"), flow_run(given_name="z"), flow_run(given_name="a")
    store.write(flow_facts(late, RUNNING, COMPLETED, at=NOON + 60 * SECOND))
    store.write(flow_facts(waiting, PENDING))
    store.write(flow_facts(early, RUNNING, COMPLETED, at=NOON))
    expected = {
        RunOrder.NEWEST_FIRST: [waiting, late, early],
        RunOrder.OLDEST_FIRST: [early, late, waiting],
        RunOrder.STARTED_FIRST: [early, late, waiting],
        RunOrder.STARTED_LAST: [waiting, late, early],
        RunOrder.ENDED_LAST: [waiting, late, early],
        RunOrder.NAME: [waiting, early, late],
    }
    for order, runs in expected.items():
        found = store.read_flow_runs(order=order).items
        assert [run.name for run in found] == [run.name for run in runs], order


@pytest.mark.parametrize("order", list(RunOrder))
def test_pages_of_runs_add_up_to_the_list(store: Store, order: RunOrder) -> None:
    flow = flow_run()
    for number in range(7):
        kinds = (PENDING, RUNNING, COMPLETED)[: 1 + number % 3]
        store.write(task_facts(task_run(flow, f"task{number % 2}"), *kinds, at=NOON + number % 2))
    whole = [run.key for run in store.read_task_runs(order=order).items]
    paged = walk(lambda after: store.read_task_runs(order=order, limit=2, after=after))
    assert [run.key for run in paged] == whole
    assert len(set(whole)) == 7
    assert [run.key for run in store.read_task_runs(order=order, limit=2, offset=3).items] == whole[3:5]
    assert store.read_task_runs(order=order, limit=7).cursor is None


def test_a_page_goes_on_where_the_last_one_ended_though_runs_came_in_between(store: Store) -> None:
    store.write([FlowRunCreated(flow_run(), state(PENDING)) for _ in range(3)])
    first = store.read_flow_runs(limit=2)
    store.write([FlowRunCreated(flow_run(), state(PENDING))])
    second = store.read_flow_runs(limit=2, after=first.cursor)
    assert len(second.items) == 1
    assert second.items[0].key < first.items[1].key


@pytest.mark.parametrize("cursor", ["", "newest", "oldest-first.00.", "newest-first.zz.", "newest-first.00.", "ä.b"])
def test_a_cursor_of_another_order_or_none_at_all_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="does not belong to the order 'newest first'"):
        store.read_flow_runs(after=cursor)
    with pytest.raises(ValueError, match="does not belong to the order 'logs oldest first'"):
        store.read_logs(after=cursor)
    with pytest.raises(ValueError, match="does not belong to the order 'flows'"):
        store.read_flows(after=cursor)


def test_a_cursor_with_a_moment_beyond_all_moments_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="does not belong to the order 'started first'"):
        store.read_task_runs(order=RunOrder.STARTED_FIRST, after=f"started-first.{'0' * 32}.{1 << 64}")


def test_a_page_that_cannot_be_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        store.read_flow_runs(limit=0)
    with pytest.raises(ValueError, match="limit is -1"):
        store.read_logs(limit=-1)
    with pytest.raises(ValueError, match="offset is -1"):
        store.read_task_runs(offset=-1)


def test_flow_runs_are_found_by_each_part_of_a_query(store: Store) -> None:
    parent = flow_run("etl", key=key_at(NOON), given_name="Brave-Otter", tags=frozenset({"a", "b"}))
    child = flow_run(key=key_at(NOON + 3_600 * SECOND, 1), tags=frozenset({"a"}), parent_key=parent.key)
    other = flow_run(key=key_at(NOON + 7_200 * SECOND, 2))
    store.write(flow_facts(parent, PENDING, RUNNING))
    store.write(flow_facts(child, PENDING, RUNNING, COMPLETED))
    store.write([FlowRunCreated(other, state(FAILED, name="TimedOut"))])
    queries = [
        (FlowRunQuery(), {parent, child, other}),
        (FlowRunQuery(keys=(child.key,)), {child}),
        (FlowRunQuery(keys=(child.key, parent.key, ids.new_id(), child.key)), {child, parent}),
        (FlowRunQuery(keys=()), set()),
        (FlowRunQuery(key_prefix=child.key.hex()[:13].upper()), {child}),
        (FlowRunQuery(key_prefix=""), {parent, child, other}),
        (FlowRunQuery(key_prefix="brave-otter"), set()),
        (FlowRunQuery(key_prefix=child.key.hex() + "0"), set()),
        (FlowRunQuery(names=("Brave-Otter", other.name)), {parent, other}),
        (FlowRunQuery(name_like="e-oT"), {parent}),
        (FlowRunQuery(name_like="%"), set()),
        (FlowRunQuery(flow_names=("etl",)), {parent}),
        (FlowRunQuery(flow_names=("etl", "orders", "none")), {parent, child, other}),
        (FlowRunQuery(state_types=(RUNNING, FAILED)), {parent, other}),
        (FlowRunQuery(state_types=()), set()),
        (FlowRunQuery(state_names=("TimedOut", "Completed")), {child, other}),
        (FlowRunQuery(state_names=("Failed",)), set()),
        (FlowRunQuery(tags=("a",)), {parent, child}),
        (FlowRunQuery(tags=("a", "b")), {parent}),
        (FlowRunQuery(tags=()), {parent, child, other}),
        (FlowRunQuery(parent=parent.key), {child}),
        (FlowRunQuery(roots_only=True), {parent, other}),
        (FlowRunQuery(created_after=NOON + 3_600 * SECOND), {child, other}),
        (FlowRunQuery(created_before=NOON + 3_600 * SECOND), {parent}),
        (FlowRunQuery(created_after=NOON - 1, created_before=NOON + 1), {parent}),
        (FlowRunQuery(created_after=1 << 62), set()),
        (FlowRunQuery(created_after=-5, created_before=-4), set()),
        (FlowRunQuery(tags=("a",), state_types=(COMPLETED,), flow_names=("orders",)), {child}),
    ]
    for query, expected in queries:
        assert {run.key for run in store.read_flow_runs(query).items} == {run.key for run in expected}, query
        assert store.count_flow_runs(query) == len(expected), query


def test_task_runs_are_found_by_each_part_of_a_query(store: Store) -> None:
    flow, elsewhere = flow_run(), flow_run()
    load = task_run(flow, key=key_at(NOON), given_name="first", tags=frozenset({"x"}))
    save = task_run(flow, "save", key=key_at(NOON + SECOND, 1))
    lone = task_run(None, "save", key=key_at(NOON + 2 * SECOND, 2))
    far = task_run(elsewhere, key=key_at(NOON + 3 * SECOND, 3))
    far.call_preview = "path='größe.csv'"
    store.write(finished_task_facts(load))
    store.write(task_facts(save, PENDING, RUNNING, FAILED))
    store.write([TaskRunCreated(lone, state(COMPLETED, name="Cached"))])
    store.write([TaskRunCreated(far, state(PENDING))])
    queries = [
        (TaskRunQuery(), {load, save, lone, far}),
        (TaskRunQuery(keys=(save.key, far.key)), {save, far}),
        (TaskRunQuery(key_prefix=lone.key.hex()[:20]), {lone}),
        (TaskRunQuery(flow_run_keys=(flow.key,)), {load, save}),
        (TaskRunQuery(flow_run_keys=(flow.key, elsewhere.key)), {load, save, far}),
        (TaskRunQuery(flow_run_keys=()), set()),
        (TaskRunQuery(names=("first",)), {load}),
        (TaskRunQuery(names=(save.name,)), set()),
        (TaskRunQuery(task_names=("save",)), {save, lone}),
        (TaskRunQuery(task_names=("save", "load"), flow_run_keys=(flow.key,)), {load, save}),
        (TaskRunQuery(state_types=(COMPLETED,)), {load, lone}),
        (TaskRunQuery(state_types=(FAILED, PENDING)), {save, far}),
        (TaskRunQuery(state_names=("Completed",)), {load}),
        (TaskRunQuery(state_names=("Cached", "Failed")), {lone, save}),
        (TaskRunQuery(tags=("x",)), {load}),
        (TaskRunQuery(created_after=NOON + SECOND, created_before=NOON + 3 * SECOND), {save, lone}),
        (TaskRunQuery(text="SAV"), {save, lone}),
        (TaskRunQuery(text="Irst"), {load}),
        (TaskRunQuery(text=save.name.upper()), {save}),
        (TaskRunQuery(text="GrößE.CSV", flow_run_keys=(elsewhere.key,)), {far}),
        (TaskRunQuery(text="%"), set()),
    ]
    for query, expected in queries:
        assert {run.key for run in store.read_task_runs(query).items} == {run.key for run in expected}, query
        assert store.count_task_runs(query) == len(expected), query


def test_task_runs_of_a_flow_run_are_counted_by_task_and_state(store: Store) -> None:
    flow = flow_run()
    for _ in range(3):
        store.write(finished_task_facts(task_run(flow)))
    store.write(task_facts(task_run(flow), RUNNING, FAILED))
    store.write([TaskRunCreated(task_run(flow, "save"), state(COMPLETED, name="Cached"))])
    store.write(finished_task_facts(task_run(flow_run())))
    assert store.count_task_runs_by_state(flow.key) == {
        ("load", "Completed"): 3,
        ("load", "Failed"): 1,
        ("save", "Cached"): 1,
    }
    assert store.count_task_runs_by_state(ids.new_id()) == {}


# --- log lines ----------------------------------------------------------------------------------


def test_log_lines_are_read_in_the_order_they_were_written_and_backwards(store: Store) -> None:
    flow = flow_run()
    store.write([log_line(f"line {number}", flow, at=NOON - number) for number in range(5)])
    forth = list(walk(lambda after: store.read_logs(limit=2, after=after)))
    back = list(walk(lambda after: store.read_logs(limit=2, after=after, newest_first=True)))
    assert [line.message for line in forth] == [f"line {number}" for number in range(5)]
    assert back == forth[::-1]
    assert sorted(line.number for line in forth) == [line.number for line in forth]


def test_a_log_line_is_read_back_as_it_was_written(store: Store) -> None:
    flow, task = flow_run(), task_run()
    store.write([log_line("über\n100 %", flow, task, level=30), LogWritten(None, None, NOON, 10, "own.logger", "")])
    first, second = store.read_logs().items
    assert first[1:] == (flow.key, task.key, NOON, 30, "runs", "über\n100 %")
    assert second[1:] == (None, None, NOON, 10, "own.logger", "")


def test_log_lines_are_found_by_each_part_of_a_query(store: Store) -> None:
    flow, other, task = flow_run(), flow_run(), task_run()
    store.write(
        [
            log_line("flow says", flow, level=20, at=NOON),
            log_line("TASK says 100%", flow, task, level=40, at=NOON + 1),
            log_line("other says", other, level=30, at=NOON + 2),
        ]
    )
    queries = [
        (LogQuery(), "flow TASK other"),
        (LogQuery(flow_run_keys=(flow.key,)), "flow TASK"),
        (LogQuery(flow_run_keys=(flow.key, other.key)), "flow TASK other"),
        (LogQuery(flow_run_keys=()), ""),
        (LogQuery(task_run_keys=(task.key,)), "TASK"),
        (LogQuery(level_at_least=30), "TASK other"),
        (LogQuery(text="task SAYS"), "TASK"),
        (LogQuery(text="%"), "TASK"),
        (LogQuery(moment_after=NOON + 1), "TASK other"),
        (LogQuery(moment_before=NOON + 1), "flow"),
        (LogQuery(flow_run_keys=(flow.key,), level_at_least=30, text="100"), "TASK"),
    ]
    for query, words in queries:
        found = " ".join(line.message.partition(" ")[0] for line in store.read_logs(query).items)
        assert found == words, query
        assert store.count_logs(query) == len(words.split()), query


# --- the store itself ---------------------------------------------------------------------------


def test_a_sound_store_has_nothing_to_complain_of_and_describes_itself(store: Store) -> None:
    flow = flow_run()
    store.write(flow_facts(flow, RUNNING) + finished_task_facts(task_run(flow)) + [log_line("a line", flow)])
    assert store.check() == []
    about = store.describe()
    assert about["rows"] == {
        "flows": 1,
        "flow_runs": 1,
        "task_runs": 1,
        "cached_results": 0,
        "log_lines": 1,
        "artifacts": 0,
    }
    assert {"location", "schema_version", "bytes"} <= about.keys()


# --- deferred calls -----------------------------------------------------------------------------


def deferred(store: Store, task: str = TASK_NAME, *, due: int = NOON, upstream: tuple[TaskRun, ...] = ()) -> TaskRun:
    """Defer a call; what is packed of it is the identifier of the run."""
    run = task_run(task=task)
    keys = tuple(other.key for other in upstream)
    store.write([TaskRunDeferred(run, state(SCHEDULED, due), due, b"call " + run.key, keys)])
    return run


def claimed(
    store: Store, owner: str = "w", tasks: tuple[str, ...] = (TASK_NAME,), limit: int = 9, at: int = NOON
) -> list[RunId]:
    """Claim calls, and return their runs."""
    return [call.run_key for call in store.claim_calls(owner, [f"{task}-key" for task in tasks], limit, at)]


def test_a_deferred_call_is_a_scheduled_run_and_is_claimed_once_with_what_was_packed(store: Store) -> None:
    run = deferred(store)
    found = read_task_run(store, run)
    assert (found.state_name, found.run_count, found.start) == ("Scheduled", 0, None)
    assert store.claim_calls("first", ["load-key"], 5, NOON) == (DeferredCall(run.key, b"call " + run.key),)
    assert store.claim_calls("second", ["load-key"], 5, NOON) == ()
    assert store.read_claims() == (Claim(run.key, "load-key", "first", NOON),)


def test_calls_are_claimed_the_longest_due_first_up_to_the_limit(store: Store) -> None:
    late, early = deferred(store, due=NOON + 2), deferred(store, due=NOON + 1)
    other = deferred(store, "mail", due=NOON)
    assert claimed(store, tasks=("load", "mail"), limit=2, at=NOON + SECOND) == [other.key, early.key]
    assert claimed(store, tasks=("load", "mail"), limit=2, at=NOON + SECOND) == [late.key]


def test_a_call_is_claimed_only_by_who_serves_its_task_and_only_when_it_is_due(store: Store) -> None:
    run = deferred(store, due=NOON + SECOND)
    assert claimed(store, tasks=("mail",), at=NOON + SECOND) == []
    assert claimed(store, at=NOON + SECOND - 1) == []
    assert claimed(store, at=NOON + SECOND) == [run.key]


def test_a_call_waits_for_the_deferred_runs_that_are_to_end_before(store: Store) -> None:
    first, second = deferred(store), deferred(store)
    last = deferred(store, upstream=(first, second))
    assert claimed(store) == [first.key, second.key]
    store.write([DeferredCallEnded(first.key)])
    assert claimed(store) == []
    store.write([DeferredCallEnded(second.key)])
    assert claimed(store) == [last.key]


def test_a_call_does_not_wait_for_what_has_ended_or_never_was_deferred(store: Store) -> None:
    ended, never = deferred(store), task_run()
    store.write([DeferredCallEnded(ended.key)])
    run = deferred(store, upstream=(ended, never))
    assert claimed(store) == [run.key]


def test_calls_that_wait_for_each_other_may_be_told_in_one_batch(store: Store) -> None:
    first, last = task_run(), task_run()
    store.write(
        [
            TaskRunDeferred(first, state(SCHEDULED), NOON, b"", ()),
            TaskRunDeferred(last, state(SCHEDULED), NOON, b"", (first.key,)),
        ]
    )
    assert claimed(store) == [first.key]
    store.write([TaskRunMoved(first.key, state(COMPLETED), 1), DeferredCallEnded(first.key)])
    assert claimed(store) == [last.key]


def test_a_call_that_is_handed_back_is_claimed_again_unless_somebody_else_has_it(store: Store) -> None:
    run = deferred(store)
    assert claimed(store, "first") == [run.key]
    store.release_calls("second", [run.key])
    assert claimed(store, "second") == []
    store.release_calls("first", [run.key, task_run().key])
    assert store.read_claims() == ()
    assert claimed(store, "second") == [run.key]


def test_calls_that_nobody_has_claimed_are_counted_by_the_key_of_their_task(store: Store) -> None:
    assert store.count_waiting_calls() == {}
    first = deferred(store)
    deferred(store, upstream=(first,))
    deferred(store, "mail", due=NOON + SECOND)
    assert store.count_waiting_calls() == {"load-key": 2, "mail-key": 1}
    assert claimed(store) == [first.key]
    assert store.count_waiting_calls() == {"load-key": 1, "mail-key": 1}


def test_a_claim_lasts_until_the_call_has_ended_whatever_state_its_run_is_in(store: Store) -> None:
    run = deferred(store)
    assert claimed(store) == [run.key]
    store.write([TaskRunMoved(run.key, state(COMPLETED, NOON + SECOND), 1, NOTHING)])
    assert [claim.run_key for claim in store.read_claims()] == [run.key]
    store.write([DeferredCallEnded(run.key)])
    assert store.read_claims() == ()
    assert claimed(store) == []
    assert read_task_run(store, run).state_name == "Completed"


def test_the_states_of_a_deferred_run_follow_each_other_in_one_history(store: Store) -> None:
    run = deferred(store)
    store.write(
        [TaskRunMoved(run.key, state(PENDING, NOON + 1), 0), TaskRunMoved(run.key, state(RUNNING, NOON + 2), 1)]
    )
    store.write([TaskRunMoved(run.key, state(COMPLETED, NOON + 3), 1, NOTHING)])
    assert [entry.name for entry in store.read_history(run.key)] == ["Scheduled", "Pending", "Running", "Completed"]
    found = read_task_run(store, run)
    assert (found.run_count, found.start, found.end) == (1, NOON + 2, NOON + 3)


# --- locks ----------------------------------------------------------------------------------------


def test_a_lock_goes_to_one_owner_until_it_is_given_back_by_that(store: Store) -> None:
    assert store.read_lock_owner("key", NOON) is None
    assert store.claim_lock("key", "first", NOON + SECOND, NOON)
    assert not store.claim_lock("key", "second", NOON + SECOND, NOON)
    assert store.claim_lock("other key", "second", NOON + SECOND, NOON)
    assert store.read_lock_owner("key", NOON) == "first"
    assert not store.release_lock("key", "second", NOON)
    assert store.release_lock("key", "first", NOON)
    assert not store.release_lock("key", "first", NOON)
    assert store.claim_lock("key", "second", NOON + SECOND, NOON)
    assert store.read_lock_owner("key", NOON) == "second"


def test_a_lock_is_prolonged_by_its_owner_and_free_from_its_deadline_on(store: Store) -> None:
    assert store.claim_lock("key", "first", NOON + SECOND, NOON)
    assert store.claim_lock("key", "first", NOON + 3 * SECOND, NOON)
    assert not store.claim_lock("key", "second", NOON + 9 * SECOND, NOON + 2 * SECOND)
    assert store.read_lock_owner("key", NOON + 3 * SECOND) is None
    assert not store.release_lock("key", "first", NOON + 3 * SECOND)
    assert store.claim_lock("key", "second", NOON + 9 * SECOND, NOON + 3 * SECOND)
    assert not store.claim_lock("key", "first", NOON + 9 * SECOND, NOON + 3 * SECOND)
