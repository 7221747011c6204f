"""Runs from hand to hand: workers, a reaper, a resumer and a canceller take turns in any order, over both stores.

The store in memory and the one in SQLite are told the same, and have to say the same. What holds whatever happens: two
never have a run in hand, a run that has ended moves only when somebody takes it in hand again, epochs only grow, and
what a fenced process writes changes nothing.
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import FlowRunMoved
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.states import FINAL_TYPES, State, StateType
from sluiceway.ports.store import Store
from sluiceway.rules.outcomes import resuming
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, state, task_run

SECOND = 1_000_000


class Process:
    """A process, which may live on after others have taken it for dead.

    Args:
        lease: Whether it has a lease rather than a lock.
    """

    def __init__(self, lease: bool = False) -> None:
        until = NOON + 30 * SECOND if lease else None
        self.info = ProcessInfo(new_id(), "here", "boot", 42, NOON, None if lease else "/locks/42", until)
        self.announced: ProcessInfo | None = None
        self.known = False
        self.fenced = False

    def announce(self) -> ProcessInfo:
        self.announced = self.info
        return self.info


def called_off(at: int) -> State[Any]:
    """Return the state of a run that is to end soon."""
    return state(StateType.CANCELLING, at)


class Seen(NamedTuple):
    """A run, as somebody has read it, who may be slow to act on it."""

    run: RunId
    kind: StateType
    epoch: int


class Told(NamedTuple):
    """All that a store says of a run."""

    kind: StateType | None
    epoch: int
    states: tuple[str, ...]
    steps: int
    holder: RunId | None


def told_of(store: Store, run: RunId) -> Told:
    found = store.read_flow_run(run)
    assert found is not None
    holder = store.read_holder(run)
    states = tuple(told.name for told in store.read_history(run))
    steps = len(store.read_steps(run))
    return Told(found.state_type, found.epoch, states, steps, None if holder is None else holder.key)


class Hands(RuleBasedStateMachine):
    """Whatever happens, in any order."""

    takes = 0
    """How many times a run was taken in hand, over all walks."""

    processes: Bundle[Process] = Bundle("processes")
    runs: Bundle[RunId] = Bundle("runs")
    seen: Bundle[Seen] = Bundle("seen")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = MemoryStore()
        self.sqlite = SqliteStore(str(Path(self.folder.name, "runs.db")))
        self.at = NOON
        self.before: dict[RunId, Told] = {}
        self.taken: set[RunId] = set()
        self.all: list[Process] = []

    def teardown(self) -> None:
        self.sqlite.close()
        self.folder.cleanup()

    def both(self, verb: Callable[[Store], Any]) -> Any:
        """Have both stores do something; what comes of it has to be the same."""
        outcomes = []
        for store in (self.memory, self.sqlite):
            try:
                outcomes.append(verb(store))
            except FencedError:
                outcomes.append(FencedError)
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    def written(self, process: Process, *facts: Any) -> bool:
        """Have a process write; return whether it was let."""
        self.at += 1
        outcomes = []
        for store in (self.memory, self.sqlite):
            known, announced = process.known, process.announced
            try:
                store.write(facts, process)
                outcomes.append(process.known)
            except FencedError:
                outcomes.append(FencedError)
            if store is self.memory:
                process.known, process.announced = known, announced
        assert outcomes[0] == outcomes[1]
        return outcomes[0] is not FencedError

    @initialize(target=processes)
    def somebody(self) -> Process:
        return self.starts(False)

    @rule(target=processes, lease=st.booleans())
    def starts(self, lease: bool) -> Process:
        self.all.append(Process(lease))
        return self.all[-1]

    @rule(target=runs, process=processes, kind=st.sampled_from([StateType.RUNNING, StateType.COMPLETED]))
    def begins(self, process: Process, kind: StateType) -> Any:
        run = flow_run()
        if not self.written(process, *flow_facts(run, StateType.PENDING, kind, at=self.at)):
            assert process.fenced
            assert self.both(lambda store: store.read_flow_run(run.key)) is None
            return multiple()
        return run.key

    @rule(process=processes, run=runs, kind=st.sampled_from([StateType.RUNNING, StateType.COMPLETED, StateType.FAILED]))
    def writes(self, process: Process, run: RunId, kind: StateType) -> None:
        if told_of(self.memory, run).holder not in (process.info.key, None) and not process.fenced:
            return  # only who has a run in hand, or had it before it was fenced, writes of it
        step = task_run(flow_run_key=run)
        facts = [*finished_task_facts(step, self.at), FlowRunMoved(run, state(kind, self.at), 1)]
        before = told_of(self.sqlite, run)
        let = self.written(process, *facts)
        if process.fenced and process.known:
            assert not let
            assert told_of(self.sqlite, run) == before

    @rule(process=processes)
    def prolongs(self, process: Process) -> None:
        if process.info.until is not None and process.known:
            until = self.at + 30 * SECOND
            there = self.both(lambda store: store.prolong_process(process.info.key, until))
            assert there is not process.fenced
            if there:
                process.info = process.info._replace(until=until)

    @rule(process=processes, stale=st.booleans())
    def is_found_dead(self, process: Process, stale: bool) -> None:
        """Bury a process, perhaps as it was read before it prolonged its lease."""
        info = process.info
        if stale and info.until is not None:
            info = info._replace(until=info.until - 1)
        listed = {other.key for other in self.memory.read_processes()}
        ended = self.both(lambda store: sorted(store.bury_process(info, "It died.", self.at)))
        gone = info.key in listed and info == process.info
        process.fenced = process.fenced or gone
        assert gone or not ended
        assert all(told_of(self.memory, run).states[-1] == "Crashed" for run in ended)

    @rule(target=seen, run=runs)
    def is_read(self, run: RunId) -> Seen:
        told = told_of(self.memory, run)
        assert told.kind is not None
        return Seen(run, told.kind, told.epoch)

    @rule(process=processes, seen=consumes(seen))
    def takes_in_hand(self, process: Process, seen: Seen) -> None:
        if not process.known and not process.fenced:
            self.both(lambda store: store.announce_process(process.announce()))
            process.known = True
        told = told_of(self.memory, seen.run)
        epoch = self.both(
            lambda store: store.take_flow_run(seen.run, (seen.kind, seen.epoch), process.info, resuming(self.at))
        )
        if process.fenced:
            assert epoch is FencedError
        elif told.holder is not None or (told.kind, told.epoch) != (seen.kind, seen.epoch):
            assert epoch is None
        else:
            assert epoch == seen.epoch + 1
            self.taken.add(seen.run)
            Hands.takes += 1

    @rule(run=runs)
    def dies_and_goes_on_elsewhere(self, run: RunId) -> None:
        """What happens most: whoever has the run dies, and a new process takes it."""
        holder = told_of(self.memory, run).holder
        for process in self.all:
            if process.info.key == holder:
                self.is_found_dead(process, False)
        self.takes_in_hand(self.starts(False), self.is_read(run))

    @rule(run=runs)
    def is_called_off(self, run: RunId) -> None:
        held = told_of(self.memory, run).holder is not None
        assert self.both(lambda store: store.request_cancel(run, called_off(self.at))) is held

    @invariant()
    def both_stores_say_the_same_and_nothing_moves_that_must_not(self) -> None:
        listed = self.both(lambda store: store.read_processes())
        assert not {info.key for info in listed} & {process.info.key for process in self.all if process.fenced}
        for run in {*self.before, *self._known_runs()}:
            told = told_of(self.memory, run)
            assert told == told_of(self.sqlite, run)
            assert told.holder is None or told.holder in {info.key for info in listed}
            assert told.holder is None or told.kind not in FINAL_TYPES
            before = self.before.get(run)
            if before is not None:
                assert told.epoch == before.epoch + (run in self.taken)
                assert told.states[: len(before.states)] == before.states
                if before.kind in FINAL_TYPES and run not in self.taken:
                    assert told.states == before.states
            self.before[run] = told
        self.taken.clear()

    def _known_runs(self) -> list[RunId]:
        return [run.key for run in self.memory.read_flow_runs().items]


@pytest.mark.slow
def test_in_whatever_order_processes_write_die_take_and_call_off_two_never_have_a_run_in_hand() -> None:
    Hands.takes = 0
    run_state_machine_as_test(Hands, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
    assert Hands.takes > 10  # else it would have shown little


class Turmoil:
    """Threads, each of which is a worker, a resumer, a reaper and a canceller by turns.

    Args:
        store: The store.
        runs: The runs that they fight for.
        seed: What decides who does what.
    """

    def __init__(self, store: SqliteStore, runs: list[RunId], seed: int) -> None:
        self.store = store
        self.runs = runs
        self.seed = seed
        self.taken: list[tuple[RunId, int]] = []
        self.failures: list[BaseException] = []

    def work(self, number: int) -> None:
        """Take sixty turns, each as another process."""
        chance = random.Random(self.seed * 100 + number)
        try:
            for _ in range(60):
                process = Process()
                with suppress(FencedError):  # another one was the reaper
                    self._turn(chance, process)
                self.store.bury_process(process.info, "It left.", NOON + 5)
        except BaseException as error:
            self.failures.append(error)

    def _turn(self, chance: random.Random, process: Process) -> None:
        store, run = self.store, chance.choice(self.runs)
        store.announce_process(process.announce())
        process.known = True
        found = store.read_flow_run(run)
        assert found is not None
        assert found.state_type is not None
        epoch = store.take_flow_run(run, (found.state_type, found.epoch), process.info, resuming(NOON + 1))
        if epoch is not None:
            self.taken.append((run, epoch))
        if chance.random() < 0.3:
            store.request_cancel(run, called_off(NOON + 2))
        ended = chance.choice([None, StateType.COMPLETED, StateType.FAILED])
        if epoch is not None and ended is not None:
            store.write([FlowRunMoved(run, state(ended, NOON + 3), 1)], process)
        others = store.read_processes()
        if others:
            store.bury_process(chance.choice(others), "It died.", NOON + 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_many_that_take_write_reap_and_call_off_at_once_never_two_have_a_run_in_hand(
    sqlite: SqliteStore, seed: int
) -> None:
    runs, first = [flow_run() for _ in range(5)], Process()
    for run in runs:
        sqlite.write(flow_facts(run, StateType.RUNNING), first)
    sqlite.bury_process(first.info, "It died.", NOON)
    turmoil = Turmoil(sqlite, [run.key for run in runs], seed)
    threads = [threading.Thread(target=turmoil.work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turmoil.failures == []
    assert sqlite.read_processes() == ()
    assert len(turmoil.taken) > 50
    assert Counter(turmoil.taken).most_common(1)[0][1] == 1  # an epoch is one process's
    for run in runs:
        told = told_of(sqlite, run.key)
        assert told.holder is None
        assert sorted(epoch for key, epoch in turmoil.taken if key == run.key) == list(range(1, told.epoch + 1))
        assert told.states.count("Resuming") == told.epoch
        ends = [after for before, after in pairwise(told.states) if before in ("Completed", "Failed", "Crashed")]
        assert set(ends) == {"Resuming"}
