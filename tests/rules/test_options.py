"""Options of flows and tasks: what may be given, and what is said of what may not."""

from __future__ import annotations

import math
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.exceptions import InvalidOptionError
from sluiceway.model.policies import FlowPolicy
from sluiceway.rules import options

few = settings(max_examples=50)

no_numbers = st.one_of(st.text(), st.booleans(), st.binary(), st.complex_numbers(), st.builds(object))


@few
@given(st.one_of(st.floats(), st.integers(-5, 5)))
def test_seconds_are_a_number_that_is_not_negative(value: float) -> None:
    if value >= 0:
        given_seconds = options.seconds(value, "timeout_seconds")
        assert given_seconds == (float(value) or None)
    else:
        with pytest.raises(InvalidOptionError, match=r"`timeout_seconds` must not be negative.*leave it out"):
            options.seconds(value, "timeout_seconds")


@few
@given(no_numbers)
def test_seconds_of_another_kind_are_refused(value: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`timeout_seconds` must be a number of seconds, not"):
        options.seconds(value, "timeout_seconds")


@few
@given(st.integers(-10, 10))
def test_retries_are_a_whole_number_that_is_not_negative(retries: int) -> None:
    if retries < 0:
        with pytest.raises(InvalidOptionError, match="`retries` must not be negative"):
            options.retry_policy(retries, None)
    else:
        assert options.retry_policy(retries, None).retries == retries


@few
@given(st.one_of(no_numbers, st.floats()))
def test_retries_of_another_kind_are_refused(retries: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`retries` must be a whole number"):
        options.retry_policy(retries, None)


@few
@given(st.one_of(no_numbers, st.floats(), st.integers(max_value=-1)))
def test_what_is_no_number_of_times_is_refused_by_the_name_of_its_option(value: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`auto_resume` must "):
        options.times(value, "auto_resume")


def test_a_durability_is_batched_or_strict_and_may_be_left_to_what_is_around() -> None:
    assert [options.durability(level) for level in ("batched", "strict", None)] == ["batched", "strict", None]


@few
@given(st.one_of(no_numbers, st.floats(), st.integers(), st.lists(st.just("strict"))))
def test_any_other_durability_is_refused(value: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`durability` must be 'batched' or 'strict', not"):
        options.durability(value)


def test_a_run_is_told_from_others_by_a_key_or_an_identifier_which_stay_where_nothing_is_said() -> None:
    plain, number = FlowPolicy("report"), uuid4()
    keyed = options.identified(plain, plain, "monday", None)
    assert (keyed.idempotency_key, keyed.run_id) == ("monday", None)
    numbered = options.identified(plain, keyed, None, str(number))
    assert (numbered.idempotency_key, numbered.run_id) == ("monday", number)
    assert options.identified(plain, numbered, "friday", number).idempotency_key == "friday"


@few
@given(st.one_of(st.binary(), st.integers(), st.text(max_size=30), st.builds(object)))
def test_what_is_no_uuid_is_no_identifier_of_a_run(value: Any) -> None:
    plain = FlowPolicy("report")
    with pytest.raises(InvalidOptionError, match="`run_id` must be a UUID or the text of one, not"):
        options.identified(plain, plain, None, value)


@pytest.mark.parametrize("key", ["", b"monday", 7, ["monday"]])
def test_what_is_no_text_is_no_idempotency_key(key: Any) -> None:
    plain = FlowPolicy("report")
    with pytest.raises(InvalidOptionError, match="`idempotency_key` must be a text that is not empty, not"):
        options.identified(plain, plain, key, None)


@few
@given(st.lists(st.floats(0, 1e6) | st.integers(0, 100), min_size=1, max_size=8))
def test_delays_are_a_number_a_list_or_a_function_of_the_retries(delays: list[float]) -> None:
    expected = tuple(map(float, delays)) if any(delays) else ()
    assert options.retry_policy(3, delays).delays == expected
    assert options.retry_policy(3, tuple(delays)).delays == expected
    assert options.retry_policy(3, lambda _: delays).delays == expected
    assert options.retry_policy(3, delays[0]).delays == ((float(delays[0]),) if delays[0] else ())


def test_a_function_of_delays_receives_the_retries() -> None:
    received: list[int] = []
    options.retry_policy(7, lambda retries: received.append(retries) or [1])  # type: ignore[func-returns-value]
    assert received == [7]


@few
@given(st.lists(st.floats(0, 10), max_size=3), st.floats(max_value=0, exclude_max=True) | no_numbers)
def test_a_list_with_a_delay_that_cannot_be_is_refused(delays: list[float], wrong: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`retry_delay_seconds` must be a number of seconds >= 0"):
        options.retry_policy(3, [*delays, wrong])


def test_not_a_number_is_no_number_of_seconds() -> None:
    for value in (math.nan, -math.inf):
        with pytest.raises(InvalidOptionError):
            options.seconds(value, "timeout_seconds")
        with pytest.raises(InvalidOptionError):
            options.retry_policy(1, value)
        with pytest.raises(InvalidOptionError):
            options.retry_policy(1, 1, value)


@few
@given(st.one_of(st.integers(), st.floats(), no_numbers))
def test_what_cannot_be_called_is_no_hook_condition_or_name(value: Any) -> None:
    for given_hooks in ([value],) if isinstance(value, bytes) else (value, [value]):
        with pytest.raises(InvalidOptionError, match=r"`on_failure` must.*@flow\(on_failure=\[notify\]\)"):
            options.hooks(given_hooks, "on_failure", "flow")
    with pytest.raises(InvalidOptionError, match="`retry_condition_fn` must be a function"):
        options.retry_policy(1, None, None, value)
    if not isinstance(value, str):
        with pytest.raises(InvalidOptionError, match="`task_run_name` must be a text or a function"):
            options.run_name(value, "task_run_name")


def test_nothing_given_is_nothing_set() -> None:
    policy = options.retry_policy(None, None)
    assert (policy.retries, policy.delays, policy.jitter, policy.condition) == (0, (), None, None)
    assert options.hooks(None, "on_failure", "task") == ()
    assert options.run_name(None, "task_run_name") is None
    assert options.seconds(None, "timeout_seconds") is None


def test_hooks_keep_their_order() -> None:
    assert options.hooks((print, len), "on_failure", "task") == (print, len)
    assert options.hooks(iter([len]), "on_failure", "task") == (len,)


@pytest.mark.parametrize("decorator", ["flow", "task"])
@pytest.mark.parametrize("what", [3, None, "name", dict, print, len])
def test_a_decorator_goes_on_functions_only(decorator: str, what: Any) -> None:
    with pytest.raises(TypeError, match=f"@{decorator} "):
        options.function(what, decorator)


def test_a_lambda_may_be_a_task_and_no_flow() -> None:
    anonymous = lambda: None  # noqa: E731 - it is about lambdas
    assert options.function(anonymous, "task") is anonymous
    with pytest.raises(TypeError, match=r"@flow cannot go on a lambda.*`def`"):
        options.function(anonymous, "flow")
