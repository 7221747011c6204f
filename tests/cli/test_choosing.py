"""Which run is meant: by identifier, the beginning of one, or name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.scribe import Scribe


def test_a_run_is_named_by_its_identifier(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    run = scribe.flow_run()
    scribe.flow_run(at=10)
    assert as_data("show", str(run.id))["id"] == str(run.id)
    assert as_data("show", run.key.hex())["id"] == str(run.id)


def test_a_run_is_named_by_the_beginning_of_its_identifier(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    run = scribe.flow_run()
    scribe.flow_run(at=600)
    assert as_data("show", str(run.id)[:13])["id"] == str(run.id)
    assert as_data("show", str(run.id)[:13].upper())["id"] == str(run.id)


def test_a_run_is_named_by_its_name(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    run = scribe.flow_run(name="brisk-otter")
    scribe.flow_run(at=10)
    assert as_data("show", "brisk-otter")["id"] == str(run.id)


def test_a_generated_name_names_a_run_too(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    run = scribe.flow_run()
    assert as_data("show", run.name)["id"] == str(run.id)


def test_a_task_run_is_named_by_its_identifier_or_the_beginning(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    run = scribe.task_run(scribe.flow_run(), at=30)
    assert as_data("show", str(run.id))["task"] == "parse"
    assert as_data("show", str(run.id)[:18])["task"] == "parse"


def test_no_name_means_the_newest_run_that_no_other_called(scribe: Scribe, as_data: Callable[..., Any]) -> None:
    scribe.flow_run(name="older")
    newest = scribe.flow_run(name="newest", at=10)
    scribe.flow_run(name="child", at=20, parent=newest)
    assert as_data("show")["name"] == "newest"


@pytest.mark.parametrize("name", ["nobody", "0193a1b2", "00000000-0000-0000-0000-000000000000", "zz", ""])
@pytest.mark.parametrize("command", ["show", "logs"])
def test_an_unknown_run_is_refused_with_the_remedy(
    scribe: Scribe, refused: Callable[..., str], command: str, name: str
) -> None:
    scribe.flow_run()
    assert refused(command, name) == f"There is no run {name!r}. See the runs with: sluiceway ls --all"


def test_the_name_of_a_flow_is_refused_and_its_newest_run_is_named(scribe: Scribe, refused: Callable[..., str]) -> None:
    scribe.flow_run("census", "older")
    scribe.flow_run("census", "brisk-otter", at=5)
    assert refused("show", "census") == (
        "There is no run 'census'. The newest run of the flow 'census' is 'brisk-otter'."
    )


def test_a_name_of_several_runs_is_refused_and_they_are_listed(scribe: Scribe, refused: Callable[..., str]) -> None:
    both = [scribe.flow_run("census", "nightly"), scribe.flow_run("report", "nightly", at=60)]
    first, *candidates = refused("show", "nightly").splitlines()
    assert first == "'nightly' stands for several runs. Name one by its id:"
    assert [line.split()[0] for line in candidates] == [str(run.id) for run in reversed(both)]
    assert "(report, Completed, 59m ago)" in candidates[0]


def test_a_beginning_of_several_identifiers_is_refused_and_they_are_listed(
    scribe: Scribe, refused: Callable[..., str]
) -> None:
    both = [scribe.flow_run(), scribe.flow_run(at=1)]
    message = refused("show", str(both[0].id)[:6])
    assert all(str(run.id) in message for run in both)
