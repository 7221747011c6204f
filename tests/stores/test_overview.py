"""Looking at many runs at once: counts, strips, timelines and searches, which are the same in every store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import Fact, FlowRunMoved, LogWritten, TaskRunDeferred
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.overview import Bucket, LogOutline, Pulse, RunMark, Topic
from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.slots import Limit
from sluiceway.model.states import StateDetails, StateType
from sluiceway.ports.store import Store
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import (
    NOON,
    finished_task_facts,
    flow_facts,
    flow_run,
    key_at,
    log_line,
    state,
    task_facts,
    task_run,
)

SCHEDULED, PENDING, RUNNING = StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING
COMPLETED, FAILED, CRASHED, PAUSED = StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.PAUSED

SECOND = 1_000_000
MINUTE = 60 * SECOND


class Here:
    """A process that announces itself when it first has something in hand."""

    def __init__(self) -> None:
        self.info = ProcessInfo(new_id(), "here", "boot", 42, NOON, "/locks/42")
        self.announced: ProcessInfo | None = None
        self.known = False

    def announce(self) -> ProcessInfo:
        self.announced = self.info
        return self.info


def run_at(minute: float, *kinds: StateType, flow: str = "orders", number: int = 0, **changes: Any) -> Any:
    """Return a flow run that was created some minutes after noon, and its facts."""
    at = NOON + round(minute * MINUTE)
    run = flow_run(flow, key=key_at(at, number), **changes)
    return run, flow_facts(run, *(kinds or (PENDING, RUNNING, COMPLETED)), at=at)


def write_runs(store: Store, *made: tuple[FlowRun, list[Fact]]) -> list[FlowRun]:
    store.write([fact for _, facts in made for fact in facts])
    return [run for run, _ in made]


def keys(runs: Any) -> list[RunId]:
    return [run.key for run in runs]


def found(store: Store, **parts: Any) -> list[RunId]:
    """Return the runs that a query finds, the oldest first, counted likewise."""
    query = FlowRunQuery(**parts)
    listed = keys(store.read_flow_runs(query).items)[::-1]
    assert store.count_flow_runs(query) == len(listed)
    return listed


# --- the pulse ----------------------------------------------------------------------------------


def test_the_pulse_stays_while_nothing_changes_and_changes_with_each_write(store: Store) -> None:
    run, task, here = flow_run(), task_run(), Here()
    steps: list[Any] = [
        lambda: store.write([flow_facts(run, PENDING)[0]], here),
        lambda: store.write([FlowRunMoved(run.key, state(RUNNING, NOON), 1)], here),
        lambda: store.write([log_line("a line", run)]),
        lambda: store.write(task_facts(task, PENDING, RUNNING), here),
        lambda: store.request_cancel(run.key, state(StateType.CANCELLING, NOON)),
        lambda: store.create_limit(Limit(new_id(), "few", 2)),
        lambda: store.claim_lock("a lock", "me", NOON + 1, NOON),
        lambda: store.write([FlowRunMoved(run.key, state(COMPLETED, NOON), 1)], here),
        lambda: store.remove_runs([run.key], 100, NOON),
    ]
    pulses = [store.read_pulse()]
    for step in steps:
        step()
        pulses.append(store.read_pulse())
        assert store.read_pulse() == pulses[-1]
        assert pulses[-1].changed_since(pulses[-2])
        assert not pulses[-1].changed_since(pulses[-1])
    assert len({pulse.text for pulse in pulses}) == len(pulses)


def test_the_pulse_tells_whether_there_are_other_lines(store: Store) -> None:
    run, facts = run_at(0)
    before = store.read_pulse()
    store.write(facts)
    with_run = store.read_pulse()
    assert Topic.LOGS not in with_run.changed_since(before)
    assert Topic.RUNS in with_run.changed_since(before)
    store.write([log_line("a line", run)])
    with_line = store.read_pulse()
    assert Topic.LOGS in with_line.changed_since(with_run)
    assert Topic.LOGS in with_line.changed_since(before)
    store.remove_runs([run.key], 100, NOON + MINUTE)
    assert Topic.LOGS in store.read_pulse().changed_since(with_line)


def test_a_pulse_passes_through_a_text_and_anything_may_have_changed_since_that_of_another_source(
    store: Store,
) -> None:
    pulse = store.read_pulse()
    assert Pulse.parse(pulse.text) == pulse
    assert set(pulse.text) <= set("0123456789abcdefghijklmnopqrstuvwxyz.-")
    assert pulse.changed_since(None) == frozenset(Topic)
    assert pulse.changed_since(pulse._replace(source="elsewhere")) == frozenset(Topic)
    for broken in ("", "a", "a.1", f"{pulse.text}.1", "a.x.1.2.3", "a.-1.1.2.3", "a.²..."):
        with pytest.raises(ValueError, match="is no pulse of a journal"):
            Pulse.parse(broken)


def test_what_another_process_or_store_writes_changes_the_pulse(database: Path, sqlite: SqliteStore) -> None:
    other = SqliteStore(str(database))
    before = sqlite.read_pulse()
    other.write(run_at(0)[1])
    between = sqlite.read_pulse()
    assert between.changed_since(before) == {Topic.RUNS, Topic.OTHERS}
    other.close()
    assert sqlite.read_pulse() == between


# --- counts and strips --------------------------------------------------------------------------


def test_runs_are_counted_by_the_span_in_which_they_were_created(store: Store) -> None:
    write_runs(
        store,
        run_at(-0.1),
        run_at(0),
        run_at(0.99, PENDING, RUNNING, FAILED),
        run_at(1),
        run_at(1, PENDING, number=1),
        run_at(3),
    )
    assert store.read_flow_run_history(FlowRunQuery(), NOON, MINUTE, 3) == (
        Bucket(NOON, {COMPLETED: 1, FAILED: 1}),
        Bucket(NOON + MINUTE, {COMPLETED: 1, PENDING: 1}),
        Bucket(NOON + 2 * MINUTE, {}),
    )


def test_a_history_may_be_that_of_some_runs_only(store: Store) -> None:
    tagged = frozenset({"nightly"})
    parent, child = run_at(0), run_at(1, flow="child")
    child[0].parent_key = parent[0].key
    write_runs(store, parent, child, run_at(2, PENDING, RUNNING, FAILED, tags=tagged), run_at(2, number=1))

    def counts(**parts: Any) -> list[dict[StateType, int]]:
        return [bucket.counts for bucket in store.read_flow_run_history(FlowRunQuery(**parts), NOON, MINUTE, 3)]

    assert counts(flow_names=("child",)) == [{}, {COMPLETED: 1}, {}]
    assert counts(flow_names=("child", "orders"), tags=("nightly",)) == [{}, {}, {FAILED: 1}]
    assert counts(state_types=(COMPLETED,)) == [{COMPLETED: 1}, {COMPLETED: 1}, {COMPLETED: 1}]
    assert counts(roots_only=True) == [{COMPLETED: 1}, {}, {FAILED: 1, COMPLETED: 1}]
    assert counts(created_before=NOON + MINUTE) == [{COMPLETED: 1}, {}, {}]


@pytest.mark.parametrize(
    ("width", "count", "message"),
    [(999, 1, "width is 999"), (MINUTE, 0, "count is 0"), (MINUTE, 501, "1 to 500 buckets")],
)
def test_a_history_has_some_buckets_of_some_width(store: Store, width: int, count: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        store.read_flow_run_history(FlowRunQuery(), NOON, width, count)


def test_states_are_counted_by_type_and_name(store: Store) -> None:
    retrying, facts = run_at(2, PENDING, RUNNING)
    facts.append(FlowRunMoved(retrying.key, state(SCHEDULED, NOON, "AwaitingRetry"), 1))
    write_runs(store, run_at(0), run_at(1), (retrying, facts), run_at(3, SCHEDULED, flow="other"))
    counted = {(COMPLETED, "Completed"): 2, (SCHEDULED, "AwaitingRetry"): 1, (SCHEDULED, "Scheduled"): 1}
    assert store.count_flow_runs_by_state() == counted
    assert store.count_flow_runs_by_state(FlowRunQuery(flow_names=("other",))) == {(SCHEDULED, "Scheduled"): 1}
    for of_none in (FlowRunQuery(flow_names=("none",)), FlowRunQuery(state_types=())):
        assert store.count_flow_runs_by_state(of_none) == {}
    twice = FlowRunQuery(state_types=(COMPLETED, COMPLETED))
    assert store.count_flow_runs_by_state(twice) == {(COMPLETED, "Completed"): 2}


def test_what_fails_runs_is_late_or_stuck_has_attention(store: Store) -> None:
    here = Here()
    failed, old, crashed, running, longer, stuck, left = (
        run_at(5, PENDING, RUNNING, FAILED),
        run_at(0, PENDING, RUNNING, FAILED),
        run_at(4, PENDING, RUNNING, CRASHED),
        run_at(6, PENDING, RUNNING),
        run_at(2, PENDING, RUNNING),
        run_at(3, PENDING),
        run_at(8, PENDING, RUNNING),
    )
    child = run_at(7, PENDING, RUNNING, FAILED, parent_key=failed[0].key)
    waits, late, due = (flow_run(key=key_at(NOON, number)) for number in (101, 102, 103))
    details = [
        StateDetails(scheduled_time=task_run(key=key_at(at)).created) for at in (NOON + 20 * MINUTE, NOON + MINUTE)
    ]
    due.expected_start = NOON + 2 * MINUTE
    store.write(
        [
            *flow_facts(waits, SCHEDULED),
            *flow_facts(late, SCHEDULED),
            *flow_facts(due, SCHEDULED),
            FlowRunMoved(waits.key, state(SCHEDULED, NOON, "AwaitingRetry", details=details[0]), 1),
            FlowRunMoved(late.key, state(SCHEDULED, NOON, "AwaitingRetry", details=details[1]), 1),
        ]
    )
    store.write([*running[1], *longer[1], *run_at(1)[1]], here)
    write_runs(store, failed, old, crashed, child, stuck, left)
    seen = store.read_attention(NOON + MINUTE, NOON + 10 * MINUTE)
    assert keys(seen.failed) == [failed[0].key, crashed[0].key]
    assert keys(seen.running) == [longer[0].key, running[0].key]
    assert keys(seen.late) == [late.key, due.key]
    assert keys(seen.stuck) == [stuck[0].key, left[0].key]
    assert seen[4:] == (2, 2, 2, 2)
    few = store.read_attention(NOON, NOON + 10 * MINUTE, limit=1)
    assert (keys(few.failed), keys(few.running), few.failed_count) == ([failed[0].key], [longer[0].key], 3)
    with pytest.raises(ValueError, match="limit is 0"):
        store.read_attention(NOON, NOON, limit=0)


def test_a_flow_is_summed_up_over_a_span_of_time(store: Store) -> None:
    runs = []
    for number, seconds in enumerate([30, 10, 20, 40]):
        run = flow_run(key=key_at(NOON + number * MINUTE))
        began = NOON + number * MINUTE
        moves = [(RUNNING, began), (COMPLETED, began + seconds * SECOND)]
        store.write([flow_facts(run, PENDING)[0], *(FlowRunMoved(run.key, state(kind, at), 1) for kind, at in moves)])
        runs.append(run)
    write_runs(store, run_at(4, PENDING, RUNNING, FAILED), run_at(5, PENDING), run_at(0, flow="other", number=9))
    other, orders = store.read_flow_summaries(["other", "none", "orders", "other"], NOON, NOON + 9 * MINUTE, last=3)
    assert (other.flow.name, other.counts, other.success_rate) == ("other", {COMPLETED: 1}, 1.0)
    assert orders.counts == {COMPLETED: 4, FAILED: 1, PENDING: 1}
    assert (orders.runs, orders.success_rate) == (6, 0.8)
    assert (orders.mean, orders.median) == (25 * SECOND, 20 * SECOND)
    assert [mark.state_type for mark in orders.last] == [PENDING, FAILED, COMPLETED]
    began = NOON + 3 * MINUTE
    assert orders.last[2] == RunMark(runs[3].key, COMPLETED, "Completed", began, began + 40 * SECOND)
    (later,) = store.read_flow_summaries(["orders"], NOON + 5 * MINUTE, NOON + 9 * MINUTE)
    assert (later.counts, later.success_rate, later.mean, later.median) == ({PENDING: 1}, None, None, None)
    assert len(later.last) == 6


# --- which runs are asked for -------------------------------------------------------------------


def test_flow_runs_are_found_by_when_they_began_and_ended_and_how_long_they_took(store: Store) -> None:
    quick, slow, open_run, waiting = write_runs(
        store,
        run_at(0, PENDING, RUNNING, COMPLETED),
        run_at(1, PENDING, RUNNING, RUNNING, COMPLETED),
        run_at(2, PENDING, RUNNING),
        run_at(3, PENDING),
    )
    assert waiting.key not in found(store, started_after=0) + found(store, started_before=NOON + 9 * MINUTE)
    began = NOON + MINUTE + SECOND
    assert found(store, started_after=began) == [slow.key, open_run.key]
    assert found(store, started_before=began) == [quick.key]
    assert found(store, ended_after=NOON + 2 * SECOND) == [quick.key, slow.key]
    assert found(store, ended_before=NOON + 2 * SECOND) == []
    assert found(store, ended_before=NOON + 2 * SECOND + 1) == [quick.key]
    assert found(store, duration_at_least=2 * SECOND) == [slow.key]
    assert found(store, duration_at_most=SECOND) == [quick.key]
    assert found(store, duration_at_least=0, duration_at_most=9 * SECOND) == [quick.key, slow.key]


def test_flow_runs_are_found_by_their_parameters(store: Store) -> None:
    first, second, plain, odd = write_runs(
        store,
        run_at(0, parameters={"n": 1, "who": 'An"na', "path": {"n": [1, 2]}, "none": None, "yes": True}),
        run_at(1, parameters={"n": 1.0, "who": "Éva", "more": '"n":1', "yes": 1}),
        run_at(2),
        run_at(3, parameters={"n": 11, "rate": float("nan")}),
    )
    assert plain.key not in found(store, parameters=(("n", "1"),))
    assert found(store, parameters=(("n", "1"),)) == [first.key]
    assert found(store, parameters=(("n", "1.0"),)) == [second.key]
    assert found(store, parameters=(("n", "1"), ("who", '"An\\"na"'))) == [first.key]
    assert found(store, parameters=(("who", '"Éva"'),)) == [second.key]
    assert found(store, parameters=(("path", '{ "n": [1, 2] }'),)) == [first.key]
    assert found(store, parameters=(("none", "null"),)) == [first.key]
    assert found(store, parameters=(("yes", "true"),)) == [first.key]
    assert found(store, parameters=(("missing", "null"),)) == []
    assert found(store, parameters=(("rate", "NaN"),)) == [odd.key]
    with pytest.raises(ValueError, match="'Anna' of the parameter 'who' is no JSON"):
        store.count_flow_runs(FlowRunQuery(parameters=(("who", "Anna"),)))


def test_flow_runs_are_found_by_a_text_in_what_tells_of_them(store: Store) -> None:
    named, flow, tagged, called, other = write_runs(
        store,
        run_at(0, given_name="Import of May"),
        run_at(1, flow="imports"),
        run_at(2, tags=frozenset({"re-import", "x"})),
        run_at(3, parameters={"source": "imported, größer"}),
        run_at(4),
    )
    assert found(store, text="IMPORT") == [named.key, flow.key, tagged.key, called.key]
    assert found(store, text="größer") == found(store, text="source") == [called.key]
    assert found(store, text=",") == [called.key]
    assert found(store, text="import", flow_names=("imports",)) == [flow.key]
    assert other.key in found(store, text="")


# --- the steps of a run -------------------------------------------------------------------------


def test_a_timeline_has_the_steps_of_one_flow_run_in_pages(store: Store) -> None:
    run, facts = run_at(0)
    first = task_run(run, "load", key=key_at(NOON, 1))
    called = task_run(run, "split", key=key_at(NOON, 2), parent_key=first.key, given_name="half")
    child = flow_run("child", key=key_at(NOON, 3), parent_key=run.key)
    stand_in = task_run(run, "child", key=key_at(NOON, 4), child_flow_run_key=child.key)
    stand_in.inputs = {"rows": (first.key, called.key), "wait_for": (first.key,)}
    elsewhere = task_run(child, key=key_at(NOON, 5))
    store.write(facts)
    store.write(
        [
            *finished_task_facts(first),
            *task_facts(called, PENDING, RUNNING, FAILED),
            *flow_facts(child),
            *task_facts(stand_in, PENDING),
            *task_facts(elsewhere, PENDING),
        ]
    )
    page = store.read_timeline(run.key, limit=2)
    assert keys(page.items) == [first.key, called.key]
    rest = store.read_timeline(run.key, limit=2, after=page.cursor)
    assert (keys(rest.items), rest.cursor) == ([stand_in.key], None)
    assert rest == store.read_timeline(run.key, after=f"timeline.{called.key.hex()}")
    a, b, c = store.read_timeline(run.key).items
    assert (a.name, a.task_name, a.start, a.end, a.run_count) == (first.name, "load", NOON, NOON + 5_000, 1)
    assert (b.name, b.parent_key, b.state_type, b.state_name) == ("half", first.key, FAILED, "Failed")
    assert (c.child_flow_run_key, c.upstream, c.start) == (child.key, (first.key, called.key), None)
    assert keys(store.read_timeline(run.key, keys=[called.key, elsewhere.key]).items) == [called.key]
    assert store.read_timeline(run.key, keys=[]).items == ()
    assert store.read_timeline(new_id()).items == ()
    for limit in (0, 10_001):
        with pytest.raises(ValueError, match=f"limit is {limit}"):
            store.read_timeline(run.key, limit=limit)
    with pytest.raises(ValueError, match="does not belong to the order 'timeline'"):
        store.read_timeline(run.key, after="logs.5")


def test_histories_of_many_runs_are_read_at_once(store: Store) -> None:
    run, facts = run_at(0)
    task = task_run(run)
    store.write([*facts, *task_facts(task, PENDING, RUNNING)])
    histories = store.read_histories([task.key, run.key, new_id()])
    assert histories == {key: store.read_history(key) for key in (run.key, task.key)}
    assert [known.type for known in histories[task.key]] == [PENDING, RUNNING]
    assert store.read_histories([task.key]) == {task.key: histories[task.key]}
    assert store.read_histories([]) == {}


# --- searching ----------------------------------------------------------------------------------


def test_a_search_finds_runs_flows_tasks_and_tags_by_how_they_begin(store: Store) -> None:
    run, other = write_runs(
        store,
        run_at(0, given_name="monthly-report", tags=frozenset({"month", "moon", "x"})),
        run_at(1, flow="monthly", tags=frozenset({"month"})),
    )
    task = task_run(run, "each-month", key=key_at(NOON, 7), given_name="month-1")
    store.write(finished_task_facts(task))
    seen = store.search(" month ")
    assert (keys(seen.flow_runs), keys(seen.task_runs)) == ([run.key], [task.key])
    assert [flow.name for flow in seen.flows] == ["monthly"]
    assert (seen.task_names, seen.tags) == (("each-month",), ("month",))
    assert store.search("mo", limit=1).tags == ("month",)
    assert store.search("mo").tags == ("month", "moon")
    by_key = store.search(str(task.id))
    assert (keys(by_key.task_runs), by_key.flow_runs) == ([task.key], ())
    assert keys(store.search(run.key.hex()[:6]).flow_runs) == [other.key, run.key]
    assert keys(store.search(run.key.hex()[:6], limit=1).flow_runs) == [other.key]
    for nothing in ("", "   ", "ort", "MONTHLY-R", "'"):
        assert store.search(nothing).nothing


# --- log lines ----------------------------------------------------------------------------------


@pytest.fixture
def logged(store: Store) -> tuple[FlowRun, TaskRun]:
    """Return a flow run and a task of it that wrote ten lines, beside those of another flow run."""
    run, facts = run_at(0)
    other, others = run_at(1)
    task = task_run(run)
    store.write([*facts, *others, *finished_task_facts(task)])
    levels = [20, 20, 30, 20, 40, 20, 20, 50, 20, 20]
    lines: list[LogWritten] = []
    for number, level in enumerate(levels):
        lines += [
            log_line(f"line {number}", run, task if number % 2 else None, level=level),
            log_line("elsewhere", other, level=level),
        ]
    store.write(lines)
    return run, task


def messages(lines: tuple[LogLine, ...]) -> list[int]:
    return [int(line.message.removeprefix("line ")) for line in lines]


def test_log_lines_are_outlined(store: Store, logged: tuple[FlowRun, TaskRun]) -> None:
    run, task = logged
    of_run = LogQuery(flow_run_keys=(run.key,))
    numbers = [line.number for line in store.read_logs(of_run).items]
    assert store.outline_logs(of_run) == LogOutline(10, numbers[0], numbers[9], numbers[2], numbers[4], 3, 2)
    of_task = store.outline_logs(LogQuery(task_run_keys=(task.key,)))
    assert (of_task.lines, of_task.first_warning, of_task.first_error) == (5, numbers[7], numbers[7])
    assert store.outline_logs().lines == 20
    assert store.outline_logs(of_run._replace(text="none")) == LogOutline(0, None, None, None, None, 0, 0)


def test_a_list_of_lines_can_begin_anywhere(store: Store, logged: tuple[FlowRun, TaskRun]) -> None:
    query = LogQuery(flow_run_keys=(logged[0].key,))
    numbers = [line.number for line in store.read_logs(query).items]
    assert [store.find_log(query, position) for position in range(10)] == numbers
    assert store.find_log(query, 10) is None
    assert store.count_logs(query._replace(number_before=numbers[4])) == 4
    around = query._replace(number_from=numbers[4])
    before = query._replace(number_before=numbers[4])
    assert messages(store.read_logs(around, limit=2).items) == [4, 5]
    assert messages(store.read_logs(before, limit=2, newest_first=True).items) == [3, 2]
    assert store.find_log(around, 1) == numbers[5]
    with pytest.raises(ValueError, match="offset is -1"):
        store.find_log(query, -1)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_search_through_lines_goes_on_where_it_stopped(
    store: Store, logged: tuple[FlowRun, TaskRun], newest_first: bool
) -> None:
    query = LogQuery(flow_run_keys=(logged[0].key,), level_at_least=30)
    for limit, most in [(1, 3), (2, 4), (9, 1), (9, 10), (9, 99), (3, 10), (1, 1)]:
        lines: list[int] = []
        scanned, after = 0, None
        while True:
            scan = store.scan_logs(query, limit=limit, most=most, after=after, newest_first=newest_first)
            assert len(scan.lines) <= limit
            assert scan.scanned <= most
            lines += messages(scan.lines)
            scanned, after = scanned + scan.scanned, scan.cursor
            if after is None:
                break
        assert lines == ([7, 4, 2] if newest_first else [2, 4, 7]), (limit, most)
        assert scanned == 10, (limit, most)
    bounded = query._replace(number_from=store.find_log(query, 1), number_before=store.find_log(query, 2))
    assert messages(store.scan_logs(bounded, newest_first=newest_first).lines) == [4]
    with pytest.raises(ValueError, match="does not belong"):
        store.scan_logs(query, after="roots.1")


# --- processes ----------------------------------------------------------------------------------


def test_a_process_is_seen_with_what_it_has_in_hand(store: Store) -> None:
    here, idle = Here(), Here()
    run, loose, deferred = flow_run(), task_run(), task_run()
    store.write([*flow_facts(run, PENDING, RUNNING), *task_facts(loose, PENDING, RUNNING)], here)
    store.announce_process(idle.info)
    store.write([TaskRunDeferred(deferred, state(SCHEDULED), NOON, b"call")])
    store.claim_calls(f"worker/{here.info.key.hex()}", ["load-key"], 1, NOON)
    store.request_cancel(loose.key, state(StateType.CANCELLING))
    busy, other = store.read_in_hand()
    assert (busy.process, other.process) == (here.info, idle.info)
    assert keys(busy.flow_runs) == [run.key]
    assert keys(busy.task_runs) == [loose.key]
    assert keys(busy.calls) == [deferred.key]
    assert busy.cancelling == {loose.key}
    assert other[1:] == ((), (), (), frozenset())
