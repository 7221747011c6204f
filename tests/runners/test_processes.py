"""The process runner, with real child processes."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluiceway import get_run_logger, task, unmapped
from sluiceway.cache_policies import INPUTS
from sluiceway.context import FlowRunContext
from sluiceway.exceptions import SerializationError
from sluiceway.futures import as_completed
from sluiceway.runners import processes
from sluiceway.task_runners import ProcessPoolTaskRunner
from sluiceway.testing import Harness
from tests.runners import clusters
from tests.runners.clusters import in_flow
from tests.runners.here import PATIENCE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sluiceway_harness")]

TWO = ProcessPoolTaskRunner(max_workers=2)
ONE = ProcessPoolTaskRunner(max_workers=1)


def _names_and_states(harness: Harness) -> dict[str, str | None]:
    harness.drain()
    return {run.name.rpartition("-")[0]: run.state_name for run in harness.client.read_task_runs()}


# --- as anywhere --------------------------------------------------------------------------------


def test_tasks_in_processes_return_what_they_return_anywhere() -> None:
    clusters.check_values(TWO)


def test_tasks_in_processes_fail_retry_and_time_out_as_anywhere() -> None:
    clusters.check_failures(ONE)


def test_tasks_in_processes_are_recorded_as_anywhere(sluiceway_harness: Harness) -> None:
    clusters.check_journal(ONE, sluiceway_harness)


@task
def pid() -> int:
    return os.getpid()


def test_children_are_other_processes_and_are_used_again() -> None:
    def where() -> set[int]:
        return {pid.submit().result() for _ in range(10)}

    children = in_flow(TWO, where)
    assert os.getpid() not in children
    assert len(children) <= 2


def test_nested_submits_do_not_deadlock_with_one_worker() -> None:
    @task
    def nested(depth: int) -> int:
        return 0 if depth == 0 else nested.submit(depth - 1).result() + 1

    def deep() -> list[int]:
        return nested.map([5, 5, 5]).result()

    assert in_flow(ONE, deep) == [5, 5, 5]


def test_log_lines_are_kept_and_shown_once_by_the_process_that_called_the_flow(
    sluiceway_harness: Harness, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def logs() -> str:
        future = clusters.tells.submit()
        future.wait()
        return future.run.name

    name = in_flow(ONE, logs)
    sluiceway_harness.drain()
    kept = [line.message for line in sluiceway_harness.client.read_logs() if line.task_run_id is not None]
    assert kept == ["a line", "a print"]
    assert [record.getMessage() for record in caplog.records if "a " in record.getMessage()] == kept
    shown = [line for line in capfd.readouterr().err.splitlines() if "a line" in line or "a print" in line]
    assert [line.partition("| ")[2] for line in shown] == [
        f"INFO    | Task run {name!r} - a line",
        f"INFO    | Task run {name!r} - a print",
    ]


@task
def logs_at_debug() -> None:
    get_run_logger().debug("in detail")


def test_children_log_from_the_level_of_this_process_on(sluiceway_harness: Harness) -> None:
    def logs() -> None:
        logs_at_debug.submit().wait()

    logger = logging.getLogger("sluiceway.task_runs")
    in_flow(ONE, logs)
    logger.setLevel(logging.DEBUG)
    try:
        in_flow(ONE, logs)
    finally:
        logger.setLevel(logging.NOTSET)
    sluiceway_harness.drain()
    lines = [line.message for line in sluiceway_harness.client.read_logs()]
    assert lines.count("in detail") == 1


@task(cache_policy=INPUTS)
def cached(x: int) -> int:
    return x


@task
def calls_cached(x: int) -> int:
    return cached(x)


def test_a_task_in_a_task_finds_what_an_earlier_flow_cached_in_the_same_database(
    tmp_path: Path, sluiceway_home: Path
) -> None:
    program = tmp_path / "caching.py"
    program.write_text(
        textwrap.dedent(
            """
            from sluiceway import flow
            from sluiceway.client import get_client
            from sluiceway.task_runners import ProcessPoolTaskRunner
            from tests.runners.test_processes import calls_cached

            @flow(task_runner=ProcessPoolTaskRunner(1))
            def calls():
                return calls_cached.submit(7).result()

            for _ in range(2):
                assert calls() == 7
                from sluiceway.testing.harness import drain
                drain()
            runs = get_client(sync_client=True).read_task_runs()
            print(sorted(run.state_name for run in runs if run.name.startswith("cached")))
            """
        )
    )
    assert _output_of(program) == "['Cached', 'Completed']"


def _output_of(program: Path) -> str:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=program.parent,
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_script_needs_no_guard_and_its_classes_come_back_as_they_are(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        textwrap.dedent(
            """
            from sluiceway import flow, task
            from sluiceway.task_runners import ProcessPoolTaskRunner

            class Point:
                def __init__(self, x):
                    self.x = x

            class OwnError(Exception):
                def __init__(self, code, *, hint):
                    super().__init__(f"code {code}")
                    self.hint = hint

            FACTOR = 3

            def scale(x):
                return FACTOR * x

            @task
            def make(x):
                if x < 0:
                    raise OwnError(7, hint="be positive")
                return Point(scale(x))

            @flow(task_runner=ProcessPoolTaskRunner(2))
            def points():
                made = make.submit(2).result()
                failed = make.submit(-1).result(raise_on_failure=False)
                return isinstance(made, Point), made.x, type(failed) is OwnError, str(failed), failed.hint

            print(*points())
            """
        )
    )
    assert _output_of(program) == "True 6 True code 7 be positive"


# --- deaths -------------------------------------------------------------------------------------


@task
def dies_of(how: str) -> None:
    if how == "exit":
        os._exit(3)
    if how == "abort":
        os.abort()
    if how == "null":
        ctypes.string_at(0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("exit", "exit code 3"),
        ("kill", "signal 9 (SIGKILL), perhaps for want of memory"),
        ("null", "signal 11 (SIGSEGV)"),
        ("abort", "signal 6 (SIGABRT)"),
    ],
)
def test_a_task_whose_process_dies_has_crashed_and_the_others_go_on(
    how: str, told: str, sluiceway_harness: Harness
) -> None:
    def deadly() -> tuple[Any, list[int]]:
        dead = dies_of.submit(how)
        values = clusters.double.map(range(20)).result()
        dead.wait()
        return dead.state, values

    state, values = in_flow(TWO, deadly)
    assert (state.type.value, state.message) == ("CRASHED", f"The process that the task ran in died: {told}.")
    assert values == list(range(0, 40, 2))
    assert _names_and_states(sluiceway_harness) == {"dies_of": "Crashed", "double": "Completed"}


@task
def logs_then_dies() -> None:
    get_run_logger().info("last words")
    clusters.double(1)
    time.sleep(0.3)
    os._exit(3)


def test_what_a_child_told_before_it_died_is_kept(sluiceway_harness: Harness) -> None:
    def deadly() -> None:
        logs_then_dies.submit().wait()

    in_flow(ONE, deadly)
    assert _names_and_states(sluiceway_harness) == {"logs_then_dies": "Crashed", "double": "Completed"}
    assert "last words" in [line.message for line in sluiceway_harness.client.read_logs()]


@task
def dies_within() -> None:
    waits_in_vain.submit()
    time.sleep(0.3)
    os._exit(3)


@task
def waits_in_vain() -> None:
    time.sleep(60)


def test_runs_within_a_child_that_died_have_crashed_too(sluiceway_harness: Harness) -> None:
    def deadly() -> None:
        dies_within.submit().wait()

    in_flow(ONE, deadly)
    assert _names_and_states(sluiceway_harness) == {"dies_within": "Crashed", "waits_in_vain": "Crashed"}


def test_a_task_that_calls_exit_has_crashed_and_its_process_lives_on() -> None:
    @task
    def exits() -> None:
        sys.exit(3)

    def calls() -> tuple[Any, bool]:
        before = pid.submit().result()
        state = exits.submit(return_state=True)
        return state, pid.submit().result() == before

    state, same = in_flow(ONE, calls)
    assert state.name == "Crashed"
    assert "SystemExit: 3" in state.message
    assert same


# --- timeouts -----------------------------------------------------------------------------------


@task(timeout_seconds=0.2)
def sleeps() -> None:
    time.sleep(60)


@task(timeout_seconds=0.2)
async def sleeps_async() -> None:
    import asyncio

    await asyncio.sleep(60)


@task(timeout_seconds=0.2)
def does_not_listen() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(60)


def test_a_sync_task_is_interrupted_in_a_blocking_call() -> None:
    def late() -> tuple[Any, bool]:
        before = pid.submit().result()
        return sleeps.submit(return_state=True), pid.submit().result() == before

    state, same = in_flow(ONE, late)
    assert (state.name, state.message) == ("TimedOut", "Task run exceeded timeout of 0.2 second(s)")
    assert "signal on the main thread" in state.state_details.guarantee
    assert same, "the child was interrupted, not killed"


def test_an_async_task_is_cancelled_at_its_await() -> None:
    def late() -> Any:
        return sleeps_async.submit(return_state=True)

    state = in_flow(ONE, late)
    assert state.name == "TimedOut"
    assert "await" in state.state_details.guarantee


def test_a_child_that_does_not_listen_is_killed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)

    def late() -> tuple[Any, bool]:
        before = pid.submit().result()
        state = does_not_listen.submit(return_state=True)
        return state, pid.submit().result() == before

    state, same = in_flow(ONE, late)
    assert state.name == "TimedOut"
    assert state.state_details.guarantee == processes.KILLED
    assert not same


@task(timeout_seconds=0.1)
def submits_and_returns() -> str:
    outlasts.submit()
    return "in time"


@task
def outlasts() -> None:
    time.sleep(0.5)


def test_a_task_that_returned_in_time_is_not_late_for_what_it_submitted(
    monkeypatch: pytest.MonkeyPatch, sluiceway_harness: Harness
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.1)

    def calls() -> str:
        return submits_and_returns.submit().result()

    assert in_flow(ONE, calls) == "in time"
    assert _names_and_states(sluiceway_harness) == {"submits_and_returns": "Completed", "outlasts": "Completed"}


class SlowToOpen:
    """An argument that takes long to be restored, as modules do that take long to be imported."""

    def __reduce__(self) -> Any:
        return _opened_slowly, ()


def _opened_slowly() -> str:
    time.sleep(0.5)
    return "open"


@task(timeout_seconds=0.1)
def returns(x: Any) -> Any:
    return x


def test_the_time_of_a_task_begins_when_its_function_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.1)

    def calls() -> Any:
        return returns.submit(SlowToOpen()).result()

    assert in_flow(ONE, calls) == "open"


# --- the pool -----------------------------------------------------------------------------------


READY: list[str] = []


def _make_ready(word: str) -> None:
    READY.append(word)


def _cannot() -> None:
    raise LookupError("no such thing")


@task
def is_ready() -> list[str]:
    return READY


def test_each_child_calls_the_initializer_first() -> None:
    def calls() -> list[list[str]]:
        return [is_ready.submit().result(), is_ready.submit().result()]

    runner = ProcessPoolTaskRunner(1, initializer=_make_ready, initargs=("steady",))
    assert in_flow(runner, calls) == [["steady"], ["steady"]]


def test_an_initializer_that_fails_fails_the_tasks_with_its_traceback() -> None:
    def calls() -> str:
        return str(is_ready.submit().result(raise_on_failure=False))

    told = in_flow(ProcessPoolTaskRunner(1, initializer=_cannot), calls)
    assert "could not be made ready" in told
    assert "LookupError: no such thing" in told


def test_an_initializer_that_cannot_be_pickled_says_so() -> None:
    lock = threading.Lock()

    def calls() -> None:
        is_ready.submit()

    with pytest.raises(SerializationError, match="The initializer"):
        in_flow(ProcessPoolTaskRunner(1, initializer=lambda: lock), calls)


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ProcessPoolTaskRunner(max_workers=0)
    with pytest.raises(ValueError, match="subprocess_message_processor_factories"):
        ProcessPoolTaskRunner(subprocess_message_processor_factories=[])


def test_an_argument_that_all_mapped_calls_share_reaches_each() -> None:
    table = {number: number**2 for number in range(1000)}

    @task
    def looks_up(table: dict[int, int], number: int) -> int:
        return table[number]

    def calls() -> list[int]:
        return looks_up.map(unmapped(table), [3, 4, 5]).result()

    assert in_flow(TWO, calls) == [9, 16, 25]


@task
def waits_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.01)


def test_what_ends_first_is_completed_first(tmp_path: Path) -> None:
    gate = tmp_path / "gate"

    def calls() -> list[Any]:
        slow, quick = waits_for.submit(gate), pid.submit()
        ended = []
        for future in as_completed([slow, quick]):
            ended.append(future is quick)
            gate.touch()
        return ended

    assert in_flow(TWO, calls) == [True, False]


def test_an_interrupted_flow_leaves_no_child_behind_and_says_what_became_of_its_tasks(
    sluiceway_harness: Harness,
) -> None:
    begun = threading.Event()
    endless = waits_in_vain.with_options(on_running=[lambda *_: begun.set()])

    def interrupted() -> None:
        endless.submit()
        pid.submit()
        assert begun.wait(PATIENCE)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_flow(ONE, interrupted)
    assert _names_and_states(sluiceway_harness) == {"waits_in_vain": "Crashed", "pid": "Cancelled"}


def test_after_cancelling_all_a_runner_takes_no_more_tasks() -> None:
    def cancels() -> list[str]:
        future = waits_in_vain.submit()
        context = FlowRunContext.get()
        assert context is not None
        context.task_runner.cancel_all()
        with pytest.raises(RuntimeError, match="has ended"):
            pid.submit()
        return [future.state.name]

    (name,) = in_flow(ONE, cancels)
    assert name in ("Crashed", "Cancelled")


@pytest.fixture
def program_with_endless_task(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    program = tmp_path / "endless.py"
    program.write_text(
        textwrap.dedent(
            """
            import os, time
            from sluiceway import flow, task
            from sluiceway.task_runners import ProcessPoolTaskRunner

            @task(log_prints=False)
            def endless():
                print(os.getpid(), flush=True)
                time.sleep(60)

            @flow(task_runner=ProcessPoolTaskRunner(1))
            def waits():
                endless.submit().result()

            waits()
            """
        )
    )
    with subprocess.Popen(
        [sys.executable, str(program)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_a_program_is_ended_its_children_are_gone(
    number: signal.Signals, program_with_endless_task: subprocess.Popen[str]
) -> None:
    assert program_with_endless_task.stdout is not None
    child = int(program_with_endless_task.stdout.readline())
    program_with_endless_task.send_signal(number)
    assert program_with_endless_task.wait(PATIENCE) != 0
    deadline = time.monotonic() + PATIENCE
    while _is_there(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_there(child)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "(zombie)" not in (Path(f"/proc/{process}/status").read_text() if Path("/proc").is_dir() else "")
