"""The project's files, as the tests of this folder look at them."""

from __future__ import annotations

import ast
import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sluiceway"


@functools.cache
def files() -> tuple[Path, ...]:
    """Return the files of the project: all that git knows, or would take in."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout.split(b"\0")
    found = (ROOT / name.decode() for name in names if name)
    return tuple(sorted(path for path in found if path.is_file()))


@functools.cache
def text_of(path: Path) -> str | None:
    """Return the text of a file, or None for one that is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def code() -> tuple[Path, ...]:
    """Return the Python files that are not tests."""
    return tuple(path for path in files() if path.suffix == ".py" and not path.is_relative_to(ROOT / "tests"))


def code_of_tests() -> tuple[Path, ...]:
    """Return the Python files of the tests."""
    return tuple(path for path in files() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests"))


def code_of_package() -> tuple[Path, ...]:
    """Return the Python files of the package."""
    return tuple(path for path in code() if path.is_relative_to(PACKAGE))


def where(path: Path, line: int | None = None) -> str:
    """Return a place as a reader finds it: `src/sluiceway/flows.py:12`."""
    name = path.relative_to(ROOT).as_posix()
    return name if line is None else f"{name}:{line}"


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield all functions of a module, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported_tops(tree: ast.Module) -> Iterator[str]:
    """Yield the first part of the name of each module that is imported, such as `os` for `os.path`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
