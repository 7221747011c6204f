"""Supervising: when a run goes on in another process, and when it is left as it is."""

from __future__ import annotations

import signal
import sys

import pytest

from sluiceway.agents.supervising import SIGNALLED, supervise
from sluiceway.base.ids import RunId, new_id
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.testing.scripts import services_in_memory
from tests.stores.making import NOON, flow_facts, flow_run

pytestmark = pytest.mark.slow

KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


@pytest.fixture
def services() -> Services:
    return services_in_memory()


def supervised(program: str, run_key: RunId, services: Services, resumes: int = 2) -> tuple[int, list[str]]:
    """Return the exit code of a supervisor of a program, and what it says."""
    said: list[str] = []
    return supervise([sys.executable, "-S", "-c", program], run_key, services, resumes, said.append), said


def died(services: Services) -> RunId:
    """Return a run whose process was found dead, by somebody else."""
    run, process = flow_run(), ProcessInfo(new_id(), "here", "boot", 42, NOON)
    services.store.announce_process(process)
    services.store.hold_run(run.key, process)
    services.store.write(flow_facts(run, StateType.RUNNING))
    assert services.store.bury_process(process, "It died.", NOON) == (run.key,)
    return run.key


def test_a_run_goes_on_though_somebody_else_was_first_to_see_that_its_process_was_gone(services: Services) -> None:
    code, said = supervised("raise SystemExit(3)", died(services), services)
    assert code == 3
    assert said == [
        "The process of the run ended with exit code 3. The run goes on in a new one (1 of at most 2).",
        "The process of the run ended with exit code 3. The run goes on in a new one (2 of at most 2).",
        "The process of the run ended with exit code 3, and the run has gone on 2 times; it is left as it is.",
    ]


def test_a_process_that_was_killed_before_it_could_make_the_run_is_started_again(services: Services) -> None:
    code, said = supervised(KILLED, new_id(), services, resumes=1)
    assert (code, len(said)) == (SIGNALLED + signal.SIGKILL, 2)


@pytest.mark.parametrize("ending", [StateType.COMPLETED, StateType.FAILED, StateType.CRASHED])
@pytest.mark.parametrize("program", ["raise SystemExit(1)", KILLED], ids=["exits", "killed"])
def test_a_run_that_has_told_of_its_end_is_left_as_it_is(services: Services, ending: StateType, program: str) -> None:
    run = flow_run()
    services.store.write(flow_facts(run, StateType.RUNNING, ending))
    code, said = supervised(program, run.key, services)
    assert (code, said) == (1 if "Exit" in program else SIGNALLED + signal.SIGKILL, [])


def test_what_somebody_ends_on_purpose_is_left_as_it_is(services: Services) -> None:
    program = "import os, signal; signal.signal(15, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGTERM)"
    code, said = supervised(program, died(services), services)
    assert (code, said) == (SIGNALLED + signal.SIGTERM, [])
