"""What holds for every runner that calls functions in other processes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import pytest

from sluiceway import flow, runtime, tags, task
from sluiceway.context import FlowRunContext, TaskRunContext
from sluiceway.exceptions import CrashedRun, MissingContextError, SerializationError
from sluiceway.model.facts import FlowRunMoved, TaskRunMoved
from sluiceway.runners.child import ENTRY, run_collected
from sluiceway.runners.parcels import BEGUN, ENDED
from sluiceway.runners.remote import Errand
from sluiceway.settings import get_current_settings, temporary_settings
from sluiceway.task_runners import ThreadPoolTaskRunner
from sluiceway.testing import Harness
from tests.runners.here import PATIENCE, HeldTaskRunner, HereTaskRunner, taken_for_another_process

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@task
def double(x: Any) -> Any:
    return 2 * x


@task
def returns_a_lock() -> Any:
    return threading.Lock()


@task
def calls_and_submits(x: int) -> int:
    return double(x) + double.submit(x).result()


@task(name="fails nested", retries=1)
def fails_nested() -> None:
    double(1)
    double(1)
    raise ValueError("after all")


@flow
def child_flow(x: int) -> int:
    return double(x)


@task
def calls_a_flow(x: int) -> int:
    return child_flow(x)


@task
def reads_context() -> dict[str, Any]:
    task_run, flow_run = TaskRunContext.get(), FlowRunContext.get()
    assert task_run is not None
    assert flow_run is not None
    return {
        "run": task_run.task_run.name,
        "task": task_run.task.name,
        "tags": set(task_run.task_run.tags),
        "parameters": task_run.parameters,
        "run_count": task_run.task_run.run_count,
        "flow_run": flow_run.flow_run.name,
        "flow": flow_run.flow.name,
        "flow_parameters": flow_run.parameters,
    }


class Thing:
    """Has a task for a method."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def times(self, x: int) -> int:
        return self.factor * x


# --- what cannot travel -------------------------------------------------------------------------


def _failure_of(submitted: Any) -> str:
    """Return why a task failed when it was submitted."""

    @flow(task_runner=HereTaskRunner())
    def fails() -> Any:
        return submitted(return_state=True)

    state = fails(return_state=True)
    assert state.type.value == "FAILED"
    assert isinstance(state.data, SerializationError)
    return str(state.data)


def test_an_argument_that_cannot_be_pickled_is_named_with_its_task_and_the_remedy() -> None:
    told = _failure_of(partial(double.submit, threading.Lock()))
    assert told.startswith("Argument 'x' of task 'double' cannot be sent to another process: TypeError: cannot pickle")
    assert "Pass what can be pickled" in told


def test_a_function_that_holds_something_unpicklable_is_named_with_the_remedy() -> None:
    lock = threading.Lock()

    @task
    def locks() -> None:
        lock.acquire()

    told = _failure_of(locks.submit)
    assert told.startswith("The function of task 'locks' cannot be sent to another process: TypeError: cannot pickle")
    assert "run the task in threads" in told


def test_a_result_that_cannot_be_pickled_is_named_with_the_remedy() -> None:
    told = _failure_of(returns_a_lock.submit)
    assert told.startswith("The result of task 'returns_a_lock' cannot be sent back")
    assert "Return what can be pickled" in told


def test_a_future_that_a_function_holds_is_named_with_the_remedy() -> None:
    @flow(task_runner=HereTaskRunner())
    def holds() -> str:
        future = double.submit(1)

        @task
        def asks() -> int:
            return future.result()

        return str(asks.submit().result(raise_on_failure=False))

    assert "a future cannot go to another process; pass the result of 'double" in holds()


def test_a_task_whose_module_the_other_process_does_not_have_says_so() -> None:
    @flow(task_runner=HeldTaskRunner())
    def orphan() -> str:
        future = double.submit(1)
        (errand,) = HeldTaskRunner.next()
        errand.parcel = errand.parcel.replace(b"tests.runners.test_remote", b"tests.runners.tset_remote")
        HereTaskRunner.send(future, errand)  # type: ignore[arg-type]  # it needs no more of the runner
        return str(future.result(raise_on_failure=False))

    told = orphan()
    assert "could not be restored in the process that was to run it: ModuleNotFoundError" in told
    assert "importable" in told


# --- what travels -------------------------------------------------------------------------------


def test_hooks_and_conditions_stay_behind_and_may_hold_anything() -> None:
    lock, seen = threading.Lock(), []

    def hook(_: Any, __: Any, state: Any) -> None:
        with lock:
            seen.append(state.name)

    @task(on_completion=[hook], on_failure=[hook], retries=1, retry_condition_fn=lambda *_: not lock.locked())
    def hooked(fine: bool) -> None:
        if not fine:
            raise ValueError("not fine")

    @flow(task_runner=HereTaskRunner())
    def calls() -> None:
        hooked.submit(True).wait()
        hooked.submit(False).wait()

    calls()
    assert seen == ["Completed", "Failed"]


def test_the_context_travels() -> None:
    @flow(name="travels", task_runner=HereTaskRunner(), validate_parameters=False)
    def travels(a: int) -> tuple[Any, str, str]:
        with tags("nightly"):
            future = reads_context.submit()
        context = FlowRunContext.get()
        assert context is not None
        return future.result(), future.run.name, context.flow_run.name

    seen, run, flow_run = travels(a=3)
    assert seen == {
        "run": run,
        "task": "reads_context",
        "tags": {"nightly"},
        "parameters": {},
        "run_count": 1,
        "flow_run": flow_run,
        "flow": "travels",
        "flow_parameters": {"a": 3},
    }


def test_flow_parameters_that_cannot_travel_stay_behind() -> None:
    @flow(task_runner=HereTaskRunner(), validate_parameters=False)
    def holds(lock: Any, a: int) -> Any:
        return reads_context.submit().result()["flow_parameters"]

    assert holds(threading.Lock(), 3) == {"a": 3}


def test_methods_partials_and_options_travel() -> None:
    @flow(task_runner=HereTaskRunner())
    def calls() -> list[Any]:
        return [
            Thing(3).times.submit(4).result(),
            task(partial(pow, 2), name="two to the").submit(3).result(),
            double.with_options(name="twice").submit(7).result(),
        ]

    assert calls() == [12, 8, 14]


def test_tasks_in_tasks_are_recorded_under_the_run_that_called_them(
    sluiceway_harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow(task_runner=HereTaskRunner())
    def outer() -> int:
        return calls_and_submits.submit(2).result()

    with taken_for_another_process(monkeypatch):
        assert outer() == 8
    sluiceway_harness.drain()
    runs = {run.name.rpartition("-")[0]: run for run in sluiceway_harness.client.read_task_runs()}
    children = [run for run in sluiceway_harness.client.read_task_runs() if run.name.startswith("double")]
    assert {run.parent_task_run_id for run in children} == {runs["calls_and_submits"].id}
    assert {run.flow_run_id for run in children} == {runs["calls_and_submits"].flow_run_id}
    assert [run.state_name for run in children] == ["Completed", "Completed"]
    assert sorted(run.dynamic_key[-1] for run in children) == ["0", "1"]


def test_flows_in_tasks_are_recorded_under_the_flow_that_called_them(
    sluiceway_harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow(name="outer", task_runner=HereTaskRunner())
    def outer() -> int:
        return calls_a_flow.submit(2).result()

    with taken_for_another_process(monkeypatch):
        assert outer() == 4
    sluiceway_harness.drain()
    runs = {run.flow_name: run for run in sluiceway_harness.client.read_flow_runs()}
    assert runs["child-flow"].state_name == "Completed"
    assert runs["child-flow"].parent_flow_run_id == runs["outer"].id


def test_a_retry_counts_equal_calls_on(sluiceway_harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    @flow(task_runner=HereTaskRunner())
    def outer() -> None:
        fails_nested.submit().wait()

    with taken_for_another_process(monkeypatch):
        outer()
    sluiceway_harness.drain()
    keys = [run.dynamic_key for run in sluiceway_harness.client.read_task_runs() if run.name.startswith("double")]
    assert len(keys) == len(set(keys)) == 4


# --- what goes wrong elsewhere ------------------------------------------------------------------


def test_a_call_whose_process_died_has_crashed() -> None:
    @flow(task_runner=HeldTaskRunner())
    def dies() -> Any:
        future = double.submit(1)
        (errand,) = HeldTaskRunner.next()
        errand.lose("The process ended with exit code 3.")
        future.wait()
        return future.state

    state = dies(return_state=True)
    assert (state.name, state.message) == ("Crashed", "The process ended with exit code 3.")
    assert isinstance(state.data, CrashedRun)


@pytest.mark.parametrize(
    ("end", "caller", "why"),
    [
        (lambda errand: errand.lose("The process ended."), "Crashed", "The process ended."),
        (
            lambda errand: errand.fail(ValueError("no")),
            "Failed",
            "The task run that it belonged to could not go on.",
        ),
    ],
)
def test_runs_within_a_call_whose_process_died_or_was_given_up_have_crashed(
    end: Callable[[Errand], None],
    caller: str,
    why: str,
    sluiceway_harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @flow(task_runner=HeldTaskRunner())
    def dies() -> None:
        future = calls_a_flow.submit(2)
        (errand,) = HeldTaskRunner.next()
        sent, _ = run_collected(ENTRY, errand.parcel)
        errand.take(_without_the_end(sent))
        end(errand)
        future.wait()

    with taken_for_another_process(monkeypatch):
        dies()
    sluiceway_harness.drain()
    task_runs = {run.name.rpartition("-")[0]: run for run in sluiceway_harness.client.read_task_runs()}
    flow_runs = {run.flow_name: run for run in sluiceway_harness.client.read_flow_runs()}
    assert {name: run.state_name for name, run in task_runs.items()} == {
        "calls_a_flow": caller,
        "child-flow": "Crashed",
        "double": "Crashed",
    }
    assert flow_runs["child-flow"].state_name == "Crashed"
    assert flow_runs["child-flow"].state.message == why


def _without_the_end(batches: list[bytes]) -> bytes:
    """Return what would have arrived, had the process died before anything ended."""
    told = [batch for batch in batches if batch not in (BEGUN, ENDED)]
    facts = [fact for batch in told for fact in pickle.loads(batch) if not isinstance(fact, dict)]
    ends = (FlowRunMoved, TaskRunMoved)
    return pickle.dumps([fact for fact in facts if not (isinstance(fact, ends) and fact.state.is_final())])


def test_submitting_outside_a_flow_says_so() -> None:
    with pytest.raises(MissingContextError, match="submit tasks in a flow"):
        HereTaskRunner().submit(double, {"x": 1})


def test_submitting_after_the_end_says_so() -> None:
    @flow(task_runner=HereTaskRunner())
    def ends() -> None:
        context = FlowRunContext.get()
        assert context is not None
        context.task_runner.close()
        with pytest.raises(RuntimeError, match="has ended"):
            double.submit(1)

    ends()


def test_what_has_not_ended_when_the_flow_is_interrupted_is_dropped(sluiceway_harness: Harness) -> None:
    @flow(task_runner=HeldTaskRunner(1))
    def interrupted() -> None:
        double.map(range(3))
        HeldTaskRunner.next()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    sluiceway_harness.drain()
    states = [run.state_name for run in sluiceway_harness.client.read_task_runs()]
    assert sorted(map(str, states)) == ["Cancelled", "Cancelled", "Crashed"]


def test_a_thread_that_waits_for_a_remote_task_runs_what_that_waits_for() -> None:
    queued: list[Any] = []
    both_submitted = threading.Event()

    @flow(task_runner=HereTaskRunner())
    def inner() -> int:
        return double.submit(queued[0]).result()

    @task
    def holds_the_only_thread() -> int:
        assert both_submitted.wait(PATIENCE)
        return inner()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def outer() -> int:
        first = holds_the_only_thread.submit()
        queued.append(double.submit(3))
        both_submitted.set()
        return first.result()

    assert outer() == 12


@task
def counted(x: int) -> int:
    CALLS.append(x)
    return x


@task(name="fails once")
def fails_once() -> int:
    nested = counted(1)
    if runtime.flow_run.run_count == 1:
        raise ValueError("not yet")
    return nested


CALLS: list[int] = []


def test_on_a_flow_retry_what_a_task_called_before_it_failed_is_not_called_again(
    sluiceway_harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    CALLS.clear()

    @flow(task_runner=HereTaskRunner(), retries=1)
    def outer() -> int:
        return fails_once.submit().result()

    with taken_for_another_process(monkeypatch):
        assert outer() == 1
    assert CALLS == [1]


# --- settings on their way ------------------------------------------------------------------------


@task
def tells_settings() -> tuple[Any, ...]:
    settings = get_current_settings()
    return (
        settings.logging_level,
        settings.tasks_default_retry_delay_seconds,
        settings.logging_extra_loggers,
        settings.results_storage,
        settings.api_key,
        settings.origin_of("logging_level"),
    )


class ListeningTaskRunner(HereTaskRunner):
    """Keeps what it sends."""

    parcels: ClassVar[list[bytes]] = []

    def send(self, errand: Errand) -> None:
        self.parcels.append(errand.parcel)
        super().send(errand)


GIVEN = {
    "logging_level": "WARNING",
    "tasks_default_retry_delay_seconds": [1, 2],
    "logging_extra_loggers": ["botocore"],
    "results_storage": "ftp://ada:pass-word@files/results",
    "api_key": "pass-word-of-the-server",
}


def _told(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """Return the settings that a task sees in another process; what was sent has none of the secrets in it."""
    ListeningTaskRunner.parcels.clear()

    @flow(task_runner=ListeningTaskRunner())
    def report() -> Any:
        return tells_settings.submit().result()

    with temporary_settings(**GIVEN), taken_for_another_process(monkeypatch):
        told: tuple[Any, ...] = report()
    (parcel,) = ListeningTaskRunner.parcels
    assert b"WARNING" in parcel
    assert b"pass-word" not in parcel
    return told


def test_settings_reach_another_process_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _told(monkeypatch) == (
        "WARNING",
        (1.0, 2.0),
        ("botocore",),
        "ftp://ada@files/results",
        None,
        "logging_level in the process that submitted the task",
    )


def test_another_process_uses_the_secrets_that_it_has_itself_for_the_same_addresses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLUICEWAY_RESULTS_STORAGE", "ftp://ada:its-own@files/results")
    monkeypatch.setenv("SLUICEWAY_API_KEY", "its-own")
    told = _told(monkeypatch)
    assert told[3:5] == ("ftp://ada:its-own@files/results", "its-own")
