"""`sluiceway limit`: setting limits, and seeing who has their slots."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sluiceway import flow
from sluiceway.base import times
from sluiceway.concurrency.sync import concurrency, rate_limit
from sluiceway.model.slots import SlotRequest
from sluiceway.testing import Harness

Lines = Callable[..., list[str]]
Data = Callable[..., Any]
Refused = Callable[..., str]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_without_limits_it_says_how_to_make_one(printed: Lines, as_data: Data) -> None:
    assert printed("limit", "ls") == ["There is no limit yet. Make one with: sluiceway limit set NAME SLOTS"]
    assert as_data("limit", "ls") == []
    assert printed("limit", "who") == ["Nobody has slots, and nobody waits for any."]


def test_a_limit_is_set_listed_changed_and_deleted(printed: Lines, as_data: Data) -> None:
    assert printed("limit", "set", "db", "2") == ["db has 2 slot(s)."]
    (first,) = as_data("limit", "ls")
    assert first == {**first, "name": "db", "slots": 2, "active": True, "decay": 0.0, "taken": 0, "waiting": 0}
    assert printed("limit", "set", "db", "5", "--decay", "0.5", "--inactive") == [
        "db has 5 slot(s), of which 0.5 come free in a second; it limits nothing for now."
    ]
    (second,) = as_data("limit", "ls")
    assert second == {**first, "slots": 5, "active": False, "decay": 0.5}
    assert cells(printed("limit", "ls")[1]) == ["db", "0 of 5", "0", "0.5/s", "no"]
    assert printed("limit", "rm", "db") == ["db is deleted."]
    assert as_data("limit", "ls") == []


def test_what_changes_can_be_read_by_programs(as_data: Data) -> None:
    made = as_data("limit", "set", "db", "2")
    assert made == as_data("limit", "ls")[0]
    assert as_data("limit", "rm", "db") == {"name": "db", "deleted": True}


def test_who_has_slots_and_who_waits_is_shown_with_run_and_process(
    printed: Lines, as_data: Data, place: Harness
) -> None:
    printed("limit", "set", "db", "1")
    printed("limit", "set", "api", "1", "--decay", "0.001")
    shown: list[Any] = []

    @flow(flow_run_name="nightly")
    def holding() -> None:
        now = times.now()
        with concurrency("db"):
            place.services.store.claim_slots(SlotRequest("me", ("db",), process="far:9"), now + 60_000_000, now)
            shown.append([cells(line) for line in printed("limit", "who")])
            shown.append(as_data("limit", "who", "db"))
            shown.append(cells(printed("limit", "ls")[2]))

    holding()
    (_, has, waits), (holder, waiter), listed = shown
    here = f"{os.uname().nodename}:{os.getpid()}"
    assert has == ["db", "1", "has", "just now", "nightly", here]
    assert waits == ["db", "1", "waits", "just now", "–", "far:9"]
    assert (holder["limit"], holder["slots"], holder["waits"], holder["process"]) == ("db", 1, False, here)
    assert holder["holder"]["type"] == "flow_run"
    assert (waiter["holder"], waiter["waits"]) == (None, True)
    assert listed[:3] == ["db", "1 of 1", "1"]
    rate_limit("api")
    assert cells(printed("limit", "who")[1])[:3] == ["api", "1", "decays"]
    assert as_data("limit", "who", "db")[0]["process"] == "far:9"


@pytest.mark.parametrize("slots", ["0", "-1", "many", "1.5"])
def test_a_limit_of_zero_or_less_is_refused_and_nothing_is_changed(slots: str, refused: Refused, as_data: Data) -> None:
    before = as_data("limit", "set", "db", "2")
    message = refused("limit", "set", "db", "--", slots)
    assert "whole number of slots from 1" in message or "not a valid integer" in message
    assert as_data("limit", "ls") == [before]


@pytest.mark.parametrize("decay", ["-1", "nan", "inf"])
def test_a_bad_decay_is_refused_and_nothing_is_changed(decay: str, refused: Refused, as_data: Data) -> None:
    assert "slot decay" in refused("limit", "set", "db", "2", f"--decay={decay}")
    assert as_data("limit", "ls") == []


def test_an_unknown_name_is_refused_with_the_names_that_there_are(refused: Refused, printed: Lines) -> None:
    assert refused("limit", "rm", "nope") == "There is no limit 'nope'. Limits: there is none yet."
    printed("limit", "set", "db", "2")
    assert refused("limit", "who", "nope") == "There is no limit 'nope'. Limits: db."
    assert printed("limit", "who", "db") == ["Nobody has slots, and nobody waits for any."]
