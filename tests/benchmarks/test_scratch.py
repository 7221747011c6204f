from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import scratch


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run."""
    seen: list[list[str]] = []

    def record(command: list[str], **_options: Any) -> None:
        seen.append(command)
        if "venv" in command:
            Path(command[-1]).mkdir(exist_ok=True)

    monkeypatch.setattr(subprocess, "run", record)
    return seen


def test_an_environment_is_made_once_and_used_again(tmp_path: Path, commands: list[list[str]]) -> None:
    first = scratch.interpreter("peer", ["peer==1"], tmp_path / "peers")
    made = len(commands)

    assert scratch.interpreter("peer", ["peer==1"], tmp_path / "peers") == first
    assert first == tmp_path / "peers" / "peer" / "bin" / "python"
    assert len(commands) == made == 2
    assert commands[-1][-1] == "peer==1"


def test_an_environment_for_other_requirements_is_made_anew(tmp_path: Path, commands: list[list[str]]) -> None:
    scratch.interpreter("peer", ["peer==1"], tmp_path)

    scratch.interpreter("peer", ["peer==2"], tmp_path)

    assert commands[-1][-1] == "peer==2"
    assert (tmp_path / "peer" / "installed.txt").read_text() == "peer==2"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            subprocess.CalledProcessError(1, "pip", stderr="No matching distribution\n"),
            "No matching distribution",
        ),
        (subprocess.TimeoutExpired("pip", 1), "not done after 900 s"),
    ],
)
def test_a_peer_that_cannot_be_installed_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)

    with pytest.raises(scratch.CannotInstall, match=f"cannot install dbos: {reason}"):
        scratch.interpreter("dbos", ["dbos==3.4.*"], tmp_path)
    assert not (tmp_path / "dbos" / "installed.txt").exists()
