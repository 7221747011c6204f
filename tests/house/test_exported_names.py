"""The public names: those of the committed list, no more and no fewer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import pytest

from scripts import make_reference
from tests.house import project

LIST = project.ROOT / "tests" / "house" / "exported_names.txt"


def _listed() -> dict[str, set[str]]:
    """Return the names of the list by module: a line `module:`, and its names in the lines that are indented."""
    listed: dict[str, set[str]] = {}
    names: set[str] = set()
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            names.update(line.split())
        elif line and not line.startswith("#"):
            names = listed.setdefault(line.removesuffix(":"), set())
    return listed


def test_every_public_module_says_what_it_exports() -> None:
    silent = [name for name in make_reference.public_modules() if make_reference.exported_names(name) is None]
    assert not silent, "add `__all__`"


def test_the_public_names_are_those_of_the_list() -> None:
    present = {module: set(make_reference.exported_names(module) or ()) for module in make_reference.public_modules()}
    assert list(_differences(present, _listed())) == []


def _differences(present: dict[str, set[str]], listed: dict[str, set[str]]) -> Iterator[str]:
    for module in sorted(present.keys() | listed.keys()):
        more = present.get(module, set()) - listed.get(module, set())
        fewer = listed.get(module, set()) - present.get(module, set())
        if more:
            yield f"{module} exports what the list does not have: {' '.join(sorted(more))}"
        if fewer:
            yield f"{module} no longer exports: {' '.join(sorted(fewer))}"


@pytest.mark.parametrize("module", sorted(_listed()))
def test_every_exported_name_is_there(module: str) -> None:
    exporting = importlib.import_module(module)
    missing = [name for name in sorted(_listed()[module]) if not hasattr(exporting, name)]
    assert not missing


def test_every_public_name_has_a_docstring() -> None:
    undocumented = [
        f"{module}.{name}"
        for module in make_reference.public_modules()
        for name in make_reference.exported_names(module) or ()
        if not name.startswith("__")
        if not ((found := make_reference.definition(module, name)) and found.description)
    ]
    assert not undocumented
