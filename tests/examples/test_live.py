"""The example to watch: all that it shows is in the journal, and it comes to its end though nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway import get_client
from sluiceway.client.schemas.filters import TaskRunFilter
from tests.examples.programs import run_example


@pytest.mark.slow
def test_the_day_at_the_harbour_passes_with_all_that_goes_wrong(tmp_path: Path) -> None:
    lines = run_example("live.py", "--fast", cwd=tmp_path)
    assert [line for line in lines if "tons came ashore" in line] == [
        "The weather was a fresh breeze, and sun. 1200 tons came ashore; the late ship lies at berth 3. "
        "Not let in: Ivo."
    ]
    with get_client(sync_client=True) as client:
        runs = {run.name if run.flow_name == "unload" else run.flow_name: run for run in client.read_flow_runs()}
        day = runs["harbour-day"]
        names = [state.name for state in client.read_flow_run_states(day.id)]
        inspections = client.read_task_runs(task_run_filter=TaskRunFilter(task_name={"any_": ["look_over"]}))
        entries = client.filter_flow_run_input(day.id, "", limit=9)
        artifacts = client.read_artifacts()
    assert set(runs) == {
        "harbour-day",
        "Alma",
        "Clara",
        "Frida",
        "Hanna",
        "radio",
        "rehearse",
    }
    assert names == ["Pending", "Running", "Paused", "Running", "Completed"]
    assert {name: run.state_name for name, run in runs.items() if run.state_name != "Completed"} == {
        "rehearse": "Failed"
    }
    assert sorted(run.run_count for run in inspections) == [1] * 8 + [2] * 4
    assert {run.state_name for run in inspections} == {"Completed", "Failed"}
    assert len(entries) == 4
    assert all(entry.received is not None for entry in entries)
    assert {artifact.type for artifact in artifacts} == {"progress", "table", "markdown"}
