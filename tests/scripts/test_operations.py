"""What scripts ask their drivers for, operation by operation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sluiceway.engine.ops import Invoke
from sluiceway.model.facts import FACTS
from sluiceway.testing.scripts import DieAt, Played, play, script_of, services_in_memory
from tests.scripts import journals, programs
from tests.scripts.programs import Program

LISTING = Path(__file__).with_name("operations.txt")


def _listed() -> dict[str, list[str]]:
    """Return the operations of each program, as they are written down."""
    listed: dict[str, list[str]] = {}
    for line in LISTING.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            listed[next(reversed(listed))].append(line[4:])
        elif line and not line.startswith("#"):
            listed[line] = []
    return listed


@pytest.mark.parametrize("make", programs.STEADY, ids=lambda make: make.__name__)
def test_a_program_asks_for_the_operations_that_are_listed(make: Callable[[], Program]) -> None:
    program = make()
    services = program.prepared()
    assert program.played(services).lines == _listed()[make.__name__]
    assert journals.faults(services) == []
    assert journals.unfinished(services) == []


def test_no_program_is_listed_that_there_is_not() -> None:
    assert list(_listed()) == [make.__name__ for make in programs.STEADY]


def test_a_plain_task_costs_three_operations() -> None:
    program = programs.task_succeeds()
    assert len(program.played(program.prepared()).steps) == 3


def test_replies_stand_in_for_what_is_not_to_be_performed() -> None:
    program = programs.task_times_out()
    played = program.played(program.prepared())
    assert played.result.name == "TimedOut"
    assert played.result.state_details.guarantee == "interrupted"


def test_retry_delays_pass_on_the_virtual_clock() -> None:
    program = programs.task_is_retried()
    services = program.prepared()
    began = services.clock.now()
    assert program.played(services).result.data == "at last"
    assert services.clock.now() - began == 3_000_000


def test_an_error_goes_to_the_script_instead_of_a_reply() -> None:
    program = programs.task_succeeds()
    full = OSError(28, "No space left on device")
    played = program.played(program.prepared(), errors={2: full})
    assert played.error is full
    assert played.lines[-1] == "Record TaskRunMoved Crashed"


def test_a_stopped_driver_performs_nothing_more() -> None:
    ran: list[str] = []

    @programs.task
    def noted() -> None:
        ran.append("noted")

    services = services_in_memory()
    before = play(script_of(noted, services), services, until=DieAt(1))
    assert (before.died, before.lines, ran) == (True, ["Record TaskRunStarted"], [])
    after = play(script_of(noted, services), services, until=DieAt(1, after=True))
    assert (after.died, after.lines, ran) == (True, ["Record TaskRunStarted", "Invoke noted"], ["noted"])
    assert _recorded(after) == 1


def _recorded(played: Played[object]) -> int:
    return sum(isinstance(step.op, FACTS) for step in played.steps)


def test_a_generator_that_is_iterated_over_emits_its_values() -> None:
    program = programs.flow_yields()
    services = program.prepared()
    script = script_of(program.subject, services)
    assert script.cr_frame is not None  # type: ignore[attr-defined]  # a coroutine that has not begun
    script.cr_frame.f_locals["context"].iterated = True  # type: ignore[attr-defined]  # as `iterate` does
    played = play(script, services)
    assert played.emitted == [1, 2]
    assert [line for line in played.lines if line == "Emit"] == ["Emit", "Emit"]


def test_user_code_is_only_ever_called_by_invoke() -> None:
    program = programs.flow_with_failing_hooks()
    played = program.played(program.prepared())
    called = [step.op.fn.__name__ for step in played.steps if isinstance(step.op, Invoke)]
    assert called == ["serialize_parameters", "_bad_hook", "hooked", "_bad_hook"]
