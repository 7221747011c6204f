"""What the package needs of others: little, and each with a reason."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from tests.house import project
from tests.lower_bounds.lowest import lower_bounds

MOST_PACKAGES = 30
MOST_BYTES = 80_000_000


def _project() -> dict[str, Any]:
    declared: dict[str, Any] = tomllib.loads((project.ROOT / "pyproject.toml").read_text())["project"]
    return declared


def _declared() -> list[str]:
    """Return the requirements of the package and of its extras for users."""
    extras = _project()["optional-dependencies"]
    return [
        *_project()["dependencies"],
        *(line for name in extras if name != "test" for line in extras[name]),
    ]


def test_every_dependency_has_a_line_that_says_why() -> None:
    page = (project.ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| `([\w.-]+)`", page, flags=re.MULTILINE))
    assert explained == {Requirement(line).name for line in _declared()}


def test_every_dependency_has_a_lower_bound_and_no_upper_one() -> None:
    assert len(lower_bounds(_declared())) == len(_declared())
    assert not [line for line in _declared() if re.search(r"[<~]|==", line)]


def test_every_installed_tool_is_pinned() -> None:
    lines = (project.ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][\w.+!]*", line)]
    pinned = {_normal(line.split("==")[0]) for line in lines}
    tools = [*_declared(), *_project()["optional-dependencies"]["test"]]
    assert not [line for line in tools if _normal(Requirement(line).name) not in pinned]


def test_an_installation_brings_at_most_30_packages_and_80_megabytes() -> None:
    brought = _closure("sluiceway")
    assert {"sluiceway", "pydantic", "click"} <= brought
    assert len(brought) <= MOST_PACKAGES, sorted(brought)
    assert sum(_bytes_of(name) for name in brought) <= MOST_BYTES


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _closure(name: str) -> set[str]:
    """Return the names of the packages that an installation of one brings, itself included."""
    found, ahead = set[str](), [name]
    while ahead:
        found.add(package := _normal(ahead.pop()))
        for line in metadata.requires(package) or []:
            requirement = Requirement(line)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and _normal(requirement.name) not in found:
                ahead.append(requirement.name)
    return found


def _bytes_of(name: str) -> int:
    if name == "sluiceway":  # installed in place: what a wheel would hold is the package's folder
        paths = [path for path in project.PACKAGE.rglob("*") if path.is_file()]
        return sum(path.stat().st_size for path in paths)
    files = metadata.files(name)
    assert files, f"{name} does not say which files it installed"
    paths = [Path(str(file.locate())) for file in files]
    return sum(path.stat().st_size for path in paths if path.is_file())


def test_no_module_that_is_not_declared_is_imported() -> None:
    known = {_normal(Requirement(line).name) for line in _declared()} | {"sluiceway", "pytest"}
    distributions = metadata.packages_distributions()  # `markdown_it` is of `markdown-it-py`
    undeclared = [
        f"{project.where(path)} imports {top}"
        for path in project.code_of_package()
        for top in project.imported_tops(project.tree_of(path))
        if top not in sys.stdlib_module_names and not known.intersection(map(_normal, distributions.get(top, [top])))
    ]
    assert not undeclared
