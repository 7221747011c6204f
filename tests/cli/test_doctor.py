"""`sluiceway doctor`: whether everything is in order."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway.cli import doctor
from sluiceway.cli.app import app


def call(*arguments: str) -> Result:
    """Call the command line with the settings of the process."""
    return CliRunner().invoke(app, ["doctor", *arguments])


def findings() -> dict[str, Any]:
    return {finding["subject"]: finding for finding in json.loads(call("--json").stdout)}


def test_all_is_well_in_a_new_home(sluiceway_home: Path) -> None:
    result = call()
    assert result.exit_code == 0, result.output
    subjects = {line.split()[1] for line in result.stdout.splitlines() if line[:1] in "✔✘·"}
    assert subjects == {"python", "sqlite", "settings", "home", "database", "disk", "dask", "ray", "remote"}
    assert "✘" not in result.stdout


def test_a_bad_setting_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_LOGGING_LEVEL", "LOUD")
    result = call()
    assert result.exit_code == 1
    assert "✘ settings  SLUICEWAY_LOGGING_LEVEL" in result.stdout


def test_a_home_that_is_a_file_is_found_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLUICEWAY_HOME", str(tmp_path / "file"))
    result = call()
    assert result.exit_code == 1
    assert f"✘ home      {tmp_path / 'file'} is no folder" in result.stdout
    assert "set SLUICEWAY_HOME to a folder of yours" in result.stdout


def test_a_home_that_cannot_be_written_is_found(sluiceway_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sluiceway_home.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(sluiceway_home) and access(path, mode))
    assert findings()["home"]["detail"] == f"{sluiceway_home} cannot be written"


def test_a_broken_database_is_found_and_named(sluiceway_home: Path) -> None:
    sluiceway_home.mkdir()
    (sluiceway_home / "sluiceway.db").write_bytes(b"this is no database, though it is long enough" * 100)
    result = call()
    assert result.exit_code == 1
    assert "✘ database" in result.stdout
    assert str(sluiceway_home / "sluiceway.db") in result.stdout


def test_a_disk_that_is_nearly_full_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil._ntuple_diskusage(10**12, 10**12 - 10**8, 10**8)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert findings()["disk"] == {
        "subject": "disk",
        "good": False,
        "detail": "100 MB free",
        "remedy": "Make room for runs and results.",
    }


def test_an_extra_that_is_not_installed_is_no_fault_and_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    found = findings()["ray"]
    assert found["good"] is None
    assert "pip install 'sluiceway[ray]'" in found["remedy"]


def test_an_extra_that_is_installed_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: object())
    assert findings()["dask"]["good"] is True
