"""The main example: the census of the standard library."""

from __future__ import annotations

import ast
import csv
import json
import sysconfig
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from examples import stdlib_census as census
from sluiceway import get_client
from sluiceway.client.schemas.filters import FlowRunFilter, TaskRunFilter
from sluiceway.logging import disable_run_logger
from sluiceway.rules.keepsakes import image_in
from tests.examples.programs import run_example, sluiceway

PROGRAM = "stdlib_census.py"
FILES = 40


def _rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "census.csv").open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def _states_of_files(run: str) -> dict[str, int]:
    """Return how many files of a census of the journal are in which state."""
    named = FlowRunFilter(name={"any_": [run]})
    counts = {}
    with get_client(sync_client=True) as client:
        for state in ("Completed", "Cached"):
            chosen = TaskRunFilter(task_name={"any_": ["measure"]}, state={"name": {"any_": [state]}})
            counts[state] = client.count_task_runs(flow_run_filter=named, task_run_filter=chosen)
    return counts


def _run_of(lines: list[str]) -> str:
    return lines[-1].removeprefix("The run: sluiceway show ")


@pytest.mark.slow
def test_a_census_writes_its_report_and_is_recorded(tmp_path: Path) -> None:
    lines = run_example(PROGRAM, "--limit", str(FILES), "--processes", "2", cwd=tmp_path)
    assert lines[0].startswith(f"{FILES} files: 0 from the cache")
    report = tmp_path / "census-report"
    rows = _rows(report)
    assert len(rows) == FILES
    assert sum(float(row["weight"]) for row in rows if row["weight"]) == pytest.approx(1)
    assert "## The most complex functions" in (report / "census.md").read_text(encoding="utf-8")
    picture = ET.parse(report / "ranking.svg").getroot()
    labels = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert set(labels) >= set(lines[2].removeprefix("Most leaned on: ").split(", "))
    assert _states_of_files(_run_of(lines)) == {"Completed": FILES, "Cached": 0}


@pytest.mark.slow
def test_a_census_shows_its_ranking_its_plot_and_a_summary_as_artifacts(tmp_path: Path) -> None:
    run = _run_of(run_example(PROGRAM, "--limit", str(FILES), cwd=tmp_path))
    with get_client(sync_client=True) as client:
        (found,) = client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": [run]}))
        plot, ranking, summary = client.read_latest_artifacts()
    assert {artifact.flow_run_id for artifact in (plot, ranking, summary)} == {found.id}
    weights = [row["weight"] for row in json.loads(ranking.data)]
    assert len(weights) == census.SHOWN
    assert weights == sorted(weights, reverse=True)
    image = image_in(plot.data)
    assert image is not None
    assert (image.media_type, image.content) == (
        "image/svg+xml",
        (tmp_path / "census-report" / "ranking.svg").read_bytes(),
    )
    assert summary.data.startswith(f"- **{FILES}** files\n- **")


@pytest.mark.slow
def test_a_second_census_takes_every_file_from_the_cache_and_finds_the_same(tmp_path: Path) -> None:
    first = run_example(PROGRAM, "--limit", str(FILES), "--out", "first", cwd=tmp_path)
    second = run_example(PROGRAM, "--limit", str(FILES), "--out", "second", cwd=tmp_path)
    assert second[0].startswith(f"{FILES} files: {FILES} from the cache")
    assert second[1:3] == first[1:3]
    assert _rows(tmp_path / "first") == _rows(tmp_path / "second")
    assert _states_of_files(_run_of(second)) == {"Completed": 0, "Cached": FILES}


@pytest.mark.slow
def test_the_command_line_shows_the_census(tmp_path: Path) -> None:
    run = _run_of(run_example(PROGRAM, "--limit", str(FILES), cwd=tmp_path))
    assert run in sluiceway("ls", "--flow", "stdlib-census")
    shown = sluiceway("show", run)
    assert f"measure  ×{FILES}" in shown
    assert f"limit = {FILES}" in shown
    assert "Finished in state Completed()" in sluiceway("logs", run)


@pytest.mark.slow
def test_the_whole_standard_library_is_counted_and_then_comes_from_the_cache(tmp_path: Path) -> None:
    root = Path(sysconfig.get_path("stdlib"))
    files = [path for path in root.rglob("*.py") if census.INSTALLED.isdisjoint(path.relative_to(root).parts)]
    first = run_example(PROGRAM, cwd=tmp_path)
    rows = _rows(tmp_path / "census-report")
    assert len(rows) == len(files)
    assert sum(int(row["lines"]) for row in rows) > 100_000
    assert first[0].startswith(f"{len(files):,} files: ")
    second = run_example(PROGRAM, cwd=tmp_path)
    assert second[0].startswith(f"{len(files):,} files: {len(files):,} from the cache")
    assert _states_of_files(_run_of(second)) == {"Completed": 0, "Cached": len(files)}


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--limit", "--processes"])
def test_a_number_that_makes_no_sense_is_refused_and_the_option_named(option: str, tmp_path: Path) -> None:
    lines = run_example(PROGRAM, option, "0", cwd=tmp_path, code=2)
    assert f"argument {option}: invalid positive value: '0'" in lines[-1]


# --- what it counts ---------------------------------------------------------------------------------


def _measured(folder: Path, text: str, name: str = "module.py", module: str = "module") -> census.FileCensus:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    with disable_run_logger():
        return census.measure.fn(module, str(path))


def test_a_file_is_counted(tmp_path: Path) -> None:
    found = _measured(tmp_path, "import os\n\nclass A:\n    def f(self): ...\n\nasync def g(): return 1 if os else 2\n")
    assert (found["lines"], found["functions"], found["classes"]) == (6, 2, 1)
    assert (found["complexity"], found["peak"], found["imports"]) == (3, (2, "g"), ["os"])
    assert found["problem"] is None


@pytest.mark.parametrize("text", ["print 'old'\n", "a\0b\n", "# coding: no-such-codec\n"])
def test_a_file_that_is_not_valid_python_is_data(text: str, tmp_path: Path) -> None:
    found = _measured(tmp_path, text)
    assert found["problem"]
    assert (found["functions"], found["imports"]) == (0, [])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("pass", 1),
        ("if a: pass\n elif b: pass\n else: pass", 3),
        ("for a in b:\n  while c: pass", 3),
        ("try: pass\n except A: pass\n except B: pass", 3),
        ("return a and b or c", 3),
        ("return [x for x in y if x if z]", 4),
        ("match a:\n  case 1: pass\n  case _: pass", 3),
        ("def g():\n  if a: pass", 1),
        ("return lambda: a if b else c", 2),
    ],
)
def test_complexity_is_the_number_of_decisions_and_one(body: str, expected: int) -> None:
    (function,) = ast.parse(f"def f():\n {body}\n").body
    assert census.complexity(function) == expected


@pytest.mark.parametrize(
    ("statement", "package", "names"),
    [
        ("import os.path, sys", "", ["os.path", "sys"]),
        ("from os import path, sep", "", ["os.path", "os.sep"]),
        ("from . import events", "asyncio", ["asyncio.events"]),
        ("from .events import AbstractEventLoop", "asyncio", ["asyncio.events.AbstractEventLoop"]),
        ("from ..parsers import expat", "xml.sax", ["xml.parsers.expat"]),
    ],
)
def test_imports_are_known_by_their_absolute_names(statement: str, package: str, names: list[str]) -> None:
    (node,) = ast.parse(statement).body
    assert list(census.imported(node, package)) == names


def _file(module: str, *imports: str) -> Any:
    return {"module": module, "imports": list(imports)}


def test_the_graph_leads_from_module_to_module_and_leaves_tests_out() -> None:
    files = [
        _file("os", "sys", "os.path"),
        _file("xml.dom", "os.path.join", "xml.dom.minidom.parse"),
        _file("xml.dom.minidom", "xml.dom"),
        _file("test.test_os", "os"),
    ]
    assert census.dependency_graph.fn(files) == {
        "os": [],
        "xml.dom": ["os", "xml.dom.minidom"],
        "xml.dom.minidom": ["xml.dom"],
    }


def test_weights_are_those_of_a_random_walk() -> None:
    weights = census.page_rank.fn({"a": ["b"], "b": ["a", "c"], "c": []}, damping=0.5)
    # a = c = 1/6 + c/6 + b/4 and b = 1/6 + c/6 + a/2, where c, which imports nothing, passes its weight on to all
    assert weights == pytest.approx({"b": 3 / 8, "a": 5 / 16, "c": 5 / 16})
    assert list(weights) == ["b", "a", "c"]


def test_a_changed_file_has_another_key_and_one_that_moved_has_the_same(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_bytes(b"a = 1\n")
    two.write_bytes(b"a = 1\n")
    first = census.content_key(None, {"module": "m", "file": str(one)})
    assert census.content_key(None, {"module": "m", "file": str(two)}) == first
    assert census.content_key(None, {"module": "n", "file": str(one)}) != first
    one.write_bytes(b"a = 2\n")
    assert census.content_key(None, {"module": "m", "file": str(one)}) != first
