"""Removing what need not be kept, and adopting what another journal kept: what holds for every store."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sluiceway.base.errors import ObjectAlreadyExists
from sluiceway.base.ids import RunId, new_id
from sluiceway.model.facts import FlowRunMoved, ResultCached, TaskRunDeferred, TaskRunMoved
from sluiceway.model.keeping import KeptTree, LetGo, Removed, Tree
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, TaskRunQuery
from sluiceway.model.results import CachedResult, StoredResult
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.keeping import Keeper
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, finished_task_facts, flow_facts, flow_run, key_at, state, task_facts, task_run
from tests.stores.test_random_walk import seen
from tests.stores.trees import LATER, SECOND, elsewhere, ended, everything, large_tree, loose_tasks, small_tree

PENDING, RUNNING, COMPLETED = StateType.PENDING, StateType.RUNNING, StateType.COMPLETED

MANY = 10_000


def roots_of(store: Store, ended_before: int = LATER) -> list[RunId]:
    return [root.key for root in store.read_roots(ended_before).items]


def shown(tree: KeptTree) -> Any:
    """Return a tree in a form that compares; the numbers of lines may be others."""
    runs = [[seen(kept.run), kept.history, kept.result] for kept in (*tree.flow_runs, *tree.task_runs)]
    return runs, [line[1:] for line in tree.lines]


# --- roots and trees ----------------------------------------------------------------------------


def test_a_journal_has_an_identity_of_its_own_which_stays(store: Store) -> None:
    assert store.read_identity() == store.read_identity()
    assert len(store.read_identity()) == 16
    assert store.read_identity() != MemoryStore().read_identity()


def test_what_can_be_removed_as_a_whole_is_listed_the_oldest_first(store: Store) -> None:
    young, facts = small_tree(NOON + SECOND, 50)
    store.write(facts)
    old, facts = large_tree()
    caller, _, loose = loose_tasks()
    store.write([*facts, *loose])
    assert [(root.key, root.of_flow) for root in store.read_roots(LATER).items] == [
        (old.key, True),
        (caller.key, False),
        (young.key, True),
    ]
    assert [root.ended for root in store.read_roots(LATER).items] == [
        NOON + 2 * SECOND,
        NOON + 5_000,
        NOON + 3 * SECOND,
    ]


def test_only_what_ended_before_is_listed_and_what_has_not_ended_never(store: Store) -> None:
    run, facts = small_tree()
    unfinished = flow_run(key=key_at(NOON, 30))
    waits, task = task_run(key=key_at(NOON, 31)), task_run(key=key_at(NOON, 32))
    store.write([*facts, *flow_facts(unfinished, PENDING, RUNNING), *task_facts(task, PENDING, RUNNING)])
    store.write([TaskRunDeferred(waits, state(StateType.SCHEDULED), NOON, b"call")])
    assert roots_of(store, NOON + 2 * SECOND) == []
    assert roots_of(store, NOON + 2 * SECOND + 1) == roots_of(store) == [run.key]


def test_a_task_run_that_could_not_start_is_as_old_as_its_identifier(store: Store) -> None:
    run = task_run(key=key_at(NOON, 1))
    store.write([*task_facts(run, PENDING), TaskRunMoved(run.key, state(PENDING, NOON, "NotReady"), 0)])
    (root,) = store.read_roots(LATER).items
    assert root == (run.key, NOON, False)
    assert roots_of(store, NOON) == []


def test_pages_of_roots_add_up(store: Store) -> None:
    for number in range(0, 50, 10):
        store.write(small_tree(NOON, 100 + number)[1])
    store.write(loose_tasks()[2])
    whole = list(walk(lambda after: store.read_roots(LATER, limit=2, after=after)))
    assert len(whole) == 6
    assert whole == list(store.read_roots(LATER).items)
    with pytest.raises(ValueError, match="does not belong to the order 'roots'"):
        store.read_roots(LATER, after="logs.5")
    for broken in ("roots.zz", "roots.00"):
        with pytest.raises(ValueError, match="does not belong to the order 'roots'"):
            store.read_roots(LATER, after=broken)


def test_how_much_hangs_on_a_root_is_counted(store: Store) -> None:
    root, facts = large_tree()
    caller, called, loose = loose_tasks()
    store.write([*facts, *loose])
    assert store.read_tree(root.key) == Tree(3, 5, None)
    assert store.read_tree(caller.key) == Tree(0, 2, None)
    for no_root in (called.key, key_at(NOON, 2), key_at(NOON, 5), new_id()):
        assert store.read_tree(no_root) == Tree(0, 0, None)


@pytest.mark.parametrize("below", ["child flow run", "task run", "deferred call"])
def test_what_has_not_ended_holds_its_whole_tree(store: Store, below: str) -> None:
    root, facts = small_tree()
    child = flow_run(key=key_at(NOON, 40), parent_key=root.key, root_key=root.key)
    task = task_run(child, key=key_at(NOON, 41))
    facts += flow_facts(child, PENDING, RUNNING, *(() if below == "child flow run" else (COMPLETED,)))
    if below == "task run":
        facts += task_facts(task, PENDING, RUNNING)
    if below == "deferred call":
        facts.append(TaskRunDeferred(task, state(StateType.SCHEDULED), NOON, b"call"))
    store.write(facts)
    before = shown(everything(store))
    assert store.read_tree(root.key).unfinished == (child.key if below == "child flow run" else task.key)
    assert store.remove_runs([root.key], MANY, LATER) == Removed(left=(root.key,))
    assert shown(everything(store)) == before


# --- removing -----------------------------------------------------------------------------------


def test_a_tree_goes_with_everything_that_hangs_on_it_and_nothing_else_does(store: Store) -> None:
    other, facts = small_tree(NOON, 60)
    store.write(facts)
    before = shown(everything(store))
    root, facts = large_tree()
    store.write(facts)
    assert store.remove_runs([root.key], MANY, LATER) == Removed(3, 5, 4)
    assert shown(everything(store)) == before
    assert store.read_flow_runs(FlowRunQuery(tags=("x",))).items == ()
    assert store.read_task_runs(TaskRunQuery(tags=("x",))).items == ()
    assert store.check() == []
    assert roots_of(store) == [other.key]
    assert [flow.name for flow in store.read_flows().items] == ["child", "grandchild", "orders", "root"]


def test_task_runs_outside_flows_go_with_those_that_they_called(store: Store) -> None:
    caller, called, facts = loose_tasks()
    store.write(facts)
    assert store.remove_runs([called.key], MANY, LATER) == Removed(left=(called.key,))
    assert store.remove_runs([caller.key, new_id()], MANY, LATER) == Removed(0, 2, 2)
    assert (store.count_task_runs(), store.count_logs(), store.check()) == (0, 0, [])


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_steps_are_bounded_and_leave_a_sound_journal_each(store: Store, most: int) -> None:
    root, facts = large_tree()
    caller, _, loose = loose_tasks()
    store.write([*facts, *loose])
    total, left = [0, 0, 0], (root.key, caller.key)
    while left:
        step = store.remove_runs(left, most, LATER)
        assert 1 <= sum(step[:3]) <= most
        assert store.check() == []
        assert set(step.left) <= set(left)
        total = [one + other for one, other in zip(total, step[:3], strict=True)]
        left = step.left
    assert total == [3, 7, 6]
    assert not any(everything(store))


def test_several_small_trees_go_in_one_step(store: Store) -> None:
    roots = []
    for number in range(0, 100, 10):
        root, facts = small_tree(NOON, 100 + number)
        store.write(facts)
        roots.append(root.key)
    assert store.remove_runs(roots, 12, LATER) == Removed(4, 4, 4, tuple(roots[4:]))
    assert store.remove_runs(roots, MANY, LATER) == Removed(6, 6, 6)


def test_a_run_that_has_gone_on_is_spared(store: Store) -> None:
    done, facts = small_tree()
    open_run = flow_run(key=key_at(NOON, 40))
    store.write([*facts, *flow_facts(open_run, PENDING, RUNNING)])
    assert store.remove_runs([open_run.key, done.key], MANY, LATER) == Removed(1, 1, 1, (open_run.key,))
    store.write([ended(open_run, NOON + SECOND)])
    assert store.remove_runs([open_run.key], MANY, LATER) == Removed(1)


def test_a_run_that_goes_on_between_the_look_and_the_removal_is_spared(
    sqlite: SqliteStore, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, facts = small_tree()
    sqlite.write(facts)
    remove_doomed = Keeper._remove_doomed

    def go_on_first(keeper: Keeper, *arguments: Any) -> Any:
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("UPDATE flow_run SET state = 2, ended = NULL")
        return remove_doomed(keeper, *arguments)

    monkeypatch.setattr(Keeper, "_remove_doomed", go_on_first)
    assert sqlite.remove_runs([root.key], MANY, LATER) == Removed(left=(root.key,))
    assert (sqlite.count_task_runs(), sqlite.count_logs()) == (1, 1)


def test_a_deferred_call_that_a_worker_left_behind_goes_with_its_run_and_nobody_waits_for_it(store: Store) -> None:
    first, second = task_run(key=key_at(NOON, 1)), task_run(key=key_at(NOON, 2))
    scheduled = state(StateType.SCHEDULED)
    store.write([TaskRunDeferred(first, scheduled, NOON, b"first")])
    store.write([TaskRunDeferred(second, scheduled, NOON, b"second", (first.key,))])
    store.claim_calls("worker", ["load-key"], 1, NOON)
    store.write([TaskRunMoved(first.key, state(StateType.CRASHED), 1)])
    assert store.remove_runs([first.key], MANY, LATER) == Removed(0, 1)
    assert store.read_claims() == ()
    assert [call.call for call in store.claim_calls("worker", ["load-key"], 5, NOON)] == [b"second"]
    assert store.check() == []


def test_lines_that_are_logged_after_a_removal_come_after_all_others(store: Store) -> None:
    root, facts = large_tree()
    store.write(facts)
    other, facts = small_tree(NOON, 60)
    store.write(facts)
    store.remove_runs([root.key], MANY, LATER)
    store.write(small_tree(NOON, 70)[1])
    lines = store.read_logs().items
    assert [line.number for line in lines] == sorted({line.number for line in lines})
    assert lines[0].flow_run_key == other.key


# --- results ------------------------------------------------------------------------------------


def cached(key: str, created: int, location: str | None = None, expires: int | None = None) -> ResultCached:
    result = StoredResult("pickle", b"small", None, 5) if location is None else elsewhere(location)
    return ResultCached(CachedResult(key, result, created, expires))


def let_go(store: Store, before: int = LATER + 1) -> Sequence[LetGo]:
    return store.read_let_go(before)


def place(name: str) -> str:
    location = elsewhere(name).location
    assert location is not None
    return location


def test_the_places_of_the_results_of_removed_runs_are_noted(store: Store) -> None:
    root, facts = large_tree()
    other = task_run(key=key_at(NOON, 30))
    store.write([*facts, *task_facts(other, RUNNING, COMPLETED, result=elsewhere("task"))])
    assert let_go(store) == ()
    store.remove_runs([root.key], MANY, LATER)
    assert let_go(store) == (LetGo(place("root"), False), LetGo(place("task"), True))
    assert let_go(store, LATER) == ()
    store.remove_runs([other.key], MANY, LATER + 5)
    assert let_go(store) == (LetGo(place("root"), False),)
    assert let_go(store, LATER + 6) == (LetGo(place("root"), False), LetGo(place("task"), False))


@pytest.mark.parametrize("holder", ["flow run", "task run", "cached result"])
def test_a_place_is_needed_while_anything_refers_to_it(store: Store, holder: str) -> None:
    root, facts = large_tree()
    store.write(facts)
    run, task = flow_run(), task_run()
    store.write(
        {
            "flow run": flow_facts(run, RUNNING, COMPLETED, result=elsewhere("root")),
            "task run": task_facts(task, RUNNING, COMPLETED, result=elsewhere("root")),
            "cached result": [cached("key", NOON, "root")],
        }[holder]
    )
    store.remove_runs([root.key], MANY, LATER)
    assert LetGo(place("root"), True) in let_go(store)


def test_a_note_is_forgotten_unless_it_was_made_anew(store: Store) -> None:
    store.let_go(["a", "b"], NOON)
    store.let_go(["b"], NOON + 10)
    store.forget_locations(["a", "b", "c"], NOON + 10)
    assert store.read_let_go(LATER) == (LetGo("b", False),)
    store.forget_locations(["b"], NOON + 11)
    assert store.read_let_go(LATER) == ()


def test_notes_are_read_page_by_page(store: Store) -> None:
    store.let_go(["c", "a", "b"], NOON)
    assert [noted.location for noted in store.read_let_go(LATER, limit=2)] == ["a", "b"]
    assert [noted.location for noted in store.read_let_go(LATER, limit=2, after="b")] == ["c"]


def test_cached_results_go_when_they_have_expired_and_not_before(store: Store) -> None:
    store.write([cached("never", NOON), cached("soon", NOON, "soon", NOON + 5), cached("later", NOON, None, NOON + 6)])
    assert store.remove_expired(NOON + 4, MANY) == 0
    assert store.remove_expired(NOON + 5, MANY) == 1
    assert store.read_cached("soon") is None
    assert (store.read_cached("later"), store.read_cached("never")) != (None, None)
    assert let_go(store) == (LetGo(place("soon"), False),)
    store.write([cached(f"{number}", NOON, None, NOON + 5) for number in range(5)])
    assert [store.remove_expired(NOON + 6, 4) for _ in range(3)] == [4, 2, 0]


def test_the_place_of_a_cached_result_is_noted_when_a_newer_one_replaces_it(store: Store) -> None:
    store.write([cached("key", NOON, "old")])
    store.write([cached("key", NOON + 1, "old")])
    assert let_go(store) == ()
    store.write([cached("key", NOON + 2, "new")])
    store.write([cached("key", NOON + 1, "late")])
    assert let_go(store) == (LetGo(place("old"), False),)


# --- how much there is --------------------------------------------------------------------------


def test_what_is_held_is_counted(store: Store) -> None:
    store.write([*large_tree()[1], *loose_tasks()[2], *small_tree(NOON, 60)[1]])
    holdings = store.read_holdings()
    assert (holdings.flow_runs, holdings.task_runs) == (2, 8)


def test_sizes_are_told_for_a_person(store: Store) -> None:
    sizes = store.measure()
    assert (sizes.oldest, sizes.newest, sizes.stored_results) == (None, None, 0)
    store.write(
        [*large_tree()[1], *small_tree(NOON + SECOND, 60)[1], cached("key", NOON, "task"), cached("b", NOON, "b")]
    )
    sizes = store.measure()
    assert sizes.rows == store.describe()["rows"]
    assert (sizes.oldest, sizes.newest) == (NOON, NOON + SECOND)
    assert (sizes.stored_results, sizes.stored_bytes) == (3, 210_000)


def test_compacting_changes_nothing_that_is_read(store: Store) -> None:
    store.write(large_tree()[1])
    before = shown(everything(store))
    store.compact()
    assert shown(everything(store)) == before


# --- adopting -----------------------------------------------------------------------------------


def test_what_another_journal_kept_is_adopted_as_it_was(store: Store) -> None:
    other = MemoryStore()
    other.write(large_tree()[1])
    store.write(small_tree(NOON, 60)[1])
    own = everything(store)
    tree = everything(other)
    store.adopt(copy.deepcopy(tree), LATER)
    adopted = everything(store)
    flow_runs = adopted.flow_runs[:3]
    assert shown(KeptTree(flow_runs, adopted.task_runs[:5], adopted.lines[1:])) == shown(tree)
    assert len(adopted.task_runs) == 5 + len(own.task_runs)
    assert store.check() == []
    assert len(store.read_flow_runs(FlowRunQuery(tags=("x",))).items) == 2
    assert len(store.read_task_runs(TaskRunQuery(tags=("x",))).items) == 1


def test_a_history_that_goes_on_after_an_end_is_adopted_too(store: Store) -> None:
    other = MemoryStore()
    other.write(small_tree()[1])
    tree = everything(other)
    (kept,) = tree.flow_runs
    longer = kept._replace(history=(*kept.history, *kept.history[1:]))
    store.adopt(tree._replace(flow_runs=(longer,)), LATER)
    assert store.read_history(kept.run.key) == longer.history


def test_what_was_adopted_counts_as_ended_since_then(store: Store) -> None:
    other = MemoryStore()
    root, facts = small_tree()
    other.write(facts)
    store.adopt(everything(other), LATER)
    assert roots_of(store, LATER) == []
    assert store.read_roots(LATER + 1).items == ((root.key, LATER, True),)
    store.remove_runs([root.key], MANY, LATER)
    store.write(facts)
    assert roots_of(store, LATER) == [root.key]


@pytest.mark.parametrize("there", ["root", "child", "task run"])
def test_nothing_is_adopted_where_one_of_the_runs_is_there(store: Store, there: str) -> None:
    other = MemoryStore()
    other.write(large_tree()[1])
    key = {"root": key_at(NOON, 1), "child": key_at(NOON, 2), "task run": key_at(NOON, 6)}[there]
    store.write(
        finished_task_facts(task_run(key=key)) if there == "task run" else flow_facts(flow_run(key=key), RUNNING)
    )
    before = shown(everything(store))
    with pytest.raises(ObjectAlreadyExists, match=r"There is a run 019b"):
        store.adopt(everything(other), LATER)
    assert shown(everything(store)) == before
    assert store.read_flow_runs(FlowRunQuery(tags=("x",))).items == ()


def test_a_run_that_was_adopted_is_moved_no_more(store: Store) -> None:
    other = MemoryStore()
    root, facts = small_tree()
    other.write(facts)
    store.adopt(everything(other), LATER)
    before = shown(everything(store))
    store.write([FlowRunMoved(root.key, state(RUNNING), 5)])
    assert shown(everything(store)) == before


def test_bytes_are_told_of_a_file_and_free_space_is_used_again_or_given_back(sqlite: SqliteStore) -> None:
    roots = []
    for number in range(0, 400, 10):
        root, facts = small_tree(NOON, 1_000 + number)
        task = task_run(root, key=key_at(NOON, 5_000 + number))
        sqlite.write([*facts, *task_facts(task, RUNNING, COMPLETED, result=StoredResult("pickle", bytes(30_000)))])
        roots.append(root.key)
    full, held = sqlite.measure(), sqlite.read_holdings().bytes
    assert full.row_bytes["task_run"] > 40 * 30_000
    assert held > 40 * 30_000
    sqlite.remove_runs(roots, MANY, LATER)
    empty = sqlite.measure()
    assert empty.free_bytes > 40 * 30_000
    assert sqlite.read_holdings().bytes < held / 4
    sqlite.compact()
    assert sqlite.measure().bytes < full.bytes / 4


def test_the_size_that_counts_is_without_cached_results(sqlite: SqliteStore) -> None:
    sqlite.write(small_tree()[1])
    before = sqlite.read_holdings().bytes
    result = StoredResult("pickle", bytes(60_000), None, 60_000)
    sqlite.write([ResultCached(CachedResult(f"key {number}", result, NOON)) for number in range(20)])
    assert sqlite.read_holdings().bytes < before + 200_000


def test_a_step_counts_pages_as_well_as_rows(sqlite: SqliteStore) -> None:
    root = flow_run(key=key_at(NOON, 1))
    sqlite.write(flow_facts(root, PENDING, RUNNING, COMPLETED))
    for number in range(30):
        task = task_run(root, key=key_at(NOON, 10 + number))
        sqlite.write(task_facts(task, RUNNING, COMPLETED, result=StoredResult("pickle", bytes(40_960))))
    assert sqlite.remove_runs([root.key], 55, LATER).task_runs == 5
    assert sqlite.remove_runs([root.key], 3, LATER).task_runs == 1
