"""Inputs of flow runs in all stores: each is received once, by one call, which gets it again when it is made again."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sluiceway.base.errors import ObjectNotFound
from sluiceway.base.ids import RunId, new_id
from sluiceway.model.inputs import InputPlace, KeptInputs, SentInput
from sluiceway.model.states import StateType
from sluiceway.ports import carried
from sluiceway.ports.store import Store
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, flow_facts, flow_run


@pytest.fixture
def run_key(store: Store) -> RunId:
    """Return a flow run that is there."""
    run = flow_run()
    store.write(flow_facts(run, StateType.PENDING, StateType.RUNNING))
    return run.key


def sent(run_key: RunId, key: str, value: str = "1", sender: str | None = None, at: int = NOON) -> SentInput:
    return SentInput(run_key, key, value, sender, at)


def received(store: Store, place: InputPlace, at: int = NOON, *, last: bool = False) -> str | None:
    """Return the key of what a call gets; None where it has to wait."""
    reception = store.receive_input(place, at, last=last)
    return None if reception is None else "nothing" if reception.input is None else reception.input.key


# --- sending and reading ----------------------------------------------------------------------------


def test_what_was_sent_is_read_back_as_it_was(store: Store, run_key: RunId) -> None:
    one = sent(run_key, "a-1", '{"ö":"\\u0000"}', "sluiceway.flow-run.7")
    assert store.send_input(one)
    assert store.read_input(run_key, "a-1") == one
    assert store.read_input(run_key, "a") is None
    assert store.read_input(new_id(), "a-1") is None


def test_an_input_is_for_a_run_that_there_is(store: Store) -> None:
    with pytest.raises(ObjectNotFound, match="no flow run with the identifier"):
        store.send_input(sent(new_id(), "a"))


def test_a_key_stands_for_one_input_of_a_run(store: Store, run_key: RunId) -> None:
    assert store.send_input(sent(run_key, "a", "1"))
    assert not store.send_input(sent(run_key, "a", "2"))
    found = store.read_input(run_key, "a")
    assert found is not None
    assert found.value == "1"


def test_inputs_are_listed_in_the_order_in_which_they_came(store: Store, run_key: RunId) -> None:
    for key in ("b-2", "a-9", "b-1", "b%", "B-1"):
        store.send_input(sent(run_key, key))
    assert [one.key for one in store.read_inputs(run_key)] == ["b-2", "a-9", "b-1", "b%", "B-1"]
    assert [one.key for one in store.read_inputs(run_key, "b")] == ["b-2", "b-1", "b%"]
    assert [one.key for one in store.read_inputs(run_key, "b", exclude={"b-2"}, limit=1)] == ["b-1"]
    assert store.read_inputs(new_id()) == ()
    with pytest.raises(ValueError, match="limit is 0"):
        store.read_inputs(run_key, limit=0)


# --- receiving --------------------------------------------------------------------------------------


def test_the_first_input_is_received_first_and_each_once(store: Store, run_key: RunId) -> None:
    receiver = new_id()
    for key in ("a-2", "a-1"):
        store.send_input(sent(run_key, key))
    first, second, third = (InputPlace(run_key, "a", receiver, number) for number in range(3))
    assert received(store, first, NOON + 1) == "a-2"
    assert received(store, second) == "a-1"
    assert received(store, third) is None
    found = store.read_input(run_key, "a-2")
    assert found is not None
    assert found.received == NOON + 1


def test_a_call_that_is_made_again_gets_the_same(store: Store, run_key: RunId) -> None:
    place = InputPlace(run_key, "a", new_id(), 0)
    store.send_input(sent(run_key, "a-1"))
    store.send_input(sent(run_key, "a-2"))
    before = store.receive_input(place, NOON + 1)
    assert before is not None
    assert store.receive_input(place, NOON + 9) == before
    assert received(store, place._replace(receiver=new_id())) == "a-2"


def test_a_call_that_came_to_nothing_comes_to_nothing_again(store: Store, run_key: RunId) -> None:
    place = InputPlace(run_key, "a", new_id(), 0)
    assert received(store, place) is None
    assert received(store, place, last=True) == "nothing"
    store.send_input(sent(run_key, "a-1"))
    assert received(store, place) == "nothing"
    assert received(store, place._replace(number=1)) == "a-1"


def test_code_outside_runs_receives_what_is_there_once(store: Store, run_key: RunId) -> None:
    place = InputPlace(run_key, "a")
    assert received(store, place, last=True) == "nothing"
    store.send_input(sent(run_key, "a-1"))
    assert received(store, place) == "a-1"
    assert received(store, place) is None


@pytest.mark.parametrize(
    ("prefix", "keys", "taken"),
    [
        ("order-1", ("order-10-x", "order-1-x"), "order-1-x"),
        ("a", ("ab", "a"), "a"),
        ("a_", ("ab-1", "a_-1"), "a_-1"),
        ("a", ("A-1", "a-1"), "a-1"),
    ],
)
def test_a_call_takes_what_is_of_its_prefix_and_nothing_like_it(
    store: Store, run_key: RunId, prefix: str, keys: tuple[str, ...], taken: str
) -> None:
    for key in keys:
        store.send_input(sent(run_key, key))
    assert received(store, InputPlace(run_key, prefix, new_id())) == taken


def test_a_call_leaves_alone_what_it_is_to_leave_alone(store: Store, run_key: RunId) -> None:
    for key in ("a-1", "a-2"):
        store.send_input(sent(run_key, key))
    assert received(store, InputPlace(run_key, "a", new_id(), 0, frozenset({"a-1"}))) == "a-2"
    assert received(store, InputPlace(run_key, "a", new_id())) == "a-1"


def test_many_that_receive_at_once_get_one_each(store: Store, run_key: RunId) -> None:
    for number in range(20):
        store.send_input(sent(run_key, f"a-{number}"))
    got: list[str | None] = []

    def receive(receiver: RunId) -> None:
        got.extend(received(store, InputPlace(run_key, "a", receiver, number)) for number in range(5))

    threads = [threading.Thread(target=receive, args=(new_id(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, got)) == sorted(f"a-{number}" for number in range(20))


def test_who_does_not_know_whether_it_was_done_may_ask_again(store: Store, run_key: RunId) -> None:
    """A reply may get lost on its way from a server."""
    assert {"send_input", "receive_input"} <= carried.REPEATABLE
    one, place = sent(run_key, "a-1"), InputPlace(run_key, "a", new_id())
    assert [store.send_input(one) for _ in range(2)] == [True, False]
    assert store.read_inputs(run_key) == (one,)
    assert store.receive_input(place, NOON) == store.receive_input(place, NOON + 1)


# --- deleting and keeping ---------------------------------------------------------------------------


def test_what_is_deleted_is_neither_shown_nor_received(store: Store, run_key: RunId) -> None:
    store.send_input(sent(run_key, "a-1"))
    assert store.delete_input(run_key, "a-1")
    assert not store.delete_input(run_key, "a-1")
    assert store.read_input(run_key, "a-1") is None
    assert store.read_inputs(run_key) == ()
    assert received(store, InputPlace(run_key, "a", new_id())) is None
    (left,) = store.read_kept_inputs(run_key).inputs
    assert left.value == ""


def test_who_received_it_before_gets_what_was_deleted_since(store: Store, run_key: RunId) -> None:
    place = InputPlace(run_key, "a", new_id())
    store.send_input(sent(run_key, "a-1", "7"))
    store.receive_input(place, NOON)
    store.delete_input(run_key, "a-1")
    again = store.receive_input(place, NOON)
    assert again is not None
    assert again.input is not None
    assert again.input.value == "7"


def test_a_key_is_free_again_after_that_unless_it_stands_for_one_call(store: Store, run_key: RunId) -> None:
    store.send_input(sent(run_key, "a-1"))
    store.delete_input(run_key, "a-1")
    assert not store.send_input(sent(run_key, "a-1"), once=True)
    assert store.send_input(sent(run_key, "a-1", "2"))
    assert [one.value for one in store.read_inputs(run_key)] == ["2"]


def test_all_of_it_is_told_for_another_journal(store: Store, run_key: RunId) -> None:
    receiver = new_id()
    for key in ("a-1", "a-2"):
        store.send_input(sent(run_key, key))
    first = store.receive_input(InputPlace(run_key, "a", receiver, 0), NOON)
    none = store.receive_input(InputPlace(run_key, "b", receiver, 0), NOON + 5, last=True)
    kept = store.read_kept_inputs(run_key)
    assert [one.key for one in kept.inputs] == ["a-1", "a-2"]
    assert kept.receptions == (first, none)
    assert store.read_kept_inputs(receiver) == KeptInputs(receiver)


def test_inputs_go_with_their_run(store: Store) -> None:
    run, other = flow_run(), flow_run()
    store.write([*flow_facts(run, StateType.PENDING, StateType.COMPLETED), *flow_facts(other)])
    for key in (run.key, other.key):
        store.send_input(sent(key, "a"))
        store.receive_input(InputPlace(key, "a", run.key), NOON)
    assert store.remove_runs([run.key], 1_000, NOON).left == ()
    assert store.read_kept_inputs(run.key) == KeptInputs(run.key)
    assert len(store.read_kept_inputs(other.key).receptions) == 1


# --- in SQLite --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["one", "some", "all", "reception", "waiting", "receptions", "delete", "receive"])
def test_each_statement_is_looked_up(sqlite: SqliteStore, database: Path, name: str) -> None:
    run = flow_run()
    sqlite.write(flow_facts(run))
    values = dict.fromkeys(("run", "key", "prefix", "receiver", "place", "number", "at", "most"), 1)
    with closing(sqlite3.connect(database)) as connection:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {load('inputs.sql')[name]}", {**values, "exclude": "[]"})
        plan = [step[3] for step in steps]
    assert not [step for step in plan if step.startswith(("SCAN flow_run_input", "SCAN reception"))]
    assert not [step for step in plan if "ORDER BY" in step]
