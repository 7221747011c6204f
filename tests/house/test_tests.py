"""What holds for the tests themselves."""

from __future__ import annotations

import ast

from tests.house import project

CHECKING = ("assert", "check", "expect", "raises", "fail", "warns")
"""Parts of the names of functions that check something."""


def test_every_test_asserts_something() -> None:
    idle = [
        f"{project.where(path, function.lineno)} {function.name}"
        for path in project.code_of_tests()
        for function in project.functions(project.tree_of(path))
        if function.name.startswith("test_") and not any(_checks(node) for node in ast.walk(function))
    ]
    assert not idle


def _checks(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert):
        return True
    return isinstance(node, ast.Call) and any(word in ast.dump(node.func) for word in CHECKING)


def test_no_two_tests_of_a_file_have_the_same_name() -> None:
    doubled = []
    for path in project.code_of_tests():
        names: set[str] = set()
        for node in project.tree_of(path).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name in names:
                    doubled.append(f"{project.where(path, node.lineno)} {node.name}")
                names.add(node.name)
    assert not doubled, "the later one hides the earlier one"


def test_a_folder_of_tests_has_files_named_so_that_pytest_finds_them() -> None:
    unseen = [
        project.where(path)
        for path in project.code_of_tests()
        if not path.name.startswith("test_")
        and any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            for node in project.tree_of(path).body
        )
    ]
    assert not unseen
