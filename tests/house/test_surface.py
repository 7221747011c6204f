"""The public surface: what users call, as agreed."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect

import pytest

from scripts import make_surface

pytestmark = pytest.mark.slow

surface = functools.cache(make_surface.surface)


def test_the_public_surface_is_the_agreed_one() -> None:
    agreed, present = make_surface.LIST.read_text(encoding="utf-8"), surface()
    changed = difflib.unified_diff(agreed.splitlines(), present.splitlines(), "agreed", "present", n=1, lineterm="")
    assert agreed == present, "run `make docs` if it is meant to change:\n" + "\n".join(changed)


@pytest.mark.parametrize(
    "name",
    ["sluiceway.flows.Flow", "sluiceway.tasks.Task", "sluiceway.results.ResultStore", "sluiceway.states.Paused"],
)
def test_what_is_written_there_is_what_can_be_called(name: str) -> None:
    module, _, word = name.rpartition(".")
    parameters = list(inspect.signature(getattr(importlib.import_module(module), word)).parameters)
    block = surface().split(f"\n{module}:\n")[1].split("\n\n")[0]
    (line,) = [line for line in block.splitlines() if line.startswith((f"    {word}(", f"    class {word}("))]
    written = line.partition("(")[2].rstrip(")").split(", ")
    assert [part.partition("=")[0].lstrip("*") for part in written if part != "*"] == parameters
