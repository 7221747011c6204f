"""Locks: each key is held by one holder at a time, among threads, coroutines and processes."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.locking.filesystem import FileSystemLockManager
from sluiceway.locking.memory import MemoryLockManager
from sluiceway.locking.protocol import LockManager
from sluiceway.locking.store import StoreLockManager
from tests.agents.programs import eventually
from tests.story import locking_process

ROOT = Path(__file__).parents[2]
PROCESSES, TURNS = 8, 100


@pytest.fixture(params=["memory", "file", "store"])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> LockManager:
    if request.param == "memory":
        return MemoryLockManager()
    return locking_process.locks_of(request.param, tmp_path)


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """Return a key that no other test has: the locks in memory are those of the process."""
    return f"key of/{request.node.name}?"


def test_a_key_is_locked_for_one_holder_until_that_gives_it_back(locks: LockManager, key: str) -> None:
    assert not locks.is_locked(key)
    assert locks.acquire_lock(key, "first")
    assert locks.is_locked(key)
    assert (locks.is_lock_holder(key, "first"), locks.is_lock_holder(key, "second")) == (True, False)
    assert not locks.acquire_lock(key, "second", acquire_timeout=0.01)
    locks.release_lock(key, "first")
    assert not locks.is_locked(key)
    assert locks.acquire_lock(key, "second", acquire_timeout=0)
    locks.release_lock(key, "second")


def test_a_holder_gets_its_lock_again_and_other_keys_are_free(locks: LockManager, key: str) -> None:
    assert locks.acquire_lock(key, "first")
    assert locks.acquire_lock(key, "first", acquire_timeout=0)
    assert locks.acquire_lock(f"{key} 2", "second", acquire_timeout=0)
    locks.release_lock(key, "first")
    locks.release_lock(f"{key} 2", "second")
    assert not locks.is_locked(key)


def test_only_the_holder_can_give_a_lock_back_and_only_once(locks: LockManager, key: str) -> None:
    locks.acquire_lock(key, "first")
    with pytest.raises(ValueError, match="'second'"):
        locks.release_lock(key, "second")
    assert locks.is_lock_holder(key, "first")
    locks.release_lock(key, "first")
    with pytest.raises(ValueError, match="'first'"):
        locks.release_lock(key, "first")


def test_a_lock_whose_time_is_over_may_be_taken_by_others(locks: LockManager, key: str) -> None:
    assert locks.acquire_lock(key, "first", hold_timeout=0.03)
    assert locks.acquire_lock(key, "second", acquire_timeout=5)
    assert not locks.is_lock_holder(key, "first")
    with pytest.raises(ValueError, match="'first'"):
        locks.release_lock(key, "first")
    locks.release_lock(key, "second")


def test_waiting_ends_when_the_lock_is_free_or_the_time_is_over(locks: LockManager, key: str) -> None:
    assert locks.wait_for_lock(key, timeout=0)
    locks.acquire_lock(key, "first")
    assert not locks.wait_for_lock(key, timeout=0.01)
    timer = threading.Timer(0.02, locks.release_lock, (key, "first"))
    timer.start()
    assert locks.wait_for_lock(key, timeout=5)
    timer.join()


def test_coroutines_wait_without_blocking_their_loop(locks: LockManager, key: str) -> None:
    told: list[str] = []

    async def second() -> None:
        assert await locks.aacquire_lock(key, "second", acquire_timeout=5)
        told.append("second")
        locks.release_lock(key, "second")

    async def main() -> None:
        assert await locks.aacquire_lock(key, "first")
        assert not await locks.aacquire_lock(key, "third", acquire_timeout=0.01)
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.02)
        told.append("first")
        locks.release_lock(key, "first")
        await waiting
        assert await locks.await_for_lock(key, timeout=1)

    asyncio.run(main())
    assert told == ["first", "second"]


def test_of_many_threads_never_two_are_inside(locks: LockManager, key: str) -> None:
    inside: list[str] = []
    most: list[int] = []

    def work(name: str) -> None:
        for _ in range(5):
            assert locks.acquire_lock(key, name, acquire_timeout=30)
            inside.append(name)
            most.append(len(inside))
            inside.remove(name)
            locks.release_lock(key, name)

    threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_managers_are_of_the_protocol_and_mean_the_same_after_pickling(locks: LockManager, key: str) -> None:
    assert isinstance(locks, LockManager)
    other = pickle.loads(pickle.dumps(locks))
    assert locks.acquire_lock(key, "first")
    assert other.is_lock_holder(key, "first")
    assert not other.acquire_lock(key, "second", acquire_timeout=0)
    locks.release_lock(key, "first")
    assert other == locks


def test_a_long_key_makes_no_long_file_name(tmp_path: Path) -> None:
    locks = FileSystemLockManager(tmp_path)
    assert locks.acquire_lock("k" * 5_000, "first")
    assert locks.is_lock_holder("k" * 5_000, "first")
    assert not locks.is_locked("k" * 4_999)
    locks.release_lock("k" * 5_000, "first")


def test_a_lock_on_the_store_is_prolonged_while_it_is_held() -> None:
    locks, store = StoreLockManager(lease=0.3), wiring.services().store
    assert locks.acquire_lock("key", "first")
    end_of_the_lease = times.now() + round(0.3 * times.SECOND)
    assert store.read_lock_owner("key", end_of_the_lease) is None
    eventually(lambda: store.read_lock_owner("key", end_of_the_lease) == "first")
    locks.release_lock("key", "first")
    assert locks.acquire_lock("key", "second", acquire_timeout=0)
    locks.release_lock("key", "second")


def test_a_lock_on_the_store_that_was_lost_is_told(caplog: pytest.LogCaptureFixture) -> None:
    locks, store = StoreLockManager(lease=0.06), wiring.services().store
    locks.acquire_lock("key", "first")
    much_later = times.now() + 60 * times.SECOND
    assert store.claim_lock("key", "thief", 2 * much_later, much_later)
    eventually(lambda: bool(caplog.messages))
    assert caplog.messages == ["The lock on 'key' was lost: it was not prolonged in time, and somebody else has it."]
    assert not locks.is_lock_holder("key", "first")


def test_a_lease_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="lease must be positive"):
        StoreLockManager(lease=0)


# --- among processes ------------------------------------------------------------------------------


Start = Callable[[str, int], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def begin(kind: str, turns: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, locking_process.__file__, kind, str(tmp_path), str(turns)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    return begin


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "store"])
def test_of_eight_processes_that_hammer_one_lock_never_two_are_inside(kind: str, start: Start, tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    processes = [start(kind, TURNS) for _ in range(PROCESSES)]
    for process in processes:
        _go(process)
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
    assert (tmp_path / "count").read_text() == str(PROCESSES * TURNS)


@pytest.mark.slow
def test_the_file_lock_of_a_process_that_was_killed_is_free_at_once(start: Start, tmp_path: Path) -> None:
    process = start("file", 0)
    _go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    locks = locking_process.locks_of("file", tmp_path)
    assert not locks.acquire_lock("key", "me", acquire_timeout=0.05)
    process.kill()
    process.communicate()
    assert not locks.is_locked("key")
    assert locks.acquire_lock("key", "me", acquire_timeout=0)
    locks.release_lock("key", "me")


@pytest.mark.slow
def test_a_forked_child_does_not_keep_the_lock_of_its_parent(tmp_path: Path) -> None:
    locks = FileSystemLockManager(tmp_path / "locks")
    locks.acquire_lock("key", "parent")
    begun, end = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(begun[1], b".")
        os.close(end[1])
        os.read(end[0], 1)
        os._exit(0)
    try:
        os.read(begun[0], 1)
        os.close(locks._held.pop("key"))  # as if the parent had died
        assert not locks.is_locked("key")
    finally:
        os.close(end[1])
        os.waitpid(child, 0)
        for descriptor in (*begun, end[0]):
            os.close(descriptor)
