"""The table of promises names tests that exist."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.story.promises import PROMISES, Promise

TESTS = Path(__file__).parents[1]


@functools.cache
def _tests_of(file: str) -> frozenset[str]:
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
    )


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.sentence[:40])
def test_each_promise_is_shown_by_tests_that_exist_or_says_why_it_is_not_there_yet(promise: Promise) -> None:
    assert bool(promise.tests) is not bool(promise.later)
    missing = [test for test in promise.tests if test.partition("::")[2] not in _tests_of(test.partition("::")[0])]
    assert not missing, promise.sentence


def test_no_promise_is_listed_twice() -> None:
    doubled = [sentence for sentence, count in Counter(promise.sentence for promise in PROMISES).items() if count > 1]
    assert not doubled


@pytest.mark.slow
def test_pydantic_is_imported_only_when_a_flow_has_something_to_validate(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        "import sys\n"
        "from sluiceway import flow, task\n\n"
        "@task\ndef ident(x):\n    return x\n\n"
        "@flow\ndef plain(x):\n    return ident(x)\n\n"
        "@flow\ndef typed(x: int):\n    return x\n\n"
        "plain(1)\nprint('pydantic' in sys.modules)\n"
        "typed(1)\nprint('pydantic' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["False", "True"]
