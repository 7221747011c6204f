"""The size of things: what is read in one sitting stays so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.house import project

MODULE_LINES = 500
FUNCTION_LINES = 50
EXCEPTIONS = project.ROOT / "tests" / "house" / "exceptions.txt"


def test_a_module_has_at_most_500_lines_and_a_function_50() -> None:
    allowed = _exceptions()
    too_long = [f"{place} has {size} lines" for place, size in _over_budget() if size > allowed.get(place, 0)]
    assert not too_long, "shorten, or split by subject:\n" + "\n".join(too_long)


def test_the_list_of_exceptions_only_shrinks() -> None:
    sizes = dict(_over_budget())
    loose = [
        f"{place} is allowed {size} lines and has {sizes.get(place, 'no longer more than any other')}"
        for place, size in _exceptions().items()
        if sizes.get(place) != size
    ]
    assert not loose, f"correct {project.where(EXCEPTIONS)}:\n" + "\n".join(loose)


def test_nothing_is_excused_from_the_limit_of_complexity() -> None:
    excuse = re.compile(r"#\s*(noqa|ruff:\s*noqa)(?!:)|#.*\bnoqa:.*C901")
    excused = [
        project.where(path, number)
        for path in project.code()
        for number, line in enumerate((project.text_of(path) or "").splitlines(), 1)
        if excuse.search(line)
    ]
    assert not excused, f"functions have a complexity of 10 at most, and an exception names its rule: {excused}"


def _over_budget() -> Iterator[tuple[str, int]]:
    for path in project.code():
        lines = len((project.text_of(path) or "").splitlines())
        if lines > MODULE_LINES:
            yield project.where(path), lines
        for function in project.functions(project.tree_of(path)):
            size = (function.end_lineno or function.lineno) - function.lineno + 1
            if size > FUNCTION_LINES:
                yield f"{project.where(path)}::{function.name}", size


def _exceptions() -> dict[str, int]:
    lines = EXCEPTIONS.read_text(encoding="utf-8").splitlines()
    entries = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {place: int(size) for place, size in entries}
