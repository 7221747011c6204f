"""A run tells who called it."""

from __future__ import annotations

import os
import sys

import pytest

from sluiceway import flow, get_client
from sluiceway.base import machine

pytestmark = pytest.mark.usefixtures("sluiceway_harness")


@flow
def child() -> None:
    """Be called by another flow."""


@flow
def parent() -> None:
    """Call another flow."""
    child()


def test_an_outermost_run_tells_the_user_the_machine_and_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["jobs/etl.py", "--password", "hush"])
    parent()
    with get_client(sync_client=True) as client:
        told = {run.flow_name: run.started_by for run in client.read_flow_runs()}
    assert told == {
        "parent": f"{machine.user()}@{machine.host()}: etl.py, process {os.getpid()}",
        "child": None,
    }


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["jobs/etl.py", "all"], "etl.py"),
        (["jobs/reports/__main__.py"], "reports"),
        (["-c"], "python"),
        (["-"], "python"),
        ([""], "python"),
        ([], "python"),
    ],
)
def test_a_program_goes_by_its_file_and_a_module_by_its_package(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    assert machine.program() == name


def test_a_user_whom_the_system_does_not_know_goes_by_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 12_345_678)
    machine.user.cache_clear()
    try:
        assert machine.user() == "12345678"
    finally:
        machine.user.cache_clear()
