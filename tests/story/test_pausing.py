"""Pausing and suspending flow runs of this process."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pydantic
import pytest

from sluiceway import (
    Flow,
    apause_flow_run,
    aresume_flow_run,
    asuspend_flow_run,
    flow,
    pause_flow_run,
    resume_flow_run,
    runtime,
    suspend_flow_run,
    task,
)
from sluiceway.exceptions import (
    FlowPauseTimeout,
    MissingContextError,
    NotPausedError,
    ParameterTypeError,
    Pause,
    PausedRun,
    RunNotStoppableError,
)
from sluiceway.flow_runs import cancel_flow_run
from sluiceway.input import AutomaticRunInput, RunInput, run_input_subclass_from_type
from sluiceway.testing import Harness, VirtualClock


class Approval(RunInput):
    approved: bool
    reason: str = "none"


class Order(pydantic.BaseModel):
    size: int


class Answering:
    """Resumes the run of this process that pauses next, again and again, from a thread of its own."""

    def __init__(self, harness: Harness, answers: list[Mapping[str, Any] | None]) -> None:
        self._harness = harness
        self._answers = answers
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        answered: set[str | None] = set()
        deadline = time.monotonic() + 10
        while self._answers and time.monotonic() < deadline:
            for run in self._harness.client.read_flow_runs():
                key = None if run.state is None else run.state.state_details.pause_key
                if run.state_name == "Paused" and key not in answered:
                    answered.add(key)
                    assert resume_flow_run(run.id, self._answers.pop(0)) is None
            time.sleep(0.005)

    def join(self) -> None:
        """Wait until all answers are given."""
        self._thread.join()
        assert self._answers == []


@pytest.fixture
def answer(sluiceway_harness: Harness) -> Iterator[Callable[..., Answering]]:
    """Answer pauses with these inputs, one after the other."""
    made = []

    def begin(*answers: Mapping[str, Any] | None) -> Answering:
        made.append(Answering(sluiceway_harness, list(answers)))
        return made[-1]

    yield begin
    for answering in made:
        answering.join()


def names_of_states(harness: Harness) -> list[str]:
    (run,) = harness.client.read_flow_runs()
    return [state.name for state in harness.client.read_flow_run_states(run.id)]


# --- pausing --------------------------------------------------------------------------------------


def test_a_flow_waits_until_it_is_resumed(sluiceway_harness: Harness, answer: Callable[..., Answering]) -> None:
    @flow
    def waits() -> str:
        assert pause_flow_run() is None
        return "went on"

    answer(None)
    assert waits() == "went on"
    assert names_of_states(sluiceway_harness) == ["Pending", "Running", "Paused", "Running", "Completed"]


def test_an_async_flow_waits_and_its_loop_goes_on_meanwhile(
    sluiceway_harness: Harness, answer: Callable[..., Answering]
) -> None:
    turns = 0

    @flow
    async def waits() -> Approval:
        return await apause_flow_run(wait_for_input=Approval)

    async def main() -> Approval:
        nonlocal turns
        running = asyncio.ensure_future(waits())
        while not running.done():
            turns += 1
            await asyncio.sleep(0.005)
        return await running

    answer({"approved": False})
    assert asyncio.run(main()) == Approval(approved=False, reason="none")
    assert turns > 1
    assert names_of_states(sluiceway_harness) == ["Pending", "Running", "Paused", "Running", "Completed"]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        (Approval, {"approved": True, "reason": "ok"}, Approval(approved=True, reason="ok")),
        (Approval.with_initial_data(reason="set"), {"approved": True}, "set"),
        (Order, {"size": 3}, 3),
        (int, {"value": 7}, 7),
        (list[int], {"value": [1, 2]}, [1, 2]),
    ],
    ids=["an input", "an input with values", "a model", "a type", "a generic type"],
)
def test_what_is_asked_for_is_what_the_flow_gets(
    answer: Callable[..., Answering], kind: Any, given: dict[str, Any], expected: object
) -> None:
    @flow
    def asks() -> Any:
        return pause_flow_run(wait_for_input=kind)

    answer(given)
    got = asks()
    if isinstance(expected, str):
        got = got.reason
    elif kind is Order:
        assert isinstance(got, Order)
        got = got.size
    assert got == expected


def test_an_input_that_does_not_fit_is_refused_and_the_run_stays_paused(
    sluiceway_harness: Harness, answer: Callable[..., Answering], caplog: pytest.LogCaptureFixture
) -> None:
    class Even(RunInput):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def _even(cls, number: int) -> int:
            if number % 2:
                raise ValueError("it is odd")
            return number

    known: list[uuid.UUID] = []

    @flow
    def asks() -> int:
        known.append(uuid.UUID(runtime.flow_run.id))
        return pause_flow_run(wait_for_input=Even).number

    def answers() -> None:
        while not known or sluiceway_harness.client.read_flow_run(known[0]).state_name != "Paused":
            time.sleep(0.005)
        for unfit in ({"number": "x"}, {}, None):
            with pytest.raises(ParameterTypeError, match="It takes number: integer"):
                resume_flow_run(known[0], unfit)
        resume_flow_run(known[0], {"number": 3})  # only the flow can tell
        while "it is odd" not in caplog.text:
            time.sleep(0.005)
        resume_flow_run(known[0], {"number": 4})

    thread = threading.Thread(target=answers)
    thread.start()
    assert asks() == 4
    thread.join()
    assert "The run stays paused, since what it was given does not fit" in caplog.text


def test_functions_have_their_async_twins_at_hand() -> None:
    twins = {
        "pause_flow_run": apause_flow_run,
        "resume_flow_run": aresume_flow_run,
        "suspend_flow_run": asuspend_flow_run,
    }
    assert {name: getattr(globals()[name], "aio") for name in twins} == twins  # noqa: B009


def test_nobody_comes_in_time_and_the_run_fails(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    @flow
    def waits() -> None:
        pause_flow_run(timeout=3600)

    before = virtual_clock.time
    with pytest.raises(FlowPauseTimeout, match="nobody resumed it in time"):
        waits()
    assert (virtual_clock.time - before).total_seconds() >= 3600
    assert names_of_states(sluiceway_harness) == ["Pending", "Running", "Paused", "Running", "Failed"]


def test_looks_come_quickly_at_first_and_never_less_often_than_asked(virtual_clock: VirtualClock) -> None:
    @flow
    def waits() -> None:
        pause_flow_run(timeout=30, poll_interval=0.4)

    waits(return_state=True)
    assert virtual_clock.slept[:4] == [0.05, 0.1, 0.2, 0.4]
    assert max(virtual_clock.slept) == 0.4


def test_a_pause_that_has_ended_is_not_made_again_when_the_flow_is_retried(
    answer: Callable[..., Answering],
) -> None:
    answers: list[int] = []

    @flow(retries=1)
    def flaky() -> None:
        answers.append(pause_flow_run(wait_for_input=int))
        answers.append(pause_flow_run(wait_for_input=int, key="second"))
        if len(answers) == 2:
            raise ValueError("once")

    answer({"value": 1}, {"value": 2})
    flaky()
    assert answers == [1, 2, 1, 2]


def test_a_key_tells_a_pause_from_others_wherever_it_is(answer: Callable[..., Answering]) -> None:
    @flow
    def twice() -> list[int]:
        return [pause_flow_run(wait_for_input=int, key="same") for _ in range(2)]

    answer({"value": 5})
    assert twice() == [5, 5]


def test_a_child_flow_run_can_be_paused(sluiceway_harness: Harness, answer: Callable[..., Answering]) -> None:
    @flow
    def child() -> int:
        return pause_flow_run(wait_for_input=int)

    @flow
    def parent() -> int:
        return child() + 1

    answer({"value": 1})
    assert parent() == 2


def test_a_paused_run_can_be_cancelled(sluiceway_harness: Harness) -> None:
    @flow
    def waits() -> None:
        pause_flow_run()

    def cancels() -> None:
        while not (runs := sluiceway_harness.client.read_flow_runs()) or runs[0].state_name != "Paused":
            time.sleep(0.005)
        cancel_flow_run(runs[0].id, 10)

    thread = threading.Thread(target=cancels)
    thread.start()
    assert waits(return_state=True).name == "Cancelled"
    thread.join()


# --- suspending -----------------------------------------------------------------------------------


def suspended(harness: Harness, subject: Flow[..., Any]) -> uuid.UUID:
    """Call a flow that suspends its run, and return the id of that."""
    state = asyncio.run(subject(return_state=True)) if subject.isasync else subject(return_state=True)
    assert (state.name, state.type.value) == ("Suspended", "PAUSED")
    (run,) = harness.client.read_flow_runs()
    return run.id


def test_a_flow_unwinds_and_goes_on_when_it_is_resumed(sluiceway_harness: Harness) -> None:
    ran: list[str] = []

    @task
    def step(name: str) -> str:
        ran.append(name)
        return name

    @flow
    def suspends() -> str:
        before = step.submit("before")
        approval = suspend_flow_run(wait_for_input=Approval)
        return f"{before.result()}, {step(approval.reason)}"

    run = suspended(sluiceway_harness, suspends)
    with pytest.raises(ParameterTypeError, match="'approved' is missing"):
        resume_flow_run(run, flow=suspends)
    state = resume_flow_run(run, {"approved": True, "reason": "after"}, flow=suspends)
    assert state is not None
    assert state.result() == "before, after"
    assert ran == ["before", "after"]
    assert names_of_states(sluiceway_harness) == [
        "Pending", "Running", "Suspended", "Resuming", "Running", "Completed"
    ]  # fmt: skip
    with pytest.raises(NotPausedError, match="has completed"):
        resume_flow_run(run, flow=suspends)


def test_an_async_flow_is_suspended_and_resumed(sluiceway_harness: Harness) -> None:
    @flow
    async def suspends() -> int:
        return await asuspend_flow_run(wait_for_input=int)

    run = suspended(sluiceway_harness, suspends)
    state = asyncio.run(aresume_flow_run(run, {"value": 3}, flow=suspends))
    assert state is not None
    assert state.result() == 3


def test_whoever_calls_a_flow_that_is_suspended_is_told(sluiceway_harness: Harness) -> None:
    @flow
    def suspends() -> None:
        suspend_flow_run()

    with pytest.raises(PausedRun):
        suspends()


def test_a_suspension_whose_time_is_over_fails_when_it_is_resumed(
    virtual_clock: VirtualClock, sluiceway_harness: Harness
) -> None:
    @flow
    def suspends() -> None:
        suspend_flow_run(timeout=60)

    run = suspended(sluiceway_harness, suspends)
    virtual_clock.advance(61)
    with pytest.raises(FlowPauseTimeout, match=r"could be resumed until .*, and has failed"):
        resume_flow_run(run, flow=suspends)
    assert sluiceway_harness.client.read_flow_run(run).state_name == "Failed"


def test_another_run_is_suspended_before_its_next_task(sluiceway_harness: Harness) -> None:
    begun, go_on = threading.Event(), threading.Event()
    known: list[uuid.UUID] = []
    ran: list[str] = []

    @task
    def step(name: str) -> None:
        ran.append(name)

    @flow
    def works() -> str:
        known.append(uuid.UUID(runtime.flow_run.id))
        step("first")
        begun.set()
        go_on.wait(10)
        step("second")
        return "all done"

    states: list[Any] = []
    thread = threading.Thread(target=lambda: states.append(works(return_state=True)))
    thread.start()
    begun.wait(10)
    suspend_flow_run(flow_run_id=known[0])
    go_on.set()
    thread.join()
    assert [state.name for state in states] == ["Suspended"]
    assert ran == ["first"]
    state = resume_flow_run(known[0], flow=works)
    assert state is not None
    assert state.result() == "all done"
    assert ran == ["first", "second"]


# --- where it cannot be ---------------------------------------------------------------------------


def test_tasks_and_code_outside_flows_cannot_pause_and_child_runs_cannot_be_suspended() -> None:
    @task
    def pauses() -> None:
        pause_flow_run()

    @flow
    def in_a_task() -> None:
        pauses()

    @flow
    def child() -> None:
        suspend_flow_run()

    @flow
    def parent() -> None:
        child()

    with pytest.raises(MissingContextError, match="this is code of the task 'pauses'"):
        in_a_task()
    with pytest.raises(MissingContextError, match="was called by another one"):
        parent()
    with pytest.raises(MissingContextError, match="this is no code of a flow"):
        suspend_flow_run()
    with pytest.raises(RuntimeError):  # which is what a flow written for others expects
        asyncio.run(apause_flow_run())


def test_a_run_that_is_not_paused_is_not_resumed_and_one_without_a_process_is_not_suspended(
    sluiceway_harness: Harness,
) -> None:
    @flow
    def done() -> None: ...

    @flow
    def suspends() -> None:
        suspend_flow_run()

    done()
    (run,) = sluiceway_harness.client.read_flow_runs()
    with pytest.raises(NotPausedError, match="is Completed, not paused"):
        resume_flow_run(run.id, {"value": 1})
    with pytest.raises(RunNotStoppableError, match="has ended"):
        suspend_flow_run(flow_run_id=run.id)
    suspends(return_state=True)
    waiting = next(run for run in sluiceway_harness.client.read_flow_runs() if run.state_name == "Suspended")
    with pytest.raises(RunNotStoppableError, match="is Suspended, and no process is at work on it"):
        suspend_flow_run(flow_run_id=waiting.id)
    with pytest.raises(ValueError, match="asks for no input"):
        suspend_flow_run(wait_for_input=int, flow_run_id=waiting.id)


def test_inputs_are_made_of_models_their_instances_and_types() -> None:
    assert run_input_subclass_from_type(Approval) is Approval
    assert issubclass(run_input_subclass_from_type(Order), Order)
    assert run_input_subclass_from_type(Order(size=2))().size == 2
    assert issubclass(run_input_subclass_from_type(int), AutomaticRunInput)
    assert Approval.with_initial_data("Is it fine?", reason="x").__doc__ == "Is it fine?"
    with pytest.raises(ValueError, match="Approval has no field 'colour'"):
        Approval.with_initial_data(colour="red")


def test_a_pause_of_the_users_own_brings_the_run_into_its_state(sluiceway_harness: Harness) -> None:
    @flow
    def pauses() -> None:
        raise Pause

    assert pauses(return_state=True).name == "Paused"
