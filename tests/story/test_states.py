"""States: nine types, names that refine them, and what a state gives as its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sluiceway import State, flow, states, task
from sluiceway.exceptions import (
    CancelledRun,
    CrashedRun,
    FailedRun,
    PausedRun,
    UnfinishedRun,
    UpstreamTaskError,
)
from sluiceway.results import ResultStore
from sluiceway.states import StateDetails, StateGroup, StateType
from sluiceway.testing import Harness, VirtualClock

TYPES = "SCHEDULED PENDING RUNNING COMPLETED FAILED CRASHED CANCELLED CANCELLING PAUSED".split()

CONSTRUCTORS = {
    "Scheduled": "SCHEDULED",
    "Late": "SCHEDULED",
    "AwaitingRetry": "SCHEDULED",
    "AwaitingConcurrencySlot": "SCHEDULED",
    "Pending": "PENDING",
    "NotReady": "PENDING",
    "Submitting": "PENDING",
    "InfrastructurePending": "PENDING",
    "Running": "RUNNING",
    "Retrying": "RUNNING",
    "Completed": "COMPLETED",
    "Cached": "COMPLETED",
    "RolledBack": "COMPLETED",
    "Failed": "FAILED",
    "TimedOut": "FAILED",
    "Crashed": "CRASHED",
    "Cancelled": "CANCELLED",
    "Cancelling": "CANCELLING",
    "Paused": "PAUSED",
    "Suspended": "PAUSED",
}

FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def test_there_are_nine_types() -> None:
    assert [kind.value for kind in StateType] == TYPES
    assert {kind.value for kind in states.FINAL_TYPES} == FINAL


@pytest.mark.parametrize(("name", "kind"), CONSTRUCTORS.items())
def test_each_named_state_has_a_constructor(name: str, kind: str) -> None:
    make: Callable[..., State[Any]] = getattr(states, name)
    state = make(message="why")
    assert (state.name, state.type.value, state.message) == (name, kind, "why")
    assert make(name="Other").name == "Other"


def test_no_constructor_is_forgotten_here() -> None:
    made = {name for name in states.__all__ if name[0].isupper() and not name.startswith("State")}
    assert made - {"FINAL_TYPES"} == set(CONSTRUCTORS)


@pytest.mark.parametrize("kind", StateType)
def test_exactly_one_predicate_of_the_types_holds(kind: StateType) -> None:
    state: State[Any] = State(kind)
    assert [name for name in map(str.lower, TYPES) if getattr(state, f"is_{name}")()] == [kind.value.lower()]
    assert state.is_final() is (kind.value in FINAL)
    assert state.name == kind.value.capitalize()


def test_a_state_has_an_identifier_and_a_moment_of_its_own() -> None:
    before = datetime.now(UTC)
    one, other = states.Running(), states.Running()
    assert isinstance(one.id, UUID)
    assert (one.id, one.id == other.id) == (one.id, False)
    assert before - timedelta(milliseconds=1) <= one.timestamp <= datetime.now(UTC) + timedelta(milliseconds=1)
    fixed = datetime(2024, 5, 6, 7, tzinfo=UTC)
    assert states.Pending(timestamp=fixed).timestamp == fixed


# --- results --------------------------------------------------------------------------------------


def test_a_completed_state_gives_its_data() -> None:
    assert states.Completed(data=[1]).result() == [1]
    assert states.Completed().result() is None
    assert asyncio.run(states.Completed(data=2).aresult()) == 2


@pytest.mark.parametrize(
    ("make", "error"),
    [(states.Failed, FailedRun), (states.Crashed, CrashedRun), (states.Cancelled, CancelledRun)],
)
def test_a_state_that_did_not_complete_raises_or_returns_its_error(make: Any, error: type[Exception]) -> None:
    own = LookupError("own")
    assert make(data=own).result(raise_on_failure=False) is own
    with pytest.raises(LookupError, match="own"):
        make(data=own).result()
    with pytest.raises(error, match="told so"):
        make(message="told so").result()
    with pytest.raises(error, match="as data"):
        make(data="as data").result()
    with pytest.raises(error, match="The run ended in state"):
        make().result()
    with pytest.raises(LookupError, match="own"):
        make(data=states.Failed(data=own)).result()


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (states.Running(), UnfinishedRun),
        (states.Pending(), UnfinishedRun),
        (states.Scheduled(), UnfinishedRun),
        (states.Cancelling(), UnfinishedRun),
        (states.Paused(), PausedRun),
        (states.NotReady(message="upstream"), UpstreamTaskError),
    ],
)
def test_a_run_that_has_not_finished_has_no_result(state: State[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        state.result()
    with pytest.raises(error):
        state.result(raise_on_failure=False)


def test_the_exception_of_a_state_can_be_had_and_raised() -> None:
    own = LookupError("own")
    assert states.get_state_exception(states.Failed(data=own)) is own
    with pytest.raises(LookupError, match="own"):
        states.raise_state_exception(states.Crashed(data=own))
    assert states.raise_state_exception(states.Completed()) is None  # type: ignore[func-returns-value]
    with pytest.raises(ValueError, match="Expected a failed, crashed or cancelled state"):
        states.get_state_exception(states.Running())


# --- what goes with a state -----------------------------------------------------------------------


def test_details_go_with_a_state() -> None:
    later = datetime(2030, 1, 1, tzinfo=UTC)
    assert states.AwaitingRetry(scheduled_time=later).state_details.scheduled_time == later
    assert states.Scheduled().state_details.scheduled_time is not None
    paused = states.Paused(pause_expiration_time=later, reschedule=True, pause_key="k").state_details
    assert (paused.pause_timeout, paused.pause_reschedule, paused.pause_key) == (later, True, "k")
    assert states.Suspended(timeout_seconds=60).state_details.pause_reschedule
    with pytest.raises(ValueError, match="`timeout_seconds` or `pause_expiration_time`, not both"):
        states.Paused(timeout_seconds=1, pause_expiration_time=later)


def test_details_are_equal_by_value() -> None:
    assert StateDetails(cache_key="k") == StateDetails(cache_key="k") != StateDetails()
    assert repr(StateDetails(cache_key="k")) == "StateDetails(cache_key='k')"


def test_a_copy_is_another_state_with_parts_changed() -> None:
    state = states.Failed(message="one", data=3)
    copied = state.copy(message="other")
    assert (copied.type, copied.data, copied.message, copied.timestamp) == (state.type, 3, "other", state.timestamp)
    assert copied.id != state.id
    assert state.message == "one"


def test_a_state_reads_as_what_it_is() -> None:
    assert str(states.Completed()) == "Completed()"
    assert str(states.Cached(message="hit")) == "Cached('hit', type=COMPLETED)"
    assert repr(states.Failed(message="m")) == "Failed(message='m', type=FAILED)"


def test_states_are_looked_at_together() -> None:
    group = StateGroup([states.Completed(), states.Failed(), states.Crashed(), states.Paused()])
    assert (group.total_count, group.fail_count) == (4, 2)
    assert group.any_failed()
    assert group.any_paused()
    assert not group.any_cancelled()
    assert not group.all_completed()
    assert not group.all_final()
    assert StateGroup([states.Completed(), states.Cancelled()]).all_final()
    assert group.counts_message() == "total=4, 'COMPLETED'=1, 'FAILED'=1, 'CRASHED'=1, 'PAUSED'=1"


# --- the states of real runs ----------------------------------------------------------------------


def test_a_retried_run_goes_through_these_states(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    tries = []

    @task(retries=2, retry_delay_seconds=10)
    def flaky() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return "done"

    assert flaky() == "done"
    (run,) = sluiceway_harness.client.read_task_runs()
    history = sluiceway_harness.client.read_task_run_states(run.id)
    names = "Pending Running AwaitingRetry Retrying AwaitingRetry Retrying Completed".split()
    assert [state.name for state in history] == names
    waits = [state for state in history if state.name == "AwaitingRetry"]
    assert [(s.state_details.scheduled_time - s.timestamp).total_seconds() for s in waits] == [10, 10]  # type: ignore[operator]
    assert run.run_count == 3
    assert run.total_run_time == timedelta(seconds=20)


def test_a_timed_out_state_says_which_guarantee_applied(sluiceway_harness: Harness) -> None:
    @flow(timeout_seconds=0.01)
    def slow() -> None:
        while True:
            pass

    state = slow(return_state=True)
    assert (state.name, state.type.value) == ("TimedOut", "FAILED")
    assert "interrupted by a signal on the main thread" in str(state.state_details.guarantee)
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.state.state_details.guarantee == state.state_details.guarantee


# --- states from exceptions and values, and back --------------------------------------------------


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def test_constructors_make_states_of_the_class_that_is_asked_for() -> None:
    class Own(State[Any]):
        """A state of a user's own."""

    for make in (states.Completed, states.Scheduled, states.Late, states.Paused, states.Suspended, states.Retrying):
        assert type(make(Own)) is type(make(cls=Own)) is Own
        assert type(make()) is State
        assert type(make(Own).model_copy()) is Own


def test_a_copy_of_a_state_has_an_identifier_of_its_own_and_a_fresh_one_the_present_moment() -> None:
    value = [1]
    state = states.Completed(message="m", data=value, timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    copied, changed = state.model_copy(), state.model_copy(update={"name": "Other"})
    assert copied.id != state.id
    assert (copied.timestamp, copied.message, copied.name) == (state.timestamp, "m", "Completed")
    assert copied.data is value
    assert state.model_copy(deep=True).data == value
    assert state.model_copy(deep=True).data is not value
    assert (changed.name, changed.timestamp) == ("Other", state.timestamp)
    fresh = state.fresh_copy(message="n")
    assert (fresh.message, fresh.data) == ("n", value)
    assert fresh.timestamp > datetime(2024, 1, 1, tzinfo=UTC)
    assert fresh.id != state.id


def test_exceptions_become_failed_states() -> None:
    state = run(states.exception_to_failed_state(ValueError("boom"), message="It is so:", name="Own"))
    assert (state.type, state.name, state.message) == (StateType.FAILED, "Own", "It is so: ValueError: boom")
    assert isinstance(state.data, ValueError)
    try:
        raise KeyError("k")
    except KeyError:
        assert run(states.exception_to_failed_state()).message == "KeyError: 'k'"
    with pytest.raises(ValueError, match="no active exception"):
        run(states.exception_to_failed_state())


def test_what_ends_a_run_from_outside_becomes_a_crashed_state() -> None:
    state = run(states.exception_to_crashed_state(KeyboardInterrupt()))
    assert (state.type, state.message) == (StateType.CRASHED, "The run was interrupted from the keyboard.")
    assert isinstance(state.data, KeyboardInterrupt)


def test_values_become_the_states_that_runs_come_to_which_return_them(tmp_path: Path) -> None:
    store = ResultStore(result_storage=tmp_path / "results")
    assert run(states.return_value_to_state(3, store)).data == 3
    assert run(states.return_value_to_state(states.Failed(message="f"), store)).message == "f"
    assert run(states.return_value_to_state([states.Completed(), states.Failed()], store)).message == (
        "1/2 states failed."
    )
    assert not (tmp_path / "results").exists()
    run(states.return_value_to_state(7, store, key="k", write_result=True))
    assert store.read("k").result == 7
    run(states.exception_to_failed_state(ValueError("boom"), store, write_result=True))
    assert len(list((tmp_path / "results").iterdir())) == 2


def test_exceptions_of_states_can_be_had_from_async_code_too() -> None:
    error = ValueError("boom")
    assert run(states.aget_state_exception(states.Failed(data=error))) is error
    assert run(states.araise_state_exception(states.Completed())) is None
    with pytest.raises(ValueError, match="boom"):
        run(states.araise_state_exception(states.Failed(data=error)))
    assert run(states.get_state_result(states.Completed(data=3))) == 3
    with pytest.raises(ValueError, match="boom"):
        run(states.get_state_result(states.Failed(data=error)))
    assert run(states.get_state_result(states.Failed(data=error), raise_on_failure=False)) is error


def test_an_exception_as_text_has_its_traceback_where_that_is_given() -> None:
    error = ValueError("boom")
    assert states.format_exception(error) == "ValueError: boom"
    try:
        raise error
    except ValueError:
        text = states.format_exception(error, error.__traceback__)
    assert text.startswith("Traceback")
    assert text.endswith("ValueError: boom")


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_collections_of_states_are_recognised(kind: Any) -> None:
    assert states.is_state_iterable(kind([states.Completed(), states.Failed()]))
    assert not states.is_state_iterable(kind([states.Completed(), 1]))
    assert not states.is_state_iterable(kind())
    assert not states.is_state_iterable({"a": states.Completed()})
    assert not states.is_state_iterable(states.Completed())
