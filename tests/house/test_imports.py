"""Who imports whom, when, and at what cost."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import project

LAZY_ROOMS = (project.PACKAGE / "wiring", project.PACKAGE / "__init__.py")
"""Where importing inside a function is the point: the room that chooses adapters, and the front door."""

REASON = re.compile(r"#(?!\s*(?:noqa|type:|pyright:))\s*\S.{9,}$")

HEAVY = frozenset(
    {"pydantic", "pydantic_core", "typing_extensions", "annotated_types", "rich", "click", "cloudpickle"}
    | {"fsspec", "dask", "distributed", "ray", "fastapi", "starlette", "uvicorn", "jinja2", "httpx", "cryptography"}
    | {"asyncio", "concurrent.futures", "multiprocessing", "dataclasses", "inspect", "json", "tempfile"}
    | {"opentelemetry", "ssl", "http", "email", "urllib.request", "unittest", "subprocess", "importlib.metadata"}
)
"""What a program that only says `from sluiceway import flow, task` does not pay for."""

IMPORTS = (ast.Import, ast.ImportFrom)

MOST_MODULES = 134
"""How many modules beyond those of a bare interpreter `from sluiceway import flow, task` may load."""


def imported_modules(statement: str) -> set[str]:
    """Return what a fresh interpreter has loaded after a statement, beyond what it has loaded anyway."""
    script = f"import sys; bare = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - bare))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import sluiceway", "from sluiceway import flow, task"])
def test_the_front_door_imports_nothing_heavy(statement: str) -> None:
    loaded = imported_modules(statement)
    assert "sluiceway" in loaded
    assert not sorted(loaded & HEAVY)


def test_the_front_door_imports_few_modules() -> None:
    loaded = imported_modules("from sluiceway import flow, task")
    assert len(loaded) <= MOST_MODULES, json.dumps(sorted(loaded), indent=1)


def test_importing_the_package_alone_loads_none_of_its_rooms() -> None:
    loaded = {name for name in imported_modules("import sluiceway") if name.startswith("sluiceway.")}
    assert not loaded, "the names of the package are loaded when they are first used"


def test_imports_inside_functions_say_why() -> None:
    unexplained = [
        project.where(path, node.lineno)
        for path in project.code_of_package()
        if not any(path.is_relative_to(room) for room in LAZY_ROOMS)
        for node in _local_imports(path)
        if not REASON.search(_line(path, node))
    ]
    assert not unexplained, f"move to the top, or end the line with `# lazy: why`: {unexplained}"


def _local_imports(path: Path) -> Iterator[ast.stmt]:
    """Yield the imports inside the functions of a file; of several in a row, the first."""
    for function in project.functions(project.tree_of(path)):
        for node in ast.walk(function):
            body = [statement for statement in ast.iter_child_nodes(node) if isinstance(statement, ast.stmt)]
            for before, statement in zip([None, *body], body, strict=False):
                if isinstance(statement, IMPORTS) and not isinstance(before, IMPORTS):
                    yield statement


def _line(path: Path, node: ast.stmt) -> str:
    return (project.text_of(path) or "").splitlines()[node.lineno - 1]
