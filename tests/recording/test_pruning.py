"""Pruning: what need not be kept goes, in steps; the rest stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base import times
from sluiceway.base.ids import RunId
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.facts import Fact, ResultCached
from sluiceway.model.keeping import Pruned, Removed
from sluiceway.model.policies import ResultPolicy
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.ports.store import Store
from sluiceway.recording import pruning
from sluiceway.recording.pruning import GRACE, STEP, Pruner
from sluiceway.rules.retention import Retention
from sluiceway.storage.results import ResultStorage
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, flow_facts, flow_run, key_at, task_facts, task_run
from tests.stores.trees import COMPLETED, RUNNING, large_tree, loose_tasks, small_tree

DAY = 86_400 * SECOND


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "runs.db"))) as store:
        yield store


class Desk:
    """A pruner with a clock of its own over a journal."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.now: Moment = NOON
        self.results = ResultStorage(store, str(folder / "results"))
        self.stopped = threading.Event()
        self.pruner = Pruner(store, self.results, lambda: self.now, self.stopped)

    def write(self, days: Sequence[int], tasks: int = 1) -> list[RunId]:
        """Write a flow run that ended so many days before noon, for each."""
        keys = []
        for number, day in enumerate(days):
            root, facts = small_tree(NOON - day * DAY, 100 + 10 * number, tasks)
            self.store.write(facts)
            keys.append(root.key)
        return keys

    def left(self) -> list[RunId]:
        return sorted(run.key for run in self.store.read_flow_runs().items)


@pytest.fixture
def desk(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(pruning, "LEAST_REST", 0.0)
    monkeypatch.setattr(pruning, "SHARE", 0.0)
    return Desk(store, tmp_path)


def test_runs_that_ended_too_long_ago_go_and_others_stay(desk: Desk) -> None:
    keys = desk.write([100, 91, 89, 1])
    assert desk.pruner.prune(Retention(max_age=90 * 86_400.0)) == Pruned(2, 2, 2, 2)
    assert desk.left() == keys[2:]


def test_the_oldest_go_where_there_are_too_many(desk: Desk) -> None:
    keys = desk.write([5, 4, 3, 2, 1])
    assert desk.pruner.prune(Retention(max_flow_runs=2)).roots == 3
    assert desk.left() == keys[3:]


def test_the_oldest_go_until_there_are_few_enough_task_runs(desk: Desk) -> None:
    keys = desk.write([5, 4, 3], tasks=4)
    desk.store.write(loose_tasks(NOON - 10 * DAY)[2])
    assert desk.pruner.prune(Retention(max_task_runs=9)) == Pruned(2, 1, 6, 6)
    assert desk.left() == keys[1:]


def test_runs_that_have_just_ended_are_spared_whatever_the_numbers_say(desk: Desk) -> None:
    keys = desk.write([0, 0, 1])
    desk.now = NOON + 60 * SECOND
    assert desk.pruner.prune(Retention(max_flow_runs=0)).roots == 1
    assert desk.left() == sorted(keys[:2])
    assert desk.pruner.prune(Retention(max_flow_runs=0, spared=0.0)).roots == 2


def test_what_has_not_ended_stays_and_does_not_hold_up_the_rest(desk: Desk) -> None:
    stuck = flow_run(key=key_at(NOON - 200 * DAY, 1))
    desk.store.write(flow_facts(stuck, RUNNING, at=NOON - 200 * DAY))
    parent, facts = small_tree(NOON - 150 * DAY, 5)
    child = flow_run(key=key_at(NOON - 150 * DAY, 8), parent_key=parent.key, root_key=parent.key)
    desk.store.write([*facts, *flow_facts(child, RUNNING)])
    desk.write([100, 95])
    assert desk.pruner.prune(Retention(max_age=86_400.0)).roots == 2
    assert desk.pruner.prune(Retention(max_flow_runs=0, max_task_runs=0, spared=0.0)).roots == 0
    assert desk.left() == sorted([stuck.key, parent.key, child.key])


def test_runs_go_until_the_database_is_small_enough_and_no_further(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "runs.db"))) as store:
        desk = Desk(store, tmp_path)
        keys = [key_at(NOON - 30 * DAY, 10 * number) for number in range(1, 41)]
        for key in keys:
            run = flow_run(key=key)
            result = StoredResult("pickle", bytes(40_000))
            store.write(flow_facts(run, RUNNING, COMPLETED, at=NOON - 30 * DAY, result=result))
        limit = store.read_holdings().bytes // 2
        pruned = desk.pruner.prune(Retention(max_bytes=limit))
        assert store.read_holdings().bytes <= limit
        assert 20 <= pruned.roots <= 20 + pruning.FEW
        assert desk.left() == keys[pruned.roots :]


def test_cached_results_do_not_make_runs_go(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "runs.db"))) as store:
        desk = Desk(store, tmp_path)
        keys = desk.write([30, 20])
        result = StoredResult("pickle", bytes(60_000), None, 60_000)
        store.write([ResultCached(CachedResult(f"key {number}", result, NOON)) for number in range(40)])
        assert desk.pruner.prune(Retention(max_bytes=2_000_000)).roots == 0
        assert desk.left() == keys


@pytest.mark.slow
def test_ten_thousand_runs_go_in_bounded_steps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = 10_000 if isinstance(desk.store, SqliteStore) else 60
    facts: list[Fact] = []
    for number in range(runs):
        facts += small_tree(NOON - 100 * DAY, 10 * number)[1]
    desk.store.write(facts)
    kept = desk.write([1])
    steps: list[Removed] = []
    remove = type(desk.store).remove_runs

    def noting(store: Any, *arguments: Any) -> Removed:
        steps.append(remove(store, *arguments))
        return steps[-1]

    monkeypatch.setattr(type(desk.store), "remove_runs", noting)
    assert desk.pruner.prune(Retention(max_age=86_400.0 * 90)) == Pruned(runs, runs, runs, runs)
    assert max(sum(step[:3]) for step in steps) <= STEP
    assert len(steps) >= 3 * runs // STEP
    assert desk.left() == kept
    assert desk.store.check() == []


def test_one_large_run_goes_in_many_steps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP", 7)
    desk.write([100], tasks=20)
    desk.store.write(large_tree(NOON - 120 * DAY)[1])
    assert desk.pruner.prune(Retention(max_age=86_400.0)) == Pruned(2, 4, 25, 24)
    assert desk.left() == []


def test_a_pruner_that_is_told_to_stop_does_so_after_its_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write([100, 99, 98])
    remove = type(desk.store).remove_runs

    def stopping(store: Any, roots: Sequence[RunId], most: int, at: Moment) -> Removed:
        desk.stopped.set()
        return remove(store, roots, 3, at)

    monkeypatch.setattr(type(desk.store), "remove_runs", stopping)
    assert desk.pruner.prune(Retention(max_age=1.0)).roots == 1
    assert len(desk.left()) == 2


def test_a_pruner_that_is_told_to_stop_looks_for_no_more_runs(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    desk.write(range(100, 90, -1))
    read, looks = type(desk.store).read_roots, []

    def stopping(store: Any, ended_before: Moment, limit: int, after: str | None = None) -> Any:
        looks.append(after)
        desk.stopped.set()
        return read(store, ended_before, limit=limit, after=after)

    monkeypatch.setattr(type(desk.store), "read_roots", stopping)
    assert desk.pruner.prune(Retention(max_age=1.0)) == Pruned()
    assert len(looks) == 1


# --- in advance -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy",
    [
        Retention(max_age=86_400.0 * 3),
        Retention(max_flow_runs=2),
        Retention(max_age=86_400.0 * 4, max_flow_runs=1),
        Retention(max_task_runs=3),
        Retention(),
    ],
)
def test_what_would_be_removed_is_what_is_removed(desk: Desk, policy: Retention) -> None:
    keys = desk.write([6, 5, 4, 2, 1])
    stuck = flow_run(key=key_at(NOON - 9 * DAY, 1))
    desk.store.write(flow_facts(stuck, RUNNING, at=NOON - 9 * DAY))
    foreseen = desk.pruner.would_prune(policy)
    assert desk.left() == sorted([*keys, stuck.key])
    removed = desk.pruner.prune(policy)
    assert foreseen[:3] == removed[:3]


# --- results in storage -----------------------------------------------------------------------------


def stored(desk: Desk, value: str) -> StoredResult:
    """Return a result that is really in storage."""
    return desk.results.keep(value * 100_000, ResultPolicy())


def files(folder: Path) -> int:
    return sum(path.is_file() for path in (folder / "results").rglob("*"))


def old_run(desk: Desk, number: int, result: StoredResult) -> None:
    run = task_run(key=key_at(NOON - 100 * DAY, number))
    desk.store.write(task_facts(run, RUNNING, COMPLETED, at=NOON - 100 * DAY, result=result))


def test_results_go_once_nothing_refers_to_them_and_nobody_can_be_about_to(desk: Desk, tmp_path: Path) -> None:
    shared, alone = stored(desk, "a"), stored(desk, "b")
    old_run(desk, 1, shared)
    old_run(desk, 2, alone)
    young = task_run(key=key_at(NOON - DAY, 3))
    desk.store.write(task_facts(young, RUNNING, COMPLETED, at=NOON - DAY, result=shared))
    policy = Retention(max_age=86_400.0 * 90)
    desk.now = times.now()  # files have the time of the system
    desk.store.remove_runs([key_at(NOON - 100 * DAY, 1), key_at(NOON - 100 * DAY, 2)], 100, desk.now)
    assert desk.pruner.sweep() == Pruned()
    desk.now += GRACE - SECOND
    assert desk.pruner.sweep() == Pruned()
    desk.now += 60 * SECOND
    swept = desk.pruner.sweep()
    assert (swept.stored_results, files(tmp_path)) == (1, 1)
    assert swept.stored_bytes > 100_000
    assert desk.results.read_payload(shared)
    assert desk.store.read_let_go(desk.now + DAY) == ()
    assert policy.max_age


def test_a_result_that_was_stored_again_is_looked_at_again_later(desk: Desk, tmp_path: Path) -> None:
    result = stored(desk, "a")
    desk.now = times.now()
    desk.store.let_go([result.location or ""], desk.now - 2 * GRACE)
    assert desk.pruner.sweep() == Pruned()
    assert len(desk.store.read_let_go(desk.now)) == 1
    desk.now += GRACE + 60 * SECOND
    assert desk.pruner.sweep().stored_results == 1
    assert files(tmp_path) == 0


def test_expired_cached_results_go_with_their_bytes(desk: Desk, tmp_path: Path) -> None:
    desk.now = times.now()
    entry = CachedResult("key", stored(desk, "a"), desk.now - 100, desk.now - 10)
    forever = CachedResult("forever", stored(desk, "b"), desk.now - 100)
    desk.store.write([ResultCached(entry), ResultCached(forever)])
    assert desk.pruner.sweep() == Pruned(cached_results=1)
    desk.now += GRACE + 60 * SECOND
    assert desk.pruner.sweep().stored_results == 1
    assert files(tmp_path) == 1
    assert desk.store.read_cached("forever") is not None


def test_a_result_that_cannot_be_removed_does_not_hold_up_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = "file:///a/bad", "file:///b/good"
    desk.store.let_go([bad, good], NOON - 2 * GRACE)

    def discard(location: str, written_before: Moment) -> int:
        if location == bad:
            raise PermissionError("not yours")
        return 5

    monkeypatch.setattr(desk.results, "discard", discard)
    assert desk.pruner.sweep() == Pruned(stored_results=1, stored_bytes=5)
    assert [noted.location for noted in desk.store.read_let_go(NOON)] == [bad]
    assert "file:///a/bad could not be removed: PermissionError('not yours')" in caplog.text
