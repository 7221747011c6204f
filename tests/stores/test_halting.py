"""What every store knows of runs in hand: who has them, who wants them to end, where they are paused."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved, TaskRunStarted
from sluiceway.model.holding import FROM_OUTSIDE, Pause, ProcessInfo
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State, StateType
from sluiceway.ports.store import Store
from tests.stores.making import NOON, flow_facts, flow_run, state, task_facts, task_run

PENDING, RUNNING, COMPLETED = StateType.PENDING, StateType.RUNNING, StateType.COMPLETED
CANCELLING, CANCELLED, CRASHED = StateType.CANCELLING, StateType.CANCELLED, StateType.CRASHED
LATER = NOON + 60_000_000


def process(**changes: Any) -> ProcessInfo:
    """Return a process that nobody has seen."""
    return ProcessInfo(new_id(), "host", "boot", 4711, NOON)._replace(**changes)


class Here:
    """An announcer of a given process."""

    def __init__(self, present: ProcessInfo) -> None:
        self.known = False
        self.announced: ProcessInfo | None = None
        self.present = present

    def announce(self) -> ProcessInfo:
        """Return the process, announced from now on."""
        self.announced = self.present
        return self.present


def held(store: Store, *, by: ProcessInfo) -> FlowRun:
    """Return a running flow run that a process has in hand."""
    run = flow_run()
    store.write(flow_facts(run, PENDING, RUNNING), Here(by))
    return run


def state_of(store: Store, key: RunId) -> tuple[str | None, str | None]:
    """Return the state of a run, and its message."""
    run = store.read_flow_run(key) or store.read_task_run(key)
    assert run is not None
    assert run.state is not None
    return run.state_name, run.state.message


def names(store: Store, key: RunId) -> list[str]:
    return [entry.name for entry in store.read_history(key)]


# --- being in hand --------------------------------------------------------------------------------


def test_an_unfinished_run_that_no_other_called_is_in_the_hands_of_who_wrote_it(store: Store) -> None:
    own = process()
    run = held(store, by=own)
    child = flow_run(parent_key=run.key, root_key=run.key)
    alone, within = task_run(start=NOON), task_run(run, start=NOON)
    announcer = Here(own)
    announcer.known, announcer.announced = True, own
    store.write(
        [*flow_facts(child, PENDING, RUNNING), TaskRunStarted(alone, NOON), TaskRunStarted(within, NOON)], announcer
    )
    assert store.read_processes() == (own,)
    assert store.read_holder(run.key) == own
    assert store.read_held(own.key) == {run.key: None, alone.key: None}
    assert [store.read_holder(key) for key in (child.key, within.key, new_id())] == [None, None, None]


@pytest.mark.parametrize(
    "last",
    [state(COMPLETED, LATER), state(StateType.PAUSED, LATER, "Suspended")],
    ids=["one that has ended", "one that is suspended"],
)
def test_a_run_is_let_go_of_with_its_process_still_there(store: Store, last: State[Any]) -> None:
    own = process()
    run = held(store, by=own)
    announcer = Here(own)
    announcer.known, announcer.announced = True, own
    store.write([FlowRunMoved(run.key, last, 1)], announcer)
    assert store.read_held(own.key) == {}
    assert store.read_processes() == (own,)


def test_a_paused_run_stays_in_hand(store: Store) -> None:
    own = process()
    run = held(store, by=own)
    store.write([FlowRunMoved(run.key, state(StateType.PAUSED, LATER), 1)])
    assert store.read_holder(run.key) == own


def test_announcing_twice_and_prolonging_what_is_not_there(store: Store) -> None:
    own = process(until=NOON)
    store.announce_process(own)
    store.announce_process(own._replace(pid=1))
    assert store.read_processes() == (own,)
    assert store.prolong_process(own.key, LATER)
    assert store.read_processes() == (own._replace(until=LATER),)
    assert not store.prolong_process(new_id(), LATER)


# --- cancelling -----------------------------------------------------------------------------------


def test_a_wish_to_cancel_is_noted_once_and_the_run_is_cancelling(store: Store) -> None:
    own = process()
    run = held(store, by=own)
    assert store.request_cancel(run.key, state(CANCELLING, LATER))
    assert store.request_cancel(run.key, state(CANCELLING, LATER + 1))
    assert store.read_held(own.key) == {run.key: LATER}
    assert names(store, run.key) == ["Pending", "Running", "Cancelling"]
    assert store.read_holder(run.key) == own


def test_nobody_is_asked_to_cancel_what_nobody_has_in_hand(store: Store) -> None:
    run = flow_run()
    store.write(flow_facts(run, PENDING, RUNNING))
    assert not store.request_cancel(run.key, state(CANCELLING, LATER))
    assert not store.request_cancel(new_id(), state(CANCELLING, LATER))
    assert names(store, run.key) == ["Pending", "Running"]


def test_a_run_that_nobody_has_in_hand_ends_with_all_that_it_called(store: Store) -> None:
    run = flow_run()
    child = flow_run(parent_key=run.key, root_key=run.key)
    grandchild = flow_run(parent_key=child.key, root_key=run.key)
    ended, open_, deep = task_run(run), task_run(run), task_run(grandchild)
    store.write(
        [
            *flow_facts(run, PENDING, RUNNING),
            *flow_facts(child, PENDING, RUNNING, COMPLETED),
            *flow_facts(grandchild, PENDING, RUNNING),
            *task_facts(ended, PENDING, RUNNING, COMPLETED),
            *task_facts(open_, PENDING),
            *task_facts(deep, PENDING, RUNNING),
        ]
    )
    assert store.end_flow_run(run.key, state(CANCELLED, LATER, None, "enough"))
    for key in (run.key, grandchild.key, open_.key, deep.key):
        assert state_of(store, key) == ("Cancelled", "enough")
    assert {state_of(store, key)[0] for key in (child.key, ended.key)} == {"Completed"}
    assert not store.end_flow_run(run.key, state(CANCELLED, LATER))
    assert not store.end_flow_run(new_id(), state(CANCELLED, LATER))


def test_what_a_run_has_left_unfinished_ends_though_the_run_has(store: Store) -> None:
    run = flow_run()
    left = task_run(run)
    store.write([*flow_facts(run, PENDING, RUNNING, COMPLETED), *task_facts(left, PENDING, RUNNING)])
    assert not store.end_flow_run(run.key, state(CANCELLED, LATER, None, "left over"))
    assert state_of(store, left.key) == ("Cancelled", "left over")
    assert state_of(store, run.key)[0] == "Completed"


def test_a_run_in_hand_is_ended_by_its_own_process_only(store: Store) -> None:
    own = process()
    run = held(store, by=own)
    assert not store.end_flow_run(run.key, state(CANCELLED, LATER))
    assert not store.end_flow_run(run.key, state(CANCELLED, LATER), new_id())
    assert state_of(store, run.key)[0] == "Running"
    assert store.end_flow_run(run.key, state(CANCELLED, LATER), own.key)
    assert (state_of(store, run.key)[0], store.read_holder(run.key)) == ("Cancelled", None)
    store.write([FlowRunMoved(run.key, state(COMPLETED, LATER + 1), 1)])
    assert state_of(store, run.key)[0] == "Cancelled"  # what has ended stays as it is


# --- dead processes -------------------------------------------------------------------------------


def test_the_runs_of_a_dead_process_have_crashed_but_those_that_were_to_be_cancelled_are(store: Store) -> None:
    dead, other = process(), process()
    crashes, is_cancelled, goes_on = held(store, by=dead), held(store, by=dead), held(store, by=other)
    within = task_run(is_cancelled)
    store.write(task_facts(within, PENDING, RUNNING))
    store.request_cancel(is_cancelled.key, state(CANCELLING, LATER))
    assert store.bury_process(dead, "It died.", LATER) == (crashes.key,)
    assert state_of(store, crashes.key) == ("Crashed", "It died.")
    assert state_of(store, is_cancelled.key) == ("Cancelled", "Somebody cancelled the flow run. It died.")
    assert state_of(store, within.key) == ("Cancelled", "Somebody cancelled the flow run. It died.")
    assert state_of(store, goes_on.key)[0] == "Running"
    assert store.read_processes() == (other,)
    assert store.bury_process(dead, "It died again.", LATER) == ()


def test_a_process_that_has_prolonged_its_lease_meanwhile_is_not_buried(store: Store) -> None:
    read = process(until=NOON)
    run = held(store, by=read)
    store.prolong_process(read.key, LATER)
    assert store.bury_process(read, "It was slow.", LATER) == ()
    assert state_of(store, run.key)[0] == "Running"
    assert store.bury_process(read._replace(until=LATER), "It was slow.", LATER) == (run.key,)


# --- pauses ---------------------------------------------------------------------------------------


def test_a_pause_is_noted_once_and_keeps_what_it_was_answered(store: Store) -> None:
    run = flow_run()
    store.write([FlowRunCreated(run, state(PENDING))])
    first = store.begin_pause(run.key, "1", LATER, NOON)
    assert first == Pause(run.key, "1", LATER)
    assert store.begin_pause(run.key, "1", LATER + 5, NOON + 1) == first
    assert store.end_pause(run.key, "1", '{"value": 1}', NOON + 2)
    assert not store.end_pause(run.key, "1", '{"value": 2}', NOON + 3)
    answered = first._replace(resumed=NOON + 2, answer='{"value": 1}')
    assert store.begin_pause(run.key, "1", LATER, LATER + 1) == answered
    assert store.read_pauses(run.key) == (answered,)
    assert not store.end_pause(run.key, "2", None, NOON)
    assert store.read_pauses(new_id()) == ()


def test_a_pause_whose_time_is_over_begins_anew(store: Store) -> None:
    key = new_id()
    store.begin_pause(key, "1", NOON, NOON - 1)
    assert store.begin_pause(key, "1", LATER, NOON) == Pause(key, "1", LATER)


def test_pauses_are_read_in_the_order_in_which_they_end(store: Store) -> None:
    key = new_id()
    for name, until in (("b", LATER), ("a", LATER), ("ä", NOON + 1)):
        store.begin_pause(key, name, until, NOON)
    store.begin_pause(new_id(), "c", NOON + 1, NOON)
    assert [pause.key for pause in store.read_pauses(key)] == ["ä", "a", "b"]


def test_a_pause_whose_answer_does_not_fit_waits_again(store: Store) -> None:
    key = new_id()
    store.begin_pause(key, "1", NOON + 1, NOON)
    store.end_pause(key, "1", "{}", NOON)
    store.reopen_pause(key, "1", LATER)
    store.reopen_pause(key, "2", LATER)
    assert store.read_pauses(key) == (Pause(key, "1", LATER),)
    assert store.end_pause(key, "1", None, LATER)


def test_a_process_is_told_which_of_its_runs_others_want_suspended(store: Store) -> None:
    own = process()
    run, others = held(store, by=own), held(store, by=process())
    asked = store.begin_pause(run.key, f"{FROM_OUTSIDE}x", LATER, NOON)
    store.begin_pause(run.key, "1", LATER, NOON)  # one of the run's own
    store.begin_pause(others.key, f"{FROM_OUTSIDE}x", LATER, NOON)
    assert store.read_suspensions(own.key) == (asked,)
    store.end_pause(run.key, asked.key, None, NOON)
    assert store.read_suspensions(own.key) == ()
