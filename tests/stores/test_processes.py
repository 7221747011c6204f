"""Many processes, threads and forks on one file: nothing is lost and nobody is told that it is locked."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from sluiceway.model.queries import TaskRunQuery
from sluiceway.stores.sqlite import store as store_module
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores import writing_process
from tests.stores.making import finished_task_facts, flow_run, task_run

ROOT = Path(__file__).parents[2]
PROCESSES, BATCHES, RUNS = 16, 6, 20


@pytest.mark.slow
def test_sixteen_processes_make_and_write_one_file_and_nothing_is_lost(sqlite: SqliteStore, database: Path) -> None:
    command = [sys.executable, writing_process.__file__, str(database), str(BATCHES), str(RUNS)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"  # so that all begin at once, on a file that is not there
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    told = [writer.communicate(timeout=120)[1] for writer in writers]
    assert told == [""] * PROCESSES
    assert [writer.returncode for writer in writers] == [0] * PROCESSES
    assert sqlite.count_task_runs() == PROCESSES * BATCHES * RUNS
    assert sqlite.count_task_runs(TaskRunQuery(tags=("all",))) == PROCESSES * BATCHES * RUNS
    assert sqlite.describe()["rows"]["flows"] == 1
    assert sqlite.count_logs() == PROCESSES * BATCHES
    assert sqlite.check() == []


FORKING = """
import os, sys
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import finished_task_facts, task_run

store = SqliteStore(sys.argv[1])
store.write(finished_task_facts(task_run()))
assert store.count_task_runs() == 1
child = os.fork()
store.write(finished_task_facts(task_run()))
if child == 0:
    assert store.count_task_runs() >= 2
    store.close()
    sys.exit(7)
status = os.waitpid(child, 0)[1]
assert os.waitstatus_to_exitcode(status) == 7
store.write(finished_task_facts(task_run()))
assert store.count_task_runs() == 4
assert store.check() == []
store.close()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_opens_the_file_anew_and_does_not_disturb_its_parent(database: Path) -> None:
    done = subprocess.run(
        # What the child inherits is kept until the very end, of which Python 3.13 would complain.
        [sys.executable, "-W", "error", "-W", "ignore:unclosed database", "-c", FORKING, str(database)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_threads_write_and_read_one_store_at_once(sqlite: SqliteStore) -> None:
    flow = flow_run()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                run = task_run(flow)
                sqlite.write(finished_task_facts(run))
                found = sqlite.read_task_run(run.key)
                assert found is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sqlite.count_task_runs() == 30


def test_threads_that_read_first_at_once_share_what_is_opened(sqlite: SqliteStore) -> None:
    sqlite.write(finished_task_facts(task_run()))
    start, readers = threading.Barrier(8), []

    def work() -> None:
        start.wait()
        readers.append(sqlite._reader())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, readers))) == 1


def test_a_reader_sees_what_another_store_has_just_written(sqlite: SqliteStore, database: Path) -> None:
    assert sqlite.count_task_runs() == 0
    other = SqliteStore(str(database))
    for number in range(1, 4):
        other.write(finished_task_facts(task_run()))
        assert sqlite.count_task_runs() == number
    other.close()


def test_threads_that_use_a_store_first_after_a_fork_share_what_it_holds(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_make = threading.Barrier(2, timeout=10)
    make = store_module._Held

    def make_at_once(path: str, strict: bool) -> Any:
        both_make.wait()
        return make(path, strict)

    monkeypatch.setattr(store_module, "_Held", make_at_once)
    monkeypatch.setattr(os, "getpid", lambda: -1)  # as if this were a child
    held: list[Any] = []
    threads = [threading.Thread(target=lambda: held.append(sqlite._present())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert held[0] is held[1]
