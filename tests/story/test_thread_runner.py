"""The thread runner, futures, and what is left when a flow is interrupted."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.context import FlowRunContext
from sluiceway.exceptions import CyclicDependencyError, MissingContextError
from sluiceway.futures import as_completed, wait
from sluiceway.model.paging import walk
from sluiceway.task_runners import TaskRunner, ThreadPoolTaskRunner
from sluiceway.testing import Harness

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def ident(x: Any) -> Any:
    return x


@task
def nested(depth: int) -> int:
    return 0 if depth == 0 else nested.submit(depth - 1).result() + 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_parent_that_waits_for_its_children_in_a_full_pool_does_not_deadlock(workers: int) -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def deep() -> list[int]:
        return [future.result() for future in [nested.submit(5) for _ in range(4)]]

    assert deep() == [5, 5, 5, 5]


def test_a_mapped_fan_out_in_a_task_does_not_deadlock_with_one_worker() -> None:
    @task
    def fans_out(n: int) -> int:
        return sum(nested.map([1] * n).result())

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def fan() -> list[int]:
        return fans_out.map([3, 4]).result()

    assert fan() == [3, 4]


def test_a_chain_of_futures_does_not_hold_threads_while_it_waits() -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def chain() -> int:
        future = ident.submit(7)
        for _ in range(20):
            future = ident.submit(future)
        return future.result()

    assert chain() == 7


def test_never_more_tasks_at_once_than_max_workers() -> None:
    lock, running, most = threading.Lock(), [0], [0]

    @task
    def counts() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=3))
    def many() -> None:
        for future in [counts.submit() for _ in range(20)]:
            future.wait()

    many()
    assert 1 <= most[0] <= 3


def test_a_task_that_waits_for_itself_is_told_so() -> None:
    box: list[Any] = []
    filled = threading.Event()

    @task
    def waits_for_itself() -> None:
        filled.wait(5)
        box[0].result()

    @flow
    def cyclic() -> None:
        box.append(waits_for_itself.submit())
        filled.set()
        with pytest.raises(CyclicDependencyError, match="waits for it"):
            box[0].result()

    cyclic()


def test_two_tasks_that_wait_for_each_other_are_told_so() -> None:
    box: dict[str, Any] = {}
    filled = threading.Event()

    @task
    def waits(other: str) -> None:
        filled.wait(5)
        box[other].result()

    @flow
    def cyclic() -> list[str]:
        box["a"], box["b"] = waits.submit("b"), waits.submit("a")
        filled.set()
        return [type(f.result(raise_on_failure=False)).__name__ for f in box.values()]

    assert "CyclicDependencyError" in cyclic()


def test_max_workers_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ThreadPoolTaskRunner(max_workers=0)


def test_context_variables_of_the_caller_reach_the_thread() -> None:
    from contextvars import ContextVar

    variable: ContextVar[str] = ContextVar("variable", default="outside")

    @task
    def reads() -> str:
        return variable.get()

    @flow
    def sets() -> str:
        variable.set("inside")
        return reads.submit().result()

    assert sets() == "inside"


def test_the_threads_end_with_the_flow() -> None:
    @flow
    def submits() -> None:
        ident.map(range(50)).wait()

    submits()
    assert not [t for t in threading.enumerate() if t.name.startswith("sluiceway-worker")]


# --- own runners --------------------------------------------------------------------------------


def test_threads_that_submit_first_at_once_share_one_runner() -> None:
    made: list[Any] = []

    class Counted(ThreadPoolTaskRunner):
        def duplicate(self) -> Counted:
            made.append(self)
            time.sleep(0.01)  # as a cluster takes a while to start
            return Counted()

    @flow(task_runner=Counted())
    def submits() -> list[int]:
        start, futures = threading.Barrier(4), []

        def work(number: int) -> None:
            start.wait()
            futures.append(ident.submit(number))

        threads = [threading.Thread(target=contextvars.copy_context().run, args=(work, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(future.result() for future in futures)

    assert submits() == [0, 1, 2, 3]
    assert len(made) == 1


def test_an_own_runner_is_made_by_subclassing() -> None:
    submitted: list[Any] = []

    class Noting(ThreadPoolTaskRunner):
        def submit(self, task: Any, parameters: Any, wait_for: Any = None, dependencies: Any = None) -> Any:
            submitted.append(parameters)
            return super().submit(task, parameters, wait_for, dependencies)

    @flow(task_runner=Noting(max_workers=1))
    def uses() -> list[int]:
        return [ident.submit(1).result(), *ident.map([2, 3]).result()]

    assert uses() == [1, 2, 3]
    assert submitted == [{"x": 1}, {"x": 2}, {"x": 3}]
    assert issubclass(Noting, TaskRunner)


# --- futures ------------------------------------------------------------------------------------


def test_a_future_knows_its_run_its_state_and_its_result() -> None:
    gate = threading.Event()

    @task
    def waits() -> str:
        gate.wait(5)
        return "done"

    @flow
    def watches() -> None:
        future = waits.submit()
        assert future.state.type.value in ("PENDING", "RUNNING")
        with pytest.raises(TimeoutError, match=r"did not end within 0\.001"):
            future.result(timeout=0.001)
        assert future.wait(timeout=0.001) is None
        seen: list[Any] = []
        future.add_done_callback(seen.append)
        gate.set()
        assert future.result() == "done"
        assert future.state.is_completed()
        future.add_done_callback(seen.append)
        assert seen[-1] is future
        assert str(future.task_run_id)

    watches()


def test_wait_and_as_completed() -> None:
    gate = threading.Event()

    @task
    def waits() -> None:
        gate.wait(5)

    @flow
    def watches() -> None:
        slow, quick = waits.submit(), ident.submit(1)
        assert list(as_completed([quick])) == [quick]
        with pytest.raises(TimeoutError, match=r"1 \(of 2\) futures unfinished"):
            list(as_completed([slow, quick], timeout=0.01))
        done, not_done = wait([slow, quick], timeout=0.01)
        assert (done, not_done) == ({quick}, {slow})
        gate.set()
        assert wait([slow, quick]).not_done == set()
        assert list(as_completed([])) == []

    watches()


def test_results_of_unneeded_futures_do_not_keep_memory_alive(sluiceway_harness: Harness) -> None:
    class Large:
        pass

    kept: list[weakref.ref[Large]] = []

    @task(persist_result=False)
    def makes() -> Large:
        large = Large()
        kept.append(weakref.ref(large))
        return large

    @task(persist_result=False)
    def takes(x: Any) -> int:
        return 1

    @flow
    def drops() -> list[bool]:
        future = takes.submit(makes.submit())
        assert future.result() == 1
        takes(makes.submit())
        sluiceway_harness.drain()
        gc.collect()
        return [reference() is None for reference in kept]

    assert all(drops())


def test_a_failing_done_callback_does_not_harm_the_result() -> None:
    gate = threading.Event()

    @task
    def waits() -> int:
        gate.wait(5)
        return 1

    def breaks(_: Any) -> None:
        raise RuntimeError("callback")

    @flow
    def watches() -> int:
        future = waits.submit()
        future.add_done_callback(breaks)
        gate.set()
        return future.result()

    assert watches() == 1


# --- interruption -------------------------------------------------------------------------------


def test_a_flow_that_is_interrupted_drops_what_has_not_begun_and_says_so(sluiceway_harness: Harness) -> None:
    gate = threading.Event()

    @task
    def waits() -> None:
        gate.wait(5)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def interrupted() -> None:
        first = waits.submit()
        waits.submit()
        while first.state.name != "Running":
            time.sleep(0.001)
        threading.Timer(0.05, gate.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    client = sluiceway_harness.client
    assert client.read_flow_runs()[0].state_name == "Crashed"
    assert sorted(run.state_name for run in client.read_task_runs()) == ["Cancelled", "Crashed"]


def test_tasks_that_are_mapped_all_at_once_run_side_by_side() -> None:
    together = threading.Barrier(4)

    @task
    def meets(n: int) -> int:
        together.wait(5)  # broken, unless four threads get here
        return n

    @flow
    def fan() -> list[int]:
        ident.submit(0).result()  # a first thread idles already
        return meets.map(range(4)).result()

    assert fan() == [0, 1, 2, 3]


def test_a_run_that_waited_for_a_thread_was_pending_meanwhile(sluiceway_harness: Harness) -> None:
    gate = threading.Event()

    @task
    def waits() -> None:
        gate.wait(5)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def queues() -> None:
        waits.submit()
        ident.submit(1)
        time.sleep(0.03)
        gate.set()

    queues()
    client = sluiceway_harness.client
    (queued,) = [run for run in client.read_task_runs() if run.name.startswith("ident")]
    pending, running, _ = client.read_task_run_states(queued.id)
    assert (pending.name, running.name) == ("Pending", "Running")
    assert (running.timestamp - pending.timestamp).total_seconds() >= 0.02
    assert queued.start_time == running.timestamp


def test_calls_that_follow_one_another_stay_on_one_thread() -> None:
    names = set()

    @task
    def noted() -> None:
        names.add(threading.current_thread().name)

    @flow
    def one_by_one() -> None:
        for _ in range(50):
            noted.submit().result()

    one_by_one()
    assert names == {"sluiceway-worker-0"}


def test_a_callback_that_submits_and_waits_finds_a_thread() -> None:
    asked, results = threading.Event(), []

    @task
    def first() -> None:
        asked.wait(5)

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def calls_back() -> None:
        future = first.submit()
        future.add_done_callback(lambda _: results.append(ident.submit("second").result(timeout=5)))
        asked.set()

    calls_back()
    assert results == ["second"]


def test_where_the_system_gives_no_more_threads_those_that_there_are_do_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ordinary = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("sluiceway-worker") and thread.name != "sluiceway-worker-0":
            raise RuntimeError("can't start new thread")
        ordinary(thread)

    monkeypatch.setattr(threading.Thread, "start", start)

    @flow
    def fan() -> list[int]:
        return ident.map(range(50)).result()

    assert fan() == list(range(50))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 3, 16])
def test_however_threads_take_turns_no_call_is_left_behind(workers: int, hurried: None) -> None:
    @task
    def fans_out(n: int) -> int:
        return sum(future.result() for future in ident.map(range(n)))

    @flow(task_runner=ThreadPoolTaskRunner(workers))
    def mixes() -> int:
        total = 0
        for n in range(60):
            total += ident.submit(n).result(timeout=30)
            total += sum(ident.map(range(20)).result(timeout=30))
            total += sum(fans_out.map([n % 5] * 10).result(timeout=30))
        return total

    assert mixes() == sum(n + 190 + 10 * sum(range(n % 5)) for n in range(60))


@pytest.fixture
def hurried() -> Iterator[None]:
    """Have threads take turns after ten microseconds, not five milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.slow
def test_equal_calls_that_threads_make_at_once_are_told_apart(hurried: None, sluiceway_harness: Harness) -> None:
    @flow
    def calls() -> None:
        contexts = [contextvars.copy_context() for _ in range(8)]

        def call() -> None:
            for _ in range(150):
                ident("the same")

        threads = [threading.Thread(target=context.run, args=(call,)) for context in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    calls()
    sluiceway_harness.drain()
    store = sluiceway_harness.services.store
    runs = list(walk(lambda cursor: store.read_task_runs(after=cursor)))
    assert sorted(run.ordinal for run in runs) == list(range(1200))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_task_that_goes_through_its_children_as_they_end_does_not_deadlock_in_a_full_pool(workers: int) -> None:
    @task
    def goes_through(n: int) -> int:
        return sum(future.result() for future in as_completed(nested.map([1] * n)))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def fan() -> list[int]:
        return goes_through.map([3, 4, 5]).result()

    assert fan() == [3, 4, 5]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_async_task_that_awaits_its_children_does_not_deadlock_in_a_full_pool(workers: int) -> None:
    @task
    async def awaits(n: int) -> int:
        children = nested.map([1] * n)
        return sum(await asyncio.gather(*(child.result_async() for child in children)))

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def fan() -> list[int]:
        return awaits.map([3, 4]).result()

    assert fan() == [3, 4]


@pytest.mark.parametrize("workers", [1, 2])
def test_async_tasks_that_await_async_tasks_that_do_do_not_deadlock_in_a_full_pool(workers: int) -> None:
    @task
    async def add(numbers: list[int]) -> int:
        return sum(numbers)

    @task
    async def grow(depth: int) -> int:
        if depth == 0:
            return 1
        children = [grow.submit(depth - 1) for _ in range(2)]
        return await add(children) if depth % 2 else sum([await child.result_async() for child in children])

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def tree() -> int:
        return grow.submit(3).result()

    assert tree() == 8


def test_the_event_loop_of_an_async_task_goes_on_while_another_thread_runs_what_it_awaits() -> None:
    ticked = threading.Event()

    @task
    def waits_for_tick() -> bool:
        return ticked.wait(10)

    @task
    async def ticks() -> bool:
        asyncio.get_running_loop().call_soon(ticked.set)
        return await waits_for_tick.submit().result_async()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def two() -> bool:
        return ticks.submit().result()

    assert two()


def test_a_callback_that_exits_costs_the_pool_no_thread_and_no_call_that_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    called_back = threading.Event()

    @task
    def waits() -> int:
        called_back.wait(10)
        return 1

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def exits() -> tuple[int, int]:
        first = waits.submit()
        first.add_done_callback(lambda _: sys.exit(3))
        second = ident.submit(first)
        called_back.set()
        return second.result(), ident.submit(2).result()

    assert exits() == (1, 2)
    assert "A callback of the future of waits-" in caplog.text


def test_where_no_thread_can_be_had_tasks_run_on_the_thread_that_submits_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = threading.Thread.start

    def start_no_worker(thread: threading.Thread) -> None:
        if thread.name.startswith("sluiceway-worker"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_no_worker)

    @flow
    def short_of_threads() -> list[int]:
        return [nested.submit(2).result(), ident.submit(ident.submit(3)).result()]

    assert short_of_threads() == [2, 3]


def test_mapping_with_a_runner_that_has_ended_is_refused() -> None:
    @flow
    def ends() -> Any:
        context = FlowRunContext.get()
        assert context is not None
        return [context.task_runner]

    (runner,) = ends()

    @flow
    def later() -> None:
        runner.map(ident, {"x": [1]})

    with pytest.raises(RuntimeError, match="has ended"):
        later()


def test_a_runner_of_flows_says_outside_flows_that_it_is_one() -> None:
    with ThreadPoolTaskRunner() as runner, pytest.raises(MissingContextError, match="in a flow"):
        runner.submit(ident, {"x": 1})


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_a_flow_forks_has_threads_of_its_own_to_submit_tasks_to() -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def forks() -> tuple[int, int]:
        ident.submit(0).result()
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(ident.submit(7).result())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ident.submit(2).result()

    assert forks() == (7, 2)


def test_a_flow_ends_though_ctrl_c_came_between_the_choice_of_a_thread_and_its_call() -> None:
    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def loses_a_thread() -> int:
        value: int = ident.submit(1).result()
        context = FlowRunContext.get()
        assert context is not None
        context.task_runner._idle.clear()  # what is left of it when Ctrl-C comes just then
        return value

    ended: list[int] = []
    runs = threading.Thread(target=lambda: ended.append(loses_a_thread()), daemon=True)
    runs.start()
    runs.join(10)
    assert ended == [1]
