"""Who has runs go on by themselves: which ones, how often, and what starts them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from uuid import UUID

import pytest

from sluiceway.agents.resuming import Resumer
from sluiceway.base.ids import new_id
from sluiceway.model.facts import Fact
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import resuming
from sluiceway.testing.scripts import services_in_memory
from tests.stores.making import NOON, flow_facts, flow_run


class Starter:
    """Starts processes that end at once, and keeps the commands."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self, command: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
        self.commands.append(list(command))
        self.processes.append(subprocess.Popen([sys.executable, "-S", "-c", ""], cwd=folder))
        return self.processes[-1]

    def started(self) -> list[UUID]:
        """Return the runs that were to go on, once the processes have ended."""
        for process in self.processes:
            process.wait(60)
        return [UUID(command[-1]) for command in self.commands]


@pytest.fixture
def services() -> Services:
    return services_in_memory()


def died(services: Services, *runs: FlowRun) -> None:
    """Have runs be in the hands of a process, and that process die."""
    process = ProcessInfo(new_id(), "here", "boot", 42, NOON)
    services.store.announce_process(process)
    facts: list[Fact] = []
    for run in runs:
        assert services.store.hold_run(run.key, process)
        facts += flow_facts(run, StateType.RUNNING)
    services.store.write(facts)
    services.store.bury_process(process, "It died.", NOON + 1)


def test_what_may_go_on_by_itself_does_so_and_all_else_stays_as_it_is(services: Services) -> None:
    may, must_not, starter = flow_run(auto_resume=1), flow_run(), Starter()
    ended_on_purpose = flow_run(auto_resume=1)
    died(services, may, must_not)
    services.store.write(flow_facts(ended_on_purpose, StateType.RUNNING, StateType.CRASHED))
    resumer = Resumer(services, starter)
    assert [run.key for run in resumer.look()] == [may.key]
    assert starter.started() == [may.id]
    assert starter.commands[0][1:] == ["-m", "sluiceway", "resume", str(may.id)]
    assert resumer.look() == []  # each attempt is started once: what cannot be loaded stays as it is
    resumer.close()


def test_a_run_goes_on_as_often_as_it_may_and_then_says_that_it_does_so_no_more(services: Services) -> None:
    run, starter, store = flow_run(auto_resume=2), Starter(), services.store
    died(services, run)
    resumer = Resumer(services, starter)
    for epoch in range(2):
        assert [found.key for found in resumer.look()] == [run.key]
        process = ProcessInfo(new_id(), "here", "boot", 43 + epoch, NOON)
        store.announce_process(process)
        assert store.take_flow_run(run.key, (StateType.CRASHED, epoch), process, resuming(NOON + 2)) == epoch + 1
        store.bury_process(process, "It died, too.", NOON + 3)
        starter.started()
    assert resumer.look() == []
    state = store.read_history(run.key)[-1]
    assert state.name == "Crashed"
    assert "has gone on 2 time(s) after a crash, and does so by itself no more (auto_resume)" in (state.message or "")
    resumer.close()


def test_however_many_runs_have_crashed_since_those_that_may_go_on_are_found(services: Services) -> None:
    may, starter = flow_run(auto_resume=1), Starter()
    died(services, may, *[flow_run() for _ in range(300)])
    resumer = Resumer(services, starter)
    assert [run.key for run in resumer.look()] == [may.key]
    assert starter.started() == [may.id]
    resumer.close()


def test_of_several_who_look_one_starts_a_process(services: Services) -> None:
    run, starter = flow_run(auto_resume=1), Starter()
    died(services, run)
    resumers = [Resumer(services, starter) for _ in range(3)]
    assert [len(resumer.look()) for resumer in resumers] == [1, 0, 0]
    assert starter.started() == [run.id]
    for resumer in resumers:
        resumer.close()
