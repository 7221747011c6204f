"""The first thing a newcomer may type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_without_runs_ls_says_how_to_make_one(printed: Callable[..., list[str]]) -> None:
    assert printed("ls") == ["No flow has run yet. Run one with: sluiceway run FILE.py"]


def test_without_runs_json_is_an_empty_list(as_data: Callable[..., Any]) -> None:
    assert as_data("ls") == []


@pytest.mark.parametrize("command", ["show", "logs"])
def test_without_runs_the_newest_one_cannot_be_shown(refused: Callable[..., str], command: str) -> None:
    assert refused(command) == "No flow has run yet. Run one with: sluiceway run FILE.py"
