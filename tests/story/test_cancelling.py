"""Cancelling flow runs of this process: what is interrupted, what is called, what is left alone."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, runtime, suspend_flow_run, task, wiring
from sluiceway.client.schemas.actions import GlobalConcurrencyLimitCreate
from sluiceway.context import FlowRunContext
from sluiceway.drivers import in_hand
from sluiceway.exceptions import Abort, CancelledRun, ObjectNotFound, RunNotStoppableError
from sluiceway.flow_runs import acancel_flow_run, cancel_flow_run
from sluiceway.model.states import CANCELLED
from sluiceway.states import State
from sluiceway.testing import Harness
from sluiceway.transactions import transaction

ENDLESS = 100
"""Seconds that nobody waits for."""


class Canceller:
    """Cancels a run of this process from a thread of its own, once the run says that it has begun."""

    def __init__(self) -> None:
        self.run: uuid.UUID | None = None
        self.state: State[Any] | None = None
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._cancel)
        self._thread.start()

    def begin(self) -> None:
        """Have the run that calls this be cancelled, from now on."""
        self.run = uuid.UUID(runtime.flow_run.root_flow_run_id)
        self._begun.set()

    def _cancel(self) -> None:
        if self._begun.wait(10) and self.run is not None:
            self.state = cancel_flow_run(self.run, 10)

    def join(self) -> State[Any] | None:
        """Wait until the run has ended, and return what the canceller was told."""
        self._begun.set()
        self._thread.join()
        return self.state


@pytest.fixture
def canceller(sluiceway_harness: Harness) -> Iterator[Canceller]:
    made = Canceller()
    yield made
    made.join()


def states_of(harness: Harness) -> dict[str, list[str | None]]:
    """Return the states of the task runs, by task."""
    found: dict[str, list[str | None]] = {}
    for run in harness.client.read_task_runs():
        found.setdefault(run.task_name, []).append(run.state_name)
    return found


def states_of_flows(harness: Harness) -> dict[str, str | None]:
    with_flow = harness.client.read_flow_runs()
    return {harness.client.read_flow(run.flow_id).name: run.state_name for run in with_flow}


@task
def naps(begin: Callable[[], None] | None = None) -> None:
    if begin is not None:
        begin()
    time.sleep(ENDLESS)


@task
def counts(begin: Callable[[], None] | None = None) -> None:
    number = 0
    if begin is not None:
        begin()
    while True:
        number += 1


# --- what is interrupted --------------------------------------------------------------------------


def test_blocking_calls_on_the_main_thread_end_and_the_caller_is_told(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    told: list[tuple[str, str]] = []

    @flow(on_cancellation=[lambda _, run, state: told.append((run.name, state.name))])
    def sleeps() -> None:
        naps(canceller.begin)

    with pytest.raises(CancelledRun, match=r"Somebody cancelled the flow run\."):
        sleeps()
    assert (state := canceller.join()) is not None
    assert state.name == "Cancelled"
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert told == [(run.name, "Cancelled")]
    assert (run.state_name, states_of(sluiceway_harness)) == ("Cancelled", {"naps": ["Cancelled"]})


def test_async_code_gets_a_cancelled_error_and_what_comes_after_the_run_is_left_alone(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    seen: list[str] = []

    @task
    async def awaits() -> None:
        try:
            await asyncio.sleep(ENDLESS)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    @flow
    async def gathers() -> None:
        both = asyncio.gather(awaits(), awaits())
        await asyncio.sleep(0.01)
        canceller.begin()
        await both

    async def main() -> int:
        with pytest.raises(CancelledRun):
            await gathers()
        await asyncio.sleep(0)
        current = asyncio.current_task()
        return -1 if current is None else current.cancelling()

    assert asyncio.run(main()) == 0
    canceller.join()
    assert seen == ["cancelled", "cancelled"]
    assert states_of(sluiceway_harness) == {"awaits": ["Cancelled", "Cancelled"]}


def test_a_flow_in_another_thread_is_interrupted_at_the_next_bytecode(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    @flow
    def spins() -> None:
        counts(canceller.begin)

    raised: list[BaseException] = []

    def call() -> None:
        try:
            spins()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(10)
    assert [type(error) for error in raised] == [CancelledRun]
    assert states_of(sluiceway_harness) == {"counts": ["Cancelled"]}


def test_submitted_tasks_are_interrupted_or_dropped_async_ones_too(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    begun = threading.Barrier(3)

    @task
    def meets_and_counts() -> None:
        begun.wait(10)
        counts.fn()

    @task
    async def meets_and_awaits() -> None:
        begun.wait(10)
        await asyncio.sleep(ENDLESS)

    @flow
    def submits() -> None:
        futures = [meets_and_counts.submit(), meets_and_awaits.submit()]
        begun.wait(10)
        later = counts.submit(wait_for=futures)
        canceller.begin()
        later.wait()

    with pytest.raises(CancelledRun):
        submits()
    canceller.join()
    assert states_of(sluiceway_harness) == {
        "counts": ["Cancelled"],
        "meets_and_counts": ["Cancelled"],
        "meets_and_awaits": ["Cancelled"],
    }


def test_a_child_flow_run_and_the_task_that_stands_for_it_end_with_the_parent(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    hooks: list[str] = []

    @flow(on_cancellation=[lambda *_: hooks.append("child")])
    def child() -> None:
        naps(canceller.begin)

    @flow(on_cancellation=[lambda *_: hooks.append("parent")])
    def parent() -> None:
        child()

    with pytest.raises(CancelledRun):
        parent()
    canceller.join()
    assert hooks == ["child", "parent"]
    assert states_of_flows(sluiceway_harness) == {"child": "Cancelled", "parent": "Cancelled"}
    assert states_of(sluiceway_harness) == {"child": ["Cancelled"], "naps": ["Cancelled"]}


def test_a_generator_run_ends_when_the_next_value_is_asked_for(sluiceway_harness: Harness) -> None:
    cleaned: list[str] = []

    @flow
    def yields() -> Iterator[str | None]:
        try:
            yield runtime.flow_run.id
            yield "never"
        finally:
            cleaned.append("up")

    values = yields()
    key = uuid.UUID(next(values)).bytes
    sluiceway_harness.drain()
    assert in_hand.call_off(key, "Enough.")
    with pytest.raises(CancelledRun, match="Enough"):
        next(values)
    assert cleaned == ["up"]
    assert not in_hand.under_way()


# --- what does not happen any more ----------------------------------------------------------------


def test_no_new_task_or_child_flow_begins_though_the_flow_swallows_the_interruption(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    began: list[str] = []

    @task
    def works() -> None:
        began.append("task")

    @flow
    def child() -> None:
        began.append("flow")

    @flow
    def swallows() -> None:
        canceller.begin()
        for call in (naps, works, works.submit, child):
            with suppress(BaseException):
                call()
        works()

    with pytest.raises(CancelledRun):
        swallows()
    canceller.join()
    assert began == []


def test_nothing_is_retried(sluiceway_harness: Harness, canceller: Canceller) -> None:
    tries: list[str] = []

    @task(retries=3)
    def fails() -> None:
        tries.append("task")
        canceller.begin()
        try:
            time.sleep(ENDLESS)
        except BaseException as error:
            raise ValueError("made of something else") from error

    @flow(retries=3)
    def retried() -> None:
        tries.append("flow")
        fails()

    with pytest.raises(CancelledRun):
        retried()
    canceller.join()
    assert tries == ["flow", "task"]
    assert states_of(sluiceway_harness) == {"fails": ["Failed"]}


@pytest.mark.parametrize("where", ["task", "flow"])
def test_the_delay_before_a_retry_is_cut_short_in_any_thread(
    sluiceway_harness: Harness, canceller: Canceller, where: str
) -> None:
    @task(retries=1 if where == "task" else 0, retry_delay_seconds=ENDLESS)
    def fails() -> None:
        canceller.begin()
        raise ValueError

    @flow(retries=1 if where == "flow" else 0, retry_delay_seconds=ENDLESS)
    def waits() -> None:
        fails()

    outcome: list[State[Any]] = []
    thread = threading.Thread(target=lambda: outcome.append(waits(return_state=True)))
    thread.start()
    thread.join(10)
    assert [state.name for state in outcome] == ["Cancelled"]


def test_a_task_that_waits_for_its_turn_never_begins(sluiceway_harness: Harness, canceller: Canceller) -> None:
    began: list[str] = []
    sluiceway_harness.client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="tag:one", limit=1))

    @task(tags={"one"})
    def holds(begin: Callable[[], None]) -> None:
        begin()
        counts.fn()

    @task(tags={"one"})
    def waits() -> None:
        began.append("the turn of another")

    @flow
    def queues() -> None:
        held = threading.Event()
        first = holds.submit(held.set)
        held.wait(10)
        second = waits.submit()
        while second.state.name != "AwaitingConcurrencySlot":
            time.sleep(0.005)
        canceller.begin()
        first.wait()

    with pytest.raises(CancelledRun):
        queues()
    canceller.join()
    assert began == []
    assert states_of(sluiceway_harness) == {"holds": ["Cancelled"], "waits": ["Cancelled"]}


# --- what is still done ---------------------------------------------------------------------------


def test_transactions_around_are_rolled_back_and_hooks_may_call_tasks(
    sluiceway_harness: Harness, canceller: Canceller
) -> None:
    undone: list[str] = []

    @task
    def undoes() -> None:
        undone.append("by a task")

    @task(on_rollback=[lambda _: undoes()])
    def does() -> None: ...

    @flow(on_cancellation=[lambda *_: undoes()])
    def transacts() -> None:
        with transaction():
            does()
            naps(canceller.begin)

    with pytest.raises(CancelledRun):
        transacts()
    canceller.join()
    assert undone == ["by a task", "by a task"]
    assert states_of(sluiceway_harness) == {
        "does": ["RolledBack"],
        "naps": ["Cancelled"],
        "undoes": ["Completed", "Completed"],
    }


def test_code_is_left_alone_while_it_tidies_up(sluiceway_harness: Harness, canceller: Canceller) -> None:
    tidied: list[str] = []

    @flow
    def tidies() -> None:
        canceller.begin()
        try:
            time.sleep(ENDLESS)
        finally:
            for _ in range(20):
                time.sleep(0.005)
            tidied.append("up")

    with pytest.raises(CancelledRun):
        tidies()
    canceller.join()
    assert tidied == ["up"]


@pytest.mark.parametrize("where", ["main thread", "another thread"])
def test_what_comes_after_a_run_is_never_interrupted(sluiceway_harness: Harness, where: str) -> None:
    over = threading.Event()
    hit: list[BaseException] = []

    @flow
    def short() -> None:
        for _ in range(50):
            time.sleep(0)

    def calls() -> None:
        for _ in range(20):
            with suppress(Abort, CancelledRun):
                short()
            try:
                for _ in range(50):
                    time.sleep(0)
            except BaseException as error:
                hit.append(error)

    def hammers() -> None:
        while not over.wait(0.0005):
            in_hand.call_off_all("Hammered.", CANCELLED)

    helper = threading.Thread(target=hammers)
    helper.start()
    try:
        if where == "main thread":
            calls()
        else:
            thread = threading.Thread(target=calls)
            thread.start()
            thread.join()
    finally:
        over.set()
        helper.join()
    assert hit == []
    assert "Cancelled" in states_of_flows(sluiceway_harness).values()
    assert not in_hand.under_way()


# --- where there is nothing to interrupt ----------------------------------------------------------


def test_a_flow_may_cancel_itself_and_a_task_its_flow(sluiceway_harness: Harness) -> None:
    @task
    def gives_up() -> None:
        cancel_flow_run(uuid.UUID(runtime.flow_run.id))

    @flow
    def by_itself() -> None:
        cancel_flow_run(uuid.UUID(runtime.flow_run.id))

    @flow
    def by_a_task() -> None:
        gives_up.submit().wait()
        naps()

    @flow
    async def by_its_async_self() -> None:
        await acancel_flow_run(uuid.UUID(runtime.flow_run.id))

    for called in (by_itself, by_a_task):
        with pytest.raises(CancelledRun):
            called()
    with pytest.raises(CancelledRun):
        asyncio.run(by_its_async_self())
    assert set(states_of_flows(sluiceway_harness).values()) == {"Cancelled"}


def test_a_suspended_run_is_cancelled_at_once(sluiceway_harness: Harness) -> None:
    @flow
    def suspends() -> None:
        suspend_flow_run()

    suspends(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert (run.state_name, cancel_flow_run(run.id).name) == ("Suspended", "Cancelled")


def test_a_run_of_this_process_that_does_not_end_in_time_has_ended_in_the_journal(sluiceway_harness: Harness) -> None:
    begun, go_on = threading.Event(), threading.Event()
    known: list[uuid.UUID] = []

    @flow
    def deaf() -> str:
        known.append(uuid.UUID(runtime.flow_run.id))
        with FlowRunContext.get().brake.shield():  # as a hook is: nothing interrupts it
            begun.set()
            go_on.wait(10)
        return "did it all"

    states: list[State[Any]] = []
    thread = threading.Thread(target=lambda: states.append(deaf(return_state=True)))
    thread.start()
    begun.wait(10)
    assert cancel_flow_run(known[0], grace_seconds=0).name == "Cancelled"
    go_on.set()
    thread.join()
    assert [state.name for state in states] == ["Cancelled"]
    assert sluiceway_harness.client.read_flow_run(known[0]).state_name == "Cancelled"


def test_what_cannot_be_cancelled_says_why_and_what_to_do(sluiceway_harness: Harness) -> None:
    @flow
    def child() -> str:
        with pytest.raises(RunNotStoppableError) as refused:
            cancel_flow_run(uuid.UUID(runtime.flow_run.id))
        return str(refused.value)

    @flow
    def parent() -> str:
        return child()

    message = parent()
    (root,) = [run for run in sluiceway_harness.client.read_flow_runs() if run.parent_task_run_id is None]
    assert message.endswith(f"was called by another one, and ends with that; cancel flow run {root.id} instead.")
    with pytest.raises(RunNotStoppableError, match=r"has ended: it is Completed\. There is nothing to cancel"):
        cancel_flow_run(root.id)
    with pytest.raises(ObjectNotFound):
        cancel_flow_run(uuid.uuid4())


# --- a process that was taken for dead ------------------------------------------------------------


@pytest.mark.slow
def test_a_process_that_was_taken_for_dead_interrupts_its_runs(
    sluiceway_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEWAY_LIVENESS", "lease")

    @flow
    def works() -> None:
        services = wiring.services()
        services.recorder.drain()
        (process,) = services.store.read_processes()
        services.store.bury_process(process, "It was slow.", services.clock.now())
        time.sleep(ENDLESS)

    with pytest.raises(Abort, match="Other processes have taken this one for dead"):
        works()
    (run,) = wiring.services().store.read_flow_runs().items
    assert (run.state_name, run.state.message) == ("Crashed", "It was slow.")
