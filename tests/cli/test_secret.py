"""`sluiceway secret`: values go in, and none comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway.base import masking
from sluiceway.blocks.system import Secret
from sluiceway.cli.app import app
from sluiceway.testing import Harness

Lines = Callable[..., list[str]]
Data = Callable[..., Any]
Refused = Callable[..., str]

VALUE = "hunter2-and-more"


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    yield
    masking.forget()


def piped(text: str, *arguments: str) -> Result:
    """Call a command with something in its pipe."""
    return CliRunner().invoke(app, ["secret", *arguments], input=text, prog_name="sluiceway")


@pytest.mark.usefixtures("place")
def test_a_secret_is_saved_from_a_pipe_listed_and_deleted(printed: Lines, as_data: Data) -> None:
    saved = piped(f"{VALUE}\n", "set", "api-token")
    assert saved.stdout == "api-token is saved.\n"
    assert Secret.load("api-token").get() == VALUE
    assert [line.split() for line in printed("secret", "ls")] == [["Secret", "Saved"], ["api-token", "just", "now"]]
    (found,) = as_data("secret", "ls")
    assert set(found) == {"id", "name", "created", "updated"}
    assert printed("secret", "rm", "api-token") == ["api-token is deleted."]
    assert printed("secret", "ls") == ["There is no secret yet. Save one with: sluiceway secret set NAME"]


@pytest.mark.usefixtures("place")
def test_programs_read_what_was_saved_and_deleted_but_not_the_value(as_data: Data) -> None:
    saved = piped(VALUE, "set", "api-token", "--json")
    assert '"name": "api-token"' in saved.stdout
    assert VALUE not in saved.output
    assert as_data("secret", "rm", "api-token") == {"name": "api-token", "deleted": True}


@pytest.mark.usefixtures("place")
def test_a_secret_is_changed_only_with_overwrite() -> None:
    piped(VALUE, "set", "api-token")
    again = piped("other-value", "set", "api-token")
    assert again.exit_code == 2
    assert "There is a secret 'api-token' already. Change it with --overwrite." in again.stderr
    piped("other-value", "set", "api-token", "--overwrite")
    assert Secret.load("api-token").get() == "other-value"


def test_what_cannot_be_is_refused(place: Harness, refused: Refused) -> None:
    assert "The value is empty" in piped("\n", "set", "api-token").stderr
    assert "lower-case letters" in piped(VALUE, "set", "Bad Name").stderr
    assert "There is no secret 'api-token'." in refused("secret", "rm", "api-token")
    assert place.services.store.read_secrets().items == ()
