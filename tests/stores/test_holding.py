"""Runs in hand: every store agrees on who has which run, and hands it on to one process only."""

from __future__ import annotations

import threading

import pytest

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import new_id
from sluiceway.model.facts import (
    Fact,
    FlowRunCreated,
    FlowRunMoved,
    FlowRunReopened,
    TaskRunDeferred,
    TaskRunMoved,
    TaskRunReopened,
    TaskRunSettled,
    TaskRunStaged,
)
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.results import NOTHING, StoredResult
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from sluiceway.rules.outcomes import MOST_WORKERS, resuming
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, state, task_facts, task_run

LATER = NOON + 60_000_000


class Announcing:
    """A process that writes, as the recorder presents it."""

    def __init__(self) -> None:
        self.info = ProcessInfo(new_id(), "here", "boot", 42, NOON, "/locks/42")
        self.announced: ProcessInfo | None = None
        self.known = False

    def announce(self) -> ProcessInfo:
        self.announced = self.info
        return self.info


@pytest.fixture
def process() -> Announcing:
    return Announcing()


# --- who has what in hand -----------------------------------------------------------------------


def test_a_run_that_has_not_ended_by_the_end_of_a_batch_is_in_the_hands_of_who_wrote_it(
    store: Store, process: Announcing
) -> None:
    run = flow_run()
    store.write(flow_facts(run, StateType.PENDING, StateType.RUNNING), process)
    assert process.known
    assert store.read_holder(run.key) == process.info
    assert store.read_processes() == (process.info,)
    assert store.read_held(process.info.key) == {run.key: None}


def test_a_process_without_anything_in_hand_is_not_on_the_list(store: Store, process: Announcing) -> None:
    store.write(flow_facts(flow_run(), StateType.RUNNING, StateType.COMPLETED), process)
    assert not process.known
    assert store.read_processes() == ()


def test_child_runs_and_tasks_of_flows_are_in_the_hands_of_their_root(store: Store, process: Announcing) -> None:
    root, child = flow_run(), flow_run()
    child.parent_key, child.root_key = root.key, root.key
    step = task_run(flow_run_key=root.key)
    facts = [*flow_facts(root, StateType.RUNNING), *flow_facts(child, StateType.RUNNING)]
    store.write([*facts, *task_facts(step, StateType.PENDING, StateType.RUNNING)], process)
    assert store.read_held(process.info.key) == {root.key: None}


def test_a_task_run_outside_flows_is_in_hand_until_it_has_ended(store: Store, process: Announcing) -> None:
    run = task_run(flow_run_key=None)
    store.write(task_facts(run, StateType.PENDING, StateType.RUNNING), process)
    assert store.read_held(process.info.key) == {run.key: None}
    store.write([TaskRunMoved(run.key, state(StateType.COMPLETED, LATER), 1)], process)
    assert store.read_held(process.info.key) == {}


@pytest.mark.parametrize("ending", [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED])
def test_a_run_that_has_ended_is_let_go(store: Store, process: Announcing, ending: StateType) -> None:
    run = flow_run()
    store.write(flow_facts(run, StateType.RUNNING), process)
    store.write([FlowRunMoved(run.key, state(ending, LATER), 1)], process)
    assert store.read_holder(run.key) is None


def test_a_suspended_run_is_let_go_and_a_paused_one_is_not(store: Store, process: Announcing) -> None:
    suspended, paused = flow_run(), flow_run()
    store.write([*flow_facts(suspended, StateType.RUNNING), *flow_facts(paused, StateType.RUNNING)], process)
    away = state(StateType.PAUSED, LATER, "Suspended")
    here = state(StateType.PAUSED, LATER)
    store.write([FlowRunMoved(suspended.key, away, 1), FlowRunMoved(paused.key, here, 1)], process)
    assert store.read_held(process.info.key) == {paused.key: None}


def test_who_was_taken_off_the_list_may_write_no_more(store: Store, process: Announcing) -> None:
    run = flow_run()
    store.write(flow_facts(run, StateType.RUNNING), process)
    store.bury_process(process.info, "gone", LATER)
    with pytest.raises(FencedError, match="taken for dead"):
        store.write([FlowRunMoved(run.key, state(StateType.COMPLETED, LATER), 1)], process)
    found = store.read_flow_run(run.key)
    assert found is not None
    assert found.state_name == "Crashed"


# --- taking in hand -------------------------------------------------------------------------------


FRESH = (StateType.CRASHED, 0)
"""A run that has crashed, as it is seen before it is taken in hand for the first time."""


def listed(store: Store) -> ProcessInfo:
    """Return a process that is on the list."""
    info = Announcing().info
    store.announce_process(info)
    return info


def crashed(store: Store, process: Announcing) -> bytes:
    run = flow_run()
    store.write(flow_facts(run, StateType.PENDING, StateType.RUNNING), process)
    assert store.bury_process(process.info, "gone", LATER) == (run.key,)
    return run.key


def test_a_crashed_run_is_taken_in_hand_with_the_next_epoch(store: Store, process: Announcing) -> None:
    key, other = crashed(store, process), listed(store)
    assert store.take_flow_run(key, FRESH, other, resuming(LATER)) == 1
    found = store.read_flow_run(key)
    assert found is not None
    assert (found.epoch, found.state_name, found.end) == (1, "Resuming", None)
    assert store.read_holder(key) == other
    assert [told.name for told in store.read_history(key)] == ["Pending", "Running", "Crashed", "Resuming"]


def test_only_one_of_those_who_read_the_same_epoch_gets_the_run(store: Store, process: Announcing) -> None:
    key = crashed(store, process)
    barrier, taken = threading.Barrier(8), []

    def take() -> None:
        info = listed(store)
        barrier.wait()
        taken.append(store.take_flow_run(key, FRESH, info, resuming(LATER)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=str) == [1, *[None] * 7]


def test_who_comes_with_an_old_epoch_gets_nothing(store: Store, process: Announcing) -> None:
    key, second, third = crashed(store, process), listed(store), listed(store)
    assert store.take_flow_run(key, FRESH, second, resuming(LATER)) == 1
    store.bury_process(second, "gone too", LATER)
    assert store.take_flow_run(key, FRESH, third, resuming(LATER)) is None
    assert store.take_flow_run(key, (StateType.CRASHED, 1), third, resuming(LATER)) == 2


@pytest.mark.parametrize("ending", [StateType.COMPLETED, StateType.FAILED])
def test_a_run_that_has_ended_since_it_was_read_is_not_taken(
    store: Store, process: Announcing, ending: StateType
) -> None:
    run = flow_run()
    store.write(flow_facts(run, StateType.PENDING, StateType.RUNNING), process)
    store.write([FlowRunMoved(run.key, state(ending, LATER), 1)], process)
    assert store.take_flow_run(run.key, (StateType.RUNNING, 0), listed(store), resuming(LATER)) is None
    found = store.read_flow_run(run.key)
    assert found is not None
    assert (found.state_type, found.epoch) == (ending, 0)


def test_a_run_that_there_is_not_cannot_be_taken(store: Store) -> None:
    assert store.take_flow_run(new_id(), FRESH, listed(store), resuming(NOON)) is None


def test_who_was_taken_off_the_list_takes_nothing_in_hand_any_more(store: Store, process: Announcing) -> None:
    key, fenced = crashed(store, process), listed(store)
    store.bury_process(fenced, "its lease is over", LATER)
    with pytest.raises(FencedError, match="taken for dead"):
        store.take_flow_run(key, FRESH, fenced, resuming(LATER))
    with pytest.raises(FencedError, match="taken for dead"):
        store.hold_run(new_id(), fenced)
    assert store.read_processes() == ()
    assert store.take_flow_run(key, FRESH, listed(store), resuming(LATER)) == 1


def test_a_run_that_is_about_to_begin_is_had_by_one_process(store: Store) -> None:
    key, first, second = new_id(), listed(store), listed(store)
    assert store.hold_run(key, first)
    assert not store.hold_run(key, second)
    assert store.bury_process(first, "gone", LATER) == ()
    assert store.hold_run(key, second)


@pytest.mark.parametrize("ending", [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED])
def test_a_run_that_was_taken_before_it_began_is_let_go_even_if_it_ends_within_one_batch(
    store: Store, process: Announcing, ending: StateType
) -> None:
    run = flow_run()
    store.announce_process(process.announce())
    process.known = True
    assert store.hold_run(run.key, process.info)
    store.write(flow_facts(run, StateType.PENDING, StateType.RUNNING, ending), process)
    assert store.read_holder(run.key) is None


def test_a_key_stands_for_the_run_of_the_first_who_asked(store: Store) -> None:
    first, second = new_id(), new_id()
    assert store.claim_key("orders", "k", first, 7) == (first, 7)
    assert store.claim_key("orders", "k", second, 8) == (first, 7)
    assert store.claim_key("others", "k", second, 8) == (second, 8)


# --- what is known of steps -----------------------------------------------------------------------


def test_steps_are_told_oldest_first_with_what_they_are_recognised_by(store: Store) -> None:
    root = flow_run()
    first, second = task_run(flow_run_key=root.key), task_run(flow_run_key=root.key)
    first.call_hash, first.ordinal = 77, 2
    second.parent_key = first.key
    store.write([*flow_facts(root, StateType.RUNNING), *finished_task_facts(first)])
    store.write(task_facts(second, StateType.PENDING, StateType.RUNNING))
    one, two = store.read_steps(root.key)
    assert (one.key, one.call_hash, one.ordinal, one.state_type) == (first.key, 77, 2, StateType.COMPLETED)
    assert (one.task_key, one.task_name, one.run_count) == (first.task_key, first.task_name, 1)
    assert (two.key, two.parent_key, two.state_type, two.ended) == (second.key, first.key, StateType.RUNNING, None)
    assert store.read_steps(new_id()) == ()


@pytest.mark.parametrize("call", [None, StoredResult("pickle", b"bytes", None, 5), StoredResult(why_not="a lock")])
def test_the_arguments_of_a_run_are_kept_with_it(store: Store, call: StoredResult | None) -> None:
    run = flow_run()
    run.call, run.entrypoint, run.auto_resume = call, "/flows.py:orders", 3
    store.write(flow_facts(run, StateType.RUNNING))
    assert store.read_call(run.key) == call
    found = store.read_flow_run(run.key)
    assert found is not None
    assert (found.entrypoint, found.auto_resume, found.epoch) == ("/flows.py:orders", 3, 0)


def test_what_is_staged_is_known_until_it_is_settled(store: Store) -> None:
    root = flow_run()
    steps = [task_run(flow_run_key=root.key) for _ in range(3)]
    facts: list[Fact] = [*flow_facts(root, StateType.RUNNING)]
    for step in steps:
        facts += [*finished_task_facts(step), TaskRunStaged(step.key)]
    store.write(facts)
    assert set(store.read_staged(root.key)) == {step.key for step in steps}
    store.write([TaskRunSettled(step.key) for step in steps[:2]])
    assert store.read_staged(root.key) == (steps[2].key,)


# --- reopening ------------------------------------------------------------------------------------


def test_a_run_that_is_reopened_lives_on_from_there(store: Store) -> None:
    run = task_run()
    store.write(finished_task_facts(run, result=NOTHING))
    store.write([TaskRunReopened(run.key, state(StateType.PENDING, LATER))])
    assert store.read_result(run.key) is None
    store.write([TaskRunMoved(run.key, state(StateType.RUNNING, LATER + 1), 2)])
    store.write([TaskRunMoved(run.key, state(StateType.FAILED, LATER + 2), 2)])
    found = store.read_task_run(run.key)
    assert found is not None
    assert (found.state_name, found.run_count, found.end) == ("Failed", 2, LATER + 2)
    names = [told.name for told in store.read_history(run.key)]
    assert names == ["Pending", "Running", "Completed", "Pending", "Running", "Failed"]


def test_several_lives_in_one_batch_are_told_one_after_the_other(store: Store) -> None:
    run, flow = task_run(), flow_run()
    run.flow_run_key = flow.key
    store.write(
        [
            FlowRunCreated(flow, state(StateType.PENDING)),
            FlowRunMoved(flow.key, state(StateType.CRASHED, NOON + 9), 0),
            *finished_task_facts(run),
            FlowRunReopened(flow.key, state(StateType.PENDING, LATER, "Resuming")),
            TaskRunReopened(run.key, state(StateType.PENDING, LATER)),
            TaskRunMoved(run.key, state(StateType.RUNNING, LATER + 1), 2),
            TaskRunMoved(run.key, state(StateType.COMPLETED, LATER + 2), 2, NOTHING),
            FlowRunMoved(flow.key, state(StateType.RUNNING, LATER + 1), 1),
            TaskRunReopened(run.key, state(StateType.PENDING, LATER + 3)),
        ]
    )
    found, around = store.read_task_run(run.key), store.read_flow_run(flow.key)
    assert found is not None
    assert around is not None
    assert (found.state_name, found.run_count, found.end) == ("Pending", 2, None)
    assert (around.state_name, around.run_count) == ("Running", 1)
    assert len(store.read_history(run.key)) == 7


# --- deferred calls -------------------------------------------------------------------------------


def test_calls_that_a_dead_worker_had_taken_wait_for_another_one_and_those_of_others_do_not(
    store: Store, process: Announcing
) -> None:
    runs = [task_run(flow_run_key=None) for _ in range(2)]
    store.write([TaskRunDeferred(run, state(StateType.SCHEDULED), NOON, b"call") for run in runs])
    store.announce_process(process.info)
    owners = [f"here/{number}/worker/{key.hex()}" for number, key in enumerate((process.info.key, new_id()))]
    for owner in owners:
        assert len(store.claim_calls(owner, [runs[0].task_key], 1, LATER)) == 1
    assert store.bury_process(process.info, "gone", LATER) == ()
    assert [claim.owner for claim in store.read_claims()] == [owners[1]]
    found = store.read_task_run(runs[0].key)
    assert found is not None
    assert found.state_name == "AwaitingRetry"
    assert [call.run_key for call in store.claim_calls("another", [runs[0].task_key], 9, LATER)] == [runs[0].key]


def test_a_call_that_costs_worker_after_worker_has_crashed_and_what_waits_for_it_is_due(store: Store) -> None:
    deadly, after = task_run(flow_run_key=None), task_run(flow_run_key=None)
    store.write(
        [
            TaskRunDeferred(deadly, state(StateType.SCHEDULED), NOON, b"call"),
            TaskRunDeferred(after, state(StateType.SCHEDULED), NOON, b"call", (deadly.key,)),
        ]
    )
    for _ in range(MOST_WORKERS):
        worker = listed(store)
        (call,) = store.claim_calls(f"here/1/{worker.key.hex()}", [deadly.task_key], 9, LATER)
        assert call.run_key == deadly.key
        store.bury_process(worker, "gone", LATER)
    found = store.read_task_run(deadly.key)
    assert found is not None
    assert (found.state_name, found.end) == ("Crashed", LATER)
    assert [call.run_key for call in store.claim_calls("another", [deadly.task_key], 9, LATER)] == [after.key]
