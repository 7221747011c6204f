"""`sluiceway run`: a flow of a file or module, run here and now."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway.cli.app import app
from sluiceway.testing import Harness

FLOWS = """
    import asyncio
    from datetime import date
    from enum import Enum
    from pydantic import BaseModel
    from sluiceway import flow, task

    @task
    def double(number):
        return 2 * number

    @flow
    def add(a: int, b: int = 10) -> int:
        print(f"adding {a!r} and {b!r}")
        return a + b

    @flow(name="say-hello")
    def greet(name: str, title: str | None = None, day: date | None = None) -> str:
        return f"{name!r} {title!r} {day!r}"

    @flow
    def fail() -> None:
        raise ValueError("no luck")

    @flow
    def fan() -> list:
        return double.map(range(5)).result()

    @flow
    async def wait(seconds: float = 0) -> str:
        await asyncio.sleep(seconds)
        return "waited"

    @flow
    def count(upto: int = 3):
        for number in range(upto):
            yield number

    @flow
    def untyped(value):
        return value

    @flow
    def interrupt() -> None:
        raise KeyboardInterrupt

    @flow
    def leave(code: int = 7) -> None:
        raise SystemExit(code)

    @flow
    def return_an_exception() -> BaseException:
        return KeyboardInterrupt()
"""


@pytest.fixture(autouse=True)
def _imports_are_undone() -> Iterator[None]:
    """Forget the modules and folders that loading a flow has added."""
    path, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith(("sluiceway", "rich", "pydantic", "tests")):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of flows."""
    path = tmp_path / "my_flows.py"
    path.write_text(textwrap.dedent(FLOWS))
    return path


@pytest.fixture
def single(tmp_path: Path) -> Path:
    """A file with one flow."""
    path = tmp_path / "hello.py"
    path.write_text("from sluiceway import flow\n\n@flow\ndef hello(name: str = 'Ada'):\n    return f'Hello {name}'\n")
    return path


def test_the_only_flow_of_a_file_is_run(single: Path, printed: Callable[..., list[str]], place: Harness) -> None:
    lines = printed("run", str(single))
    (run,) = place.client.read_flow_runs()
    assert lines[0].startswith(f"✔ Completed  hello / {run.name}")
    assert lines[1:] == ["  result: 'Hello Ada'", f"  look at it: sluiceway show {run.name}"]


def test_a_run_with_a_name_of_the_flows_making_is_pointed_at_by_its_id(
    tmp_path: Path, printed: Callable[..., list[str]], place: Harness
) -> None:
    path = tmp_path / "daily.py"
    path.write_text("from sluiceway import flow\n@flow(flow_run_name='every\\nday')\ndef daily():\n    pass\n")
    first, *_, last = printed("run", str(path))
    (run,) = place.client.read_flow_runs()
    assert first.startswith(r"✔ Completed  daily / every\nday  ")
    assert last == f"  look at it: sluiceway show {run.id}"


@pytest.mark.parametrize("target", ["", ".", ":census", "a..b", "no-module", "no_module"])
def test_what_is_neither_file_nor_module_is_said_not_to_be_there(target: str, refused: Callable[..., str]) -> None:
    assert refused("run", target) == f"There is no file or module {target.removesuffix(':census')!r}."


def test_every_line_of_a_message_is_indented(tmp_path: Path, sluiceway: Callable[..., Result]) -> None:
    path = tmp_path / "failing.py"
    path.write_text("from sluiceway import flow\n@flow\ndef failing():\n    raise ValueError('one\\ntwo\\x1b[2J')\n")
    lines = sluiceway("run", str(path)).stdout.splitlines()
    assert lines[1:3] == ["  Flow run encountered an exception: ValueError: one", r"  two\x1b[2J"]


def test_a_flow_of_several_is_named_after_a_colon(file: Path, printed: Callable[..., list[str]]) -> None:
    assert "  result: 13" in printed("run", f"{file}:add", "--param", "a=3")
    assert any("say-hello" in line for line in printed("run", f"{file}:greet", "-p", "name=Ada"))
    assert any("say-hello" in line for line in printed("run", f"{file}:say-hello", "-p", "name=Ada"))


def test_a_flow_of_a_module_is_run(
    file: Path, printed: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    assert "  result: 13" in printed("run", "my_flows:add", "--param", "a=3")


def test_a_file_beside_the_flow_can_be_imported(tmp_path: Path, printed: Callable[..., list[str]]) -> None:
    (tmp_path / "beside_it.py").write_text("ANSWER = 42\n")
    path = tmp_path / "asking.py"
    path.write_text("from beside_it import ANSWER\nfrom sluiceway import flow\n@flow\ndef ask():\n    return ANSWER\n")
    assert "  result: 42" in printed("run", str(path))


def test_a_file_may_be_called_like_a_module_that_is_in_use(tmp_path: Path, printed: Callable[..., list[str]]) -> None:
    path = tmp_path / "json.py"
    path.write_text("from sluiceway import flow\n@flow\ndef hello():\n    return 1\n")
    assert "  result: 1" in printed("run", str(path))
    assert json.dumps([1]) == "[1]"


def test_a_flow_that_a_file_imports_counts_where_it_has_none_itself(
    file: Path, single: Path, printed: Callable[..., list[str]]
) -> None:
    path = single.parent / "importing.py"
    path.write_text("from hello import hello\n")
    assert "  result: 'Hello Ada'" in printed("run", str(path))
    path.write_text("from hello import hello\nfrom sluiceway import flow\n@flow\ndef own():\n    return 'own'\n")
    assert "  result: 'own'" in printed("run", str(path))


# --- parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (["-p", "name=Ada"], "'Ada' None None"),
        (["-p", 'name="Ada"'], "'Ada' None None"),
        (["-p", "name=123"], "'123' None None"),
        (["-p", "name=true"], "'true' None None"),
        (["-p", "name=a=b"], "'a=b' None None"),
        (["-p", "name="], "'' None None"),
        (["-p", "name=Ada", "-p", "title=Countess"], "'Ada' 'Countess' None"),
        (["-p", "name=Ada", "-p", "title=null"], "'Ada' None None"),
        (["-p", "name=Ada", "-p", 'day="2026-01-31"'], "'Ada' None datetime.date(2026, 1, 31)"),
        (["--params", '{"name": "Ada", "title": "Lady"}'], "'Ada' 'Lady' None"),
        (["--params", '{"name": "Ada"}', "-p", "name=Bo"], "'Bo' None None"),
    ],
)
def test_values_are_json_and_texts_need_no_quotes(
    file: Path, printed: Callable[..., list[str]], arguments: list[str], result: str
) -> None:
    lines = printed("run", f"{file}:greet", *arguments)
    assert f'  result: "{result}"' in lines


def test_parameters_are_validated_by_the_flow(file: Path, sluiceway: Callable[..., Result]) -> None:
    result = sluiceway("run", f"{file}:add", "-p", "a=[1]")
    assert result.exit_code == 1
    assert "a: Input should be a valid integer" in result.output


def test_parameters_are_converted_by_the_flow(file: Path, sluiceway: Callable[..., Result]) -> None:
    result = sluiceway("run", f"{file}:add", "-p", 'a="3"')
    assert "adding 3 and 10" in result.output


def test_a_value_that_is_no_json_is_refused_with_how_to_write_it(file: Path, refused: Callable[..., str]) -> None:
    message = refused("run", f"{file}:untyped", "-p", "value=Paris")
    assert message.startswith("The value of parameter 'value' is not JSON: Paris (")
    assert message.endswith("""A text needs quotes: --param 'value="Paris"'""")


def test_a_param_without_a_value_is_refused(file: Path, refused: Callable[..., str]) -> None:
    assert "--param 'a' should be NAME=VALUE" in refused("run", f"{file}:add", "-p", "a")


@pytest.mark.parametrize(("text", "reason"), [("{a: 1}", "--params is not JSON"), ("[1]", "should be a JSON object")])
def test_params_that_are_no_object_are_refused_with_an_example(
    file: Path, refused: Callable[..., str], text: str, reason: str
) -> None:
    message = refused("run", f"{file}:add", "--params", text)
    assert reason in message
    assert """--params '{"name": "Ada", "limit": 10}'""" in message


@pytest.mark.parametrize(
    ("text", "says"), [('{"name": "Ada"}', "  result: \"'Ada' None None\""), ("", "--params is not JSON")]
)
def test_params_are_read_from_standard_input_where_no_list_of_processes_shows_them(
    file: Path, text: str, says: str
) -> None:
    result = CliRunner().invoke(app, ["run", f"{file}:greet", "--params", "-"], input=text)
    assert says in result.output


def test_an_unknown_or_missing_parameter_is_refused_with_the_signature(
    file: Path, refused: Callable[..., str], place: Harness
) -> None:
    assert "'c'" in refused("run", f"{file}:add", "-p", "a=1", "-p", "c=3")
    message = refused("run", f"{file}:add")
    assert "missing a required argument: 'a'" in message
    assert "(a, b=10)" in message
    assert place.client.count_flow_runs() == 0


# --- what cannot be run -------------------------------------------------------------------------------------


def test_several_flows_and_none_named_are_listed(file: Path, refused: Callable[..., str]) -> None:
    message = refused("run", str(file))
    assert message.startswith(f"{file} holds several flows: add, greet, fail")
    assert message.endswith(f"Name one: sluiceway run {file}:add")


def test_an_unknown_flow_is_refused_and_those_there_are_listed(file: Path, refused: Callable[..., str]) -> None:
    message = refused("run", f"{file}:subtract")
    assert message.startswith(f"{file} holds no flow 'subtract'. Flows there: add, greet")


def test_a_file_without_a_flow_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "empty.py").touch()
    assert "holds no flow: no function with the decorator @flow" in refused("run", str(tmp_path / "empty.py"))
    assert "It holds no flow at all." in refused("run", f"{tmp_path / 'empty.py'}:hello")


def test_a_file_that_is_not_there_is_refused(refused: Callable[..., str]) -> None:
    assert refused("run", "nowhere.py") == "There is no file 'nowhere.py'."


def test_a_file_of_another_kind_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert "is no Python file" in refused("run", str(tmp_path / "notes.txt"))


@pytest.mark.parametrize("name", ["no_such_module", "no_such_module:flow", "json.no_such_part:flow"])
def test_a_module_that_is_not_there_is_refused(refused: Callable[..., str], name: str) -> None:
    assert refused("run", name) == f"There is no file or module {name.partition(':')[0]!r}."


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("1 / 0", "raised ZeroDivisionError: division by zero"),
        ("import no_such_module", "raised ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "raised SystemExit: 3"),
    ],
)
def test_a_file_that_raises_is_one_line_with_the_place(
    tmp_path: Path, refused: Callable[..., str], source: str, reason: str
) -> None:
    path = tmp_path / "broken.py"
    path.write_text(f"import sys\n\n{source}\n")
    message = refused("run", str(path), exit_code=1)
    assert reason in message
    assert message.endswith(f"({path}, line 3)")


def test_a_file_with_a_syntax_error_is_one_line_with_the_place(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def f(:\n")
    assert "(broken.py, line 1)" in refused("run", str(path), exit_code=1)


# --- how it ends ----------------------------------------------------------------------------------------------


def test_a_failed_run_gives_exit_code_1_and_its_reason(
    file: Path, sluiceway: Callable[..., Result], place: Harness
) -> None:
    result = sluiceway("run", f"{file}:fail")
    (run,) = place.client.read_flow_runs()
    assert result.exit_code == 1
    assert f"✘ Failed  fail / {run.name}" in result.stdout
    assert "Flow run encountered an exception: ValueError: no luck" in result.stdout
    assert f"sluiceway show {run.name}" in result.stdout


def test_an_async_flow_is_awaited(file: Path, printed: Callable[..., list[str]]) -> None:
    assert "  result: 'waited'" in printed("run", f"{file}:wait")


def test_a_flow_that_is_a_generator_is_run_to_its_end(
    file: Path, printed: Callable[..., list[str]], place: Harness
) -> None:
    assert printed("run", f"{file}:count")[0].startswith("✔ Completed  count")
    assert place.client.read_flow_runs()[0].state_name == "Completed"


def test_ctrl_c_gives_exit_code_130_and_the_state_says_so(
    file: Path, sluiceway: Callable[..., Result], place: Harness
) -> None:
    result = sluiceway("run", f"{file}:interrupt")
    assert result.exit_code == 130
    (run,) = place.client.read_flow_runs()
    assert run.state is not None
    assert run.state.is_crashed()


def test_a_flow_that_exits_ends_the_command_with_its_code(file: Path, sluiceway: Callable[..., Result]) -> None:
    assert sluiceway("run", f"{file}:leave").exit_code == 7
    assert sluiceway("run", f"{file}:leave", "-p", "code=0").exit_code == 1  # it did not complete


def test_a_flow_that_returns_an_exception_has_completed(file: Path, sluiceway: Callable[..., Result]) -> None:
    assert sluiceway("run", f"{file}:return_an_exception").exit_code == 0


def test_json_is_the_record_of_the_run(file: Path, as_data: Callable[..., Any], place: Harness) -> None:
    data = as_data("run", f"{file}:fan")
    (run,) = place.client.read_flow_runs()
    assert data["id"] == str(run.id)
    assert data["state"]["name"] == "Completed"


def test_in_a_pipe_progress_is_plain_lines(file: Path, sluiceway: Callable[..., Result], place: Harness) -> None:
    result = sluiceway("run", f"{file}:fan")
    (run,) = place.client.read_flow_runs()
    (line,) = [line for line in result.stderr.splitlines() if line.startswith(f"fan / {run.name}: ")]
    assert line.endswith("double 5/5")
    assert "\x1b" not in result.output


def test_quiet_shows_no_progress(file: Path, sluiceway: Callable[..., Result]) -> None:
    assert "double 5/5" not in sluiceway("run", f"{file}:fan", "--quiet").output


def test_nothing_of_the_command_stays_with_the_recorder(
    file: Path, sluiceway: Callable[..., Result], place: Harness
) -> None:
    before = list(place.services.recorder.listeners)
    sluiceway("run", f"{file}:fan")
    assert place.services.recorder.listeners == before


# --- as a process of its own ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_the_process_as_it_ends_others_and_the_journal_says_so(
    number: signal.Signals, exit_code: int, file: Path, sluiceway_home: Path
) -> None:
    command = [sys.executable, "-m", "sluiceway.cli", "run", f"{file}:wait", "-p", "seconds=60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "Beginning flow run" in process.stderr.readline()
        process.send_signal(number)
        output, complaint = process.communicate(timeout=30)
    assert process.returncode == exit_code, (output, complaint)
    listed = subprocess.run(
        [sys.executable, "-m", "sluiceway.cli", "ls", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (run,) = json.loads(listed.stdout)
    assert run["state"]["type"] in ("CRASHED", "CANCELLED")


@pytest.mark.slow
def test_tasks_of_a_file_run_in_other_processes_too(tmp_path: Path) -> None:
    path = tmp_path / "spread.py"
    path.write_text(
        "import os\n"
        "from sluiceway import flow, task\n"
        "from sluiceway.task_runners import ProcessPoolTaskRunner\n\n"
        "@task\ndef own_process(_):\n    return os.getpid()\n\n"
        "@flow(task_runner=ProcessPoolTaskRunner(max_workers=1))\n"
        "def spread():\n    return own_process.map([1, 2]).result()[0] != os.getpid()\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "sluiceway.cli", "run", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "  result: True" in done.stdout.splitlines()
