"""A driver that is stopped, or hindered, at any operation leaves a journal that makes sense.

A process can be killed between any two operations of a script; what it has recorded by then is all that
the next one finds. Each of these points is tried.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluiceway.model.facts import FACTS
from sluiceway.testing.scripts import DieAt, Played, Step, play, script_of
from tests.scripts import journals, programs
from tests.scripts.programs import Program

Make = Callable[[], Program]

every_program = pytest.mark.parametrize("make", programs.STEADY, ids=lambda make: make.__name__)
every_threaded_program = pytest.mark.parametrize("make", programs.THREADED, ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Formatting the tracebacks of hundreds of failures takes longer than all the rest."""
    caplog.set_level("CRITICAL", logger="sluiceway")


def _operations(make: Make) -> list[Step]:
    program = make()
    return list(program.played(program.prepared()).steps)


def _points(make: Make) -> Iterator[DieAt]:
    for number in range(len(_operations(make))):
        yield DieAt(number)
        yield DieAt(number, after=True)


def _facts(steps: list[Step]) -> list[str]:
    return [str(step).strip() for step in steps if isinstance(step.op, FACTS)]


@every_program
def test_wherever_a_process_is_killed_its_journal_is_a_legal_beginning(make: Make) -> None:
    facts = _facts(_operations(make))
    for point in _points(make):
        program = make()
        services = program.prepared()
        played = program.played(services, until=point)
        assert played.died, point
        assert journals.faults(services) == [], point
        assert _facts(list(played.steps)) == facts[: len(_facts(list(played.steps)))], point


@every_program
def test_after_a_kill_the_same_program_runs_to_its_end_over_the_same_journal(make: Make) -> None:
    program = make()
    expected = _told(program.played(program.prepared()))
    for point in _points(make):
        program = make()
        services = program.prepared()
        program.played(services, until=point)
        assert _told(make().played(services)) == expected, point
        assert journals.faults(services) == [], point


def _told(played: Played[Any]) -> tuple[object, ...]:
    """Return what a call came to, without what differs from one call to the next."""
    state = played.result
    plain = isinstance(state.data, (int, str, list, type(None)))
    return state.type, state.message, state.data if plain else type(state.data)


@every_threaded_program
def test_a_kill_while_threads_are_at_work_leaves_a_legal_beginning(make: Make) -> None:
    for point in _points(make):
        program = make()
        services = program.prepared()
        assert program.played(services, until=point).died, point
        assert journals.faults(services) == [], point


@every_program
def test_a_script_asks_for_nothing_once_its_driver_has_gone(make: Make) -> None:
    for number in range(len(_operations(make))):
        program = make()
        services = program.prepared()
        script = script_of(program.subject, services, *program.args)
        played = play(script, services, replies=program.replies, until=DieAt(number))
        assert played.died
        assert script.cr_frame is None, "it asked for something after GeneratorExit"  # type: ignore[attr-defined]


ERRORS: dict[str, Callable[[], BaseException]] = {
    "disk_full": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "ctrl_c": KeyboardInterrupt,
}


@every_program
@pytest.mark.parametrize("error", ERRORS)
def test_whatever_operation_fails_the_error_reaches_the_caller_and_every_run_has_an_end(make: Make, error: str) -> None:
    for number, step in enumerate(_operations(make)):
        program = make()
        services = program.prepared()
        raised = ERRORS[error]()
        played = program.played(services, errors={number: raised})
        assert _reached_the_caller(played, raised) or _was_dealt_with(make, step, raised), (number, step)
        assert journals.contradictions(services) == [], (number, step)
        assert journals.unfinished(services) == [], (number, step)


@every_program
def test_ctrl_c_in_the_moment_after_any_operation_contradicts_nothing_that_was_recorded(make: Make) -> None:
    for number, step in enumerate(_operations(make)):
        program = make()
        services = program.prepared()
        raised = KeyboardInterrupt()
        played = program.played(services, late_errors={number: raised})
        assert _reached_the_caller(played, raised), (number, step)
        assert journals.contradictions(services) == [], (number, step)
        assert journals.unfinished(services) == [], (number, step)


def _reached_the_caller(played: Played[Any], raised: BaseException) -> bool:
    """Whether the call raised it, or came to a state that does."""
    return played.error is raised or (played.result is not None and played.result.data is raised)


def _was_dealt_with(make: Make, step: Step, raised: BaseException) -> bool:
    """Whether it is one that costs the run nothing, or a retry: an `Exception` of a hook, a name, a cache, a try."""
    retried = "retried" in make.__name__
    return isinstance(raised, Exception) and (retried or str(step).split()[-1] in DISPENSABLE)


DISPENSABLE = frozenset({"_bad_hook", "format", "compute_key", "serialize_parameters"})
"""User code without which a run goes on."""


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
@pytest.mark.parametrize("fails", [False, True])
def test_an_error_in_a_final_hook_does_not_change_what_the_run_came_to(error: type[BaseException], fails: bool) -> None:
    def hook(*_: object) -> None:
        raise error

    @programs.flow(on_completion=[hook], on_failure=[hook])
    def hooked() -> int:
        if fails:
            raise ValueError
        return 1

    program = Program(hooked)
    services = program.prepared()
    played = program.played(services)
    assert isinstance(played.error, error if error is KeyboardInterrupt else type(None))
    (run,) = services.store.read_flow_runs().items
    assert run.state_name == ("Failed" if fails else "Completed")


def test_hooks_of_a_crash_are_called_when_the_script_itself_is_torn() -> None:
    seen: list[str] = []

    @programs.flow(on_crashed=[lambda flow, run, state: seen.append(state.message)])
    def torn() -> None: ...

    program = Program(torn)
    services = program.prepared()
    number = [str(step) for step in program.played(services).steps].index("Record FlowRunMoved Running")
    played = program.played(services, errors={number: KeyboardInterrupt()})
    assert isinstance(played.error, KeyboardInterrupt)
    assert seen == ["Flow run was interrupted from the keyboard."]


def test_a_flow_that_is_interrupted_while_it_waits_for_its_upstream_is_recorded_as_crashed() -> None:
    program = programs.flow_succeeds()
    services = program.prepared()
    played = program.played(services, errors={0: KeyboardInterrupt()})
    assert isinstance(played.error, KeyboardInterrupt)
    (run,) = services.store.read_flow_runs().items
    assert (run.state_name, run.run_count) == ("Crashed", 0)
