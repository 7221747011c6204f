"""Runs that go on: after a crash, from a step on, as a new run, and by a key."""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from sluiceway import Flow, flow, task
from sluiceway.client.schemas.objects import FlowRun
from sluiceway.drivers import blocking, resuming
from sluiceway.durable import asleep, now, random, run_once, sleep
from sluiceway.engine.keyed import Keyed, settle_key
from sluiceway.entrypoints import load_flow_from_entrypoint
from sluiceway.exceptions import (
    InvalidOptionError,
    MissingContextError,
    MissingResult,
    NonDeterminismError,
    ObjectAlreadyExists,
    ObjectNotFound,
    RunNotResumableError,
    SignatureMismatchError,
    UnreadableResult,
)
from sluiceway.flow_runs import fork_flow_run, resume_flow_run, retry_flow_run
from sluiceway.model.states import StateType
from sluiceway.rules import outcomes
from sluiceway.states import Completed, Failed, Running
from sluiceway.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner
from sluiceway.testing import Harness, VirtualClock
from sluiceway.testing.scripts import DieAt, play, script_of, services_in_memory
from sluiceway.transactions import transaction
from sluiceway.wiring import build, use
from sluiceway.wiring.configuration import process_settings
from sluiceway.wiring.runners import make_runner
from tests.stores.making import flow_facts, flow_run

pytestmark = pytest.mark.usefixtures("sluiceway_harness")

did: list[Any] = []
"""What steps have done, in order."""


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    did.clear()


@task
def step(x: Any) -> Any:
    did.append(x)
    return x


class Crash(BaseException):
    """Ends a flow from outside, as far as it can tell."""


class Once:
    """Crashes the first time."""

    def __init__(self) -> None:
        self.armed = True

    def __call__(self) -> None:
        if self.armed:
            self.armed = False
            raise Crash


def crashed(harness: Harness, subject: Flow[..., Any], *args: Any, **kwargs: Any) -> FlowRun:
    """Call a flow that crashes, and return the run."""
    called = functools.partial(subject, *args, **kwargs)
    with pytest.raises(Crash):
        asyncio.run(called()) if subject.isasync else called()
    runs = [run for run in harness.client.read_flow_runs() if run.parent_flow_run_id is None]
    assert runs[0].state_name == "Crashed"
    return runs[0]


# --- going on -----------------------------------------------------------------------------------


def test_a_crashed_run_goes_on_under_its_own_id_and_finished_steps_are_not_run_again(
    sluiceway_harness: Harness,
) -> None:
    crash = Once()

    @flow
    def adds(a: int, b: int = 2) -> int:
        total = step(a) + step(b)
        crash()
        return int(total + step(100))

    run = crashed(sluiceway_harness, adds, 1)
    state = resume_flow_run(run.id, flow=adds)
    assert (state.name, state.data) == ("Completed", 103)
    assert did == [1, 2, 100]
    client = sluiceway_harness.client
    again = client.read_flow_run(run.id)
    assert (again.id, again.run_count, again.epoch, again.state_name) == (run.id, 2, 1, "Completed")
    names = [state.name for state in client.read_flow_run_states(run.id)]
    assert names == ["Pending", "Running", "Crashed", "Resuming", "Running", "Completed"]
    assert client.count_flow_runs() == 1
    assert len(client.read_task_runs()) == 3


def test_the_identifiers_of_recalled_steps_are_the_recorded_ones(sluiceway_harness: Harness) -> None:
    crash, keys = Once(), []

    @flow
    def submits() -> None:
        future = step.submit(1)
        keys.append(future.task_run_id)
        assert future.result() == 1
        assert future.state.is_completed()
        crash()

    run = crashed(sluiceway_harness, submits)
    resume_flow_run(run.id, flow=submits)
    assert keys[0] == keys[1]
    assert did == [1]


@pytest.mark.parametrize(
    "runner",
    [ThreadPoolTaskRunner(3), pytest.param(ProcessPoolTaskRunner(2), marks=pytest.mark.slow)],
    ids=["threads", "processes"],
)
def test_mapped_steps_are_recalled_whatever_order_they_ended_in(
    sluiceway_harness: Harness, runner: TaskRunner[Any]
) -> None:
    crash = Once()

    @task
    def square(x: int) -> int:
        return x * x

    @flow(task_runner=runner)
    def squares(count: int) -> list[int]:
        first = square.map(range(count)).result()
        crash()
        return first + square.map(range(count, 2 * count)).result()

    run = crashed(sluiceway_harness, squares, 5)
    before = {r.id: r.run_count for r in sluiceway_harness.client.read_task_runs()}
    state = resume_flow_run(run.id, flow=squares)
    assert state.data == [x * x for x in range(10)]
    after = {r.id: r.run_count for r in sluiceway_harness.client.read_task_runs()}
    assert len(after) == 10
    assert {key: after[key] for key in before} == before


def test_async_flows_and_gathered_steps_go_on_too(sluiceway_harness: Harness) -> None:
    crash = Once()

    @task
    async def astep(x: int) -> int:
        await asyncio.sleep(0)
        did.append(x)
        return x

    @flow
    async def gathers() -> int:
        first = await asyncio.gather(*[astep(x) for x in range(4)])
        crash()
        return sum(first) + await astep(10)

    run = crashed(sluiceway_harness, gathers)
    assert resume_flow_run(run.id, flow=gathers).data == 16
    assert sorted(did) == [0, 1, 2, 3, 10]


def test_a_step_that_was_under_way_starts_again_under_its_own_id(sluiceway_harness: Harness) -> None:
    crash = Once()

    @task
    def cut_short() -> str:
        did.append("began")
        crash()
        return "done"

    @flow
    def outer() -> str:
        return cut_short()

    run = crashed(sluiceway_harness, outer)
    assert resume_flow_run(run.id, flow=outer).data == "done"
    (task_run,) = sluiceway_harness.client.read_task_runs()
    assert (task_run.run_count, did) == (2, ["began", "began"])
    names = [state.name for state in sluiceway_harness.client.read_task_run_states(task_run.id)]
    assert names == ["Pending", "Running", "Crashed", "Pending", "Running", "Completed"]


def test_a_step_that_failed_for_good_raises_its_exception_again_without_running(sluiceway_harness: Harness) -> None:
    crash = Once()

    @task(retries=1)
    def fails() -> None:
        did.append("try")
        raise LookupError("nowhere")

    @flow
    def catches() -> str:
        try:
            fails()
        except LookupError as error:
            crash()
            return str(error)
        return "never"

    run = crashed(sluiceway_harness, catches)
    assert resume_flow_run(run.id, flow=catches).data == "nowhere"
    assert did == ["try", "try"]


def test_a_result_that_was_not_stored_is_made_again_and_the_log_says_which_and_why(
    sluiceway_harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    crash = Once()

    @task(persist_result=False)
    def unkept() -> int:
        did.append("made")
        return 7

    @flow
    def outer() -> int:
        value = unkept()
        crash()
        return value

    run = crashed(sluiceway_harness, outer)
    assert resume_flow_run(run.id, flow=outer).data == 7
    assert did == ["made", "made"]
    (line,) = [record for record in caplog.records if "not at hand" in record.getMessage()]
    assert "persist_result=True" in line.getMessage()
    assert line.__dict__["task_run_name"].startswith("unkept-")


def test_child_flow_runs_that_finished_are_recalled_and_others_go_on_with_their_own_steps(
    sluiceway_harness: Harness,
) -> None:
    crash = Once()

    @flow
    def child(base: int) -> int:
        first = step(base)
        if base == 20:
            crash()
        return int(first + step(base + 1))

    @flow
    def parent() -> int:
        return child(10) + child(20)

    run = crashed(sluiceway_harness, parent)
    assert resume_flow_run(run.id, flow=parent).data == 62
    assert did == [10, 11, 20, 21]
    assert sluiceway_harness.client.count_flow_runs() == 3


def test_a_resumed_run_that_is_retried_does_not_run_finished_steps_again(sluiceway_harness: Harness) -> None:
    crash, fail = Once(), [True]

    @flow(retries=1)
    def flaky() -> str:
        step("a")
        crash()
        step("b")
        if fail.pop() if fail else False:
            raise ValueError
        return "done"

    run = crashed(sluiceway_harness, flaky)
    assert resume_flow_run(run.id, flow=flaky).data == "done"
    assert did == ["a", "b"]


# --- determinism --------------------------------------------------------------------------------


def test_a_changed_call_stops_the_run_and_shows_both_calls(sluiceway_harness: Harness) -> None:
    crash, amounts = Once(), iter([17, 18])

    @flow
    def charges() -> None:
        step(next(amounts))
        crash()

    run = crashed(sluiceway_harness, charges)
    state = resume_flow_run(run.id, flow=charges)
    assert state.name == "Failed"
    assert isinstance(state.data, NonDeterminismError)
    text = str(state.data)
    assert "recorded  step(x=17), Completed" in text
    assert "present   step(x=18)" in text
    assert did == [17]


def test_a_flow_that_swallows_the_error_fails_with_it_all_the_same(sluiceway_harness: Harness) -> None:
    crash, amounts = Once(), iter([1, 2])

    @flow
    def swallows() -> str:
        try:
            step(next(amounts))
        except Exception:
            return "never mind"
        crash()
        return "done"

    run = crashed(sluiceway_harness, swallows)
    state = resume_flow_run(run.id, flow=swallows)
    assert isinstance(state.data, NonDeterminismError)


def test_a_flow_may_have_got_further_steps_since(sluiceway_harness: Harness) -> None:
    crash = Once()
    repaired = [False]

    @flow
    def grows() -> int:
        total = step(1)
        if repaired[0]:
            total += other(5)
        crash()
        return int(total)

    @task
    def other(x: int) -> int:
        return x

    run = crashed(sluiceway_harness, grows)
    repaired[0] = True
    assert resume_flow_run(run.id, flow=grows).data == 6


def test_recorded_steps_that_are_not_called_again_are_told_in_the_log(
    sluiceway_harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    crash, wanted = Once(), [True, False]

    @flow
    def forgets() -> None:
        if wanted.pop(0):
            step("gone")
        crash()

    run = crashed(sluiceway_harness, forgets)
    assert resume_flow_run(run.id, flow=forgets).name == "Completed"
    assert any("not called again" in r.getMessage() and "step(x='gone')" in r.getMessage() for r in caplog.records)


# --- bad input ------------------------------------------------------------------------------------


def test_what_cannot_be_resumed_says_why_and_leaves_the_journal_as_it_was(sluiceway_harness: Harness) -> None:
    @flow
    def fine() -> None:
        child_of()

    @flow
    def child_of() -> None: ...

    @flow
    def fails() -> None:
        raise ValueError

    fine()
    fails(return_state=True)
    client = sluiceway_harness.client
    by_name = {run.flow_name: run for run in client.read_flow_runs()}
    for name, match in [
        ("fine", "has completed"),
        ("child-of", "was called by another one; .*sluiceway resume"),
        ("fails", "sluiceway retry"),
    ]:
        with pytest.raises(RunNotResumableError, match=match):
            resume_flow_run(by_name[name].id)
    with pytest.raises(ObjectNotFound, match="no flow run"):
        resume_flow_run(uuid4())
    assert {run.flow_name: run.state_name for run in client.read_flow_runs()} == {
        "fine": "Completed",
        "child-of": "Completed",
        "fails": "Failed",
    }


def test_a_flow_that_cannot_be_imported_is_named_with_the_remedy(sluiceway_harness: Harness) -> None:
    @flow
    def local() -> None:
        raise Crash

    run = crashed(sluiceway_harness, local)
    with pytest.raises(RunNotResumableError, match=r"cannot be imported: it was made within a function.*run_id="):
        resume_flow_run(run.id)


def test_a_flow_is_loaded_from_its_file_again_and_one_whose_file_is_gone_is_a_clear_error(
    sluiceway_harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "resumed_from_file.py"
    source = "from sluiceway import flow\n\n\n@flow\ndef doubles(x: int) -> int:\n    raise SystemExit(x)\n"
    file.write_text(source, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "resumed_from_file", raising=False)
    with pytest.raises(SystemExit):
        load_flow_from_entrypoint(f"{file}:doubles")(21)
    (run,) = sluiceway_harness.client.read_flow_runs()
    file.unlink()
    with pytest.raises(RunNotResumableError, match=r"'doubles' of run .* cannot be loaded from .*_from_file\.py"):
        resume_flow_run(run.id)
    assert sluiceway_harness.client.read_flow_run(run.id).state_name == "Crashed"
    file.write_text(source.replace("raise SystemExit(x)", "return 2 * x"), encoding="utf-8")
    assert resume_flow_run(run.id).data == 42
    sys.modules.pop("resumed_from_file", None)


def test_a_flow_whose_signature_has_changed_is_a_clear_error(sluiceway_harness: Harness) -> None:
    @flow(name="changes")
    def before(a: int) -> None:
        raise Crash

    @flow(name="changes")
    def after(a: int, b: int) -> None: ...

    @flow(name="changes")
    def renamed(c: int = 1) -> None: ...

    run = crashed(sluiceway_harness, before, 1)
    with pytest.raises(SignatureMismatchError, match="'b' is new and has no default"):
        resume_flow_run(run.id, flow=after)
    with pytest.raises(SignatureMismatchError, match="'a' is gone"):
        resume_flow_run(run.id, flow=renamed)
    assert sluiceway_harness.client.read_flow_run(run.id).state_name == "Crashed"


def test_arguments_that_were_not_kept_are_a_clear_error(sluiceway_harness: Harness) -> None:
    @flow
    def takes_a_lock(lock: Any) -> None:
        raise Crash

    run = crashed(sluiceway_harness, takes_a_lock, threading.Lock())
    with pytest.raises(RunNotResumableError, match=r"arguments of flow run .* are not at hand"):
        resume_flow_run(run.id, flow=takes_a_lock)


class Vanishing:
    """Stands for a class that later versions of a program do not have."""


def test_a_result_whose_class_no_longer_exists_is_a_clear_error_and_the_step_stays_as_it_was(
    sluiceway_harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash = Once()

    @task
    def makes() -> Any:
        did.append("made")
        return Vanishing()

    @flow
    def outer() -> None:
        makes()
        crash()

    run = crashed(sluiceway_harness, outer)
    (before,) = sluiceway_harness.client.read_task_runs()
    monkeypatch.delitem(globals(), "Vanishing")
    state = resume_flow_run(run.id, flow=outer)
    assert state.name == "Failed"
    with pytest.raises(UnreadableResult, match=r"makes\(\), Completed, came to cannot be used.*Vanishing.*--from"):
        state.result()
    assert did == ["made"]
    (after,) = sluiceway_harness.client.read_task_runs()
    assert (after.id, after.state_name, after.run_count) == (before.id, "Completed", 1)
    monkeypatch.undo()
    assert retry_flow_run(run.id, flow=outer).is_completed()
    assert did == ["made"]


# --- retry and fork -------------------------------------------------------------------------------


def failing_at(places: list[str]) -> Flow[..., str]:
    @task
    def at(place: str) -> str:
        did.append(place)
        if place in places:
            raise ValueError(place)
        return place

    @flow(name="placed")
    def placed(last: str = "c") -> str:
        return at("a") + at("b") + at(last)

    return placed


def test_a_failed_run_is_tried_again_at_the_first_step_that_did_not_complete(sluiceway_harness: Harness) -> None:
    wrong = ["b"]
    placed = failing_at(wrong)
    placed(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    wrong.clear()
    state = retry_flow_run(run.id, flow=placed)
    assert (state.data, did) == ("abc", ["a", "b", "b", "c"])
    assert sluiceway_harness.client.count_flow_runs() == 1


def test_a_run_is_tried_again_from_a_named_step_on(sluiceway_harness: Harness) -> None:
    wrong = ["c"]
    placed = failing_at(wrong)
    placed(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    wrong.clear()
    (b,) = [r for r in sluiceway_harness.client.read_task_runs() if "'b'" in (r.call_preview or "")]
    assert retry_flow_run(run.id, from_step=b.id, flow=placed).data == "abc"
    assert did == ["a", "b", "c", "b", "c"]


def test_a_step_that_is_none_of_the_run_is_refused(sluiceway_harness: Harness) -> None:
    placed = failing_at(["c"])
    placed(return_state=True)
    (run,) = sluiceway_harness.client.read_flow_runs()
    with pytest.raises(RunNotResumableError, match="no step"):
        retry_flow_run(run.id, from_step=uuid4(), flow=placed)


def test_a_fork_is_a_new_run_that_takes_over_what_was_before_a_step(sluiceway_harness: Harness) -> None:
    placed = failing_at([])
    placed()
    client = sluiceway_harness.client
    (run,) = client.read_flow_runs()
    (b,) = [r for r in client.read_task_runs() if "'b'" in (r.call_preview or "")]
    assert fork_flow_run(run.id, from_step=b.id, parameters={"last": "z"}, flow=placed).data == "abz"
    assert did == ["a", "b", "c", "b", "z"]
    new = client.read_flow_runs()[0]
    assert new.id != run.id
    assert new.parameters == {"last": "z"}
    states = {r.call_preview: r.state_name for r in client.read_task_runs() if r.flow_run_id == new.id}
    assert states == {"place='a'": "Cached", "place='b'": "Completed", "place='z'": "Completed"}
    assert client.read_flow_run(run.id).state_name == "Completed"


# --- keys -------------------------------------------------------------------------------------------


def test_a_second_call_with_the_same_key_returns_the_first_ones_result(sluiceway_harness: Harness) -> None:
    @flow
    def pays(amount: int) -> int:
        did.append(amount)
        return amount * 2

    keyed = pays.with_options(idempotency_key="order 7")
    assert [keyed(4), keyed(4), keyed(4)] == [8, 8, 8]
    assert did == [4]
    assert sluiceway_harness.client.count_flow_runs() == 1
    assert pays.with_options(idempotency_key="order 8")(5) == 10


def test_another_key_or_none_is_another_run(sluiceway_harness: Harness) -> None:
    @flow
    def counts() -> None:
        did.append(1)

    counts.with_options(idempotency_key="a")()
    counts.with_options(idempotency_key="b")()
    counts()
    counts()
    assert len(did) == 4


def test_the_same_key_with_other_arguments_is_a_clear_error(sluiceway_harness: Harness) -> None:
    @flow
    def pays(amount: int) -> int:
        return amount

    keyed = pays.with_options(idempotency_key="order 7")
    keyed(4)
    with pytest.raises(ObjectAlreadyExists, match=r"'order 7' of flow 'pays'.*amount=5"):
        keyed(5)
    assert sluiceway_harness.client.count_flow_runs() == 1


def test_a_failed_run_of_a_key_fails_again_as_it_did() -> None:
    @flow
    def fails() -> None:
        did.append("ran")
        raise LookupError("nowhere")

    keyed = fails.with_options(idempotency_key="k")
    for _ in range(2):
        with pytest.raises(LookupError, match="nowhere"):
            keyed()
    assert did == ["ran"]


def test_a_crashed_run_of_a_key_goes_on(sluiceway_harness: Harness) -> None:
    crash = Once()

    @flow
    def adds() -> int:
        one = step(1)
        crash()
        return int(one + step(2))

    keyed = adds.with_options(idempotency_key="k")
    crashed(sluiceway_harness, keyed)
    assert keyed() == 3
    assert did == [1, 2]


def test_a_run_has_the_identifier_that_was_chosen_for_it_and_the_next_call_returns_its_result(
    sluiceway_harness: Harness,
) -> None:
    chosen = uuid4()

    @flow
    def once() -> int:
        did.append(1)
        return len(did)

    assert [once.with_options(run_id=chosen)(), once.with_options(run_id=str(chosen))()] == [1, 1]
    (run,) = sluiceway_harness.client.read_flow_runs()
    assert run.id == chosen


def test_calls_with_one_key_at_once_make_one_run(sluiceway_harness: Harness) -> None:
    began = threading.Event()

    @flow
    def slow() -> int:
        did.append(1)
        began.wait(10)
        return 5

    keyed, values = slow.with_options(idempotency_key="k"), []
    threads = [threading.Thread(target=lambda: values.append(keyed())) for _ in range(4)]
    for thread in threads:
        thread.start()
    began.set()
    for thread in threads:
        thread.join()
    assert (values, did) == ([5] * 4, [1])


def test_a_keyed_run_that_crashed_at_once_goes_on_with_the_next_call_though_the_same_process_made_it(
    sluiceway_home: Path,
) -> None:
    crash = Once()

    @flow
    def at_once(x: int) -> int:
        crash()
        return x

    keyed = at_once.with_options(idempotency_key="k")
    with use(build(process_settings())) as services:
        with pytest.raises(Crash):
            keyed(5)
        services.recorder.drain()
        (run,) = services.store.read_flow_runs().items
        assert services.store.read_holder(run.key) is None  # else the next call would wait for ever
        assert keyed(5) == 5


def test_who_calls_with_a_key_goes_on_though_others_took_the_run_and_died_while_it_was_about_to() -> None:
    services = services_in_memory()
    store, run = services.store, flow_run()
    store.write(flow_facts(run, StateType.RUNNING, StateType.CRASHED))

    class Others:
        """Others who are faster, twice."""

        def __init__(self) -> None:
            self.store, self.taken = store, 0

        def look_around(self) -> None: ...

        def resume(self, run_key: bytes) -> Any:
            if self.taken == 2:
                return "the call that goes on"
            process = resuming.this_process(services)
            seen = (StateType.CRASHED, self.taken)
            self.taken = store.take_flow_run(run_key, seen, process, outcomes.resuming(0)) or 0
            store.bury_process(process, "It died.", 0)
            raise RunNotResumableError("Somebody else was faster.")

    others: Any = Others()
    call = Keyed("orders", "k", run.key, 7, "")
    assert blocking.drive(settle_key(call, others), services) == "the call that goes on"
    assert others.taken == 2


def test_async_calls_with_one_key_wait_for_each_other(sluiceway_harness: Harness) -> None:
    @flow
    async def slow(x: int) -> int:
        did.append(x)
        await asyncio.sleep(0.01)
        return x

    keyed = slow.with_options(idempotency_key="k")

    async def twice() -> list[int]:
        return list(await asyncio.gather(keyed(3), keyed(3)))

    assert asyncio.run(twice()) == [3, 3]
    assert did == [3]


def test_keys_are_for_runs_that_no_other_run_calls() -> None:
    @flow
    def inner() -> None: ...

    @flow
    def outer() -> None:
        inner.with_options(idempotency_key="k")()

    with pytest.raises(InvalidOptionError, match="no other run calls"):
        outer()


# --- what varies ------------------------------------------------------------------------------------


def test_run_once_is_called_once_in_a_run_however_often_that_goes_on(sluiceway_harness: Harness) -> None:
    crash = Once()

    @flow
    def orders() -> tuple[UUID, UUID]:
        first = run_once("order", uuid4)
        did.append(first)
        assert run_once("order", uuid4) == first
        other = run_once("other", uuid4)
        crash()
        return first, other

    run = crashed(sluiceway_harness, orders)
    first, other = resume_flow_run(run.id, flow=orders).data
    assert did == [first, first]
    assert other != first


def test_run_once_awaits_async_functions(sluiceway_harness: Harness) -> None:
    crash = Once()

    async def fetch() -> int:
        did.append("fetched")
        return len(did)

    @flow
    async def fetches() -> int:
        found = await run_once("page", fetch)
        assert await run_once("page", fetch) == found
        crash()
        return found

    run = crashed(sluiceway_harness, fetches)
    assert resume_flow_run(run.id, flow=fetches).data == 1
    assert did == ["fetched"]


def test_time_and_chance_stay_as_they_were(sluiceway_harness: Harness) -> None:
    crash = Once()

    @flow
    def varies() -> None:
        did.append((now(), random(), random()))
        crash()

    run = crashed(sluiceway_harness, varies)
    resume_flow_run(run.id, flow=varies)
    assert did[0] == did[1]
    assert did[0][1] != did[0][2]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_resumed_run_sleeps_only_for_what_is_left(
    virtual_clock: VirtualClock, sluiceway_harness: Harness, colour: str
) -> None:
    crash = Once()

    @flow
    def sleeps() -> None:
        now()
        crash_while_asleep(crash, virtual_clock)
        sleep(100)
        did.append(virtual_clock.now())

    @flow
    async def asleeps() -> None:
        now()
        crash_while_asleep(crash, virtual_clock)
        await asleep(100)
        did.append(virtual_clock.now())

    subject: Flow[..., Any] = sleeps if colour == "sync" else asleeps  # type: ignore[assignment]
    began = virtual_clock.now()
    run = crashed(sluiceway_harness, subject)
    virtual_clock.sleep(30)
    assert resume_flow_run(run.id, flow=subject).is_completed()
    assert did[-1] - began == pytest.approx(140_000_000, abs=100_000)


def crash_while_asleep(crash: Callable[[], None], clock: VirtualClock) -> None:
    """Let ten seconds pass before what may be the end of the process."""
    if getattr(crash, "armed", False):
        clock.sleep(10)
    crash()


def test_outside_runs_there_is_nothing_to_record_with() -> None:
    for call in (lambda: run_once("k", uuid4), now, random, lambda: sleep(1)):
        with pytest.raises(MissingContextError, match="in a flow or task"):
            call()


# --- transactions ---------------------------------------------------------------------------------


def in_transactions(crash: Callable[[], None]) -> Flow[[], str]:
    @task
    def make(name: str) -> str:
        did.append(f"make {name}")
        return name

    @make.on_rollback
    def unmake(txn: Any) -> None:
        did.append("undo make")

    @task
    def pay(name: str) -> str:
        did.append(f"pay {name}")
        return name

    @pay.on_rollback
    def refund(txn: Any) -> None:
        did.append("undo pay")

    @flow
    def orders() -> str:
        with transaction():
            make("first")
        with transaction():
            made = make("second")
            paid = pay(made)
            crash()
        return paid

    return orders


def test_what_was_staged_and_not_committed_is_rolled_back_last_one_first_when_the_run_goes_on() -> None:
    subject = in_transactions(lambda: None)
    steps = play(script_of(subject, (planned := services_in_memory())), planned).steps
    settled = [number for number, step in enumerate(steps) if str(step).strip() == "Record TaskRunSettled"]
    did.clear()
    services = services_in_memory()
    assert play(script_of(subject, services), services, until=DieAt(settled[1])).died
    assert did == ["make first", "make second", "pay second"]
    (run,) = services.store.read_flow_runs().items
    state = resuming.run_here(resuming.resume(run.key, services, make_runner, flow=subject))
    assert state.data == "second"
    assert did[3:] == ["undo pay", "undo make", "make second", "pay second"]
    histories = [
        [told.name for told in services.store.read_history(task_run.key)]
        for task_run in services.store.read_task_runs().items
    ]
    again = ["Pending", "Running", "Completed", "RolledBack", "Pending", "Running", "Completed"]
    assert sorted(histories, key=len) == [again[:3], again, again]
    assert services.store.read_staged(run.key) == ()


def test_what_was_rolled_back_before_the_crash_runs_again_and_is_not_undone_twice(sluiceway_harness: Harness) -> None:
    crash = Once()

    @task
    def make() -> None:
        did.append("make")

    @make.on_rollback
    def unmake(txn: Any) -> None:
        did.append("undo")

    @flow
    def orders() -> None:
        with transaction():
            make()
            crash()

    run = crashed(sluiceway_harness, orders)
    assert did == ["make", "undo"]
    (step_run,) = sluiceway_harness.client.read_task_runs()
    assert step_run.state_name == "RolledBack"
    assert resume_flow_run(run.id, flow=orders).is_completed()
    assert did == ["make", "undo", "make"]


# --- corrections by hand --------------------------------------------------------------------------


def test_a_step_that_is_said_to_have_completed_is_taken_for_that_when_the_run_goes_on(
    sluiceway_harness: Harness,
) -> None:
    @task
    def fails() -> int:
        did.append("ran")
        raise ValueError

    @flow
    def outer() -> int:
        return fails() + 1

    outer(return_state=True)
    client = sluiceway_harness.client
    (run,), (step_run,) = client.read_flow_runs(), client.read_task_runs()
    told = client.set_task_run_state(step_run.id, Completed(data=41, message="repaired by hand"))
    assert (told.state_name, told.state.message, told.state.result()) == ("Completed", "repaired by hand", 41)
    assert retry_flow_run(run.id, flow=outer).data == 42
    assert did == ["ran"]
    names = [state.name for state in client.read_task_run_states(step_run.id)]
    assert names == ["Pending", "Running", "Failed", "Pending", "Completed"]


def test_a_step_that_is_said_to_have_failed_raises_that_when_the_run_goes_on(sluiceway_harness: Harness) -> None:
    crash = Once()

    @flow
    def outer() -> str:
        try:
            step(1)
        except LookupError as error:
            return str(error)
        crash()
        return "fine"

    run = crashed(sluiceway_harness, outer)
    (step_run,) = sluiceway_harness.client.read_task_runs()
    sluiceway_harness.client.set_task_run_state(step_run.id, Failed(data=LookupError("lost")))
    assert resume_flow_run(run.id, flow=outer).data == "lost"
    assert did == [1]


def test_a_child_flow_run_can_be_said_to_have_completed(sluiceway_harness: Harness) -> None:
    @flow
    def child() -> int:
        raise ValueError

    @flow
    def parent() -> int:
        return child() + 1

    parent(return_state=True)
    client = sluiceway_harness.client
    (stand_in,) = client.read_task_runs()
    client.set_task_run_state(stand_in.id, Completed(data=1))
    by_name = {run.flow_name: run for run in client.read_flow_runs()}
    assert by_name["child"].state_name == "Completed"
    assert retry_flow_run(by_name["parent"].id, flow=parent).data == 2


def test_what_cannot_be_said_of_a_step_is_a_clear_error(sluiceway_harness: Harness) -> None:
    client = sluiceway_harness.client
    step(1)
    (step_run,) = client.read_task_runs()
    with pytest.raises(InvalidOptionError, match="not to be RUNNING"):
        client.set_task_run_state(step_run.id, Running())
    with pytest.raises(MissingResult, match="cannot be stored"):
        client.set_task_run_state(step_run.id, Completed(data=threading.Lock()))
    with pytest.raises(ObjectNotFound, match="no task run"):
        client.set_task_run_state(uuid4(), Completed())
    assert len(client.read_task_run_states(step_run.id)) == 3
