"""The examples as a reader runs them: programs of their own, over the journal of the test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

SECONDS = 300
"""How long a program may take: the whole census, on a machine that is busy with other tests."""


def run_example(name: str, *arguments: str, cwd: Path, code: int = 0) -> list[str]:
    """Run an example, and return the lines that it printed.

    Args:
        name: The file.
        arguments: What follows it on the command line.
        cwd: Where to run it.
        code: The exit code that it is to end with; what it wrote to standard error is printed if it does not.
    """
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONWARNINGS": "error"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == code, done.stderr
    return (done.stdout if code == 0 else done.stderr).splitlines()


def sluiceway(*arguments: str) -> str:
    """Call the command line, and return what it printed."""
    command = [sys.executable, "-m", "sluiceway.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
