"""Transactions: what is in them is committed together, or rolled back in reverse."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sluiceway import Transaction, flow, get_run_logger, task
from sluiceway.base.errors import ConfigurationError, InvalidOptionError
from sluiceway.cache_policies import INPUTS
from sluiceway.locking.filesystem import FileSystemLockManager
from sluiceway.locking.memory import MemoryLockManager
from sluiceway.results import ResultStore
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.transactions import (
    AsyncTransaction,
    CommitMode,
    IsolationLevel,
    TransactionState,
    atransaction,
    get_transaction,
    transaction,
)

COMMITTED, ROLLED_BACK = TransactionState.COMMITTED, TransactionState.ROLLED_BACK
STAGED, ACTIVE = TransactionState.STAGED, TransactionState.ACTIVE

Told = list[str]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def store(tmp_path: Path) -> ResultStore:
    return ResultStore(result_storage=tmp_path / "results", lock_manager=FileSystemLockManager(tmp_path / "locks"))


def telling(told: Told, text: str) -> Callable[[Any], None]:
    def hook(txn: Any) -> None:
        told.append(text)

    return hook


def hooked(told: Told, name: str, fails: bool = False, **options: Any) -> Any:
    """Return a task that tells when it runs, is committed, and is rolled back."""

    def fn(number: int = 1) -> str:
        told.append(f"run {name}")
        if fails:
            raise ValueError(name)
        return name

    made = task(name=name, **options)(fn)
    made.on_commit(telling(told, f"commit {name}"))
    made.on_rollback(telling(told, f"undo {name}"))
    return made


# --- blocks ---------------------------------------------------------------------------------------


def test_a_block_is_active_then_committed_and_known_to_the_code_within() -> None:
    assert get_transaction() is None
    with transaction() as txn:
        assert isinstance(txn, Transaction)
        assert get_transaction() is txn
        assert txn.is_active()
        assert (txn.commit_mode, txn.isolation_level) == (CommitMode.LAZY, IsolationLevel.READ_COMMITTED)
    assert txn.is_committed()
    assert get_transaction() is None


def test_commit_hooks_are_called_in_order_and_rollback_hooks_in_reverse(told: Told) -> None:
    def stage(txn: Transaction) -> None:
        for number in (1, 2):
            txn.stage(number, [telling(told, f"undo {number}")], [telling(told, f"commit {number}")])

    with transaction() as txn:
        stage(txn)
        assert txn.is_staged()
    with suppress(RuntimeError), transaction() as txn:
        stage(txn)
        raise RuntimeError
    assert told == ["commit 1", "commit 2", "undo 2", "undo 1"]
    assert txn.is_rolled_back()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_whatever_is_raised_rolls_back_and_goes_on(told: Told, error: type[BaseException]) -> None:
    def block() -> None:
        with transaction() as txn:
            txn.stage(1, [telling(told, "undo")])
            raise error

    with pytest.raises(error):
        block()
    assert told == ["undo"]


def test_a_failing_commit_hook_is_logged_and_rolls_back(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    def bad(txn: Any) -> None:
        raise ValueError("no")

    with transaction() as txn:
        txn.stage(1, [telling(told, "undo")], [bad, telling(told, "commit")])
    assert (told, txn.state) == (["undo"], ROLLED_BACK)
    assert "An error was encountered while running commit hook 'bad'" in caplog.text


def test_a_failing_rollback_hook_is_logged_and_the_others_are_called(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(txn: Any) -> None:
        raise ValueError("no")

    with suppress(RuntimeError), transaction() as txn:
        txn.stage(1, [telling(told, "undo 1"), bad, telling(told, "undo 3")])
        raise RuntimeError
    assert (told, txn.state) == (["undo 3", "undo 1"], ROLLED_BACK)
    assert "An error was encountered while running rollback hook 'bad'" in caplog.text


def test_hooks_are_told_of_in_the_logger_that_was_given(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with transaction(logger=logging.getLogger("mine")) as txn:
        txn.stage(1, [], [telling([], "")])
    assert [(record.name, record.message) for record in caplog.records] == [
        ("mine", "Running commit hook 'hook'"),
        ("mine", "Commit hook 'hook' finished running successfully"),
    ]


def test_a_signal_in_a_hook_is_raised_and_leaves_no_transaction_active() -> None:
    def interrupted(txn: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), transaction() as txn:
        txn.stage(1, [], [interrupted])
    assert get_transaction() is None


def test_a_transaction_ends_once(told: Told) -> None:
    with transaction() as txn:
        txn.stage(1, [telling(told, "undo")], [telling(told, "commit")])
        assert txn.commit()
        assert not txn.commit()
        assert not txn.rollback()
    assert (told, txn.state) == (["commit"], COMMITTED)
    with transaction() as txn:
        assert txn.rollback()
        assert not txn.rollback()
        assert not txn.commit()
    assert txn.state is ROLLED_BACK


# --- values ---------------------------------------------------------------------------------------


def test_values_are_found_from_within_and_are_copies() -> None:
    with transaction() as outer:
        outer.set("rows", [1])
        with transaction() as inner:
            inner.get("rows").append(2)
            assert inner.get("rows") == [1]
            inner.set("rows", [3])
            inner.set("own", True)
        assert outer.get("rows") == [1]
        assert outer.get("own", "no") == "no"
        assert outer.get("nothing", None) is None
        with pytest.raises(ValueError, match="'nothing'"):
            outer.get("nothing")


def test_a_rollback_hook_of_a_task_finds_what_the_task_has_set(tmp_path: Path) -> None:
    @task
    def write(text: str) -> Path:
        path = tmp_path / "report.txt"
        path.write_text(text)
        get_transaction().set("path", path)  # type: ignore[union-attr]
        return path

    @write.on_rollback
    def remove(txn: Transaction) -> None:
        txn.get("path").unlink()

    @flow
    def report(ok: bool) -> None:
        with transaction():
            write("rows")
            assert (tmp_path / "report.txt").exists()
            if not ok:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        report(False)
    assert not (tmp_path / "report.txt").exists()
    report(True)
    assert (tmp_path / "report.txt").read_text() == "rows"


# --- nested ---------------------------------------------------------------------------------------


def _nested(told: Told, outer: str | None, inner: str | None, fails: bool) -> tuple[Transaction, Transaction]:
    try:
        with transaction(commit_mode=outer) as around:
            around.stage(0, [telling(told, "undo outer")], [telling(told, "commit outer")])
            with transaction(commit_mode=inner) as within:
                within.stage(1, [telling(told, "undo inner")], [telling(told, "commit inner")])
            told.append("between")
            if fails:
                raise RuntimeError
    except RuntimeError:
        pass
    return around, within


EAGER_FIRST = ["commit inner", "between", "commit outer"]
TOGETHER = ["between", "commit inner", "commit outer"]
UNDONE = ["between", "undo outer", "undo inner"]
EAGER_STAYS = ["commit inner", "between", "undo outer"]


@pytest.mark.parametrize(
    ("outer", "inner", "well", "badly"),
    [
        (None, None, TOGETHER, UNDONE),
        ("LAZY", "LAZY", TOGETHER, UNDONE),
        ("LAZY", "OFF", TOGETHER, UNDONE),
        ("LAZY", "EAGER", EAGER_FIRST, EAGER_STAYS),
        ("EAGER", None, EAGER_FIRST, EAGER_STAYS),
        ("EAGER", "LAZY", TOGETHER, UNDONE),
        ("OFF", None, UNDONE, UNDONE),
        ("OFF", "LAZY", UNDONE, UNDONE),
        ("OFF", "EAGER", EAGER_STAYS, EAGER_STAYS),
    ],
)
def test_commit_modes_decide_when_what_is_within_is_committed(
    outer: str | None, inner: str | None, well: list[str], badly: list[str]
) -> None:
    told: Told = []
    _nested(told, outer, inner, fails=False)
    assert told == well
    told = []
    around, _ = _nested(told, outer, inner, fails=True)
    assert (told, around.state) == (badly, ROLLED_BACK)


def test_off_is_committed_when_it_is_told_to(told: Told) -> None:
    with transaction(commit_mode=CommitMode.OFF) as txn:
        txn.stage(1, [telling(told, "undo")], [telling(told, "commit")])
        txn.commit()
    assert told == ["commit"]


def test_a_failure_within_rolls_back_what_is_around_though_it_is_caught(told: Told) -> None:
    with transaction() as around:
        around.stage(0, [telling(told, "undo outer")])
        with transaction() as first:
            first.stage(1, [telling(told, "undo first")])
        try:
            with transaction() as second:
                second.stage(1, [telling(told, "undo second")])
                raise RuntimeError
        except RuntimeError:
            told.append("caught")
    assert told == ["undo second", "undo outer", "undo first", "caught"]
    assert {around.state, first.state, second.state} == {ROLLED_BACK}


# --- keys and stores --------------------------------------------------------------------------------


def test_a_result_is_kept_by_its_key_and_the_next_block_finds_it_committed(store: ResultStore, told: Told) -> None:
    for number in (1, 2):
        with transaction(key="monday", store=store) as txn:
            told.append(str(txn.is_committed()))
            txn.stage({"rows": number}, [telling(told, "undo")], [telling(told, "commit")])
    assert told == ["False", "commit", "True"]
    assert store.read("monday").result == {"rows": 1}
    record = txn.read()
    assert record.result == {"rows": 1}


def test_overwrite_runs_again_and_replaces_the_result(store: ResultStore) -> None:
    for number in (1, 2):
        with transaction(key="monday", store=store, overwrite=True) as txn:
            assert txn.state is ACTIVE
            txn.stage(number)
    assert store.read("monday").result == 2


def test_nothing_is_written_where_it_is_not_wanted_or_rolled_back(store: ResultStore) -> None:
    with transaction(key="quiet", store=store, write_on_commit=False) as txn:
        txn.stage(1)
    with suppress(RuntimeError), transaction(key="undone", store=store) as txn:
        txn.stage(1)
        raise RuntimeError
    assert not store.exists("quiet")
    assert not store.exists("undone")


def test_a_key_without_a_store_is_kept_in_the_default_one() -> None:
    with transaction(key="here") as txn:
        txn.stage(3)
    with transaction(key="here") as txn:
        assert txn.is_committed()
    assert txn.read().result == 3


def test_a_value_that_cannot_be_written_rolls_back(
    store: ResultStore, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    with transaction(key="lock", store=store) as txn:
        txn.stage(threading.Lock(), [telling(told, "undo")])
    assert (told, txn.state) == (["undo"], ROLLED_BACK)
    assert "The result of transaction 'lock' cannot be serialised" in caplog.text


def test_serializable_holds_a_lock_on_the_key_until_the_end(store: ResultStore) -> None:
    with transaction(key="alone", store=store, isolation_level=IsolationLevel.SERIALIZABLE) as txn:
        assert store.is_locked("alone")
        assert not store.acquire_lock("alone", timeout=0)
        txn.stage(1)
    assert not store.is_locked("alone")
    with transaction(key="alone", store=store, isolation_level="SERIALIZABLE") as txn:
        assert txn.is_committed()
        assert store.is_locked("alone")
    assert not store.is_locked("alone")
    with pytest.raises(RuntimeError), transaction(key="other", store=store, isolation_level="SERIALIZABLE"):
        raise RuntimeError
    assert not store.is_locked("other")


def test_serializable_blocks_of_one_key_do_the_work_once(store: ResultStore) -> None:
    worked: list[int] = []

    def work(number: int) -> None:
        with transaction(key="once", store=store, isolation_level="SERIALIZABLE") as txn:
            if not txn.is_committed():
                worked.append(number)
                threading.Event().wait(0.01)
                txn.stage(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worked == [store.read("once").result]


def test_serializable_without_locks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="needs a lock manager"):
        transaction(key="alone", store=ResultStore(result_storage=tmp_path), isolation_level="SERIALIZABLE").__enter__()
    assert get_transaction() is None
    with transaction(isolation_level="SERIALIZABLE"):
        assert get_transaction() is not None


@pytest.mark.parametrize("options", [{"commit_mode": "SOON"}, {"isolation_level": "ALONE"}])
def test_a_word_that_there_is_not_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOptionError, match="there are"):
        transaction(**options)


# --- tasks ------------------------------------------------------------------------------------------


def test_tasks_in_a_block_are_committed_with_it_in_order(told: Told) -> None:
    load, mail = hooked(told, "load"), hooked(told, "mail")

    @flow
    def report() -> Transaction:
        with transaction() as txn:
            load()
            mail()
            told.append("end of block")
        return txn

    txn = report()
    assert told == ["run load", "run mail", "end of block", "commit load", "commit mail"]
    assert [child.state for child in txn.children] == [COMMITTED, COMMITTED]


def test_when_a_later_task_fails_the_earlier_ones_are_rolled_back_in_reverse(told: Told) -> None:
    load, mail, bad = hooked(told, "load"), hooked(told, "mail"), hooked(told, "bad", fails=True)

    @flow
    def report() -> None:
        with transaction():
            load()
            mail()
            bad()

    with pytest.raises(ValueError, match="bad"):
        report()
    assert told == ["run load", "run mail", "run bad", "undo mail", "undo load"]


def test_a_plain_task_that_fails_rolls_back_though_it_is_caught(told: Told) -> None:
    load = hooked(told, "load")

    @task
    def bad() -> None:
        raise ValueError

    @flow
    def report() -> Transaction:
        with transaction() as txn:
            load()
            state: Any = bad(return_state=True)
            assert state.is_failed()
            told.append("caught")
            load()
        return txn

    assert report().state is ROLLED_BACK
    assert told == ["run load", "undo load", "caught", "run load", "undo load"]


def test_a_task_that_succeeds_in_a_retry_rolls_back_nothing(told: Told) -> None:
    load, tries = hooked(told, "load"), []

    @task(retries=1)
    def flaky() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    @flow
    def report() -> None:
        with transaction():
            load()
            flaky()

    report()
    assert told == ["run load", "commit load"]


def test_a_task_outside_of_blocks_is_a_transaction_of_its_own(told: Told) -> None:
    hooked(told, "load")()
    with pytest.raises(ValueError, match="bad"):
        hooked(told, "bad", fails=True)()
    assert told == ["run load", "commit load", "run bad"]


def test_tasks_in_a_task_end_with_it(told: Told) -> None:
    load = hooked(told, "load")

    @task
    def both(fails: bool) -> None:
        load()
        told.append("end of task")
        if fails:
            raise RuntimeError

    both(False)
    with pytest.raises(RuntimeError):
        both(True)
    assert told == ["run load", "end of task", "commit load", "run load", "end of task", "undo load"]


def test_hooks_may_be_given_to_the_decorator_and_be_async_and_log_for_the_run(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    async def later(txn: Any) -> None:
        await asyncio.sleep(0)
        get_run_logger().warning("undone")
        told.append("undo")

    @task(on_rollback=[later], on_commit=[telling(told, "commit")])
    def load() -> None: ...

    assert (load.on_rollback_hooks, len(load.on_commit_hooks)) == ([later], 1)

    @flow
    def report(fails: bool) -> None:
        with transaction():
            load()
            if fails:
                raise RuntimeError

    report(False)
    with pytest.raises(RuntimeError):
        report(True)
    assert told == ["commit", "undo"]
    record = next(record for record in caplog.records if record.message == "undone")
    assert record.name.startswith("sluiceway.task_runs")


def test_submitted_tasks_take_part(told: Told) -> None:
    load, bad = hooked(told, "load"), hooked(told, "bad", fails=True)

    @flow
    def report() -> None:
        with transaction():
            load.submit().result()
            bad.submit().result()

    with pytest.raises(ValueError, match="bad"):
        report()
    assert told == ["run load", "run bad", "undo load"]


@pytest.mark.parametrize("fails", [False, True])
def test_a_submitted_task_that_ends_after_the_block_does_as_the_block_did(told: Told, fails: bool) -> None:
    begun, go = threading.Event(), threading.Event()

    @task(on_commit=[telling(told, "commit")], on_rollback=[telling(told, "undo")])
    def slow() -> None:
        begun.set()
        go.wait(10)

    @flow
    def report() -> None:
        try:
            with transaction():
                future = slow.submit()
                begun.wait(10)
                if fails:
                    raise RuntimeError
        except RuntimeError:
            pass
        assert told == []
        go.set()
        future.wait()

    report()
    assert told == ["undo" if fails else "commit"]


@pytest.mark.slow
def test_hooks_of_tasks_in_other_processes_are_called_here(told: Told) -> None:
    load = hooked([], "load").with_options(on_commit=[telling(told, "commit")], on_rollback=[telling(told, "undo")])

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def report() -> None:
        with transaction():
            assert load.submit().result() == "load"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        report()
    assert told == ["undo"]


@pytest.mark.slow
def test_tasks_in_a_task_of_another_process_end_with_it_there(tmp_path: Path) -> None:
    def noting(text: str) -> Callable[[Any], None]:
        def hook(txn: Any) -> None:
            with (tmp_path / "told").open("a") as file:
                file.write(f"{text} ")

        return hook

    @task(on_commit=[noting("commit")], on_rollback=[noting("undo")])
    def load() -> None: ...

    @task
    def both(fails: bool) -> None:
        load()
        noting("end")(None)
        if fails:
            raise RuntimeError

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def report() -> None:
        both.submit(False).result()
        both.submit(True).wait()

    report()
    assert (tmp_path / "told").read_text() == "end commit end undo "


def test_child_flows_take_part(told: Told) -> None:
    load, mail = hooked(told, "load"), hooked(told, "mail")

    @flow
    def child() -> None:
        load()

    @flow
    def report() -> None:
        with transaction():
            child()
            mail()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        report()
    assert told == ["run load", "run mail", "undo mail", "undo load"]


def test_a_retried_flow_runs_again_what_was_rolled_back(told: Told) -> None:
    load, keep, tries = hooked(told, "load"), hooked(told, "keep"), []

    @flow(retries=1)
    def report() -> None:
        tries.append(1)
        keep()
        with transaction():
            load()
            if len(tries) == 1:
                raise RuntimeError

    report()
    assert told == ["run keep", "commit keep", "run load", "undo load", "run load", "commit load"]


def test_a_result_is_cached_when_its_block_is_committed_and_not_when_it_is_rolled_back(told: Told) -> None:
    load = hooked(told, "load", cache_policy=INPUTS)

    def block(fails: bool) -> None:
        try:
            with transaction():
                load()
                if fails:
                    raise RuntimeError
        except RuntimeError:
            told.append("--")

    block(True)
    block(False)
    block(True)
    assert told == ["run load", "undo load", "--", "run load", "commit load", "--"]


# --- locks on cache keys ----------------------------------------------------------------------------


def _alone(told: Told, **options: Any) -> Any:
    policy = INPUTS.configure(isolation_level=IsolationLevel.SERIALIZABLE, lock_manager=MemoryLockManager())

    @task(cache_policy=policy, **options)
    def alone(number: int) -> int:
        told.append(f"run {number}")
        threading.Event().wait(0.01)
        return number

    return alone


def test_concurrent_misses_of_a_serializable_key_run_the_function_once(told: Told) -> None:
    alone = _alone(told)

    @flow
    def submitted() -> list[str]:
        futures = [alone.submit(number) for number in (1, 1, 1, 2)]
        for future in futures:
            future.wait()
        return sorted(future.state.name for future in futures)

    assert submitted() == ["Cached", "Cached", "Completed", "Completed"]
    assert sorted(told) == ["run 1", "run 2"]


def test_a_serializable_key_in_a_block_is_locked_until_the_block_ends(told: Told) -> None:
    alone = _alone(told)
    locks = MemoryLockManager()
    with transaction() as txn:
        alone(7)
        alone(7)  # the same transaction does not wait for itself
        key = str(txn.children[0].key)
        assert locks.is_locked(key)
    assert not locks.is_locked(key)
    assert alone(7, return_state=True).name == "Cached"


def test_the_lock_of_a_task_that_fails_is_given_back() -> None:
    policy = INPUTS.configure(isolation_level="SERIALIZABLE", lock_manager=MemoryLockManager())
    keys: list[str] = []

    @task(cache_policy=policy, on_commit=[telling([], "")])
    def bad(number: int) -> None:
        keys.append(get_transaction().key)  # type: ignore[union-attr, arg-type]
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        bad(1)
    assert not MemoryLockManager().is_locked(keys[0])


@pytest.mark.slow
def test_serializable_tasks_in_other_processes_do_not_stop_each_other() -> None:
    policy = INPUTS.configure(isolation_level="SERIALIZABLE", lock_manager=MemoryLockManager())

    @task(cache_policy=policy)
    def alone(number: int) -> int:
        return number

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=6))  # more than the runner has threads
    def many() -> list[str]:
        futures = [alone.submit(1) for _ in range(8)]
        for future in futures:
            future.wait()
        return sorted(future.state.name for future in futures)

    assert many() == ["Cached"] * 7 + ["Completed"]


@pytest.mark.slow
def test_of_several_processes_that_miss_a_serializable_key_one_runs_the_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "SLUICEWAY_FLUSH_INTERVAL", "5"
    )  # the result is to be there before the lock is free all the same
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from sluiceway import task\n"
        "from sluiceway.cache_policies import INPUTS\n"
        "from sluiceway.locking.filesystem import FileSystemLockManager\n\n"
        "here = Path(__file__).parent\n"
        "locks = FileSystemLockManager(here / 'locks')\n\n"
        "@task(cache_policy=INPUTS.configure(isolation_level='SERIALIZABLE', lock_manager=locks))\n"
        "def load(number):\n"
        "    with (here / 'ran').open('a') as file:\n"
        "        file.write('.')\n"
        "    return number\n\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(load(7), flush=True)\n"
        "sys.stdin.readline()\n"  # whoever ran the function lives on, so that its end does not help the others
    )
    processes = [
        subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.stdout.readline() for process in processes if process.stdout] == ["7\n"] * 4
    for process in processes:
        process.communicate("end\n", timeout=60)
    assert (tmp_path / "ran").read_text() == "."


def test_a_serializable_cache_policy_without_locks_fails_the_run() -> None:
    @task(cache_policy=INPUTS.configure(isolation_level="SERIALIZABLE"))
    def alone(number: int) -> None: ...

    with pytest.raises(ConfigurationError, match="needs a lock manager"):
        alone(1)


# --- async ------------------------------------------------------------------------------------------


def test_async_blocks_commit_and_roll_back_with_hooks_of_both_colours(told: Told, store: ResultStore) -> None:
    async def later(txn: Any) -> None:
        await asyncio.sleep(0)
        told.append(f"{type(txn).__name__} later")

    async def block(fails: bool) -> AsyncTransaction:
        async with atransaction(key="async", store=store, isolation_level="SERIALIZABLE", overwrite=True) as txn:
            assert get_transaction() is txn
            assert store.is_locked("async")
            txn.stage(1, [later, telling(told, "undo")], [later, telling(told, "commit")])
            if fails:
                raise RuntimeError
        return txn

    txn = asyncio.run(block(False))
    assert (told, txn.state) == (["AsyncTransaction later", "commit"], COMMITTED)
    assert store.read("async").result == 1
    told.clear()
    with pytest.raises(RuntimeError):
        asyncio.run(block(True))
    assert told == ["undo", "AsyncTransaction later"]
    assert not store.is_locked("async")


def test_an_async_transaction_is_not_for_a_plain_with() -> None:
    with pytest.raises(TypeError, match="async with"), AsyncTransaction():
        pass


def test_async_tasks_take_part_and_concurrent_blocks_do_not_meet(told: Told) -> None:
    @task
    async def load(name: str) -> None:
        get_transaction().set("name", name)  # type: ignore[union-attr]
        await asyncio.sleep(0)

    @load.on_commit
    async def commit(txn: Any) -> None:
        told.append(f"commit {txn.get('name')}")

    @load.on_rollback
    def undo(txn: Any) -> None:
        told.append(f"undo {txn.get('name')}")

    @flow
    async def report() -> None:
        async def block(name: str, fails: bool) -> None:
            async with atransaction():
                await asyncio.gather(load(f"{name}1"), load(f"{name}2"))
                if fails:
                    raise RuntimeError

        await asyncio.gather(block("a", False), block("b", True), return_exceptions=True)

    asyncio.run(report())
    assert sorted(told) == ["commit a1", "commit a2", "undo b1", "undo b2"]


def test_a_sync_block_in_an_async_one_ends_with_it(told: Told) -> None:
    async def main() -> None:
        async with atransaction():
            with transaction() as within:
                within.stage(1, [telling(told, "undo")])
            assert within.state is STAGED
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(main())
    assert told == ["undo"]
