"""`sluiceway cancel`, `resume`, `retry` and `fork`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from sluiceway.testing import Harness

Sluiceway = Callable[..., Result]

PROGRAM = """
from pathlib import Path
from pydantic import Field
from sluiceway import flow, pause_flow_run, suspend_flow_run, task
from sluiceway.input import RunInput

class Approval(RunInput):
    approved: bool
    reason: str = Field("none", description="Why so")

@task
def note(text: str) -> str:
    with Path(__file__).with_name("notes.txt").open("a") as file:
        file.write(text + "\\n")
    return text

@task
def shaky() -> int:
    note.fn("shaky")
    if not Path(__file__).with_name("mended").exists():
        raise ValueError("not mended")
    return 7

@flow
def waits(greeting: str = "hello") -> str:
    note("before")
    approval = suspend_flow_run(wait_for_input=Approval)
    return note(f"{greeting} {approval.approved}")

@flow
def breaks(factor: int = 1) -> int:
    note("first")
    return shaky() * factor
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file with two flows."""
    file = tmp_path / "flows.py"
    file.write_text(PROGRAM, encoding="utf-8")
    return file


@pytest.fixture
def notes(program: Path) -> Callable[[], list[str]]:
    """Return what the tasks have noted so far."""
    return lambda: program.with_name("notes.txt").read_text(encoding="utf-8").split("\n")[:-1]


def only_run(place: Harness) -> Any:
    (run,) = place.client.read_flow_runs()
    return run


# --- resuming -------------------------------------------------------------------------------------


def test_a_suspended_run_goes_on_with_its_input(
    sluiceway: Sluiceway, place: Harness, program: Path, notes: Callable[[], list[str]]
) -> None:
    first = sluiceway("run", f"{program}:waits", "--param", "greeting=hi")
    assert (first.exit_code, "Suspended" in first.stdout) == (1, True)
    name = only_run(place).name
    result = sluiceway("resume", name, "--input", "approved=yes", "--input", "reason=it = fine")
    assert result.exit_code == 0, result.output
    assert "✔ Completed  waits / " in result.stdout
    assert "result: 'hi True'" in result.stdout
    assert notes() == ["before", "hi True"]


def test_the_run_that_goes_on_is_told_as_data(
    as_data: Callable[..., Any], sluiceway: Sluiceway, place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:waits")
    run = only_run(place)
    record = as_data("resume", run.name, "--input-json", '{"approved": false}')
    assert (record["id"], record["state"]["name"]) == (str(run.id), "Completed")


def test_what_cannot_be_resumed_is_refused_with_what_to_do(
    refused: Callable[..., str], sluiceway: Sluiceway, place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:waits")
    name = only_run(place).name
    missing = refused("resume", name)
    assert f"Flow run '{name}' waits for Approval, and this does not fit:\n  'approved' is missing\n" in missing
    assert 'What is wanted:\n  approved: boolean\n  reason: string, or else "none" - Why so\n' in missing
    assert missing.endswith(f"An example: sluiceway resume {name} --input approved=true")
    assert "--input 'yes' should be NAME=VALUE" in refused("resume", name, "--input", "yes")
    assert "there is no field 'aproved'.\n  approved: boolean\n" in refused("resume", name, "--input", "aproved=true")
    assert "'approved' should be true or false, not '3'" in refused("resume", name, "--input", "approved=3")
    assert "--input is not JSON" in refused("resume", name, "--input", "{yes}")
    assert "--input-json should be a JSON object, not 3" in refused("resume", name, "--input-json", "3")
    assert "'reason' should be a text, not 3" in refused(
        "resume", name, "--input-json", '{"approved": true, "reason": 3}'
    )
    assert "There is no run 'nobody'" in refused("resume", "nobody")
    sluiceway("resume", name, "--input", '{"approved": false}')
    assert "has completed, so there is nothing to go on with" in refused("resume", name)


def test_a_task_run_is_no_flow_run(
    refused: Callable[..., str], sluiceway: Sluiceway, place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:breaks")
    task_run = place.client.read_task_runs()[0]
    for command in ("cancel", "resume", "retry", "fork"):
        assert "is the task run" in refused(command, str(task_run.id))


# --- trying again ---------------------------------------------------------------------------------


def test_a_failed_run_goes_on_where_it_failed(
    sluiceway: Sluiceway, place: Harness, program: Path, notes: Callable[[], list[str]]
) -> None:
    assert sluiceway("run", f"{program}:breaks", "--param", "factor=2").exit_code == 1
    program.with_name("mended").touch()
    run = only_run(place)
    result = sluiceway("retry", run.name)
    assert result.exit_code == 0, result.output
    assert "result: 14" in result.stdout
    assert notes() == ["first", "shaky", "shaky"]
    assert only_run(place).state_name == "Completed"


def test_a_run_is_tried_again_from_a_step_on(
    sluiceway: Sluiceway, place: Harness, program: Path, notes: Callable[[], list[str]]
) -> None:
    sluiceway("run", f"{program}:breaks")
    program.with_name("mended").touch()
    assert sluiceway("retry", only_run(place).name, "--from", "note").exit_code == 0
    assert notes() == ["first", "shaky", "first", "shaky"]


def test_steps_that_there_are_not_and_runs_that_completed_are_refused(
    refused: Callable[..., str], sluiceway: Sluiceway, place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:breaks")
    name = only_run(place).name
    message = refused("retry", name, "--from", "nothing")
    assert "has no step 'nothing' that its flow has called. Its steps are: note, shaky." in message
    program.with_name("mended").touch()
    sluiceway("retry", name)
    assert "has completed" in refused("retry", name)


# --- forking --------------------------------------------------------------------------------------


def test_a_fork_is_another_run_that_takes_over_what_was_done(
    sluiceway: Sluiceway, place: Harness, program: Path, notes: Callable[[], list[str]]
) -> None:
    program.with_name("mended").touch()
    sluiceway("run", f"{program}:breaks")
    name = only_run(place).name
    result = sluiceway("fork", name, "--param", "factor=3")
    assert result.exit_code == 0, result.output
    assert "result: 21" in result.stdout
    assert notes() == ["first", "shaky"]
    assert len(place.client.read_flow_runs()) == 2
    assert sluiceway("fork", name, "--from", "shaky").exit_code == 0
    assert notes() == ["first", "shaky", "shaky"]


def test_a_fork_with_another_parameter_than_the_flow_has_is_refused(
    refused: Callable[..., str], sluiceway: Sluiceway, place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:breaks")
    assert "has other parameters" in refused("fork", only_run(place).name, "--param", "size=3")


# --- cancelling -----------------------------------------------------------------------------------


def test_a_run_that_no_process_has_in_hand_is_cancelled_at_once(
    sluiceway: Sluiceway, refused: Callable[..., str], place: Harness, program: Path
) -> None:
    sluiceway("run", f"{program}:waits")
    name = only_run(place).name
    result = sluiceway("cancel", name)
    assert (result.exit_code, f"Cancelled  waits / {name}" in result.stdout) == (0, True)
    assert only_run(place).state_name == "Cancelled"
    assert "has ended: it is Cancelled. There is nothing to cancel." in refused("cancel", name)
    assert "was cancelled, which is an end" in refused("resume", name)


def test_a_cancelled_run_is_told_as_data(
    as_data: Callable[..., Any], sluiceway: Sluiceway, program: Path, place: Harness
) -> None:
    sluiceway("run", f"{program}:waits")
    record = as_data("cancel", only_run(place).name)
    assert record["state"]["type"] == "CANCELLED"
