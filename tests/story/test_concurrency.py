"""Limits: never more at once than there are slots, in both colours, by task tag, and over processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sluiceway import flow, get_client, runtime, tags, task, wiring
from sluiceway.base import times
from sluiceway.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from sluiceway.client.schemas.objects import ConcurrencyLeaseHolder
from sluiceway.concurrency import asyncio as async_limits
from sluiceway.concurrency import sync as limits
from sluiceway.drivers import slots
from sluiceway.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    ConcurrencySlotAcquisitionError,
    InvalidOptionError,
)
from sluiceway.model.slots import HeldSlots
from sluiceway.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from sluiceway.testing import test_harness
from tests.story import limiting_process

ROOT = Path(__file__).parents[2]
PROCESSES, TURNS = 8, 20


def make(name: str, slots: int = 1, **more: Any) -> None:
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name, slots, **more))


def rows() -> tuple[HeldSlots, ...]:
    services = wiring.services()
    return services.store.read_slots(None, services.clock.now())


async def _enter_async(*arguments: Any, **named: Any) -> None:
    async with async_limits.concurrency(*arguments, **named):
        pass


def _enter_sync(*arguments: Any, **named: Any) -> None:
    with limits.concurrency(*arguments, **named):
        pass


Enter = Callable[..., None]


@pytest.fixture(params=["sync", "async"])
def enter(request: pytest.FixtureRequest) -> Enter:
    """Take slots and give them back, in either colour."""
    if request.param == "sync":
        return _enter_sync
    return lambda *arguments, **named: asyncio.run(_enter_async(*arguments, **named))


@pytest.fixture(params=["sync", "async"])
def rate_limit(request: pytest.FixtureRequest) -> Enter:
    """Take slots that decay, in either colour."""
    if request.param == "sync":
        return limits.rate_limit
    return lambda *arguments, **named: asyncio.run(async_limits.rate_limit(*arguments, **named))


# --- blocks -------------------------------------------------------------------------------------


def test_a_block_holds_slots_and_gives_them_back_also_when_it_raises() -> None:
    make("db", 3)
    with limits.concurrency("db", occupy=2):
        (held,) = rows()
        assert (held.name, held.occupy, held.waits) == ("db", 2, False)
    assert rows() == ()
    with pytest.raises(LookupError), limits.concurrency(["db"]):
        raise LookupError
    assert rows() == ()


def test_an_async_block_holds_slots_and_gives_them_back_also_when_it_is_cancelled() -> None:
    make("db")

    async def main() -> None:
        inside = asyncio.Event()

        async def hold() -> None:
            async with async_limits.concurrency("db"):
                inside.set()
                await asyncio.sleep(60)

        holding = asyncio.create_task(hold())
        await inside.wait()
        waiting = asyncio.create_task(_enter_async("db"))
        while len(rows()) < 2:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert [row.waits for row in rows()] == [False]
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        assert rows() == ()

    asyncio.run(main())


def test_several_limits_are_taken_all_or_none(enter: Enter) -> None:
    make("api")
    make("db")
    with limits.concurrency("db"):
        with pytest.raises(AcquireConcurrencySlotTimeoutError):
            enter(["db", "api"], timeout_seconds=0.01)
        enter("api", timeout_seconds=0)
        assert [row.name for row in rows()] == ["db"]
    enter(["db", "api"], timeout_seconds=0)
    assert rows() == ()


def test_who_waits_too_long_gets_a_timeout_error_that_says_what_is_taken(enter: Enter) -> None:
    make("db", 2)
    with limits.concurrency("db", occupy=2), pytest.raises(TimeoutError) as late:
        enter("db", timeout_seconds=0.02)
    assert isinstance(late.value, AcquireConcurrencySlotTimeoutError)
    assert str(late.value) == (
        "1 slot(s) of 'db' were not free within 0.02 second(s): 2 of 2 of 'db' are taken, 0 stand in line before."
    )
    assert rows() == ()


def test_retries_that_are_used_up_are_an_error_of_their_own(enter: Enter) -> None:
    make("db")
    with limits.concurrency("db"), pytest.raises(ConcurrencySlotAcquisitionError, match="after 0 retries"):
        enter("db", max_retries=0, timeout_seconds=5)


def test_a_name_without_a_limit_limits_nothing_and_is_told_once(
    enter: Enter, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_told", set())
    enter("unknown", occupy=100)
    enter("unknown")
    assert caplog.messages == [
        "There is no concurrency limit 'unknown', so nothing is limited. Make one: sluiceway limit set unknown SLOTS"
    ]
    assert rows() == ()


def test_a_name_without_a_limit_is_an_error_when_strict(enter: Enter, rate_limit: Enter) -> None:
    make("db")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="There is no concurrency limit 'unknown'"):
        enter(["db", "unknown"], strict=True)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="There is no concurrency limit 'unknown'"):
        rate_limit("unknown", strict=True)
    assert rows() == ()


def test_no_names_ask_for_nothing(enter: Enter, rate_limit: Enter) -> None:
    enter([], strict=True)
    rate_limit([])
    assert rows() == ()


def test_a_limit_that_is_not_active_limits_nothing(enter: Enter, rate_limit: Enter) -> None:
    make("db", active=False)
    with limits.concurrency("db", strict=True):
        enter("db", occupy=5, strict=True, timeout_seconds=0)
        rate_limit("db", strict=True)
    assert rows() == ()


def test_more_slots_than_there_are_is_an_error_and_no_endless_wait(enter: Enter) -> None:
    make("db", 2)
    with pytest.raises(ConcurrencySlotAcquisitionError, match=r"'db' has 2 slot\(s\), never 3 at once"):
        enter("db", occupy=3)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="`occupy` must be a whole number"):
        enter("db", occupy=0)


def test_options_that_make_no_sense_are_refused(enter: Enter) -> None:
    with pytest.raises(InvalidOptionError, match="timeout_seconds"):
        enter("db", timeout_seconds=-1)
    with pytest.raises(InvalidOptionError, match="lease_duration"):
        enter("db", lease_duration=0)


def test_threads_in_line_are_served_in_their_order() -> None:
    make("db")
    served: list[int] = []

    def wait(number: int) -> None:
        with limits.concurrency("db"):
            served.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(4)]
    with limits.concurrency("db"):
        for number, thread in enumerate(threads):
            thread.start()
            while len(rows()) < number + 2:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3]


def test_who_waits_for_longer_than_a_moment_is_told_so(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "QUIET", 0.01)
    caplog.set_level(logging.INFO, logger="sluiceway.concurrency")
    make("db")
    with limits.concurrency("db"), pytest.raises(TimeoutError):
        _enter_sync("db", timeout_seconds=0.05)
    assert caplog.messages == ["Waiting for 1 slot(s) of 'db': 1 of 1 of 'db' are taken, 0 stand in line before"]


def test_slots_are_prolonged_while_they_are_held_and_while_they_are_waited_for() -> None:
    make("db")
    with limits.concurrency("db", lease_duration=0.06):
        waiting = threading.Thread(target=_enter_sync, args=("db",), kwargs={"lease_duration": 0.06})
        waiting.start()
        while len(rows()) < 2:
            threading.Event().wait(0.001)
        before = {row.owner: row.until for row in rows()}
        while any(row.until < before[row.owner] + times.SECOND // 10 for row in rows()):
            assert len(rows()) == 2
            threading.Event().wait(0.01)
    waiting.join()
    assert rows() == ()


def test_slots_that_got_lost_are_told_and_an_error_where_that_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    make("db")
    store = wiring.services().store

    def lose() -> None:
        (mine,) = rows()
        store.release_slots(mine.owner, times.now())
        now = times.now()
        store.claim_slots(slots.SlotRequest("thief", ("db",)), now + 60 * times.SECOND, now)
        while not caplog.messages:
            threading.Event().wait(0.005)

    with limits.concurrency("db", lease_duration=0.03):
        lose()
    assert caplog.messages == ["1 slot(s) of 'db' got lost: they were not prolonged in time."]
    assert [row.owner for row in rows()] == ["thief"]
    store.release_slots("thief", times.now())
    caplog.clear()
    with (
        pytest.raises(ConcurrencySlotAcquisitionError, match="got lost"),
        limits.concurrency("db", lease_duration=0.03, strict=True),
    ):
        lose()


def test_slots_that_nobody_took_meanwhile_are_taken_again(caplog: pytest.LogCaptureFixture) -> None:
    make("db")
    with limits.concurrency("db", lease_duration=0.03, strict=True):
        (mine,) = rows()
        wiring.services().store.release_slots(mine.owner, times.now())  # as if it had been stopped for long
        while not rows():
            threading.Event().wait(0.005)
        assert [row.owner for row in rows()] == [mine.owner]
    assert caplog.messages == []
    assert rows() == ()


def test_the_run_that_has_slots_is_known_and_another_one_may_be_named() -> None:
    make("db", 2)

    @flow
    def holding() -> tuple[str | None, str]:
        with limits.concurrency("db"):
            (held,) = rows()
        return held.holder, runtime.flow_run.id

    holder, run_id = holding()
    assert holder == f"flow_run:{run_id}"
    other = ConcurrencyLeaseHolder("deployment", uuid4())
    with limits.concurrency("db", holder=other):
        (held,) = rows()
    assert held.holder == f"deployment:{other.id}"
    assert held.process.endswith(f":{os.getpid()}")


# --- rates --------------------------------------------------------------------------------------


def test_a_rate_lets_a_burst_through_and_then_as_many_in_a_second_as_the_decay(rate_limit: Enter) -> None:
    with test_harness(clock="virtual") as harness:
        make("api", 5, slot_decay_per_second=2.0)
        begun = harness.clock.now()
        moments = []
        for _ in range(13):
            rate_limit("api")
            moments.append((harness.clock.now() - begun) / times.SECOND)
    assert moments[:5] == [0.0] * 5
    assert moments[5:] == pytest.approx([0.5 * number for number in range(1, 9)], abs=0.06)


def test_a_rate_occupies_what_it_is_told(rate_limit: Enter) -> None:
    with test_harness(clock="virtual") as harness:
        make("api", 4, slot_decay_per_second=2.0)
        begun = harness.clock.now()
        rate_limit("api", occupy=4)
        rate_limit("api", occupy=4)
        assert (harness.clock.now() - begun) / times.SECOND == pytest.approx(2, abs=0.06)


def test_a_rate_that_is_used_up_is_a_timeout(rate_limit: Enter) -> None:
    make("api", 1, slot_decay_per_second=0.001)
    rate_limit("api")
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        rate_limit("api", timeout_seconds=0.01)
    assert [(row.waits, row.decays) for row in rows()] == [(False, True)]


def test_a_rate_needs_a_limit_with_decay(rate_limit: Enter) -> None:
    make("db")
    with pytest.raises(ConcurrencySlotAcquisitionError, match="no slot decay"):
        rate_limit("db")


def test_a_block_on_a_limit_with_decay_gives_its_slots_back_at_its_end(enter: Enter) -> None:
    make("api", 1, slot_decay_per_second=0.001)
    enter("api")
    enter("api", timeout_seconds=0)
    assert rows() == ()


# --- tags ---------------------------------------------------------------------------------------


class Inside:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.turn = threading.Lock()

    def enter(self) -> None:
        with self.turn:
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self.turn:
            self.now -= 1


@pytest.fixture
def inside() -> Inside:
    return Inside()


def states_of(name: str) -> list[tuple[str, ...]]:
    """Return the names of the states of the runs of a task."""
    services = wiring.services()
    services.recorder.drain()
    runs = services.store.read_task_runs().items
    return [
        tuple(state.name for state in services.store.read_history(run.key)) for run in runs if run.task_name == name
    ]


def test_submitted_tasks_with_a_tag_run_no_more_at_once_than_its_limit_says(inside: Inside) -> None:
    make("tag:db", 2)

    @task(tags=["db"])
    def query(number: int) -> int:
        inside.enter()
        threading.Event().wait(0.002)
        inside.leave()
        return number

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=6))
    def queries() -> list[int]:
        return query.map(range(12)).result()

    assert queries() == list(range(12))
    assert inside.most == 2
    assert rows() == ()
    found = states_of("query")
    assert ("Pending", "Running", "Completed") in found
    assert ("Pending", "AwaitingConcurrencySlot", "Running", "Completed") in found
    assert len(set(found)) == 2


def test_async_tasks_with_a_tag_run_no_more_at_once_than_its_limit_says(inside: Inside) -> None:
    make("tag:db", 2)

    @task(tags=["db"])
    async def query() -> None:
        inside.enter()
        await asyncio.sleep(0.002)
        inside.leave()

    @flow
    async def queries() -> None:
        await asyncio.gather(*[query() for _ in range(10)])

    asyncio.run(queries())
    assert inside.most == 2
    assert rows() == ()


@pytest.mark.slow
def test_tasks_in_processes_run_no_more_at_once_than_the_limit_of_their_tag_says(tmp_path: Path) -> None:
    make("tag:db", 1)
    folder = str(tmp_path / "inside")
    os.mkdir(folder)

    @task(tags=["db"])
    def alone(number: int) -> int:
        mark = os.path.join(folder, str(number))
        os.mkdir(mark)
        found = len(os.listdir(folder))
        os.rmdir(mark)
        return found

    @flow(task_runner=ProcessPoolTaskRunner(2))
    def all_alone() -> list[int]:
        return alone.map(range(6)).result()

    assert all_alone() == [1] * 6
    assert rows() == ()


def test_tags_of_the_context_count_and_other_tags_do_not() -> None:
    make("tag:db")
    seen: list[list[str]] = []

    @task(tags=["other"])
    def look() -> None:
        seen.append([row.name for row in rows()])

    look()
    with tags("db"):
        look()
    assert seen == [[], ["tag:db"]]


def test_a_failing_task_gives_its_slot_back(inside: Inside) -> None:
    make("tag:db")

    @task(tags=["db"])
    def fails() -> None:
        inside.enter()
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            fails()
    assert inside.now == 2
    assert rows() == ()


def test_a_task_has_no_slot_while_it_waits_for_its_retry() -> None:
    taken: list[int] = []
    with test_harness(clock="virtual") as harness:
        make("tag:db")
        sleep = harness.clock.sleep

        def look_and_sleep(seconds: float, *rest: Any) -> None:
            taken.append(len(rows()))
            sleep(seconds, *rest)

        harness.clock.sleep = look_and_sleep  # type: ignore[method-assign]

        @task(tags=["db"], retries=1, retry_delay_seconds=100)
        def flaky() -> str:
            taken.append(len(rows()))
            if len(taken) == 1:
                raise ValueError("the first try")
            return "at last"

        assert flaky() == "at last"
        assert rows() == ()
    assert taken == [1, 0, 1]


def test_a_task_in_a_task_with_the_same_tag_shares_its_slot_and_does_not_wait_for_it() -> None:
    make("tag:db")

    @task(tags=["db"])
    def inner() -> int:
        return len(rows())

    @flow
    def between() -> int:
        return inner.submit().result() + inner()

    @task(tags=["db"])
    def outer() -> int:
        return inner() + between()

    @flow
    def all_of_it() -> int:
        return outer()

    assert all_of_it() == 3
    assert rows() == ()


def test_a_shared_slot_stays_taken_until_the_last_one_is_done() -> None:
    make("tag:db")
    go_on, begun = threading.Event(), threading.Event()

    @task(tags=["db"])
    def late() -> None:
        begun.set()
        go_on.wait(5)

    @task(tags=["db"])
    def early() -> None:
        late.submit()
        begun.wait(5)

    @flow
    def around() -> list[int]:
        early()
        taken = [len(rows())]
        go_on.set()
        return taken

    assert around() == [1]
    assert rows() == ()


def test_a_task_shares_a_slot_further_out_though_the_task_that_submitted_it_has_ended_meanwhile() -> None:
    make("tag:db")
    free, begun, go_on = threading.Event(), threading.Event(), threading.Event()

    @task
    def occupies_the_pool() -> None:
        free.wait(5)

    @task(tags=["db"])
    def late() -> None:
        begun.set()
        go_on.wait(5)

    @task(tags=["db"])
    def between() -> None:
        late.submit()

    @task(tags=["db"])
    def outer() -> None:
        between()
        free.set()
        begun.wait(5)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def around() -> int:
        occupies_the_pool.submit()
        outer()
        taken = len(rows())  # by the late one, which is in the midst of its work
        go_on.set()
        return taken

    assert around() == 1
    assert rows() == ()


@pytest.mark.slow
def test_who_has_a_slot_can_wait_for_a_task_though_all_places_are_taken_by_those_who_wait_for_the_slot() -> None:
    make("tag:db", 1)

    @task(tags=["db"])
    def query(number: int) -> int:
        return number

    @task
    def child() -> str:
        return "done"

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def around() -> tuple[str, list[int]]:
        with limits.concurrency("tag:db"):
            queries = query.map(range(4))
            while not any(row.waits for row in rows()):
                threading.Event().wait(0.001)
            done = child.submit().result()
        return done, queries.result()

    assert around() == ("done", [0, 1, 2, 3])
    assert rows() == ()


@pytest.mark.slow
def test_a_task_in_a_task_in_another_process_shares_its_slot_too() -> None:
    make("tag:db")

    @task(tags=["db"])
    def inner() -> str:
        return "in"

    @task(tags=["db"])
    def outer() -> str:
        return inner()

    @flow(task_runner=ProcessPoolTaskRunner(1))
    def around() -> str:
        return outer.submit().result()

    assert around() == "in"
    assert rows() == ()


def test_a_task_whose_upstream_failed_takes_no_slot() -> None:
    make("tag:db")

    @task
    def fails() -> None:
        raise ValueError("no")

    @task(tags=["db"])
    def never(value: None) -> None:
        raise AssertionError

    @flow
    def around() -> str:
        return never.submit(fails.submit(), return_state=True).name

    assert around() == "NotReady"
    assert states_of("never") == [("Pending", "NotReady")]


def test_a_task_that_waits_for_a_slot_when_its_flow_is_interrupted_never_runs() -> None:
    make("tag:db")
    ran: list[str] = []

    @task(tags=["db"])
    def waits() -> None:
        ran.append("it did")

    @flow
    def interrupted() -> None:
        waits.submit()
        while len(rows()) < 2:
            threading.Event().wait(0.001)
        raise KeyboardInterrupt

    with limits.concurrency("tag:db"), pytest.raises(KeyboardInterrupt):
        interrupted()
    while rows():
        threading.Event().wait(0.001)
    assert ran == []
    assert states_of("waits") == [("Pending", "AwaitingConcurrencySlot", "Crashed")]


def test_a_limit_that_is_made_while_tasks_run_is_heeded_by_the_next_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FRESH", 60.0)

    @task(tags=["db"])
    def look() -> int:
        return len(rows())

    assert look() == 0
    make("tag:db")  # here, so that it need not be waited for
    assert look() == 1
    with get_client(sync_client=True) as client:
        client.update_global_concurrency_limit("tag:db", GlobalConcurrencyLimitUpdate(active=False))
    assert look() == 0


def test_that_there_is_no_limit_for_a_tag_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "FRESH", 60.0)
    store = wiring.services().store
    asked: list[object] = []
    read = store.read_limits
    monkeypatch.setattr(store, "read_limits", lambda names: asked.append(names) or read(names))

    @task(tags=["db"])
    def tagged() -> None: ...

    @task
    def plain() -> None: ...

    for _ in range(5):
        plain()
        tagged()
    assert asked == [["tag:db"]]
    assert set(states_of("tagged")) == {("Pending", "Running", "Completed")}


# --- among processes ----------------------------------------------------------------------------


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "inside").mkdir()
    begun: list[subprocess.Popen[str]] = []

    def begin(turns: int, lease: float = slots.LEASE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, limiting_process.__file__, str(tmp_path / "inside"), str(turns), str(lease)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _hold(process: subprocess.Popen[str]) -> None:
    _go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "inside\n"


@pytest.mark.slow
def test_of_eight_processes_that_hammer_a_limit_of_two_never_more_than_two_are_inside(start: Start) -> None:
    make(limiting_process.NAME, 2)
    processes = [start(TURNS) for _ in range(PROCESSES)]
    for process in processes:
        _go(process)
    most = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        most.append(int(out))
    assert max(most) <= 2
    assert rows() == ()


@pytest.mark.slow
def test_the_slot_of_a_process_that_was_killed_comes_free_by_itself(start: Start) -> None:
    make(limiting_process.NAME, 1)
    process = start(0, 1.0)
    _hold(process)
    with pytest.raises(TimeoutError):
        _enter_sync(limiting_process.NAME, timeout_seconds=1.5)  # longer than its lease: it lives, and prolongs
    process.kill()
    process.communicate()
    _enter_sync(limiting_process.NAME, timeout_seconds=30)
    assert rows() == ()


@pytest.mark.slow
def test_a_process_that_is_stopped_for_longer_than_its_lease_loses_its_slot_and_is_told(start: Start) -> None:
    make(limiting_process.NAME, 1)
    process = start(0, 0.5)
    _hold(process)
    process.send_signal(signal.SIGSTOP)
    with limits.concurrency(limiting_process.NAME, timeout_seconds=30):
        process.send_signal(signal.SIGCONT)
        assert process.stderr is not None
        assert "got lost" in process.stderr.readline()
        _go(process)
        process.wait(30)
        assert [row.process.endswith(f":{os.getpid()}") for row in rows()] == [True]
    assert process.returncode == 1
    assert "ConcurrencySlotAcquisitionError" in process.stderr.read()


@pytest.mark.slow
def test_a_waiter_that_was_killed_does_not_hold_up_others(start: Start) -> None:
    make(limiting_process.NAME, 1)
    with limits.concurrency(limiting_process.NAME):
        process = start(0, 1.0)
        _go(process)
        while not any(row.waits for row in rows()):
            threading.Event().wait(0.01)
        process.kill()
        process.communicate()
    _enter_sync(limiting_process.NAME, timeout_seconds=30)
    assert rows() == ()


def test_a_forked_child_leaves_the_slots_of_its_parent_to_it() -> None:
    make("db")
    with limits.concurrency("db", lease_duration=0.06) as _:
        child = os.fork()
        if child == 0:
            os._exit(len(slots._prolonger._held))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(slots._prolonger._held) == 1


def test_a_forked_child_that_leaves_a_block_gives_back_nothing_of_its_parents() -> None:
    make("db")
    with limits.concurrency("db"):
        child = os.fork()
        if child:
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            assert len(rows()) == 1
    if not child:
        os._exit(0)
    assert rows() == ()
