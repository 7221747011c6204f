"""What cannot work is one clear error that names the thing and the remedy.

Where it is the journal that cannot be written, the flow still gives its own result, and the process says
what it could not record.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sluiceway import flow, task, wiring
from sluiceway.cache_policies import INPUTS
from sluiceway.client import get_client
from sluiceway.exceptions import (
    InvalidNameError,
    InvalidOptionError,
    MappingLengthMismatch,
    NewerDatabaseError,
    ReservedArgumentError,
    SluicewayError,
    StoreError,
)
from sluiceway.testing import Harness


@task
def ident(x: Any) -> Any:
    return x


@flow
def total() -> int:
    return sum(ident.map([1, 2, 3]).result())


# --- decorators -----------------------------------------------------------------------------------


def _plain() -> None: ...


def _reserved(wait_for: int) -> None: ...


@pytest.mark.parametrize(
    ("decorate", "error", "named", "remedy"),
    [
        (lambda: flow(retry=1)(_plain), TypeError, "'retry'", "its options are: "),  # type: ignore[call-overload]
        (lambda: task(retry=1)(_plain), TypeError, "'retry'", "its options are: "),  # type: ignore[call-overload]
        (lambda: flow(timeout_seconds=-1)(_plain), InvalidOptionError, "timeout_seconds", "leave it out"),
        (lambda: task(timeout_seconds=-1)(_plain), InvalidOptionError, "timeout_seconds", "leave it out"),
        (lambda: flow(timeout_seconds=float("nan"))(_plain), InvalidOptionError, "timeout_seconds", "leave it out"),
        (lambda: flow(retries=-1)(_plain), InvalidOptionError, "retries", "leave it out"),
        (lambda: task(retries=-1)(_plain), InvalidOptionError, "retries", "leave it out"),
        (lambda: task(retry_delay_seconds=-1)(_plain), InvalidOptionError, "retry_delay_seconds", "a number of"),
        (lambda: flow(lambda: None), TypeError, "lambda", "Define a function with `def`"),
        (lambda: flow(sum), TypeError, "'sum'", "wrap it in a function"),
        (lambda: task(sum), TypeError, "'sum'", "wrap it in a function"),
        (lambda: flow(dict), TypeError, "dict", "goes on a function"),
        (lambda: flow(on_failure=_plain)(_plain), InvalidOptionError, "on_failure", "such as @flow("),  # type: ignore[call-overload]
        (lambda: flow(name="a/b")(_plain), InvalidNameError, "'a/b'", "leave out"),
        (lambda: task(_reserved), ReservedArgumentError, "'wait_for'", "rename"),
        (lambda: flow(task_runner="threads")(_plain), TypeError, "'threads'", "ThreadPoolTaskRunner()"),
        (lambda: task(cache_policy="inputs")(_plain), TypeError, "'inputs'", "such as INPUTS"),  # type: ignore[call-overload]
        (lambda: task(cache_key_fn="key")(_plain), TypeError, "'key'", "must be a function"),  # type: ignore[call-overload]
        (lambda: task(tags=[1])(_plain), TypeError, "[1]", "must be texts"),  # type: ignore[list-item]
    ],
)
def test_a_decorator_that_cannot_be_used_so_says_what_and_why(
    decorate: Callable[[], Any], error: type[Exception], named: str, remedy: str
) -> None:
    with pytest.raises(error) as caught:
        decorate()
    assert named in str(caught.value)
    assert remedy in str(caught.value)
    assert caught.value.__cause__ is None, "one error, not two"


# --- values ---------------------------------------------------------------------------------------


def _generator() -> Iterator[int]:
    return (n for n in range(3))


def _warnings(harness: Harness) -> list[str]:
    harness.drain()
    return [line.message for line in harness.client.read_logs() if line.level >= 30]


def test_an_argument_that_cannot_be_hashed_is_one_line_that_names_it(sluiceway_harness: Harness) -> None:
    calls = []

    @task(cache_policy=INPUTS)
    def uses(lock: Any) -> int:
        calls.append(1)
        return 1

    lock = threading.Lock()
    assert [uses(lock), uses(lock)] == [1, 1]
    assert len(calls) == 2, "a wrong hit"
    first, second = _warnings(sluiceway_harness)
    assert first == second
    assert "argument 'lock'" in first
    assert "`INPUTS - 'lock'`" in first
    assert "Traceback" not in first


@pytest.mark.parametrize(
    ("make", "named", "remedy"),
    [
        (threading.Lock, "_thread.lock", "Return plain data"),
        (_generator, "generator", "Return a list of what it yields"),
    ],
)
@pytest.mark.parametrize("serializer", ["pickle", "json", "compressed/pickle"])
def test_a_result_that_cannot_be_stored_is_returned_and_one_line_says_why(
    sluiceway_harness: Harness, make: Callable[[], Any], named: str, remedy: str, serializer: str
) -> None:
    @task(persist_result=True, result_serializer=serializer)
    def returns() -> Any:
        return make()

    state = returns(return_state=True)
    assert type(state.data) is type(make())
    (line,) = _warnings(sluiceway_harness)
    assert line == f"The result was not stored: {state.state_details.untrackable_result}"
    assert named in line
    assert f"the {serializer.rpartition('/')[2]} serializer" in line
    assert remedy in line


def test_a_generator_that_a_task_returns_is_passed_on_unless_it_is_to_be_stored() -> None:
    @task
    def returns() -> Iterator[int]:
        return _generator()

    @flow
    def outer() -> list[int]:
        return list(returns())

    assert outer() == [0, 1, 2]


def test_an_unknown_serializer_is_named_with_those_there_are(sluiceway_harness: Harness) -> None:
    @task(persist_result=True, result_serializer="pickel")
    def returns() -> int:
        return 1

    assert returns() == 1
    (line,) = _warnings(sluiceway_harness)
    assert "'pickel'" in line
    assert "pickle" in line.replace("pickel", "")


def test_iterables_of_unequal_length_are_named_with_their_lengths(sluiceway_harness: Harness) -> None:
    @task
    def add(a: int, b: int) -> int:
        return a + b

    with pytest.raises(MappingLengthMismatch, match=r"\{'a': 2, 'b': 3\}.*`unmapped`"):
        add.map([1, 2], [1, 2, 3])
    assert sluiceway_harness.client.count_task_runs() == 0, "no run of a map that cannot be"


@pytest.mark.parametrize("given", ["nobody", 3])
def test_what_is_no_future_cannot_be_waited_for(given: object, sluiceway_harness: Harness) -> None:
    with pytest.raises(SluicewayError, match=f"wait_for takes a future or a collection of futures, not {given!r}"):
        ident(1, wait_for=given)


# --- the journal ----------------------------------------------------------------------------------


def _said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what the process says of its journal, up to its end."""
    wiring.reset()
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("sluiceway: ")]


def _assert_said_once_and_counted(lines: list[str], *parts: str) -> None:
    first, last = lines
    assert first.startswith("sluiceway: Runs cannot be recorded; they go on nevertheless. ")
    assert "facts about runs were not recorded." in last
    assert int(last.removeprefix("sluiceway: ").split()[0]) >= 10, "the facts of a flow and three tasks"
    for part in parts:
        assert part in first
        assert part in last


def _broken(home: Path) -> None:
    home.mkdir()
    (home / "sluiceway.db").write_bytes(b"This is no database at all. " * 200)


def _newer(home: Path) -> None:
    total()
    wiring.reset()
    with sqlite3.connect(home / "sluiceway.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()


def _of_another_program(home: Path) -> None:
    home.mkdir()
    with sqlite3.connect(home / "sluiceway.db") as connection:
        connection.execute("CREATE TABLE addresses (name TEXT)")
    connection.close()


def _a_file(home: Path) -> None:
    home.write_text("a file where the folder should be")


def _below_a_file(home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("")
    os.environ["SLUICEWAY_HOME"] = str(home / "deep" / "home")  # put back with the rest by the fixture of all tests


TROUBLES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a broken database": (_broken, "it is not a database", "Move the file away"),
    "a newer database": (_newer, "written by a newer version of Sluiceway (schema 999", "Upgrade Sluiceway"),
    "a database of another program": (_of_another_program, "sluiceway.db", "SLUICEWAY_DATABASE_URL"),
    "a file as the home folder": (_a_file, "File exists", "SLUICEWAY_DATABASE_URL"),
    "a home folder below a file": (_below_a_file, "Not a directory", "SLUICEWAY_DATABASE_URL"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_journal_that_cannot_be_written_is_said_and_the_flow_gives_its_own_result(
    trouble: str, sluiceway_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare, cause, remedy = TROUBLES[trouble]
    prepare(sluiceway_home)
    assert total() == 6
    assert total(return_state=True).is_completed()
    _assert_said_once_and_counted(_said(capsys), cause, remedy)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_reading_such_a_journal_is_the_same_error(trouble: str, sluiceway_home: Path) -> None:
    prepare, cause, remedy = TROUBLES[trouble]
    prepare(sluiceway_home)
    error = NewerDatabaseError if "newer" in trouble else StoreError
    with get_client(sync_client=True) as client, pytest.raises(error) as caught:
        client.read_flow_runs()
    assert cause in str(caught.value)
    assert remedy in str(caught.value)


def test_a_broken_or_newer_database_is_left_as_it_is(sluiceway_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _broken(sluiceway_home)
    before = (sluiceway_home / "sluiceway.db").read_bytes()
    total()
    assert len(_said(capsys)) == 2
    assert (sluiceway_home / "sluiceway.db").read_bytes() == before


@pytest.fixture
def home_without_permission(sluiceway_home: Path) -> Generator[Path, None, None]:
    """A home folder that this user may not write; for root, who may write everywhere, as another user."""
    sluiceway_home.mkdir()
    sluiceway_home.chmod(0o500)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield sluiceway_home
    finally:
        if root:
            os.seteuid(0)
        sluiceway_home.chmod(0o700)


def test_a_home_folder_without_write_permission_is_said_and_the_flow_gives_its_own_result(
    home_without_permission: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert total() == 6
    _assert_said_once_and_counted(_said(capsys), "ermission", str(home_without_permission), "Let this user write")


@pytest.fixture
def pragmas(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Statements that every connection to a database begins with; they can be changed on the way."""
    statements: list[str] = []
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connect_and_set(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connections.append(connection)
        for statement in statements:
            connection.execute(statement)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_set)
    return statements


def test_a_read_only_database_is_said_and_the_flow_gives_its_own_result(
    pragmas: list[str], capsys: pytest.CaptureFixture[str], sluiceway_home: Path
) -> None:
    total()
    wiring.reset()
    pragmas.append("PRAGMA query_only = ON")
    assert total() == 6
    _assert_said_once_and_counted(_said(capsys), "sluiceway.db", "it is read-only", "Let this user write")


NO_MORE_PAGES = "PRAGMA max_page_count = 1"
"""A limit that is below the present size means: no more pages than there are."""


@task
def letters(n: int) -> str:
    return "x" * n


@flow
def large() -> int:
    return sum(map(len, letters.map([20_000, 30_000, 40_000]).result()))


def test_a_full_disk_is_said_and_the_flow_gives_its_own_result(
    pragmas: list[str], capsys: pytest.CaptureFixture[str], sluiceway_home: Path
) -> None:
    total()
    wiring.reset()
    pragmas.append(NO_MORE_PAGES)
    assert large() == 90_000
    _assert_said_once_and_counted(_said(capsys), "sluiceway.db", "the disk is full", "Free some space")


def test_what_was_recorded_while_the_disk_was_full_is_written_when_there_is_space(
    pragmas: list[str], capsys: pytest.CaptureFixture[str], sluiceway_home: Path
) -> None:
    total()
    wiring.reset()
    pragmas.append(NO_MORE_PAGES)
    assert large() == 90_000
    recorder = wiring.services().recorder
    assert not recorder.drain(10), "the disk is full"
    pragmas[:] = ["PRAGMA max_page_count = 100000"]
    wiring.services().store._present().writer.close()  # type: ignore[attr-defined]  # so that it is opened anew
    assert recorder.drain(10)
    (complaint,) = _said(capsys)
    assert "the disk is full" in complaint
    with get_client(sync_client=True) as client:
        assert client.count_flow_runs() == 2
        assert {run.state_name for run in client.read_task_runs()} == {"Completed"}


def test_a_cached_task_over_a_broken_journal_runs_and_gives_its_result(
    sluiceway_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _broken(sluiceway_home)

    @task(cache_policy=INPUTS)
    def double(x: int) -> int:
        return 2 * x

    assert double(4) == 8
    assert len(_said(capsys)) == 2


# --- processes that are interrupted ---------------------------------------------------------------

PROGRAM = """
import sys, time
from sluiceway import flow, task

@task
def quick(x):
    return x

@task
def slow():
    print("waiting", flush=True)
    time.sleep(120)

@flow
def inner(how):
    quick(2)
    slow() if how == "called" else slow.submit().result()

@flow
def outer(how):
    quick(1)
    inner(how)

outer(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", ["called", "submitted"])
def test_a_program_that_is_interrupted_ends_soon_says_so_and_leaves_its_journal_intact(
    number: signal.Signals, how: str, tmp_path: Path, sluiceway_home: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, script, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == -number, complaint
    checked = subprocess.run(
        [sys.executable, "-m", "sluiceway.cli", "db", "check"], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, "is sound" in checked.stdout) == (0, True), checked.stdout
    why = "interrupted from the keyboard" if number is signal.SIGINT else f"terminated by signal {number:d}"
    with get_client(sync_client=True) as client:
        flow_runs = {run.flow_name: run for run in client.read_flow_runs()}
        task_runs = client.read_task_runs()
    for run in flow_runs.values():
        assert (run.state_name, run.state.message) == ("Crashed", f"Flow run was {why}.")
    states = {(run.task_name, run.state_name) for run in task_runs}
    assert states == {("quick", "Completed"), ("slow", "Crashed"), ("inner", "Crashed")}


ASYNC_PROGRAM = """
import asyncio
from sluiceway import flow, task

waiting = 0

@task
async def slow():
    global waiting
    waiting += 1
    if waiting == 3:
        print("waiting", flush=True)
    await asyncio.sleep(120)

@flow
async def inner():
    await asyncio.gather(slow(), slow())

@flow
async def outer():
    await inner()

@flow
async def other():
    await slow()

async def main():
    await asyncio.gather(outer(), other())

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_program_of_async_flows_that_is_terminated_says_so_of_all_of_them(
    tmp_path: Path, sluiceway_home: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(ASYNC_PROGRAM)
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM, complaint
    with get_client(sync_client=True) as client:
        flow_runs, task_runs = client.read_flow_runs(), client.read_task_runs()
    assert {(run.flow_name, run.state.message) for run in flow_runs} == {
        (name, "Flow run was cancelled by the event loop: The process received signal 15.")
        for name in ("outer", "inner", "other")
    }
    assert [run.state_name for run in task_runs] == ["Crashed"] * 4


def test_async_flows_leave_the_handler_of_the_signal_as_it_was() -> None:
    import asyncio

    @flow
    async def looks() -> object:
        return signal.getsignal(signal.SIGTERM)

    async def both() -> list[object]:
        return await asyncio.gather(looks(), looks())

    def own(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Ray, used by other tests, leaves one of its own
    try:
        assert signal.SIG_DFL not in asyncio.run(both())
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, own)
        assert asyncio.run(both()) == [own, own]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_a_disk_quota_that_is_met_by_a_real_process_does_not_change_its_result(
    tmp_path: Path, sluiceway_home: Path
) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from sluiceway import flow, task\n\n"
        "@task\ndef ident(x):\n    return x\n\n"
        "@flow\ndef total():\n    return sum(ident.map(range(100)).result())\n\n"
        "print(total())\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "4950\n")
    said = [line for line in ran.stderr.splitlines() if line.startswith("sluiceway: ")]
    _assert_said_once_and_counted(said, "sluiceway.db")
