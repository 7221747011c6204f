"""What a paused run asks for, as whoever makes a form of it reads it: without the user's code."""

from __future__ import annotations

from typing import Any

import pytest

from sluiceway import Flow, flow, pause_flow_run, resume_flow_run, suspend_flow_run, wiring
from sluiceway.drivers.pausing import asked_by
from sluiceway.exceptions import FlowPauseTimeout
from sluiceway.input import RunInput
from sluiceway.model.holding import NEVER
from sluiceway.testing import Harness, VirtualClock


class Approval(RunInput):
    """May it be shipped?"""

    approved: bool
    reason: str = "none"


def suspended(asks: Flow[[], Any]) -> Any:
    """Have a flow come to its pause, and return what it asks for."""
    assert asks(return_state=True).name == "Suspended"
    return asked_by(wiring.services().store.read_flow_runs().items[0].key, wiring.services())


def test_a_suspended_run_tells_what_it_asks_for(sluiceway_harness: Harness) -> None:
    @flow
    def asks() -> Any:
        return suspend_flow_run(wait_for_input=Approval.with_initial_data(reason="it is late"), key="shipping")

    asked = suspended(asks)
    assert (asked.key, asked.until, asked.suspended, asked.overdue) == ("shipping", NEVER, True, False)
    assert (asked.form.title, asked.form.description) == ("Approval", "May it be shipped?")
    assert asked.form.initial() == {"reason": "it is late"}
    assert [field.name for field in asked.form.fields if field.required] == ["approved"]


def test_a_single_value_is_asked_for_as_that(sluiceway_harness: Harness) -> None:
    @flow
    def asks() -> Any:
        return suspend_flow_run(wait_for_input=list[int])

    form = suspended(asks).form
    assert form.title == "Value"
    assert [(field.name, field.takes) for field in form.fields] == [("value", "array of integer")]


def test_a_run_that_only_waits_has_no_form_and_one_that_has_ended_waits_for_nothing(sluiceway_harness: Harness) -> None:
    @flow
    def asks() -> None:
        suspend_flow_run()

    asked = suspended(asks)
    assert asked.form is None
    resume_flow_run(asked.run.id, flow=asks)
    assert asked_by(asked.run.key, wiring.services()) is None


def test_a_pause_whose_time_is_over_says_so(virtual_clock: VirtualClock, sluiceway_harness: Harness) -> None:
    @flow
    def asks() -> None:
        suspend_flow_run(timeout=60)

    asked = suspended(asks)
    virtual_clock.advance(61)
    assert asked_by(asked.run.key, wiring.services())._replace(run=asked.run) == asked._replace(overdue=True)


def test_a_run_whose_time_ran_out_in_its_process_waits_for_nothing(
    virtual_clock: VirtualClock, sluiceway_harness: Harness
) -> None:
    @flow
    def asks() -> None:
        pause_flow_run(timeout=5)

    with pytest.raises(FlowPauseTimeout):
        asks()
    (run,) = wiring.services().store.read_flow_runs().items
    assert asked_by(run.key, wiring.services()) is None
