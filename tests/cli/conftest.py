"""The command line over a journal in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway.cli.app import app
from sluiceway.testing import Harness, test_harness
from tests.cli.scribe import Scribe

Sluiceway = Callable[..., Result]


@pytest.fixture
def place() -> Iterator[Harness]:
    """A private place for runs."""
    with test_harness() as harness:
        yield harness


@pytest.fixture
def scribe(place: Harness) -> Scribe:
    """Writes into the journal that commands read."""
    return Scribe(place.services.store)


@pytest.fixture
def sluiceway(place: Harness) -> Sluiceway:
    """Call the command line in this process; output is plain, as in a pipe."""

    def call(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments), prog_name="sluiceway")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def printed(sluiceway: Sluiceway) -> Callable[..., list[str]]:
    """Call a command that is to succeed, and return the lines that it prints."""

    def call(*arguments: str) -> list[str]:
        result = sluiceway(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    return call


@pytest.fixture
def as_data(sluiceway: Sluiceway) -> Callable[..., Any]:
    """Call a command with `--json`, and return the data that it prints."""

    def call(*arguments: str) -> Any:
        result = sluiceway(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return call


@pytest.fixture
def refused(sluiceway: Sluiceway) -> Callable[..., str]:
    """Call a command that is to be refused with exit code 2, and return the last line it prints."""

    def call(*arguments: str, exit_code: int = 2) -> str:
        result = sluiceway(*arguments)
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        _, _, message = result.stderr.partition("Error: ")
        return message.strip()

    return call
