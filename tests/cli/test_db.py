"""`sluiceway db`: where the run database is, and whether it is sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sluiceway import flow
from sluiceway.cli.app import app


@flow
def greeting() -> str:
    return "hello"


@pytest.fixture
def database(sluiceway_home: Path) -> Path:
    """The file of the run database, which is not there yet."""
    return sluiceway_home / "sluiceway.db"


def call(*arguments: str) -> Result:
    """Call the command line over the database of the settings."""
    return CliRunner().invoke(app, list(arguments))


def test_the_path_is_printed_and_nothing_is_made(database: Path) -> None:
    result = call("db", "path")
    assert (result.exit_code, result.stdout) == (0, f"{database}\n")
    assert not database.exists()


def test_the_path_is_also_json(database: Path) -> None:
    assert json.loads(call("db", "path", "--json").stdout) == {
        "path": str(database),
        "url": f"sqlite:///{database}",
    }


def test_a_database_in_memory_has_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEWAY_DATABASE_URL", "memory:")
    assert call("db", "path").stdout == "memory:\n"


def test_a_sound_database_passes_with_its_numbers(database: Path) -> None:
    greeting()
    result = call("db", "check")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"✔ {database} is sound: ")
    assert "1 flow run" in result.stdout
    assert json.loads(call("db", "check", "--json").stdout)["sound"] is True


@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_a_broken_database_fails_in_one_line_that_names_the_file(database: Path, command: str) -> None:
    database.parent.mkdir()
    database.write_bytes(b"this is no database, but it is long enough to look like one" * 100)
    result = call("db", command)
    assert result.exit_code == 1
    assert str(database) in result.output
    assert "Traceback" not in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_upgrading_keeps_what_is_there(database: Path) -> None:
    greeting()
    result = call("db", "upgrade")
    assert result.exit_code == 0
    assert str(database) in result.stdout
    assert len(json.loads(call("ls", "--json").stdout)) == 1


def test_db_without_a_command_shows_what_there_is() -> None:
    output = call("db").output
    assert all(f"  {name}" in output for name in ("path", "upgrade", "check"))


def test_checking_reports_each_trouble(
    place: object, sluiceway: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sluiceway import wiring

    store = wiring.services().store
    monkeypatch.setattr(type(store), "check", lambda _: ["Row 5 is missing.", "The index is wrong."])
    result = sluiceway("db", "check")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == ["✘ Row 5 is missing.", "✘ The index is wrong."]
    data = json.loads(sluiceway("db", "check", "--json").stdout)
    assert data == {"sound": False, "troubles": ["Row 5 is missing.", "The index is wrong."]}
