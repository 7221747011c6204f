"""What a flow run comes to, from what its function returns or raises."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway import flow, quote, task
from sluiceway.exceptions import CancelledRun, CrashedRun, FailedRun, PausedRun, UnfinishedRun
from sluiceway.states import Cancelled, Completed, Crashed, Failed, Paused, Running, State
from sluiceway.testing import Harness

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def good(x: int = 1) -> int:
    return x


@task
def bad() -> int:
    raise ValueError("bad")


def test_an_exception_gives_failed_and_is_raised() -> None:
    @flow
    def fails() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        fails()
    state = fails(return_state=True)
    assert (state.type.value, state.message) == ("FAILED", "Flow run encountered an exception: KeyError: 'k'")
    assert isinstance(state.result(raise_on_failure=False), KeyError)


@pytest.mark.parametrize(
    ("made", "error"),
    [(Failed, FailedRun), (Crashed, CrashedRun), (Cancelled, CancelledRun), (Paused, PausedRun)],
)
def test_a_returned_state_is_the_state(made, error) -> None:  # type: ignore[no-untyped-def]
    @flow
    def returns():  # type: ignore[no-untyped-def]
        return made(message="so")

    state = returns(return_state=True)
    assert (state.name, state.message) == (made().name, "so")
    with pytest.raises(error):
        returns()


def test_a_returned_completed_state_gives_its_value() -> None:
    @flow
    def returns():  # type: ignore[no-untyped-def]
        return Completed(data=3, message="early", name="Skipped")

    assert returns() == 3
    assert returns(return_state=True).name == "Skipped"


def test_a_returned_state_that_is_not_final_fails_the_run_once() -> None:
    calls = []

    @flow
    def returns():  # type: ignore[no-untyped-def]
        calls.append(1)
        return Running()

    with pytest.raises(UnfinishedRun):
        returns()
    assert len(calls) == 1


def test_a_returned_future_is_resolved() -> None:
    @flow
    def one():  # type: ignore[no-untyped-def]
        return good.submit(5)

    @flow
    def nested():  # type: ignore[no-untyped-def]
        return {"a": [good.submit(1), 7], "b": (good.submit(2),), "c": good(3, return_state=True)}

    assert one() == 5
    assert nested() == {"a": [1, 7], "b": (2,), "c": 3}


def test_returned_futures_that_did_not_complete_fail_the_run_with_a_message_that_counts_them() -> None:
    @flow
    def some():  # type: ignore[no-untyped-def]
        return [good.submit(), bad.submit(), bad.submit()]

    state = some(return_state=True)
    assert (state.name, state.message) == ("Failed", "2/3 states failed.")
    with pytest.raises(ValueError, match="bad"):
        some()


def test_a_returned_future_that_did_not_complete_is_counted_too() -> None:
    @flow
    def one():  # type: ignore[no-untyped-def]
        return bad.submit()

    state = one(return_state=True)
    assert (state.name, state.message) == ("Failed", "1/1 states failed.")
    with pytest.raises(ValueError, match="bad"):
        one()


def test_returned_states_that_all_completed_are_said_to() -> None:
    @flow
    def all_good():  # type: ignore[no-untyped-def]
        return [good.submit(1), good.submit(2)]

    state = all_good(return_state=True)
    assert (state.message, state.data) == ("All states completed.", [1, 2])


@pytest.mark.parametrize(
    ("returned", "name", "message"),
    [
        ([Completed(), Running()], "Failed", "1/2 states are not final."),
        ([Completed(), Running(), Failed()], "Failed", "1/3 states failed."),
        ([Completed(), Failed(), Paused()], "Paused", "1/3 states paused."),
        ([Paused(), Failed(), Cancelled()], "Cancelled", "1/3 states cancelled."),
    ],
)
def test_cancelled_ones_decide_before_paused_failed_and_unfinished_ones(
    returned: list[State[Any]], name: str, message: str
) -> None:
    @flow
    def mixed():  # type: ignore[no-untyped-def]
        return returned

    state = mixed(return_state=True)
    assert (state.name, state.message) == (name, message)


def test_a_run_that_was_not_ready_is_not_final() -> None:
    @flow
    def waits():  # type: ignore[no-untyped-def]
        return [good.submit(bad.submit()), good.submit()]

    assert waits(return_state=True).message == "1/2 states are not final."
    with pytest.raises(UnfinishedRun, match="1/2 states are not final"):
        waits()


def test_a_task_that_returns_states_is_judged_by_them() -> None:
    @task
    def checks(*parts: State[Any]) -> list[State[Any]]:
        return list(parts)

    @task
    def counts(*parts: State[Any]) -> list[Any]:
        return [len(parts), *parts]

    @flow
    def judged() -> list[State[Any]]:
        parts = quote(Completed(data=1)), quote(Failed(message="no"))
        return [
            checks(*parts, return_state=True),
            checks(parts[0], return_state=True),
            counts(*parts, return_state=True),
        ]

    mixed, complete, other = judged.fn()
    assert (mixed.name, mixed.message) == ("Failed", "1/2 states failed.")
    assert (complete.name, complete.message) == ("Completed", "All states completed.")
    assert [state.data for state in complete.data] == [1]
    assert (other.name, other.message) == ("Completed", None)


def test_returned_states_in_any_collection_are_judged() -> None:
    @flow
    def nested():  # type: ignore[no-untyped-def]
        return {"deep": [(Completed(), Failed(message="f"))]}

    assert nested(return_state=True).message == "1/2 states failed."


def test_a_cancelled_state_among_those_returned_cancels_the_run() -> None:
    @flow
    def mixed():  # type: ignore[no-untyped-def]
        return [Completed(), Failed(), Cancelled()]

    assert mixed(return_state=True).is_cancelled()


def test_anything_else_is_completed_with_the_value_as_data(sluiceway_harness: Harness) -> None:
    @flow
    def swallows() -> str:
        bad.submit()
        bad(return_state=True)
        return "fine"

    state = swallows(return_state=True)
    assert (state.name, state.data) == ("Completed", "fine")
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state_name == "Completed"


def test_leaving_a_flow_waits_for_unfinished_futures(sluiceway_harness: Harness) -> None:
    import threading

    gate, ended = threading.Event(), []

    @task
    def slow() -> None:
        gate.wait(5)
        ended.append(1)

    @flow
    def leaves() -> str:
        slow.submit()
        threading.Timer(0.02, gate.set).start()
        return "left"

    assert leaves() == "left"
    assert ended == [1]
    assert {run.state_name for run in sluiceway_harness.client.read_task_runs()} == {"Completed"}


def test_a_raising_flow_waits_for_its_futures_too() -> None:
    import threading

    gate, ended = threading.Event(), []

    @task
    def slow() -> None:
        gate.wait(5)
        ended.append(1)

    @flow
    def raises() -> None:
        slow.submit()
        threading.Timer(0.02, gate.set).start()
        raise RuntimeError("early")

    with pytest.raises(RuntimeError, match="early"):
        raises()
    assert ended == [1]


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_the_flow_from_outside_crashes_it_and_goes_on_up(
    ending: BaseException, sluiceway_harness: Harness
) -> None:
    @flow
    def ended() -> None:
        raise ending

    with pytest.raises(type(ending)):
        ended()
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state_name == "Crashed"


def test_an_exception_of_a_task_in_a_flow_fails_the_flow_unless_it_is_caught() -> None:
    @flow
    def caught() -> str:
        try:
            bad()
        except ValueError:
            return "caught"
        return "never"

    @flow
    def uncaught() -> None:
        bad()

    assert caught() == "caught"
    with pytest.raises(ValueError, match="bad"):
        uncaught()
