"""Batches that may be sent twice are written once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import new_id
from sluiceway.model.batches import REMEMBERED, BatchId
from sluiceway.model.facts import Receipt
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON, flow_facts, flow_run, log_line


class Process:
    """A process that announces itself."""

    def __init__(self) -> None:
        self.info = ProcessInfo(new_id(), "here", "boot", 42, NOON, None, NOON)
        self.announced: ProcessInfo | None = None
        self.known = False

    def announce(self) -> ProcessInfo:
        self.announced = self.info
        return self.info


def messages(store: Store) -> list[str]:
    return [line.message for line in store.read_logs().items]


def test_a_batch_that_is_written_again_changes_nothing(store: Store) -> None:
    batch, receipt = BatchId(new_id(), 1), Receipt()
    store.write([log_line("once")], batch=batch)
    store.write([log_line("once")], batch=batch, receipt=receipt)
    assert messages(store) == ["once"]
    assert receipt.written


def test_batches_of_a_stream_follow_each_other_and_streams_do_not_know_each_other(store: Store) -> None:
    first, second = new_id(), new_id()
    for stream, number in [(first, 1), (second, 1), (first, 2), (first, 5), (first, 4), (second, 2), (first, 5)]:
        store.write([log_line(f"{'ab'[stream == second]}{number}")], batch=BatchId(stream, number))
    assert messages(store) == ["a1", "b1", "a2", "a5", "b2"]


def test_a_batch_that_could_not_be_written_can_be_sent_again(store: Store) -> None:
    process, stream = Process(), new_id()
    store.write(flow_facts(flow_run(), StateType.RUNNING), process, batch=BatchId(stream, 1))
    store.bury_process(process.info, "it died", NOON)
    with pytest.raises(FencedError):
        store.write([log_line("from beyond")], process, batch=BatchId(stream, 2))
    store.write([log_line("from another")], batch=BatchId(stream, 2))
    assert messages(store) == ["from another"]


def test_a_batch_that_was_written_before_its_process_was_fenced_is_written(store: Store) -> None:
    process, batch = Process(), BatchId(new_id(), 1)
    facts = flow_facts(flow_run(), StateType.RUNNING)
    store.write(facts, process, batch=batch)
    store.bury_process(process.info, "it died", NOON)
    store.write(facts, process, batch=batch)
    assert store.read_flow_runs().items[0].state_type is StateType.CRASHED


def test_a_process_that_is_told_late_that_its_first_batch_was_written_is_known(store: Store) -> None:
    process, batch = Process(), BatchId(new_id(), 1)
    facts = flow_facts(flow_run(), StateType.RUNNING)
    store.write(facts, process, batch=batch)
    process.known = False
    store.write(facts, process, batch=batch)
    store.write([log_line("later")], process, batch=BatchId(batch.stream, 2))
    assert [listed.key for listed in store.read_processes()] == [process.info.key]
    assert process.known


def test_streams_are_forgotten_that_nobody_has_sent_anything_on_for_long(sqlite: SqliteStore, database: Path) -> None:
    old, new = new_id(), new_id()
    sqlite.write([log_line("old")], batch=BatchId(old, 1))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE batch SET written = written - ?", (REMEMBERED + 60_000_000,))
    sqlite.write([log_line("new")], batch=BatchId(new, 1))
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT stream FROM batch").fetchall() == [(new,)]
