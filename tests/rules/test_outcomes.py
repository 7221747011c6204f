"""What a run came to, over random trees of states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sluiceway.exceptions import CancelledRun, CrashedRun, FailedRun, TerminationSignal, UnfinishedRun
from sluiceway.model.states import FINAL_TYPES, State, StateType
from sluiceway.model.upstream import Upstream
from sluiceway.rules import outcomes
from sluiceway.rules.resolution import Reference

MOMENT = 1_700_000_000_000_000

few = settings(max_examples=60)

types = st.sampled_from([StateType.COMPLETED] * 4 + list(StateType))
states: st.SearchStrategy[State[Any]] = st.builds(State, types, message=st.none() | st.just("why"), data=st.none())


class Future(Upstream):
    """A future that has ended."""

    def __init__(self, state: State[Any]) -> None:
        self._state = state

    @property
    def state(self) -> State[Any]:
        return self._state

    @property
    def run_key(self) -> bytes:
        return bytes(16)

    def done(self) -> bool:
        return True


sources = st.one_of(states, states.map(Future))
trees = st.recursive(
    st.one_of(st.integers(), sources),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.integers(), inner, max_size=3),
    ),
    max_leaves=10,
)


def states_of(tree: Any) -> Iterator[State[Any]]:
    match tree:
        case State():
            yield tree
        case Future():
            yield tree.state
        case list() | tuple():
            for member in tree:
                yield from states_of(member)
        case dict():
            for member in tree.values():
                yield from states_of(member)


@few
@given(trees)
def test_a_collection_completes_exactly_if_all_states_in_it_did(tree: Any) -> None:
    assume(isinstance(tree, (list, tuple, dict)))
    found = list(states_of(tree))
    incomplete = [state for state in found if state.type is not StateType.COMPLETED]
    state = outcomes.returned(tree, MOMENT)
    assert state.moment == MOMENT
    if not incomplete:
        assert (state.type, list(states_of(state.data))) == (StateType.COMPLETED, [])
        return
    cancelled = [state for state in incomplete if state.type is StateType.CANCELLED]
    paused = [state for state in incomplete if state.type is StateType.PAUSED]
    failed = [state for state in incomplete if state.type in FINAL_TYPES]
    kind, counted, verdict = next(
        judgement
        for judgement in (
            (StateType.CANCELLED, cancelled, "cancelled"),
            (StateType.PAUSED, paused, "paused"),
            (StateType.FAILED, failed, "failed"),
            (StateType.FAILED, incomplete, "are not final"),
        )
        if judgement[1]
    )
    assert (state.type, state.message) == (kind, f"{len(counted)}/{len(found)} states {verdict}.")
    assert isinstance(state.data, BaseException) is (kind is not StateType.PAUSED)


@few
@given(trees)
def test_whatever_is_returned_the_state_is_final_or_a_pause(tree: Any) -> None:
    state = outcomes.returned(tree, MOMENT)
    assert state.is_final() or state.is_paused()
    if not state.is_completed() and state.is_final():
        assert isinstance(state.result(raise_on_failure=False), BaseException)


@few
@given(states)
def test_a_returned_state_is_the_state(given_state: State[Any]) -> None:
    before = (given_state.type, given_state.moment)
    state = outcomes.returned(given_state, MOMENT)
    if given_state.is_final() or given_state.is_paused():
        assert (state.type, state.name, state.message) == (given_state.type, given_state.name, given_state.message)
        assert state is not given_state
    else:
        assert (state.type, type(state.data)) == (StateType.FAILED, UnfinishedRun)
    assert (given_state.type, given_state.moment) == before, "the state of the other run stays as it is"


@few
@given(states)
def test_a_returned_future_is_judged_as_one_of_a_list_is(given_state: State[Any]) -> None:
    alone, listed = (outcomes.returned(value, MOMENT) for value in (Future(given_state), [Future(given_state)]))
    assert (alone.type, alone.name, alone.message) == (listed.type, listed.name, listed.message)


@few
@given(st.lists(states, min_size=1), st.sampled_from([list, tuple, set]))
def test_a_task_that_returns_nothing_but_states_is_judged_by_them(given_states: list[State[Any]], kind: Any) -> None:
    value = kind(given_states)
    assert outcomes.tells_state(value)
    state, judged = outcomes.told(value, MOMENT), outcomes.returned(value, MOMENT)
    assert (state.type, state.message) == (judged.type, judged.message)
    if state.type is StateType.COMPLETED:
        assert state.data is value


@few
@given(
    st.one_of(
        st.integers(), st.lists(st.integers()), st.tuples(states, st.integers()), st.dictionaries(st.integers(), states)
    )
)
def test_a_task_that_returns_anything_else_is_not_judged_by_it(value: Any) -> None:
    assert not outcomes.tells_state(value)


def test_what_a_task_returns_is_not_gone_through_in_ways_of_its_own() -> None:
    class Lazy(list[Any]):
        def __iter__(self) -> Any:
            raise RuntimeError("asks the database")

    assert not outcomes.tells_state(Lazy([State(StateType.FAILED)]))


@few
@given(st.one_of(st.integers(), st.text(), st.lists(st.integers()), st.just(ValueError("returned, not raised"))))
def test_anything_else_completes_with_the_value_as_it_is(value: Any) -> None:
    state = outcomes.returned(value, MOMENT)
    assert (state.type, state.name) == (StateType.COMPLETED, "Completed")
    assert state.data is value


@pytest.mark.parametrize("subject", ["Task", "Flow"])
@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("bad"), StateType.FAILED, "ValueError: bad"),
        (TimeoutError("mine"), StateType.FAILED, "TimeoutError: mine"),
        (FailedRun("so"), StateType.FAILED, "so"),
        (CrashedRun("so"), StateType.CRASHED, "so"),
        (CancelledRun("so"), StateType.CANCELLED, "so"),
        (KeyboardInterrupt(), StateType.CRASHED, "run was interrupted from the keyboard."),
        (SystemExit(3), StateType.CRASHED, "run was ended by SystemExit: 3"),
        (SystemExit(), StateType.CRASHED, "run was ended by SystemExit"),
        (TerminationSignal(15), StateType.CRASHED, "run was terminated by signal 15."),
        (GeneratorExit(), StateType.CRASHED, "run was ended by GeneratorExit"),
    ],
)
def test_an_exception_gives_failed_or_what_it_stands_for(
    subject: str, error: BaseException, kind: StateType, message: str
) -> None:
    state = outcomes.raised(subject, error, MOMENT)
    assert (state.type, state.data, state.moment) == (kind, error, MOMENT)
    assert state.message is not None
    assert state.message.endswith(message)
    with pytest.raises(type(error)):
        state.result()


@few
@given(st.lists(st.tuples(states, st.booleans())))
def test_a_run_may_start_exactly_if_each_upstream_run_completed_or_was_allowed_to_fail(
    upstream: list[tuple[State[Any], bool]],
) -> None:
    blocked = outcomes.not_ready([Reference(Future(state), allowed) for state, allowed in upstream], MOMENT)
    ready = all(state.is_completed() or (allowed and state.is_final()) for state, allowed in upstream)
    assert (blocked is None) is ready
    if blocked is not None:
        assert (blocked.type, blocked.name, blocked.moment) == (StateType.PENDING, "NotReady", MOMENT)


@pytest.mark.parametrize("subject", ["Task", "Flow"])
def test_a_timeout_says_how_long_and_how_firmly(subject: str) -> None:
    state = outcomes.timed_out(subject, 1.5, "interrupted", MOMENT)
    assert (state.name, state.type, state.message) == (
        "TimedOut",
        StateType.FAILED,
        f"{subject} run exceeded timeout of 1.5 second(s)",
    )
    assert state.state_details.guarantee == "interrupted"
    with pytest.raises(TimeoutError):
        state.result()


def test_a_run_that_awaits_its_retry_says_when_it_goes_on() -> None:
    state = outcomes.awaiting_retry("bad", MOMENT + 5_000_000, MOMENT)
    assert (state.name, state.type, state.message) == ("AwaitingRetry", StateType.SCHEDULED, "bad")
    assert state.state_details.scheduled_time is not None
    assert (state.state_details.scheduled_time - state.timestamp).total_seconds() == 5
