"""The command `sluiceway` itself: help, errors in one line, and how fast it starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

import sluiceway as package
from sluiceway.cli.app import COMMANDS, app
from tests.cli.scribe import Scribe

ROOT = Path(__file__).parents[2]
SUBCOMMANDS = [
    *(("db", name) for name in ("path", "upgrade", "check", "stats", "prune", "vacuum")),
    ("task", "serve"),
]

STARTS_WITHOUT = {"pydantic", "rich", "asyncio", "sqlite3", "cloudpickle"}
"""What `sluiceway version` and `sluiceway --help` must not load, so that they start at once."""


def test_the_help_lists_every_command(sluiceway: Callable[..., Result]) -> None:
    text = sluiceway("--help").stdout
    assert all(f"  {name}" in text for name in COMMANDS)


def test_the_version_is_also_an_option(sluiceway: Callable[..., Result]) -> None:
    assert sluiceway("--version").stdout == sluiceway("version").stdout


@pytest.mark.slow
def test_the_package_can_be_run_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "sluiceway", "nope"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "Error: No such command 'nope'.")


@pytest.mark.parametrize("arguments", [(name,) for name in COMMANDS] + SUBCOMMANDS)
def test_the_help_of_every_command_shows_an_example(
    sluiceway: Callable[..., Result], arguments: tuple[str, ...]
) -> None:
    result = sluiceway(*arguments, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"sluiceway {arguments[0]}" in result.stdout.partition("Example")[2]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_short_help_of_every_command_agrees_with_its_long_one(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    assert command.help is not None
    assert command.help.split()[0] == COMMANDS[name].split()[0]


def test_no_command_prints_the_help(sluiceway: Callable[..., Result]) -> None:
    assert "Usage: sluiceway" in sluiceway().output


def test_an_unknown_command_is_refused(refused: Callable[..., str]) -> None:
    assert "No such command 'lst'" in refused("lst")


def test_the_version_is_that_of_the_package(printed: Callable[..., list[str]], as_data: Callable[..., Any]) -> None:
    assert printed("version")[0].startswith(f"sluiceway {package.__version__} (Python 3.")
    assert as_data("version")["sluiceway"] == package.__version__


def test_a_bad_setting_is_one_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_LOGGING_LEVEL", "LOUD")
    result = CliRunner().invoke(app, ["ls"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: SLUICEWAY_LOGGING_LEVEL")
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_broken_database_is_one_line_that_names_the_file(sluiceway_home: Path) -> None:
    sluiceway_home.mkdir()
    file = sluiceway_home / "sluiceway.db"
    file.write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    result = CliRunner().invoke(app, ["ls"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert str(file) in result.stderr
    assert "Traceback" not in result.output


def run_python(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
        cwd=ROOT,
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["ls", "--help"]])
def test_commands_that_say_little_load_little(arguments: list[str]) -> None:
    script = (
        "import sys; from sluiceway.cli import main; sys.argv[1:] = " + repr(arguments) + "\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    done = run_python(script)
    loaded = set(done.stderr.split())
    assert "sluiceway.cli.app" in loaded
    assert not loaded & STARTS_WITHOUT


@pytest.mark.slow
def test_a_pipe_that_is_closed_early_ends_the_command_quietly(tmp_path: Path, sluiceway_home: Path) -> None:
    script = (
        "from sluiceway import wiring; from tests.cli.scribe import Scribe\n"
        "scribe = Scribe(wiring.services().store); run = scribe.flow_run('census', 'talkative')\n"
        "for number in range(3000): scribe.log(run, f'line {number} ' + 'x' * 100)\n"
    )
    assert run_python(script).returncode == 0
    command = [sys.executable, "-m", "sluiceway.cli", "logs", "talkative"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "line 0" in process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        process.wait(60)
    assert complaint == ""


@pytest.mark.slow
def test_the_installed_command_lists_the_runs_of_a_program(tmp_path: Path) -> None:
    program = tmp_path / "hello.py"
    program.write_text(
        "from sluiceway import flow\n\n@flow\ndef hello(name: str = 'Ada') -> str:\n    return f'Hello {name}'\n\n"
        "if __name__ == '__main__':\n    print(hello())\n"
    )
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "Hello Ada\n"
    listed = subprocess.run(
        [sys.executable, "-m", "sluiceway.cli", "ls", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (run,) = json.loads(listed.stdout)
    assert (run["flow"], run["state"]["name"]) == ("hello", "Completed")


def test_commands_read_the_journal_of_the_process(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    scribe.flow_run("census", "brisk-otter")
    assert any("brisk-otter" in line for line in printed("ls"))
