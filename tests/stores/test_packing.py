"""Packed columns come apart as they were put together."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluiceway.model.states import COMPLETED, PENDING, RUNNING, STATE_CODES, State, StateDetails, StateType
from sluiceway.stores.sqlite.packing import pack_completed, pack_inputs, pack_states, unpack_inputs, unpack_states
from tests.stores.making import state

TEXTS = st.none() | st.text(max_size=5) | st.just("\ud800")
DETAILS = st.none() | st.builds(StateDetails, cache_key=st.none() | st.text(max_size=3), retriable=st.booleans())
MOMENTS = st.integers(-(62_135_596_800 * 10**6), 253_402_300_800 * 10**6)  # the years 1 to 9999
STATES = st.builds(state, st.sampled_from(StateType), MOMENTS, st.none() | st.text(min_size=1), TEXTS, DETAILS)
KEYS = st.binary(min_size=16, max_size=16)


@given(st.lists(STATES, min_size=1, max_size=5), st.integers(0, 5))
def test_a_history_comes_apart_as_it_was_put_together_in_however_many_parts(
    states: list[State[Any]], split: int
) -> None:
    parts = [part for part in (states[:split], states[split:]) if part]
    packed = b"".join(bytes(pack_states(part)[0]) for part in parts)
    assert [found[:4] for found in unpack_states(packed)] == [
        (STATE_CODES[packed.type], packed.special_name, packed.moment, packed.message) for packed in states
    ]


def test_a_plain_state_takes_eight_bytes() -> None:
    states = [state(StateType.PENDING), state(StateType.RUNNING), state(StateType.COMPLETED)]
    history, *_ = pack_states(states)
    assert len(history) == 24


@given(MOMENTS, MOMENTS, MOMENTS)
def test_the_history_of_a_plain_run_is_packed_as_any_other(called: int, began: int, ended: int) -> None:
    states = [state(PENDING, called), state(RUNNING, began), state(COMPLETED, ended)]
    assert pack_completed(called, began, ended) == pack_states(states)[0]


@given(st.dictionaries(st.text(max_size=4), st.lists(KEYS, max_size=3).map(tuple), max_size=3))
def test_inputs_come_apart_as_they_were_put_together(inputs: dict[str, tuple[bytes, ...]]) -> None:
    assert unpack_inputs(bytes(pack_inputs(inputs))) == inputs
