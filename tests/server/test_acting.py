"""The API, as far as it does something with runs: it never runs code of users in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from sluiceway import flow, task, wiring
from sluiceway.agents.starting import tidy
from sluiceway.base import ids, times
from sluiceway.model.facts import FlowRunCreated, FlowRunMoved
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import COMPLETED, FAILED, PENDING, RUNNING
from sluiceway.rules.outcomes import stamped
from sluiceway.server.app import create_app
from sluiceway.testing import Harness
from tests.server.asking import Answer, Asking

PROGRAM = """
import sys, time
from pathlib import Path
from sluiceway import flow, pause_flow_run, suspend_flow_run, task
from sluiceway.input import RunInput

HERE = Path(__file__).parent

class Approval(RunInput):
    approved: bool

@task
def note(text: str) -> str:
    with (HERE / "notes.txt").open("a") as file:
        file.write(text + "\\n")
    return text

@task
def shaky() -> int:
    if not (HERE / "mended").exists():
        raise ValueError("not mended")
    return 7

@flow
def breaks(factor: int = 1) -> int:
    note("first")
    return shaky() * factor

@flow
def waits() -> str:
    note("before")
    approval = suspend_flow_run(wait_for_input=Approval)
    return note(f"approved {approval.approved}")

@flow
def pauses() -> str:
    approval = pause_flow_run(wait_for_input=Approval, poll_interval=0.05)
    return note(f"approved {approval.approved}")

@flow
def endless() -> None:
    note("begun")
    time.sleep(600)

if __name__ == "__main__":
    globals()[sys.argv[1]](return_state=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A file with flows."""
    file = tmp_path / "flows.py"
    file.write_text(PROGRAM, encoding="utf-8")
    return file


@pytest.fixture
def ask_here(sluiceway_home: Path) -> Asking:
    """Asks an application over the journal that other processes write, too."""
    wiring.reset()
    return Asking(create_app(wiring.services()))


@pytest.fixture
def run_flow(program: Path) -> Iterator[Callable[..., Any]]:
    """Run a flow of the file in a process of its own, and wait for its end, if it is to be waited for."""
    begun: list[subprocess.Popen[bytes]] = []

    def run(name: str, wait: bool = True) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(program), name]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun.append(process)
        if wait:
            process.wait(60)
        return process

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait(20)
    deadline = time.monotonic() + 20
    while tidy() and time.monotonic() < deadline:
        time.sleep(0.02)


def only(ask: Asking) -> Any:
    """Return the only run that there is."""
    (run,) = ask.get("/api/flow_runs").json()["items"]
    return run


def until(ask: Asking, run: Any, *kinds: str) -> Any:
    """Wait until a run has come into one of several kinds of states, and return it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = ask.get(f"/api/flow_runs/{run['id']}").json()
        if told["state"]["type"] in kinds:
            return told
        time.sleep(0.05)
    raise AssertionError(told)


def write_run(place: Harness, kind: Any = PENDING, entrypoint: str | None = None) -> FlowRun:
    run = FlowRun(ids.new_id(), "written")
    run.entrypoint = entrypoint
    now = times.now()
    place.services.store.write([FlowRunCreated(run, stamped(PENDING, now))])
    if kind is not PENDING:
        place.services.store.write([FlowRunMoved(run.key, stamped(kind, now), 1)])
    return run


# --- going on, in processes of their own ----------------------------------------------------------------


@pytest.mark.slow
def test_a_failed_run_goes_on_where_it_failed(ask_here: Asking, run_flow: Any, program: Path) -> None:
    run_flow("breaks")
    run = only(ask_here)
    assert run["state"]["type"] == "FAILED"
    program.with_name("mended").touch()
    answer = ask_here.post(f"/api/flow_runs/{run['id']}/retry")
    assert (answer.status, answer.json()["epoch"]) == (200, 1), answer.text
    assert until(ask_here, run, "COMPLETED")["epoch"] == 1
    assert program.with_name("notes.txt").read_text() == "first\n"


@pytest.mark.slow
def test_a_suspended_run_is_given_what_it_asks_for(ask_here: Asking, run_flow: Any, program: Path) -> None:
    run_flow("waits")
    run = only(ask_here)
    assert run["state"]["type"] == "PAUSED"
    wrong = ask_here.post(f"/api/flow_runs/{run['id']}/resume", {"input": {"approved": []}})
    assert (wrong.status, "approved" in wrong.detail) == (422, True), wrong.text
    answer = ask_here.post(f"/api/flow_runs/{run['id']}/resume", {"input": {"approved": True}})
    assert answer.status == 200, answer.text
    until(ask_here, run, "COMPLETED")
    assert program.with_name("notes.txt").read_text() == "before\napproved True\n"


@pytest.mark.slow
def test_a_paused_run_goes_on_in_its_own_process(ask_here: Asking, run_flow: Any, program: Path) -> None:
    process = run_flow("pauses", wait=False)
    deadline = time.monotonic() + 60
    while not ask_here.get("/api/flow_runs?state_types=PAUSED").json()["items"] and time.monotonic() < deadline:
        time.sleep(0.05)
    run = only(ask_here)
    assert ask_here.post(f"/api/flow_runs/{run['id']}/resume", {"input": {"approved": False}}).status == 200
    until(ask_here, run, "COMPLETED")
    assert process.wait(30) == 0
    assert program.with_name("notes.txt").read_text() == "approved False\n"


@pytest.mark.slow
def test_a_fork_is_a_new_run_with_other_arguments(ask_here: Asking, run_flow: Any, program: Path) -> None:
    program.with_name("mended").touch()
    run_flow("breaks")
    run = only(ask_here)
    (step,) = [each for each in ask_here.get("/api/task_runs").json()["items"] if each["task_name"] == "shaky"]
    answer = ask_here.post(f"/api/flow_runs/{run['id']}/fork", {"from_step": step["id"], "parameters": {"factor": 3}})
    assert answer.status == 200, answer.text
    forked = until(ask_here, answer.json(), "COMPLETED")
    assert (forked["id"] != run["id"], forked["parameters"]["factor"]) == (True, 3)
    assert program.with_name("notes.txt").read_text() == "first\n"


@pytest.mark.slow
def test_what_is_in_the_way_of_going_on_is_said(ask_here: Asking, run_flow: Any, program: Path) -> None:
    run_flow("breaks")
    run = only(ask_here)
    program.write_text("raise RuntimeError('gone')")
    answer = ask_here.post(f"/api/flow_runs/{run['id']}/retry")
    assert (answer.status, "cannot be loaded" in answer.detail) == (409, True), answer.text
    answer = ask_here.post("/api/flow_runs/bulk/retry?state_types=FAILED")
    assert answer.json()["done"] == []
    assert "cannot be loaded" in answer.json()["refused"][0]["detail"]


@pytest.mark.slow
def test_a_run_in_another_process_is_cancelled(ask_here: Asking, run_flow: Any, program: Path) -> None:
    run_flow("endless", wait=False)
    deadline = time.monotonic() + 60
    while not program.with_name("notes.txt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    run = only(ask_here)
    answer = ask_here.post(f"/api/flow_runs/{run['id']}/cancel", {"wait_seconds": 0})
    assert (answer.status, answer.json()["state"]["type"] in ("RUNNING", "CANCELLING", "CANCELLED")) == (200, True)
    assert until(ask_here, run, "CANCELLED")["state"]["message"]
    again = ask_here.post(f"/api/flow_runs/{run['id']}/cancel")
    assert (again.status, "has ended" in again.detail) == (409, True)


# --- what is refused ------------------------------------------------------------------------------------


def test_a_run_whose_flow_no_process_can_import_is_a_conflict(ask: Asking, place: Harness) -> None:
    run = write_run(place, FAILED)
    for verb in ("retry", "fork"):
        answer = ask.post(f"/api/flow_runs/{run.id}/{verb}")
        assert (answer.status, "cannot be imported by another process" in answer.detail) == (409, True)


@pytest.mark.parametrize("verb", ["cancel", "retry", "resume", "fork"])
def test_runs_that_are_not_there(ask: Asking, verb: str) -> None:
    identifier = uuid4()
    answer = ask.post(f"/api/flow_runs/{identifier}/{verb}")
    assert (answer.status, str(identifier) in answer.detail) == (404, True)


def test_a_completed_run_is_neither_cancelled_nor_gone_on_with(ask: Asking, place: Harness) -> None:
    run = write_run(place, COMPLETED, "flows.py:f")
    for verb in ("cancel", "retry", "resume"):
        assert ask.post(f"/api/flow_runs/{run.id}/{verb}").status == 409, verb
    assert ask.post(f"/api/flow_runs/{run.id}/resume", {"input": {"a": 1}}).status == 409


@pytest.mark.parametrize(
    ("target", "body", "where"),
    [
        ("cancel", {"grace_seconds": -1}, "body.grace_seconds"),
        ("cancel", {"grace": 1}, "body.grace"),
        ("retry", {"from_step": "load"}, "body.from_step"),
        ("resume", {"input": [1]}, "body.input"),
        ("fork", {"parameters": 1}, "body.parameters"),
        ("set_state", {"type": "RUNNING"}, "body.type"),
        ("set_state", {}, "body.type"),
        ("set_state", {"type": "FAILED", "message": "x" * 2_001}, "body.message"),
    ],
)
def test_a_body_that_does_not_fit_names_what(ask: Asking, place: Harness, target: str, body: Any, where: str) -> None:
    run = write_run(place, FAILED)
    answer = ask.post(f"/api/flow_runs/{run.id}/{target}", body)
    assert (answer.status, answer.json()["errors"][0]["where"]) == (422, where), answer.text


def test_bodies_that_are_no_json(ask: Asking, place: Harness) -> None:
    target = f"/api/flow_runs/{write_run(place, FAILED).id}/set_state"
    headers = {"content-type": "application/json"}
    for body in (b"{", b"\xff", b'{"type": "FAILED"', b"[" * 100_000):
        answer = ask("POST", target, headers, body=body)
        assert answer.status in (400, 422), body[:20]
    assert ask("POST", target, {"content-type": "text/plain"}, body=b'{"type": "FAILED"}').status == 422


def test_names_of_parameters_that_are_none(ask: Asking, place: Harness) -> None:
    run = write_run(place, FAILED, "flows.py:f")
    for name in ("a=b", "", "--help", "a\x00"):
        answer = ask.post(f"/api/flow_runs/{run.id}/fork", {"parameters": {name: 1}})
        assert (answer.status, "no name of a parameter" in answer.detail) == (422, True)
    answer = ask.post(f"/api/flow_runs/{run.id}/fork", {"parameters": {"a": "x" * 100_000}})
    assert (answer.status, "100,000 characters" in answer.detail) == (422, True)


# --- what became of runs, said by hand --------------------------------------------------------------------


def test_a_run_that_nobody_has_in_hand_is_brought_to_an_end_once(ask: Asking, place: Harness) -> None:
    run = write_run(place, RUNNING)
    answer = ask.post(f"/api/flow_runs/{run.id}/set_state", {"type": "FAILED", "message": "lost its disk"})
    assert (answer.status, answer.json()["state"]["message"]) == (200, "lost its disk")
    again = ask.post(f"/api/flow_runs/{run.id}/set_state", {"type": "COMPLETED"})
    assert (again.status, "has ended" in again.detail) == (409, True)


@task
def step() -> int:
    raise ValueError("no")


@flow
def around() -> None:
    step(return_state=True)


def test_a_step_is_said_to_have_completed(ask: Asking, place: Harness) -> None:
    around()
    place.drain()
    (told,) = ask.get("/api/task_runs").json()["items"]
    answer = ask.post(f"/api/task_runs/{told['id']}/set_state", {"type": "COMPLETED", "value": {"rows": 3}})
    assert (answer.status, answer.json()["state"]["type"]) == (200, "COMPLETED"), answer.text
    assert ask.get(f"/api/task_runs/{told['id']}/result").json()["preview"] == "{'rows': 3}"
    assert place.client.read_task_run(UUID(told["id"])).state.result() == {"rows": 3}
    answer = ask.post(f"/api/task_runs/{told['id']}/set_state", {"type": "FAILED", "message": "wrong rows"})
    assert answer.json()["state"]["message"] == "wrong rows"


# --- removing, and several at once ------------------------------------------------------------------------


def test_a_run_is_removed_that_has_ended(ask: Asking, place: Harness) -> None:
    run, open_run = write_run(place, COMPLETED), write_run(place, RUNNING)
    assert ask("DELETE", f"/api/flow_runs/{run.id}").status == 204
    assert ask.get(f"/api/flow_runs/{run.id}").status == 404
    answer = ask("DELETE", f"/api/flow_runs/{open_run.id}")
    assert (answer.status, "has not ended" in answer.detail) == (409, True)
    assert ask("DELETE", f"/api/task_runs/{uuid4()}").status == 404


def test_several_runs_by_list_or_by_parameters(ask: Asking, place: Harness) -> None:
    ended = [write_run(place, COMPLETED) for _ in range(3)]
    running = write_run(place, RUNNING)
    told = ask.post("/api/flow_runs/bulk/delete", {"ids": [str(run.id) for run in (ended[0], running)]}).json()
    assert (told["done"], [each["id"] for each in told["refused"]]) == ([str(ended[0].id)], [str(running.id)])
    told = ask.post("/api/flow_runs/bulk/delete?state_types=COMPLETED").json()
    assert (sorted(told["done"]), told["more"]) == (sorted(str(run.id) for run in ended[1:]), False)
    told = ask.post("/api/flow_runs/bulk/cancel?state_types=RUNNING").json()
    assert told["done"] == [str(running.id)]
    assert ask.get(f"/api/flow_runs/{running.id}").json()["state"]["type"] == "CANCELLED"


@pytest.mark.parametrize("verb", ["cancel", "retry", "delete"])
def test_nothing_is_done_with_all_runs_by_mistake(ask: Asking, place: Harness, verb: str) -> None:
    run = write_run(place, COMPLETED)

    def refused(answer: Answer) -> bool:
        return answer.status == 422 and ask.get(f"/api/flow_runs/{run.id}").status == 200

    assert refused(ask.post(f"/api/flow_runs/bulk/{verb}"))
    assert refused(ask.post(f"/api/flow_runs/bulk/{verb}", {}))
    assert refused(ask.post(f"/api/flow_runs/bulk/{verb}?state_type=COMPLETED"))
    assert refused(ask.post(f"/api/flow_runs/bulk/{verb}?state_types=FAILED", {"ids": [str(run.id)]}))
    assert refused(ask.post(f"/api/flow_runs/bulk/{verb}", {"ids": [str(uuid4()) for _ in range(201)]}))


def test_more_runs_than_go_at_once_are_done_by_asking_again(ask: Asking, place: Harness) -> None:
    now = times.now()
    runs = [FlowRun(ids.new_id(), "many") for _ in range(230)]
    place.services.store.write([FlowRunCreated(run, stamped(PENDING, now)) for run in runs])
    place.services.store.write([FlowRunMoved(run.key, stamped(COMPLETED, now), 1) for run in runs])
    first = ask.post("/api/flow_runs/bulk/delete?flow_names=many").json()
    assert (len(first["done"]), first["more"]) == (200, True)
    second = ask.post("/api/flow_runs/bulk/delete?flow_names=many").json()
    assert (len(second["done"]), second["more"]) == (30, False)


def test_the_journal_is_told_in_json_only(ask: Asking) -> None:
    assert json.loads(ask.get("/api/flow_runs").text) == {"items": [], "cursor": None}
