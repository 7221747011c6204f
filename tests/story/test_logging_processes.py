"""Logs of programs that end in every way there is: what was logged last is in the journal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sluiceway.client import get_client

pytestmark = pytest.mark.slow

PROGRAM = """
import os, signal, sys, threading
from sluiceway import flow, get_run_logger, task, wiring

@task
def load():
    get_run_logger().info("last of the task")

@flow
def report():
    load()
    get_run_logger().info("last of the flow")
    {ending}

report()
"""


def run(folder: Path, ending: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program whose flow ends in some way; its journal is the one of this test."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(ending=ending))
    return subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )


def kept() -> set[str]:
    """Return the lines in the journal."""
    with get_client(sync_client=True) as client:
        return {line.message for line in client.read_logs(limit=200)}


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("return None", 0),
        ("sys.exit(3)", 3),
        ("raise ValueError('no rows')", 1),
        ("raise KeyboardInterrupt", 130),
        ("os.kill(os.getpid(), signal.SIGTERM)", -15),
        ("threading.Thread(target=lambda: None).start()", 0),
    ],
)
def test_the_last_lines_of_a_program_that_ends_at_once_are_kept(tmp_path: Path, ending: str, code: int) -> None:
    done = run(tmp_path, ending)
    assert done.returncode in (code, -2 if code == 130 else code), done.stderr
    assert {"last of the task", "last of the flow"} <= kept()


@pytest.mark.parametrize("ending", ["os._exit(9)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_the_lines_of_a_killed_program_are_kept_up_to_the_last_flushed_batch(tmp_path: Path, ending: str) -> None:
    done = run(tmp_path, f"wiring.services().recorder.drain(); {ending}")
    assert done.returncode in (9, -9), done.stderr
    assert {"last of the task", "last of the flow"} <= kept()


def test_a_program_whose_output_is_piped_shows_plain_lines(tmp_path: Path) -> None:
    done = run(tmp_path, "return None")
    assert "\x1b" not in done.stderr
    assert any(line.endswith(" - last of the flow") for line in done.stderr.splitlines())
    assert done.stdout == ""


def test_a_program_can_be_told_by_the_environment_to_log_json(tmp_path: Path) -> None:
    done = run(tmp_path, "return None", SLUICEWAY_LOGGING_FORMAT="json")
    found = [json.loads(line) for line in done.stderr.splitlines()]
    (line,) = [line for line in found if line["message"] == "last of the task"]
    assert (line["task_name"], line["flow_name"], line["level"]) == ("load", "report", "INFO")


def test_a_program_with_an_unknown_setting_says_so_before_anything_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "print('ran')", SLUICEWAY_LOGING_LEVEL="DEBUG")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == (
        "sluiceway.exceptions.ConfigurationError: SLUICEWAY_LOGING_LEVEL in the environment is not a setting. "
        "Did you mean SLUICEWAY_LOGGING_LEVEL?"
    )
