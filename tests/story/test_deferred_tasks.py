"""Deferred tasks: `delay` leaves a call in the journal, and a worker with the same journal runs it."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from sluiceway import State, allow_failure, flow, get_run_logger, quote, tags, task
from sluiceway.agents.task_worker import TaskWorker
from sluiceway.cache_policies import INPUTS
from sluiceway.exceptions import (
    CrashedRun,
    FailedRun,
    MissingResult,
    MissingTaskError,
    ParameterBindError,
    SerializationError,
    StoreError,
    TaskRunTimeoutError,
    UpstreamTaskError,
)
from sluiceway.futures import Future, as_completed, wait
from sluiceway.model.facts import TaskRunMoved
from sluiceway.runtime import task_run
from sluiceway.settings import temporary_settings
from sluiceway.states import Cancelled
from sluiceway.task_worker import aserve, serve
from sluiceway.testing import Harness, test_harness

LONG = 30
"""Seconds after which a test is given up."""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    """A private place for runs, where everybody looks often."""
    monkeypatch.setenv("SLUICEWAY_DEFERRED_POLL_INTERVAL", "0.005")
    with test_harness() as harness:
        yield harness


@contextmanager
def working(place: Harness, *tasks: Any, limit: int | None = 10) -> Generator[TaskWorker]:
    """Have a worker serve tasks in a thread."""
    worker = TaskWorker(tasks, place.services, limit)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        if not worker.told_to_end:
            worker.end(KeyboardInterrupt())
        thread.join()


def history(place: Harness, future: Future[Any]) -> list[str]:
    place.drain()
    return [state.name for state in place.client.read_task_run_states(future.task_run_id)]


@task
def add(a: Any, b: Any = 0) -> Any:
    return a + b


@task
def fails() -> None:
    raise LookupError("nothing there")


class Gate:
    """Counts the calls that are in it, and holds them until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.release()
        assert self.opened.wait(LONG)
        with self._lock:
            self.inside -= 1

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.entered.acquire(timeout=LONG)


# --- the call -----------------------------------------------------------------------------------


def test_delay_returns_at_once_and_the_run_is_scheduled_in_the_journal(place: Harness) -> None:
    future = add.delay(1, b=2)
    found = place.client.read_task_run(future.task_run_id)  # no drain: it is there when `delay` returns
    assert (found.state_name, found.name, found.task_key) == ("Scheduled", "add", add.task_key)
    assert future.state.name == "Scheduled"
    assert not future.done()


def test_a_worker_runs_it_under_the_same_identifier_and_the_future_gets_the_result(place: Harness) -> None:
    future = add.delay(1, b=2)
    with working(place, add):
        assert future.result(timeout=LONG) == 3
    assert history(place, future) == ["Scheduled", "Pending", "Running", "Completed"]
    assert place.client.read_task_run(future.task_run_id).run_count == 1
    assert place.client.count_task_runs() == 1
    assert place.services.store.read_claims() == ()


def test_apply_async_takes_arguments_as_collections(place: Harness) -> None:
    with working(place, add):
        assert add.apply_async((1,), {"b": 5}).result(timeout=LONG) == 6
        assert add.apply_async(kwargs={"a": 7}).result(timeout=LONG) == 7


def test_arguments_are_copies_as_they_were_when_the_call_was_made(place: Harness) -> None:
    numbers = [1, 2]
    future = add.delay(numbers, [3])
    numbers.clear()
    with working(place, add):
        assert future.result(timeout=LONG) == [1, 2, 3]


def test_async_and_generator_tasks_and_methods_can_be_deferred(place: Harness) -> None:
    @task
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return 2 * n

    @task
    def count(n: int) -> Iterator[int]:
        yield from range(n)

    with working(place, double, count, Scale.times, Scale.named):
        assert double.delay(4).result(timeout=LONG) == 8
        assert count.delay(3).result(timeout=LONG) == [0, 1, 2]
        assert Scale(3).times.delay(5).result(timeout=LONG) == 15
        assert Scale.named.delay(1).result(timeout=LONG) == ("Scale", 1)


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def times(self, n: int) -> int:
        return self.factor * n

    @task
    @classmethod
    def named(cls, n: int) -> tuple[str, int]:
        return cls.__name__, n


def test_a_call_in_a_flow_belongs_to_the_flow_run_and_the_flow_does_not_wait_for_it(place: Harness) -> None:
    futures = []

    @flow
    def orders() -> str:
        futures.append(add.delay(1))
        return "done"

    state: State[str] = orders(return_state=True)
    assert state.is_completed()
    (run,) = place.client.read_flow_runs()
    found = place.client.read_task_run(futures[0].task_run_id)
    assert (found.flow_run_id, found.state_name) == (run.id, "Scheduled")


def test_tags_around_the_call_hold_for_the_run_and_for_what_it_calls(place: Harness) -> None:
    @task(tags=["own"])
    def outer() -> list[str]:
        return sorted(task_run.tags) + inner()

    @task
    def inner() -> list[str]:
        return sorted(task_run.tags)

    with tags("around"):
        future = outer.delay()
    with working(place, outer):
        assert future.result(timeout=LONG) == ["around", "own", "around"]


# --- what it waits for --------------------------------------------------------------------------


def test_delay_does_not_wait_for_a_deferred_run_among_its_arguments_but_the_worker_does(place: Harness) -> None:
    first = add.delay(1, 1)
    second = add.delay([first, {"x": first}], [5])
    assert second.state.name == "Scheduled"
    with working(place, add):
        assert second.result(timeout=LONG) == [2, {"x": 2}, 5]
    assert place.client.read_task_run(second.task_run_id).task_inputs == {"a": [first.task_run_id] * 2}


def test_wait_for_is_waited_for_by_the_worker(place: Harness) -> None:
    gate, order = Gate(), []

    @task
    def first() -> None:
        gate()
        order.append("first")

    @task
    def second() -> None:
        order.append("second")

    upstream = first.delay()
    future = second.apply_async(wait_for=[upstream])
    with working(place, first, second):
        gate.wait_for(1)
        assert future.state.name == "Scheduled"
        gate.opened.set()
        future.wait(LONG)
    assert order == ["first", "second"]


def test_a_run_whose_deferred_upstream_failed_is_not_ready_unless_that_is_allowed(place: Harness) -> None:
    upstream = fails.delay()
    blocked, allowed = add.delay(upstream), kind.delay(allow_failure(upstream))
    also_blocked = add.apply_async((1,), wait_for=[upstream])
    never = add.delay(blocked)
    with working(place, fails, add, kind):
        for future in (blocked, also_blocked, never):
            with pytest.raises(UpstreamTaskError, match="did not reach a 'COMPLETED' state"):
                future.result(timeout=LONG)
        assert allowed.result(timeout=LONG) == "LookupError"
    assert history(place, blocked) == ["Scheduled", "Pending", "NotReady"]


@task
def kind(value: Any) -> str:
    return type(value).__name__


def test_results_of_submitted_tasks_and_states_go_into_the_call(place: Harness) -> None:
    @task
    def hide() -> Any:
        return {"hidden": 7}

    state: State[Any] = add(40, 2, return_state=True)
    future = pair.delay([add.submit(1, 1), state], b=quote(hide()))
    with working(place, pair):
        assert future.result(timeout=LONG) == ([2, 42], {"hidden": 7})


@task
def pair(a: Any, b: Any) -> Any:
    return a, b


def test_a_submitted_task_that_failed_leaves_the_deferred_run_not_ready_at_once(place: Harness) -> None:
    future = add.delay(fails.submit())
    assert future.done()
    with pytest.raises(UpstreamTaskError):
        future.result(timeout=0)
    assert history(place, future) == ["Pending", "NotReady"]
    assert place.services.store.count_waiting_calls() == {}


def test_a_deferred_run_can_be_an_argument_of_tasks_that_are_called_submitted_and_mapped_here(place: Harness) -> None:
    with working(place, add):
        called, submitted, mapped, returned = uses_deferred(add)
    assert (called, submitted, mapped, returned) == ([1, 2, 0], [1, 2, 0], [1, 2], [1, 2])


@flow
def uses_deferred(adder: Any) -> Any:
    numbers = adder.delay([1], [2])
    return adder(numbers, [0]), adder.submit(numbers, [0]).result(), adder.map(numbers).result(), numbers


# --- policies -----------------------------------------------------------------------------------


def test_retries_cache_hooks_names_and_logs_are_as_anywhere(place: Harness) -> None:
    seen: list[str] = []

    @task(
        retries=2,
        cache_policy=INPUTS,
        cache_expiration=timedelta(days=1),
        task_run_name="try-{n}",
        on_completion=[lambda task, run, state: seen.append(f"{run.name} {state.name}")],
    )
    def flaky(n: int) -> int:
        seen.append("called")
        get_run_logger().info("about to try")
        if task_run.run_count < 2:
            raise ValueError("not yet")
        return n

    with working(place, flaky):
        future = flaky.delay(5)
        assert future.result(timeout=LONG) == 5
        again = flaky.delay(5)
        assert again.result(timeout=LONG) == 5
    assert seen == ["called", "called", "try-5 Completed", "try-5 Cached"]
    assert history(place, future) == ["Scheduled", "Pending", "Running", "Retrying", "Completed"]
    assert history(place, again) == ["Scheduled", "Pending", "Running", "Cached"]
    found = place.client.read_task_run(future.task_run_id)
    assert (found.name, found.run_count) == ("try-5", 2)
    logged = [line for line in place.client.read_logs() if line.message == "about to try"]
    assert [line.task_run_id for line in logged] == [future.task_run_id] * 2


def test_a_timeout_ends_the_run_and_is_raised_where_the_call_was_made(place: Harness) -> None:
    @task(timeout_seconds=0.02)
    def long() -> None:
        while True:
            time.sleep(0.001)

    with working(place, long), pytest.raises(TaskRunTimeoutError, match="exceeded timeout"):
        long.delay().result(timeout=LONG)


def test_an_exception_arrives_as_itself_with_the_traceback_of_the_worker(place: Harness) -> None:
    future = fails.delay()
    with working(place, fails), pytest.raises(LookupError, match="nothing there") as raised:
        future.result(timeout=LONG)
    assert "raise LookupError" in raised.value.__notes__[0]
    assert isinstance(future.result(raise_on_failure=False), LookupError)
    assert future.state.is_failed()


def test_what_a_task_does_not_want_stored_is_not_and_who_waits_is_told(place: Harness) -> None:
    quiet, broken = add.with_options(persist_result=False), fails.with_options(persist_result=False)
    with working(place, quiet, broken):
        with pytest.raises(MissingResult, match="persist_result=True"):
            quiet.delay(1).result(timeout=LONG)
        with pytest.raises(FailedRun, match="LookupError: nothing there"):
            broken.delay().result(timeout=LONG)


# --- the future ---------------------------------------------------------------------------------


def test_waiting_is_given_up_after_the_timeout_and_the_error_says_what_is_missing() -> None:
    future = add.delay(1)
    future.wait(timeout=0.01)
    with pytest.raises(TimeoutError, match=r"No worker has taken it: one that serves task '.*add'"):
        future.result(timeout=0.01)


def test_the_error_of_a_run_that_takes_too_long_says_that_it_is_running(place: Harness) -> None:
    gate = Gate()

    @task
    def holds() -> None:
        gate()

    with working(place, holds):
        future = holds.delay()
        gate.wait_for(1)
        place.drain()
        with pytest.raises(TimeoutError, match=r"It is in state Running\(\)"):
            future.result(timeout=0)
        gate.opened.set()


def test_the_error_of_a_run_whose_worker_tells_nothing_names_the_worker(place: Harness) -> None:
    future = add.delay(1)
    place.services.store.claim_calls("host/123/abc", [add.task_key], 1, place.clock.now())
    with pytest.raises(TimeoutError, match="Worker host/123/abc has taken it"):
        future.result(timeout=0)


def test_callbacks_are_called_when_the_run_ends_or_at_once_if_it_has(place: Harness) -> None:
    called: list[tuple[str, Any]] = []
    told = threading.Event()

    def tell(future: Future[Any]) -> None:
        called.append(("tell", future.result()))
        told.set()

    future = add.delay(1, 2)
    future.add_done_callback(tell)
    assert called == []
    with working(place, add):
        assert told.wait(LONG)
    future.add_done_callback(lambda future: called.append(("late", future.result())))
    assert called == [("tell", 3), ("late", 3)]


def test_several_deferred_runs_are_waited_for_together(place: Harness) -> None:
    futures = [add.delay(n, 0) for n in range(5)]
    with working(place, add):
        assert sorted(future.result() for future in as_completed(futures, timeout=LONG)) == [0, 1, 2, 3, 4]
        done, not_done = wait(futures, timeout=LONG)
    assert (len(done), not_done) == (5, set())


def test_the_future_can_be_awaited_while_the_loop_goes_on(place: Harness) -> None:
    async def wait_for_both() -> tuple[Any, list[str]]:
        ticks = []
        future, other = add.delay(2, 3), add.delay(1)
        with pytest.raises(TimeoutError, match="No worker has taken it"):
            await other.result_async(timeout=0.01)
        with working(place, add):
            waiting = asyncio.ensure_future(future.result_async(timeout=LONG))
            while not waiting.done():
                ticks.append("tick")
                await asyncio.sleep(0.001)
            await other.wait_async()
        assert other.state.is_completed()
        return await waiting, ticks

    value, ticks = asyncio.run(wait_for_both())
    assert value == 5
    assert ticks


# --- the worker ---------------------------------------------------------------------------------


def test_no_more_runs_than_the_limit_are_under_way_at_once(place: Harness) -> None:
    gate = Gate()

    @task
    def holds() -> None:
        gate()

    futures = [holds.delay() for _ in range(5)]
    with working(place, holds, limit=2) as worker:
        gate.wait_for(2)
        assert worker.under_way == 2
        gate.opened.set()
        for future in futures:
            future.result(timeout=LONG)
    assert gate.most == 2


def test_a_run_that_waits_for_another_deferred_run_gives_its_place_to_it(place: Harness) -> None:
    @task
    def parent(depth: int) -> int:
        return 0 if depth == 0 else 1 + parent.delay(depth - 1).result(timeout=LONG)

    @task
    async def parent_in_a_loop(depth: int) -> int:
        futures = [parent.delay(depth - 1) for _ in range(3)]
        return 1 + max(await asyncio.gather(*[future.result_async(timeout=LONG) for future in futures]))

    @task
    def parent_that_passes_the_future_on(depth: int) -> int:
        return add(1, parent.delay(depth - 1))

    with working(place, parent, parent_in_a_loop, parent_that_passes_the_future_on, limit=1) as worker:
        assert parent.delay(4).result(timeout=LONG) == 4
        assert parent_in_a_loop.delay(3).result(timeout=LONG) == 3
        assert parent_that_passes_the_future_on.delay(2).result(timeout=LONG) == 2
    assert worker.under_way == 0


def test_without_a_limit_all_that_wait_are_under_way(place: Harness) -> None:
    gate = Gate()

    @task
    def holds() -> None:
        gate()

    futures = [holds.delay() for _ in range(12)]
    with working(place, holds, limit=None):
        gate.wait_for(12)
        gate.opened.set()
        assert not wait(futures, timeout=LONG).not_done


def test_a_worker_takes_only_runs_of_the_tasks_that_it_serves(place: Harness) -> None:
    mine, other = add.delay(1), kind.delay(1)
    with working(place, add):
        assert mine.result(timeout=LONG) == 1
    assert other.state.name == "Scheduled"
    assert place.services.store.count_waiting_calls() == {kind.task_key: 1}


def test_a_worker_that_is_told_to_end_finishes_what_it_has_begun_and_begins_nothing_more(place: Harness) -> None:
    gate = Gate()

    @task
    def holds() -> str:
        gate()
        return "finished"

    first, second = holds.delay(), holds.delay()
    with working(place, holds, limit=1) as worker:
        gate.wait_for(1)
        worker.end(KeyboardInterrupt())
        gate.opened.set()
    assert first.result(timeout=0) == "finished"
    assert second.state.name == "Scheduled"
    assert place.services.store.read_claims() == ()


def test_a_worker_that_is_told_twice_gives_up_what_is_under_way_and_that_has_crashed(place: Harness) -> None:
    gate = Gate()

    @task
    def holds() -> str:
        gate()
        return "too late"

    future = holds.delay()
    with working(place, holds) as worker:
        gate.wait_for(1)
        worker.end(KeyboardInterrupt())
        worker.end(KeyboardInterrupt())
    assert future.state.is_crashed()
    with pytest.raises(CrashedRun, match="Task run was interrupted from the keyboard"):
        future.result(timeout=0)
    gate.opened.set()
    assert place.services.store.read_claims() == ()


def test_serve_says_what_it_serves_and_ends_after_its_timeout(
    capsys: pytest.CaptureFixture[str], place: Harness
) -> None:
    add.delay(1)
    kind.delay(1)
    serve(add, limit=1, timeout=0.05)
    assert capsys.readouterr().out.splitlines() == [
        "Serving 1 task, up to 1 run at once, from memory:",
        f"  add  ({add.task_key}), 1 waiting",
        f"Calls of other tasks are waiting, too, for a worker that serves these: {kind.task_key} (1)",
        "Ctrl-C ends this, once the runs under way have ended.",
    ]
    assert [run.state_name for run in place.client.read_task_runs()].count("Completed") == 1


def test_a_worker_in_async_code_lets_the_loop_go_on_and_ends_when_it_is_cancelled(place: Harness) -> None:
    async def serve_and_use() -> Any:
        serving = asyncio.ensure_future(add.aserve())
        value = await add.delay(1, 1).result_async(timeout=LONG)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        await aserve(add, timeout=0.01)
        return value

    assert asyncio.run(serve_and_use()) == 2


def test_a_worker_in_async_code_leaves_the_handler_of_the_signal_as_it_was(place: Harness) -> None:
    def own(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, own)
    try:
        asyncio.run(aserve(add, timeout=0.01))
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_worker_outlives_a_journal_that_is_away_for_a_while_and_says_so_once(
    place: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    claim, looks, back = place.services.store.claim_calls, itertools.count(1), threading.Event()

    def claim_calls(*arguments: Any) -> Any:
        look = next(looks)
        if 2 <= look <= 4:
            raise StoreError("The disk is away.")
        if look == 5:
            back.set()
        return claim(*arguments)

    monkeypatch.setattr("sluiceway.agents.task_worker.RETRY_SECONDS", 0.01)
    monkeypatch.setattr(place.services.store, "claim_calls", claim_calls)
    with working(place, add):
        assert back.wait(LONG)
        assert add.delay(1, 1).result(timeout=LONG) == 2
    complaints = [record.getMessage() for record in caplog.records if "The disk is away." in record.getMessage()]
    assert complaints == ["No runs can be taken at present; it is tried again. The disk is away."]


def test_a_run_that_has_ended_meanwhile_is_not_run_again(place: Harness) -> None:
    called: list[int] = []

    @task
    def call(number: int) -> None:
        called.append(number)

    future = call.delay(1)
    key = place.client.read_task_run(future.task_run_id).key
    place.services.store.write([TaskRunMoved(key, Cancelled(), 0)])
    with working(place, call):
        call.delay(2).wait(LONG)
    assert called == [2]
    assert future.state.is_cancelled()
    assert place.services.store.read_claims() == ()
    assert place.services.store.count_waiting_calls() == {}


# --- bad input ----------------------------------------------------------------------------------


def test_arguments_that_do_not_fit_are_refused_where_the_call_is_made(place: Harness) -> None:
    with pytest.raises(ParameterBindError, match="missing a required argument: 'a'"):
        add.delay()
    with pytest.raises(ParameterBindError, match="unexpected keyword argument 'wait_for'"):
        add.delay(1, wait_for=[])
    assert place.client.count_task_runs() == 0


def test_an_argument_that_cannot_be_pickled_is_named_and_nothing_is_scheduled(place: Harness) -> None:
    with pytest.raises(SerializationError, match="Argument 'b' of task 'add' cannot go to a worker: TypeError"):
        add.delay(1, threading.Lock())
    assert place.services.store.count_waiting_calls() == {}


def test_arguments_that_are_too_large_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluiceway.wiring.deferring.CALL_LIMIT", 1000)
    with pytest.raises(SerializationError, match="Pass the path of a file instead"):
        add.delay(b"x" * 1000)


def test_a_class_that_the_worker_no_longer_has_fails_the_run_and_names_argument_and_remedy(
    place: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    future = add.delay([Scale(1)])
    monkeypatch.delattr("tests.story.test_deferred_tasks.Scale", raising=False)
    monkeypatch.delitem(globals(), "Scale", raising=False)
    with (
        working(place, add),
        pytest.raises(
            SerializationError, match=r"Argument 'a' of task 'add' cannot be restored .* 'Scale' .* defer it"
        ),
    ):
        future.result(timeout=LONG)
    assert history(place, future) == ["Scheduled", "Failed"]
    assert place.services.store.read_claims() == ()


def test_a_call_of_a_newer_version_fails_the_run_and_says_so(place: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr("sluiceway.wiring.deferring.FORMAT", 2)
        future = add.delay(1)
    with working(place, add), pytest.raises(SerializationError, match="by a newer version"):
        future.result(timeout=LONG)


def test_a_task_of_an_interactive_session_can_neither_be_deferred_nor_served(
    monkeypatch: pytest.MonkeyPatch, place: Harness
) -> None:
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))

    def typed() -> None: ...

    typed.__module__ = "__main__"
    with pytest.raises(MissingTaskError, match="Task 'typed' was defined in an interactive session"):
        task(typed).delay()
    with pytest.raises(MissingTaskError, match="Put it into a file"):
        serve(task(typed))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: serve(), ValueError, "no task to serve"),
        (lambda: serve(add, limit=0), ValueError, "limit must be at least 1"),
        (lambda: serve(len), TypeError, "not <built-in function len>"),
        (lambda: serve(flow(lambda_free)), TypeError, "functions with the decorator @task"),
        (lambda: serve(add, add.with_options(retries=1)), ValueError, "Two of the tasks have the key"),
        (lambda: add.apply_async((1,), dependencies={"a": {"x"}}), TypeError, "dependencies are futures"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(
    call: Callable[[], None], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def lambda_free() -> None: ...


def test_further_dependencies_are_recorded_as_inputs(place: Harness) -> None:
    upstream = add.delay(1)
    future = add.apply_async((1,), dependencies={"b": {upstream}})
    assert place.client.read_task_run(future.task_run_id).task_inputs == {"b": [upstream.task_run_id]}


def test_a_journal_that_cannot_be_written_is_an_error_and_no_run_is_promised(tmp_path: Any) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    with (
        temporary_settings(database_url=f"sqlite:///{broken}"),
        pytest.raises(StoreError, match=r"broken\.db"),
    ):
        add.delay(1)
