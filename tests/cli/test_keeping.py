"""`sluiceway rm`, `export`, `import` and `db stats|prune|vacuum`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sluiceway import flow, task
from sluiceway.base import times
from sluiceway.cli.app import app
from sluiceway.model.states import StateType
from sluiceway.testing import Harness
from tests.cli.scribe import Scribe

Lines = Callable[..., list[str]]
Data = Callable[..., Any]
Refused = Callable[..., str]
Sluiceway = Callable[..., Result]

DAY = 86_400.0


@pytest.fixture
def old(scribe: Scribe) -> Scribe:
    """Writes runs of long ago: five days each a day apart, the oldest first, and one that has not ended."""
    scribe.begin = times.now() - 10 * 86_400 * times.SECOND
    for number in range(5):
        run = scribe.flow_run(name=f"run-{number}", at=number * DAY)
        scribe.task_run(run, at=number * DAY)
        scribe.log(run, "hello", at=number * DAY)
    scribe.flow_run(name="still-running", took=None)
    return scribe


def names(as_data: Data) -> list[str]:
    return [run["name"] for run in as_data("ls")]


# --- rm -----------------------------------------------------------------------------------------


def test_a_run_is_removed_by_name_with_all_that_hangs_on_it(
    old: Scribe, place: Harness, printed: Lines, as_data: Data
) -> None:
    child = old.flow_run(name="child", parent=place.services.store.read_flow_runs(limit=1, offset=3).items[0])
    assert printed("rm", "run-1", "--yes")[0].startswith("Removed ")
    assert "run-1" not in names(as_data)
    assert place.services.store.read_flow_run(child.key) is None
    assert place.services.store.check() == []


def test_a_removal_is_asked_about_unless_told_otherwise(old: Scribe, sluiceway: Sluiceway, as_data: Data) -> None:
    result = sluiceway("rm", "run-1")
    assert result.exit_code == 1
    assert "Remove 'run-1'" in result.output
    assert "1 flow runs and 1 task runs in all?" in result.output
    assert "run-1" in names(as_data)
    agreed = CliRunner().invoke(app, ["rm", "run-1"], input="y\n")
    assert agreed.exit_code == 0
    assert "run-1" not in names(as_data)


def test_what_was_removed_is_also_json(old: Scribe, as_data: Data) -> None:
    data = as_data("rm", "run-2", "-y")
    assert (data["flow_runs"], data["task_runs"], data["log_lines"]) == (1, 1, 1)


def test_a_run_that_has_not_ended_is_refused_with_the_remedy(old: Scribe, refused: Refused, as_data: Data) -> None:
    told = refused("rm", "still-running", "--yes")
    assert told.startswith("Flow run 'still-running' (")
    assert told.endswith("cannot be removed. It has not ended; remove the run once it has.")
    assert "still-running" in names(as_data)


def test_a_child_run_says_which_run_it_belongs_to(old: Scribe, refused: Refused) -> None:
    root = old.flow_run(name="root")
    child = old.flow_run(name="child", parent=root)
    below = old.task_run(child)
    assert f"belongs to the run {root.id}, and is kept or removed with it" in refused("rm", "child", "--yes")
    assert f"belongs to the run {child.id}" in refused("rm", str(below.id), "--yes")
    assert "There is no run 'nobody'" in refused("rm", "nobody", "--yes")


def test_a_task_run_outside_flows_is_removed(old: Scribe, place: Harness, printed: Lines) -> None:
    run = old.task_run(None)
    assert printed("rm", str(run.id), "--yes") == [
        "Removed 0 flow runs, 1 task run, 0 log lines, 0 expired cached results, 0 stored results."
    ]
    assert place.services.store.read_task_run(run.key) is None


# --- export and import --------------------------------------------------------------------------


def test_a_run_that_was_exported_and_removed_is_imported_again(
    old: Scribe, place: Harness, printed: Lines, as_data: Data, refused: Refused, tmp_path: Path
) -> None:
    file = str(tmp_path / "run.zip")
    before = as_data("show", "run-3")
    (line,) = printed("export", "run-3", file)
    assert line.startswith(f"Exported 'run-3' ({before['id']}) to {file}, ")
    assert "is in this run database already" in refused("import", file, exit_code=1)
    printed("rm", "run-3", "--yes")
    told = printed("import", file)
    assert told == [
        f"Imported 'run-3' ({before['id']}) of the flow 'census'.",
        f"  look at it: sluiceway show {before['id']}",
    ]
    assert as_data("show", "run-3") == before
    assert [entry["message"] for entry in map(json.loads, printed("logs", "run-3", "--json"))] == ["hello"]


def test_exports_are_named_by_the_run_and_never_written_over(
    old: Scribe, as_data: Data, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = as_data("export", "run-3", "--without-results")
    assert data["file"] == f"run-{data['id']}.zip"
    assert (tmp_path / data["file"]).stat().st_size == data["bytes"]
    assert "is there already" in refused("export", "run-3", exit_code=1)


def test_what_cannot_be_exported_or_imported_is_refused_in_one_line(
    old: Scribe, refused: Refused, tmp_path: Path
) -> None:
    loose = old.task_run(None)
    assert "has not ended; export the run once it has" in refused("export", "still-running")
    assert "is a task run" in refused("export", str(loose.id))
    assert "cannot be read: No such file" in refused("import", str(tmp_path / "none.zip"), exit_code=1)
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and nothing more")
    told = refused("import", str(broken), exit_code=1)
    assert told == (
        f"The file {broken} cannot be imported: it is no archive, or was cut short. "
        "Nothing was changed; export it anew."
    )


def test_an_imported_run_is_also_json(old: Scribe, printed: Lines, as_data: Data, tmp_path: Path) -> None:
    printed("export", "run-0", str(tmp_path / "run.zip"))
    printed("rm", "run-0", "-y")
    assert as_data("import", str(tmp_path / "run.zip"))["name"] == "run-0"


# --- db -----------------------------------------------------------------------------------------


def test_runs_are_pruned_by_age(old: Scribe, printed: Lines, as_data: Data) -> None:
    assert printed("db", "prune", "--older-than", "8d", "--dry-run") == ["Would remove 2 flow runs, 2 task runs."]
    assert len(names(as_data)) == 6
    assert printed("db", "prune", "--older-than", "8d") == [
        "Removed 2 flow runs, 2 task runs, 2 log lines, 0 expired cached results, 0 stored results."
    ]
    assert sorted(names(as_data)) == ["run-2", "run-3", "run-4", "still-running"]


def test_runs_are_pruned_by_number_but_not_those_that_have_not_ended(old: Scribe, as_data: Data) -> None:
    data = as_data("db", "prune", "--keep", "2")
    assert (data["dry_run"], data["roots"]) == (False, 4)
    assert sorted(names(as_data)) == ["run-4", "still-running"]
    assert as_data("db", "prune", "--keep", "0", "--dry-run")["roots"] == 1


def test_without_options_the_settings_say_what_is_pruned(
    old: Scribe, as_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert as_data("db", "prune")["roots"] == 0
    old.begin -= 100 * 86_400 * times.SECOND
    old.flow_run(name="ancient")
    assert as_data("db", "prune")["roots"] == 1
    assert "ancient" not in names(as_data)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--older-than", "soon"), "'soon' should be a number and a unit"),
        (("--older-than", "5"), "'5' should be a number and a unit"),
        (("--max-size", "big"), "'big' should be a number and a unit"),
        (("--keep", "-1"), "-1 is not in the range"),
        (("--older-than", "0d"), "would remove everything"),
        (("--max-size", "0MB"), "would remove everything"),
    ],
)
def test_a_prune_of_a_bad_option_is_refused(
    old: Scribe, refused: Refused, as_data: Data, options: tuple[str, ...], why: str
) -> None:
    assert why in refused("db", "prune", *options)
    assert len(names(as_data)) == 6


def test_stats_tell_what_there_is(old: Scribe, printed: Lines, as_data: Data) -> None:
    lines = printed("db", "stats")
    assert lines[0].startswith("memory:")
    assert any(line.split() == ["flow", "runs", "6"] for line in lines)
    assert any(line.strip().startswith("flow runs from ") for line in lines)
    data = as_data("db", "stats")
    assert data["rows"]["task_runs"] == 5
    assert data["oldest"] < data["newest"]
    assert (data["stored_results"], data["stored_bytes"]) == (0, 0)


def test_stats_of_an_empty_database_tell_so(place: Harness, as_data: Data, printed: Lines) -> None:
    assert as_data("db", "stats")["oldest"] is None
    assert not any("flow runs from" in line for line in printed("db", "stats"))


@task(persist_result=True)
def large() -> str:
    return "x" * 200_000


@flow
def make() -> None:
    large()


def test_a_file_is_measured_pruned_by_size_and_vacuumed(sluiceway_home: Path) -> None:
    def call(*arguments: str) -> Any:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    make()
    sizes = call("db", "stats")
    assert sizes["location"] == str(sluiceway_home / "sluiceway.db")
    assert sizes["row_bytes"]["task_run"] > 0
    assert (sizes["stored_results"], sizes["rows"]["task_runs"]) == (1, 1)
    assert sizes["stored_bytes"] > 200_000
    text = CliRunner().invoke(app, ["db", "stats"]).stdout
    assert "table task_run" in text
    assert call("db", "prune", "--max-size", "1kB")["roots"] == 1
    assert call("db", "stats")["rows"]["task_runs"] == 0
    vacuumed = call("db", "vacuum")
    assert vacuumed["bytes"] <= vacuumed["bytes_before"]
    assert "before" in CliRunner().invoke(app, ["db", "vacuum"]).stdout
    assert call("ls") == []


def test_a_cancelled_run_is_one_that_has_ended(old: Scribe, as_data: Data) -> None:
    old.flow_run(name="cancelled", state=StateType.CANCELLED)
    assert as_data("rm", "cancelled", "-y")["roots"] == 1
