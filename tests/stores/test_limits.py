"""Limits in all stores: slots are rows, given to whoever has waited longest, all or none, and free in time."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.base.ids import new_id
from sluiceway.base.times import SECOND
from sluiceway.model.slots import Limit, SlotRequest, Verdict
from sluiceway.ports.store import Store
from sluiceway.stores.memory import MemoryStore
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON

GRANTED, WAITING, IMPOSSIBLE = Verdict.GRANTED, Verdict.WAITING, Verdict.IMPOSSIBLE
LATER = NOON + 60 * SECOND


def limit(name: str = "db", slots: int = 2, *, active: bool = True, decay: float = 0.0) -> Limit:
    return Limit(new_id(), name, slots, active, decay)


def claim(store: Store, owner: str, *names: str, occupy: int = 1, at: int = NOON, **more: Any) -> Verdict:
    """Ask for slots with a lease of ten seconds."""
    queue = more.pop("queue", True)
    request = SlotRequest(owner, names or ("db",), occupy, process="here:1", **more)
    return store.claim_slots(request, at + 10 * SECOND, at, queue=queue).verdict


def owners(store: Store, at: int = NOON, *, waits: bool = False) -> list[str]:
    return [row.owner for row in store.read_slots(None, at) if row.waits is waits]


# --- limits -------------------------------------------------------------------------------------


def test_a_limit_is_read_back_as_it_was_made(store: Store) -> None:
    first, second = limit("ö", 3, active=False, decay=0.25), limit("db")
    assert store.create_limit(first)
    assert store.create_limit(second)
    assert store.read_limits() == (second, first)
    assert store.read_limits(("ö", "unknown")) == (first,)
    assert store.read_limits(()) == ()


def test_a_limit_that_there_is_stays_as_it_is(store: Store) -> None:
    first = limit()
    store.create_limit(first)
    assert not store.create_limit(limit(slots=9))
    assert store.read_limits() == (first,)


def test_a_limit_is_changed_renamed_and_deleted(store: Store) -> None:
    first = limit()
    store.create_limit(first)
    assert store.change_limit("db", limit("database", 5, active=False, decay=1.0))
    assert store.read_limits() == (Limit(first.key, "database", 5, False, 1.0),)
    assert not store.change_limit("db", limit())
    assert store.delete_limit("database")
    assert not store.delete_limit("database")
    assert store.read_limits() == ()


def test_a_limit_is_not_renamed_to_what_another_one_is_called(store: Store) -> None:
    one, other = limit("one"), limit("other")
    store.create_limit(one)
    store.create_limit(other)
    assert not store.change_limit("one", limit("other"))
    assert store.read_limits() == (one, other)


def test_slots_go_along_when_a_limit_is_renamed(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "first")
    claim(store, "second")
    store.change_limit("db", limit("database", 1))
    assert claim(store, "third", "database") is WAITING
    store.release_slots("first", NOON)
    assert claim(store, "second", "database") is GRANTED


# --- taking and giving back ---------------------------------------------------------------------


def test_slots_are_taken_until_there_are_none_and_given_back(store: Store) -> None:
    store.create_limit(limit())
    assert [claim(store, name) for name in ("a", "b", "c")] == [GRANTED, GRANTED, WAITING]
    assert store.release_slots("a", NOON)
    assert not store.release_slots("a", NOON)
    assert claim(store, "c") is GRANTED
    assert owners(store) == ["b", "c"]


def test_who_has_slots_is_told_with_run_process_and_times(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a", holder="task_run:7")
    claim(store, "b", at=NOON + 1)
    first, second = store.read_slots("db", NOON + 2)
    assert first[1:] == ("a", 1, NOON, NOON + 10 * SECOND, "task_run:7", "here:1", False, False)
    assert second[1:] == ("b", 1, NOON + 1, NOON + 1 + 10 * SECOND, None, "here:1", True, False)
    assert store.read_slots("other", NOON) == ()


def test_slots_that_are_not_prolonged_come_free_at_their_time(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "dead")
    assert claim(store, "next", at=NOON + 10 * SECOND - 1) is WAITING
    assert claim(store, "next", at=NOON + 10 * SECOND) is GRANTED
    assert owners(store, NOON + 10 * SECOND) == ["next"]
    assert not store.release_slots("dead", NOON + 10 * SECOND)


def test_slots_that_are_prolonged_stay_taken_and_what_is_past_its_time_is_lost(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a")
    claim(store, "b")
    at = NOON + 9 * SECOND
    assert store.prolong_slots({"a": LATER, "b": LATER, "nobody": LATER}, at) == {"nobody"}
    assert claim(store, "c", at=LATER - 1) is WAITING
    assert owners(store, LATER - 1) == ["a"]
    assert store.prolong_slots({"a": LATER + 1}, LATER) == {"a"}
    assert store.prolong_slots({}, LATER) == frozenset()
    assert claim(store, "d", at=LATER + 10 * SECOND) is GRANTED


def test_who_has_slots_gets_them_anew(store: Store) -> None:
    store.create_limit(limit(slots=1))
    assert claim(store, "a") is GRANTED
    assert claim(store, "b") is WAITING
    assert claim(store, "a", at=NOON + SECOND) is GRANTED
    assert [row.until for row in store.read_slots("db", NOON)] == [NOON + 11 * SECOND, NOON + 10 * SECOND]


def test_a_limit_that_was_deleted_and_made_again_knows_who_has_its_slots(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a")
    store.delete_limit("db")
    assert claim(store, "b") is GRANTED
    store.create_limit(limit(slots=1))
    assert claim(store, "c") is WAITING
    assert owners(store) == ["a"]


def test_of_several_limits_all_slots_are_taken_or_none(store: Store) -> None:
    store.create_limit(limit("api", 1))
    store.create_limit(limit("db", 1))
    assert claim(store, "a", "db") is GRANTED
    assert claim(store, "b", "api", "db") is WAITING
    assert owners(store) == ["a"]
    store.release_slots("a", NOON)
    assert claim(store, "b", "api", "db") is GRANTED
    assert owners(store) == ["b", "b"]


def test_names_without_limit_and_limits_that_are_not_active_take_nothing(store: Store) -> None:
    store.create_limit(limit("off", 1, active=False))
    assert claim(store, "a", "off", "unknown", occupy=5) is GRANTED
    assert claim(store, "b", "off", "unknown") is GRANTED
    assert owners(store) == []
    assert claim(store, "c", "unknown", strict=True) is IMPOSSIBLE


def test_who_asks_for_more_than_there_is_gives_up_its_place(store: Store) -> None:
    store.create_limit(limit(slots=2))
    claim(store, "a", occupy=2)
    claim(store, "b", occupy=2)
    store.change_limit("db", limit(slots=1))
    assert claim(store, "b", occupy=2) is IMPOSSIBLE
    assert owners(store, waits=True) == []


# --- the line -----------------------------------------------------------------------------------


def test_slots_go_to_who_has_waited_longest(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a")
    assert [claim(store, name) for name in ("b", "c", "d")] == [WAITING] * 3
    assert owners(store, waits=True) == ["b", "c", "d"]
    store.release_slots("a", NOON)
    assert [claim(store, name) for name in ("d", "new", "c", "b")] == [WAITING, WAITING, WAITING, GRANTED]


def test_who_wants_many_slots_is_not_starved_by_those_who_want_few(store: Store) -> None:
    store.create_limit(limit(slots=3))
    claim(store, "a")
    claim(store, "b")
    assert claim(store, "large", occupy=3) is WAITING
    assert claim(store, "small") is WAITING  # though a slot is free
    store.release_slots("a", NOON)
    assert claim(store, "small") is WAITING
    store.release_slots("b", NOON)
    assert claim(store, "large", occupy=3) is GRANTED
    store.release_slots("large", NOON)
    assert claim(store, "small") is GRANTED


def test_who_waits_for_another_limit_does_not_keep_others_from_slots_that_are_left_over(store: Store) -> None:
    store.create_limit(limit("api", 2))
    store.create_limit(limit("db", 1))
    claim(store, "a", "db")
    assert claim(store, "both", "api", "db") is WAITING
    assert claim(store, "b", "api") is GRANTED  # one of two is kept for who waits for both
    assert claim(store, "c", "api") is WAITING
    store.release_slots("a", NOON)
    assert claim(store, "both", "api", "db") is GRANTED


def test_a_waiter_that_died_or_gave_up_does_not_hold_up_others(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a")
    claim(store, "gives up")
    claim(store, "dies")
    claim(store, "waits", at=NOON + 5 * SECOND)
    store.prolong_slots({"a": LATER, "waits": LATER}, NOON + 6 * SECOND)
    assert not store.release_slots("gives up", NOON)
    store.release_slots("a", NOON + 7 * SECOND)
    assert claim(store, "waits", at=NOON + 7 * SECOND) is WAITING
    assert claim(store, "waits", at=NOON + 10 * SECOND) is GRANTED


def test_who_does_not_queue_gets_no_place(store: Store) -> None:
    store.create_limit(limit(slots=1))
    claim(store, "a")
    assert claim(store, "b", queue=False) is WAITING
    assert owners(store, waits=True) == []


def test_a_reply_says_how_far_the_limits_are_taken(store: Store) -> None:
    made = limit(slots=3)
    store.create_limit(made)
    claim(store, "a", occupy=2)
    claim(store, "b", occupy=3)
    reply = store.claim_slots(SlotRequest("c", ("db", "unknown"), 1), LATER, NOON)
    assert reply.verdict is WAITING
    assert reply.uses == ((made, 2, NOON + 10 * SECOND, 3, 1),)


# --- decay --------------------------------------------------------------------------------------


def test_slots_with_decay_come_free_one_after_the_other_and_are_not_prolonged(store: Store) -> None:
    store.create_limit(limit("api", 2, decay=1.0))
    assert [claim(store, name, "api", rate=True) for name in ("a", "b", "c")] == [GRANTED, GRANTED, WAITING]
    assert [row.until - NOON for row in store.read_slots("api", NOON) if row.decays] == [SECOND, 2 * SECOND]
    assert store.prolong_slots({"a": LATER}, NOON) == {"a"}
    assert claim(store, "c", "api", rate=True, at=NOON + SECOND - 1) is WAITING
    assert claim(store, "c", "api", rate=True, at=NOON + SECOND) is GRANTED
    assert [claim(store, "d", "api", rate=True, at=NOON + step * SECOND) for step in (1, 2)] == [WAITING, GRANTED]


def test_slots_with_decay_may_be_given_back_before(store: Store) -> None:
    store.create_limit(limit("api", 1, decay=0.001))
    assert claim(store, "a", "api") is GRANTED
    assert store.release_slots("a", NOON)
    assert claim(store, "b", "api") is GRANTED


def test_a_rate_is_not_for_limits_without_decay(store: Store) -> None:
    store.create_limit(limit())
    assert claim(store, "a", rate=True) is IMPOSSIBLE
    assert owners(store) == []


# --- in one file --------------------------------------------------------------------------------


def test_who_waits_looks_without_writing_and_is_in_nobodys_way(sqlite: SqliteStore, database: Path) -> None:
    sqlite.create_limit(limit(slots=1))
    claim(sqlite, "a")
    claim(sqlite, "b")
    files = [database, database.with_name(database.name + "-wal")]
    before = [file.read_bytes() for file in files]
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # who wanted to write would wait for a minute
        for _ in range(20):
            assert claim(sqlite, "b") is WAITING
        assert claim(sqlite, "c", "unknown") is GRANTED
        other.execute("ROLLBACK")
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize("name", ["held", "ahead", "place", "forget_held", "forget_tickets", "next_number"])
def test_looks_at_slots_use_an_index(name: str, sqlite: SqliteStore, database: Path) -> None:
    sqlite.upgrade()
    text = load("limiting.sql")[name]
    values: Any = {"name": "db", "at": 1, "owner": "a", "number": 1} if ":" in text else (1,) * text.count("?")
    with closing(sqlite3.connect(database)) as connection:
        plan = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + text, values)]
    assert plan
    assert not [line for line in plan if line.startswith("SCAN")], plan


def test_two_stores_on_one_file_are_one(sqlite: SqliteStore, database: Path) -> None:
    sqlite.create_limit(limit(slots=1))
    with closing(SqliteStore(str(database))) as other:
        assert claim(sqlite, "a") is GRANTED
        assert claim(other, "b") is WAITING
        sqlite.release_slots("a", NOON)
        assert claim(sqlite, "c") is WAITING
        assert claim(other, "b") is GRANTED


def test_odd_texts_are_kept(store: Store) -> None:
    store.create_limit(limit("ä\udc80'\""))
    assert claim(store, "o'w\"n\udc80er", "ä\udc80'\"") is GRANTED
    assert len(store.read_slots(None, NOON)) == 1


# --- any interleaving ---------------------------------------------------------------------------

NAMES = st.sampled_from(["api", "db", "off", "unknown"])
OWNERS = st.sampled_from(["a", "b", "c", "d", "e"])
LIMITS = {"api": limit("api", 3, decay=0.5), "db": limit("db", 2), "off": limit("off", 1, active=False)}


class Walk:
    """Does the same to stores, and asks them the same, while time passes; all have to agree."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], *stores: Store) -> None:
        self.draw = draw
        self.stores = stores
        self.now = NOON
        self.slots = {name: made.slots for name, made in LIMITS.items()}
        self.steps: list[Callable[[], object]] = [
            self.claim,
            self.claim,
            self.claim,
            self.release,
            self.prolong,
            self.pass_time,
            self.change,
        ]

    def agree(self, verb: str, *arguments: Any, **named: Any) -> Any:
        first, *others = [getattr(store, verb)(*arguments, **named) for store in self.stores]
        assert all(other == first for other in others), (verb, arguments, first, others)
        return first

    def claim(self) -> None:
        draw = self.draw
        names = tuple(sorted(draw(st.sets(NAMES, min_size=1, max_size=3))))
        request = SlotRequest(draw(OWNERS), names, draw(st.integers(1, 3)), draw(st.sampled_from([False, False, True])))
        reply = self.agree(
            "claim_slots", request, self.now + draw(st.integers(1, 9)) * SECOND, self.now, queue=draw(st.booleans())
        )
        if reply.verdict is GRANTED:
            for use in reply.uses:
                assert not use.limit.active or use.taken + request.occupy <= self.slots[use.limit.name]

    def release(self) -> None:
        self.agree("release_slots", self.draw(OWNERS), self.now)

    def prolong(self) -> None:
        until = self.now + self.draw(st.integers(1, 9)) * SECOND
        self.agree("prolong_slots", dict.fromkeys(self.draw(st.sets(OWNERS)), until), self.now)

    def pass_time(self) -> None:
        self.now += self.draw(st.sampled_from([1, SECOND, 3 * SECOND, 20 * SECOND]))

    def change(self) -> None:
        name = self.draw(st.sampled_from(sorted(LIMITS)))
        slots = self.draw(st.integers(self.slots[name], 4))
        if self.agree("change_limit", name, LIMITS[name]._replace(slots=slots)):
            self.slots[name] = slots

    def check(self) -> None:
        rows = self.agree("read_slots", None, self.now)
        taken: Counter[str] = Counter()
        for row in rows:
            taken[row.name] += 0 if row.waits else row.occupy
        assert all(taken[name] <= slots for name, slots in self.slots.items())
        assert self.agree("read_limits") == tuple(
            made._replace(slots=self.slots[name]) for name, made in sorted(LIMITS.items())
        )


@given(st.lists(st.tuples(st.sets(st.sampled_from(["api", "db"]), min_size=1), st.integers(1, 3)), max_size=8))
def test_everybody_in_line_has_its_turn_whatever_each_wants(wanted: list[tuple[set[str], int]]) -> None:
    store = MemoryStore()
    for name in ("api", "db"):
        store.create_limit(limit(name, 3))
    waiting = {str(number): (sorted(names), occupy) for number, (names, occupy) in enumerate(wanted)}
    for owner, (names, occupy) in waiting.items():
        claim(store, owner, *names, occupy=occupy)
    for _ in range(len(wanted)):
        inside = [
            owner for owner, (names, size) in waiting.items() if claim(store, owner, *names, occupy=size) is GRANTED
        ]
        assert inside
        assert inside[0] == min(waiting, key=int)  # who came first is among them
        store.release_slots(inside[0], NOON)
        del waiting[inside[0]]


@pytest.mark.slow
@given(st.data())
def test_never_are_more_slots_taken_than_there_are_however_the_verbs_and_the_time_interleave(
    data: st.DataObject,
) -> None:
    walk = Walk(data.draw, MemoryStore())
    for made in LIMITS.values():
        walk.agree("create_limit", made)
    for _ in range(25):
        data.draw(st.sampled_from(walk.steps))()
        walk.check()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_the_store_in_a_file_gives_slots_as_the_model_does(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(SqliteStore(f"{folder}/runs.db")) as file:
        walk = Walk(data.draw, MemoryStore(), file)
        for made in LIMITS.values():
            walk.agree("create_limit", made)
        for _ in range(25):
            data.draw(st.sampled_from(walk.steps))()
            walk.check()
