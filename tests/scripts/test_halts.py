"""A run that is called off at any operation comes to an end, and its journal makes sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluiceway.drivers.planning import plan_flow
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.flow import run_flow
from sluiceway.exceptions import Abort, CancelledRun
from sluiceway.flows import Flow
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.testing.scripts import Played, Script, Step, play
from sluiceway.wiring.runners import make_runner
from tests.scripts import journals, programs
from tests.scripts.programs import Program

Make = Callable[[], Program]

FLOWS = (
    programs.flow_succeeds,
    programs.flow_fails,
    programs.flow_with_child,
    programs.flow_is_retried_and_replays,
    programs.flow_with_failing_hooks,
)

every_flow = pytest.mark.parametrize("make", FLOWS, ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="sluiceway")


def _planned(program: Program, services: Services) -> tuple[FlowRunContext, Script[State[Any]]]:
    subject = program.subject
    assert isinstance(subject, Flow)
    context = plan_flow(subject, subject.signature.bind(program.args, {}), None, services, make_runner)
    return context, run_flow(context)


class _CalledOff(dict[int, BaseException]):
    """Calls a run off at an operation, and has that raise what interrupts it."""

    def __init__(self, context: FlowRunContext, number: int) -> None:
        super().__init__({number: Abort("Enough.")})
        self._context = context

    def __getitem__(self, number: int) -> BaseException:
        self._context.brake.pull("Enough.")
        return super().__getitem__(number)


def _interrupted(make: Make) -> Iterator[tuple[int, Services, Played[State[Any]]]]:
    """Play a flow again and again, called off and interrupted at each of its operations in turn."""
    for number in range(len(_steps(make))):
        program = make()
        services = program.prepared()
        context, script = _planned(program, services)
        yield number, services, play(script, services, errors=_CalledOff(context, number))


def _steps(make: Make) -> list[Step]:
    program = make()
    services = program.prepared()
    return list(play(_planned(program, services)[1], services).steps)


@every_flow
def test_whichever_operation_is_interrupted_every_run_has_an_end(make: Make) -> None:
    for number, services, played in _interrupted(make):
        assert played.error is None or isinstance(played.error, Abort), number
        assert journals.unfinished(services) == [], number
        assert journals.contradictions(services) == [], number


@every_flow
def test_a_run_that_is_interrupted_within_its_function_is_cancelled_and_its_caller_told(make: Make) -> None:
    within = [number for number, step in enumerate(_steps(make)) if step.depth > 0]
    for number, services, played in _interrupted(make):
        if number in within:
            (root,) = [run for run in services.store.read_flow_runs().items if run.parent_key is None]
            assert root.state_name == "Cancelled", number
            assert played.result is not None
            assert isinstance(played.result.data, CancelledRun)
            assert str(played.result.data) == "Enough."


@every_flow
def test_a_run_that_is_called_off_without_being_interrupted_calls_nothing_new(make: Make) -> None:
    program = make()
    services = program.prepared()
    context, script = _planned(program, services)
    context.brake.pull("Enough.")
    played = play(script, services)
    assert played.result is not None
    assert played.result.name == "Cancelled"
    assert services.store.read_task_runs().items == ()
    assert len(services.store.read_flow_runs().items) == 1
