"""Claiming deferred calls in one file: by many processes at once, and at next to no cost while there are none."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from sluiceway.base.errors import StoreError
from sluiceway.model.facts import Fact, TaskRunDeferred
from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.statements import load
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores import claiming_process
from tests.stores.making import NOON, state, task_run

ROOT = Path(__file__).parents[2]
PROCESSES, CALLS = 8, 240


def deferred(task: str = "load", due: int = NOON) -> Fact:
    return TaskRunDeferred(task_run(task=task), state(StateType.SCHEDULED, due), due, b"call")


@pytest.mark.slow
def test_eight_processes_that_claim_at_once_share_the_calls_and_no_two_get_the_same(
    sqlite: SqliteStore, database: Path
) -> None:
    sqlite.write([deferred(task) for _ in range(CALLS // 2) for task in ("load", "mail")])
    workers = [
        subprocess.Popen(
            [sys.executable, claiming_process.__file__, str(database), f"worker-{number}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    claimed = {}
    for number, worker in enumerate(workers):
        out, err = worker.communicate(timeout=120)
        assert (worker.returncode, err) == (0, "")
        claimed[f"worker-{number}"] = out.split()
    counts = Counter(key for keys in claimed.values() for key in keys)
    assert (len(counts), set(counts.values())) == (CALLS, {1})
    owners = {claim.run_key.hex(): claim.owner for claim in sqlite.read_claims()}
    assert owners == {key: owner for owner, keys in claimed.items() for key in keys}


def test_looking_for_calls_where_there_are_none_neither_writes_nor_waits_for_writers(
    sqlite: SqliteStore, database: Path
) -> None:
    sqlite.write([deferred(due=NOON + 1), deferred("mail")])
    files = [database, database.with_name(database.name + "-wal")]
    before = [file.read_bytes() for file in files]
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # a worker that wanted to write would wait for a minute
        for _ in range(20):
            assert sqlite.claim_calls("worker", ["load-key", "unknown"], 10, NOON) == ()
        other.execute("ROLLBACK")
    assert [file.read_bytes() for file in files] == before


def test_calls_that_wait_come_off_an_index_in_order(sqlite: SqliteStore, database: Path) -> None:
    sqlite.write([deferred()])
    with closing(sqlite3.connect(database)) as connection:
        plan = connection.execute("EXPLAIN QUERY PLAN " + load("claiming.sql")["waiting"], (1, NOON, 10)).fetchall()
    assert [row[3] for row in plan] == ["SEARCH deferred_call USING INDEX deferred_call_waiting (task=? AND due<?)"]


def test_a_file_that_cannot_be_used_is_named_when_calls_are_claimed(tmp_path: Path) -> None:
    file = tmp_path / "broken.db"
    file.write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    with closing(SqliteStore(str(file))) as store, pytest.raises(StoreError, match=r"broken\.db"):
        store.claim_calls("worker", ["load-key"], 1, NOON)


def test_a_forked_child_claims_for_itself(sqlite: SqliteStore) -> None:
    sqlite.write([deferred(), deferred()])
    (mine,) = sqlite.claim_calls("parent", ["load-key"], 1, NOON)
    child = os.fork()
    if child == 0:
        got = sqlite.claim_calls("child", ["load-key"], 5, NOON)
        os._exit(len(got))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    owners = {claim.run_key: claim.owner for claim in sqlite.read_claims()}
    assert len(owners) == 2
    assert owners.pop(mine.run_key) == "parent"
    assert list(owners.values()) == ["child"]
