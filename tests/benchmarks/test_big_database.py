"""The big database that reading is measured on: as large as was asked for, and sound."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.big_database import FLOWS, Sizes, fill, main
from sluiceway.model.queries import FlowRunQuery, LogQuery, TaskRunQuery
from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.store import SqliteStore


def test_a_database_is_filled_with_as_much_as_was_asked_for(tmp_path: Path) -> None:
    with closing(SqliteStore(str(tmp_path / "runs.db"))) as store:
        check_filled(store)


def check_filled(store: SqliteStore) -> None:
    largest = fill(store, Sizes(60, 200, 100))
    rows = store.describe()["rows"]
    assert (rows["flow_runs"], rows["task_runs"], rows["log_lines"]) == (60, 200, 100)
    assert store.count_task_runs(TaskRunQuery(flow_run_keys=(largest,))) == 23
    assert store.count_logs(LogQuery(flow_run_keys=(largest,))) == 90
    assert store.count_flow_runs(FlowRunQuery(flow_names=FLOWS)) == 60
    assert store.count_flow_runs(FlowRunQuery(roots_only=True)) == 54
    counts = store.count_flow_runs_by_state()
    assert counts[StateType.RUNNING, "Running"] == 1
    assert counts[StateType.FAILED, "Failed"] > 0
    assert store.check() == []


def test_a_file_with_runs_in_it_is_not_filled_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = [str(tmp_path / "runs.db"), "--flow-runs=4", "--task-runs=8", "--lines=8"]
    assert main(few) == 0
    assert capsys.readouterr().out.startswith("The largest run is 01")
    assert main(few) == 1
    assert "name a file that does not exist" in capsys.readouterr().err
