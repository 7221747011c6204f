"""A flow run whose process was killed at any operation goes on to the same end, and no finished step runs again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from sluiceway import flow, task
from sluiceway.drivers import resuming
from sluiceway.engine.flow import run_flow
from sluiceway.flows import Flow
from sluiceway.model.facts import TaskRunMoved
from sluiceway.model.states import State, StateType
from sluiceway.ports.services import Services
from sluiceway.task_runners import ThreadPoolTaskRunner
from sluiceway.testing.scripts import DieAt, Played, play, script_of, services_in_memory
from sluiceway.wiring.runners import make_runner

Effects = list[str]


class Case(NamedTuple):
    """A flow, and what its steps have done so far."""

    subject: Flow[..., Any]
    effects: Effects
    args: tuple[Any, ...] = ()

    def started(self, services: Services, until: DieAt | None = None) -> Played[Any]:
        return play(script_of(self.subject, services, *self.args), services, until=until)

    def gone_on(self, services: Services, until: DieAt | None = None) -> Played[Any]:
        (run,) = [run for run in services.store.read_flow_runs().items if run.parent_key is None]
        context = resuming.resume(run.key, services, make_runner, flow=self.subject)
        return play(_run(context), services, until=until)


async def _run(context: Any) -> State[Any]:
    try:
        return await run_flow(context)
    finally:
        context.close()


def steps_in_a_row() -> Case:
    effects: Effects = []

    @task
    def step(number: int) -> int:
        effects.append(f"step {number}")
        return number * 10

    @flow
    def in_a_row(count: int) -> int:
        return sum(step(number) for number in range(count))

    return Case(in_a_row, effects, (3,))


def equal_calls() -> Case:
    effects: Effects = []

    @task
    def draw() -> int:
        effects.append("draw")
        return len(effects)

    @flow
    def of_equal_calls() -> int:
        return len([draw(), draw(), draw()])

    return Case(of_equal_calls, effects)


def a_failure_that_is_caught() -> Case:
    effects: Effects = []

    @task(retries=1)
    def fails() -> None:
        effects.append("fails")
        raise ValueError("on purpose")

    @task
    def after(why: str) -> str:
        effects.append("after")
        return why

    @flow
    def catches() -> str:
        try:
            fails()
        except ValueError as error:
            return after(str(error))
        return "never"

    return Case(catches, effects)


def child_flows() -> Case:
    effects: Effects = []

    @task
    def step(number: int) -> int:
        effects.append(f"step {number}")
        return number

    @flow
    def child(base: int) -> int:
        return step(base) + step(base + 1)

    @flow
    def parent() -> int:
        return child(1) + step(5) + child(10)

    return Case(parent, effects)


def tasks_in_tasks() -> Case:
    effects: Effects = []

    @task
    def inner(number: int) -> int:
        effects.append(f"inner {number}")
        return number

    @task
    def outer(number: int) -> int:
        return inner(number) + inner(number + 1)

    @flow
    def nested() -> int:
        return outer(1) + outer(10)

    return Case(nested, effects)


def submitted_steps() -> Case:
    effects: Effects = []

    @task
    def step(number: int) -> int:
        effects.append(f"step {number}")
        return number

    @flow(task_runner=ThreadPoolTaskRunner(1))
    def submits() -> int:
        first = step.submit(1)
        return sum(step.map([10, 20]).result()) + first.result()

    return Case(submits, effects)


SEQUENTIAL = [steps_in_a_row, equal_calls, a_failure_that_is_caught, child_flows, tasks_in_tasks]

every_case = pytest.mark.parametrize("make", SEQUENTIAL, ids=lambda make: make.__name__)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL", logger="sluiceway")


def _points(make: Callable[[], Case]) -> Iterator[DieAt]:
    services = services_in_memory()
    for number in range(len(make().started(services).steps)):
        yield DieAt(number)
        yield DieAt(number, after=True)


def _finished(services: Services) -> int:
    """Return how many steps have a recorded end, by which they are not to run again."""
    recorder: Any = services.recorder
    ends = (StateType.COMPLETED, StateType.FAILED)
    return sum(isinstance(fact, TaskRunMoved) and fact.state.type in ends for fact in recorder.facts)


def _begun(services: Services) -> bool:
    runs = services.store.read_flow_runs().items
    return bool(runs) and not any(run.state is not None and run.state.is_final() for run in runs if not run.parent_key)


@pytest.mark.slow
@every_case
def test_wherever_its_process_is_killed_a_run_goes_on_to_the_same_end(make: Callable[[], Case]) -> None:
    expected = make().started(services_in_memory()).result
    assert expected is not None
    for point in _points(make):
        case, services = make(), services_in_memory()
        assert case.started(services, point).died
        if not _begun(services):
            continue  # it left nothing, or it was over
        finished, begun = _finished(services), len(case.effects)
        state = case.gone_on(services).result
        assert state is not None
        assert (state.type, state.data) == (expected.type, expected.data), point
        again = Counter(case.effects) - _once(make)
        assert len(again) <= 1, (point, case.effects)  # only the one that was under way, with its tries
        assert begun - finished <= 2, point


def _once(make: Callable[[], Case]) -> Counter[str]:
    """Return the effects of a run that nobody has killed."""
    case = make()
    case.started(services_in_memory())
    return Counter(case.effects)


@pytest.mark.slow
@every_case
def test_a_run_may_be_killed_again_while_it_goes_on(make: Callable[[], Case]) -> None:
    expected = make().started(services_in_memory()).result
    assert expected is not None
    points = list(_points(make))
    for first, second in zip(points[::3], points[-1::-3], strict=True):
        case, services = make(), services_in_memory()
        case.started(services, first)
        if not _begun(services):
            continue
        case.gone_on(services, second)
        if not _begun(services):
            continue
        _let_go(services)
        state = case.gone_on(services).result
        assert state is not None
        assert (state.type, state.data) == (expected.type, expected.data), (first, second)
        assert len(Counter(case.effects) - _once(make)) <= 2, (first, second, case.effects)


def _let_go(services: Services) -> None:
    """Bury the process that had the run in hand, as others do that find it dead."""
    for process in services.store.read_processes():
        services.store.bury_process(process, "killed", services.clock.now())


@pytest.mark.slow
def test_submitted_steps_that_have_finished_do_not_run_again() -> None:
    for point in _points(submitted_steps):
        case, services = submitted_steps(), services_in_memory()
        case.started(services, point)
        if not _begun(services):
            continue
        runs = services.store.read_task_runs().items
        done = {run.call_preview for run in runs if run.state_name == "Completed"}
        state = case.gone_on(services).result
        assert state is not None
        assert state.data == 31, point
        repeated = [effect for effect, count in Counter(case.effects).items() if count > 1]
        assert not [effect for effect in repeated if f"number={effect.split()[1]}" in done], (point, case.effects)
