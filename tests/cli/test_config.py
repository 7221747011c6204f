"""`sluiceway config`: the settings in force, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway.cli.app import app
from sluiceway.wiring.configuration import SETTINGS


@pytest.fixture
def outside(sluiceway_home: Path) -> Callable[..., Result]:
    """Call the command line with the settings of the process rather than those of a test."""
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_every_setting_is_listed_with_its_value_and_origin(printed: Callable[..., list[str]]) -> None:
    lines = printed("config")
    listed = {line.split()[0] for line in lines[1:]}
    assert listed == {setting.name for setting in SETTINGS}
    (level,) = [line for line in lines if line.startswith("logging_level ")]
    assert level.split() == ["logging_level", "'INFO'", "default"]


def test_a_variable_of_the_environment_is_named_as_the_origin(
    outside: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICEWAY_LOGGING_LEVEL", "DEBUG")
    (line,) = [line for line in outside("config").stdout.splitlines() if line.startswith("logging_level ")]
    assert line.split(maxsplit=2) == ["logging_level", "'DEBUG'", "SLUICEWAY_LOGGING_LEVEL in the environment"]


def test_a_file_is_named_as_the_origin(
    outside: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sluiceway.toml").write_text('[logging]\nlevel = "ERROR"\n')
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "sluiceway.toml") in outside("config", "logging_level").stdout


def test_secrets_are_masked(outside: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_API_KEY", "correct-horse")
    for arguments in (("config",), ("config", "api_key"), ("config", "--json")):
        output = outside(*arguments).output
        assert "correct-horse" not in output
        assert "*****" in output


def test_one_setting_is_explained(printed: Callable[..., list[str]]) -> None:
    lines = printed("config", "logging_level")
    assert lines[0] == "logging_level = 'INFO'"
    assert lines[1].strip().endswith(".")
    assert "SLUICEWAY_LOGGING_LEVEL=" in lines[-1]


def test_a_setting_may_be_named_by_its_variable(printed: Callable[..., list[str]]) -> None:
    assert printed("config", "SLUICEWAY_LOGGING_LEVEL") == printed("config", "logging_level")


def test_json_has_value_origin_and_variable(as_data: Callable[..., Any]) -> None:
    data = as_data("config")
    assert set(data) == {setting.name for setting in SETTINGS}
    assert data["flush_interval"] == {
        "value": 0.05,
        "origin": "default",
        "variable": "SLUICEWAY_FLUSH_INTERVAL",
    }
    assert data["logging_level"]["value"] == "INFO"


def test_an_unknown_setting_is_refused(refused: Callable[..., str]) -> None:
    assert refused("config", "colour") == "'colour' is not a setting. See them all with: sluiceway config"
