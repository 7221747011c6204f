"""The table of guarantees names tests that exist, and says of each line whether it holds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")

ROW = re.compile(r"^\| (?P<promise>.+) \| (?P<kept_by>.+) \|$", re.MULTILINE)

GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = [(match["file"], match["name"]) for match in TEST.finditer(GUARANTEES)]
    assert named
    missing = [f"{file}::{name}" for file, name in named if name not in _functions_of(ROOT / file)]
    assert not missing


def test_every_promise_names_its_test_or_says_that_it_does_not_hold_yet() -> None:
    rows = [row for row in ROW.finditer(GUARANTEES.split("## Speed")[0]) if row["promise"] != "promise"]
    assert not [row["promise"] for row in rows if not (TEST.search(row["kept_by"]) or row["kept_by"] == "*not yet*")]


def _functions_of(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
