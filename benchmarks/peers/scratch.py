"""Scratch environments: made on demand outside the tree, used again by the next run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "sluiceway-benchmark-peers"
INSTALL_SECONDS = 900.0


class CannotInstall(Exception):
    """A peer could not be installed; the message says which and why."""


def interpreter(name: str, requirements: Sequence[str], folder: Path) -> Path:
    """Return the interpreter of the environment `name`, which is made and filled first where it is missing.

    Args:
        name: The environment's folder inside `folder`.
        requirements: What pip is to install; an environment made for other requirements is made anew.
        folder: Where scratch environments lie.

    Raises:
        CannotInstall: Making or filling it failed.
    """
    home = folder / name
    python, receipt, wanted = home / "bin" / "python", home / "installed.txt", "\n".join(requirements)
    if receipt.exists() and receipt.read_text() == wanted:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    _run(name, [sys.executable, "-m", "venv", "--clear", str(home)])
    _run(name, [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    receipt.write_text(wanted)
    return python


def _run(name: str, command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, timeout=INSTALL_SECONDS, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise CannotInstall(f"cannot install {name}: {error.stderr.strip() or error}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotInstall(f"cannot install {name}: not done after {INSTALL_SECONDS:g} s") from error
