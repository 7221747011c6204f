"""`sluiceway ls`: the runs, newest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sluiceway.cli.ls import short_ids
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from tests.cli.scribe import Scribe

HOUR = 3_600.0


@pytest.fixture(autouse=True)
def journal(scribe: Scribe) -> None:
    """Three runs, written an hour, half an hour and just before now, and a child of the second one."""
    scribe.flow_run("census", "brisk-otter", at=0, took=12.4, tags=frozenset({"nightly", "eu"}))
    parent = scribe.flow_run("report", "calm-heron", at=HOUR / 2, tags=frozenset({"nightly"}))
    scribe.flow_run("draw", "keen-wren", at=HOUR / 2, parent=parent)
    scribe.flow_run(
        "census",
        "proud-pike",
        at=HOUR - 60,
        took=2.0,
        state=StateType.FAILED,
        state_name="TimedOut",
        message="Flow run exceeded timeout of 2 second(s)",
    )


def runs(data: Any) -> list[str]:
    return [run["name"] for run in data]


def test_runs_are_listed_newest_first(printed: Callable[..., list[str]]) -> None:
    heading, *rows = printed("ls")
    assert heading.split() == ["State", "Flow", "Run", "Started", "Took", "Id"]
    assert [row.split()[3] for row in rows] == ["proud-pike", "calm-heron", "brisk-otter"]


def test_a_line_tells_state_flow_name_age_duration_and_id(printed: Callable[..., list[str]]) -> None:
    assert printed("ls")[3].split()[:9] == [
        *("✔", "Completed", "census", "brisk-otter", "1h", "ago", "12.4", "s"),
        printed("ls")[3].split()[8],
    ]
    assert "✘ TimedOut" in printed("ls")[1]


def test_a_name_takes_one_line_however_it_looks(scribe: Scribe, printed: Callable[..., list[str]]) -> None:
    scribe.flow_run("two\nlines", "[/bold] \x1b[31m\u202ered", at=HOUR - 1)
    scribe.flow_run("x" * 5_000, "👩\u200d🚀", at=HOUR)
    _, long, odd, *others = printed("ls")
    assert r"two\nlines" in odd
    assert r"[/bold] \x1b[31m\u202ered" in odd
    assert "👩\u200d🚀" in long
    assert len(long) < 500
    assert len(others) == 3


def test_child_runs_are_listed_with_all(as_data: Callable[..., Any]) -> None:
    assert "keen-wren" not in runs(as_data("ls"))
    assert "keen-wren" in runs(as_data("ls", "--all"))


def test_runs_are_chosen_by_type_of_state(as_data: Callable[..., Any]) -> None:
    assert runs(as_data("ls", "--state", "failed")) == ["proud-pike"]
    assert runs(as_data("ls", "--state", "COMPLETED", "--state", "failed")) == [
        *("proud-pike", "calm-heron", "brisk-otter"),
    ]


def test_runs_are_chosen_by_name_of_state(as_data: Callable[..., Any]) -> None:
    assert runs(as_data("ls", "--state", "TimedOut")) == ["proud-pike"]


def test_runs_are_chosen_by_flow(as_data: Callable[..., Any]) -> None:
    assert runs(as_data("ls", "--flow", "census")) == ["proud-pike", "brisk-otter"]
    assert len(as_data("ls", "--flow", "census", "--flow", "report")) == 3


def test_runs_are_chosen_by_all_tags(as_data: Callable[..., Any]) -> None:
    assert runs(as_data("ls", "--tag", "nightly")) == ["calm-heron", "brisk-otter"]
    assert runs(as_data("ls", "--tag", "nightly", "--tag", "eu")) == ["brisk-otter"]


@pytest.mark.parametrize(("age", "count"), [("90s", 1), ("45m", 2), ("2h", 3), ("0.5h", 1), ("1d", 3), ("1w", 3)])
def test_runs_are_chosen_by_age(as_data: Callable[..., Any], age: str, count: int) -> None:
    assert len(as_data("ls", "--age", age)) == count


def test_the_number_of_runs_is_limited(as_data: Callable[..., Any]) -> None:
    assert runs(as_data("ls", "--limit", "2")) == ["proud-pike", "calm-heron"]


def test_json_has_what_programs_need(as_data: Callable[..., Any]) -> None:
    run = as_data("ls", "-n", "1")[0]
    assert run["flow"] == "census"
    assert run["state"]["type"] == "FAILED"
    assert run["state"]["name"] == "TimedOut"
    assert run["state"]["message"] == "Flow run exceeded timeout of 2 second(s)"
    assert len(run["id"]) == 36
    assert run["start"] < run["end"]


def test_a_choice_without_runs_says_so(printed: Callable[..., list[str]]) -> None:
    assert printed("ls", "--tag", "unused") == ["No run fits. Leave options out to see more."]


def test_an_unknown_flow_is_refused_and_those_there_are_listed(refused: Callable[..., str]) -> None:
    assert refused("ls", "--flow", "consensus") == ("There is no flow 'consensus'. Flows: census, draw, report.")


def test_an_age_without_a_unit_is_refused_with_examples(refused: Callable[..., str]) -> None:
    assert "'2' should be a number and a unit: 90s, 15m, 2h, 3d or 1w." in refused("ls", "--age", "2")


def test_types_and_names_of_states_do_not_go_together(refused: Callable[..., str]) -> None:
    assert "not both" in refused("ls", "--state", "failed", "--state", "TimedOut")


def test_a_limit_of_nothing_is_refused(refused: Callable[..., str]) -> None:
    assert "--limit" in refused("ls", "--limit", "0")


def test_short_identifiers_are_as_long_as_it_takes_to_tell_runs_apart() -> None:
    def run(text: str) -> FlowRun:
        return FlowRun(bytes.fromhex(text), "census")

    one = run("0193a1b2c3d470008000000000000000")
    other = run("0193a1b2c3d470008000000000000001")
    far = run("0193ffffffff70008000000000000000")
    short = short_ids((one, other, far))
    assert short[far.key] == "0193ffff-ffff"
    assert short[one.key] != short[other.key]
    assert str(one.id).startswith(short[one.key])
