"""The types that users of flows and tasks get: both type checkers agree with the files in `cases/`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
CASES = sorted((FOLDER / "cases").glob("*.py"))


def _check(*command: str, folder: Path) -> str:
    """Return what a type checker says; nothing but a summary where it agrees."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False, timeout=170
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_sees_the_signatures_of_flows_and_tasks_and_finds_mistakes(tmp_path: Path) -> None:
    options = ("--strict", "--config-file=", f"--cache-dir={tmp_path}", "--warn-unused-ignores")
    assert not _check("mypy", *options, *map(str, CASES), folder=tmp_path)


@pytest.mark.slow
def test_pyright_sees_the_signatures_of_flows_and_tasks_and_finds_mistakes() -> None:
    assert not _check("pyright", "--project", ".", "--pythonpath", sys.executable, folder=FOLDER)
