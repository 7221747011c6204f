"""The code of a page of documentation, as a reader would run it.

The `python` blocks of a page are one program, run from top to bottom. A block whose first line is a
comment that names a file (`# hello.py`) is saved under that name instead. The lines that begin with `$ `
in the `console` blocks are then run one after another in the same folder. A block that cannot be run here
has a comment on the line before it, `<!-- not run: the reason -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n`]*$")

NOT_RUN = re.compile(r"^\s*<!-- not run: (?P<reason>\S.*) -->\s*$")

FILE_NAME = re.compile(r"^# (?P<name>[\w/-]+\.(?:py|toml))$")


class Block(NamedTuple):
    """A block of code.

    Args:
        language: What follows the fence, such as `python`.
        line: The number of its first line in the page, from 1.
        lines: Its lines, without the indentation of the fence.
        reason: Why it is not run; None for a block that is.
    """

    language: str
    line: int
    lines: tuple[str, ...]
    reason: str | None

    @property
    def file_name(self) -> str | None:
        """The name of the file that the block is to be saved under, if it says one."""
        match = FILE_NAME.match(self.lines[0]) if self.lines else None
        return match["name"] if match else None


class Page(NamedTuple):
    """What is to be run of a page.

    Args:
        files: Text by name of the files that it has a reader save.
        program: The rest of its Python, each line at the number that it has in the page.
        commands: What it has a reader type, in order.
    """

    files: dict[str, str]
    program: str
    commands: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of code of a page.

    Raises:
        ValueError: A fence is not closed.
    """
    lines = text.splitlines()
    numbers = iter(range(len(lines)))
    for start in numbers:
        opening = FENCE.match(lines[start])
        if opening is None:
            continue
        end = next((number for number in numbers if lines[number].strip() == "```"), None)
        if end is None:
            raise ValueError(f"the block that begins on line {start + 1} has no end")
        indent = len(opening["indent"])
        marker = NOT_RUN.match(lines[start - 1]) if start else None
        code = tuple(line[indent:] for line in lines[start + 1 : end])
        yield Block(opening["language"], start + 2, code, marker["reason"] if marker else None)


def page(text: str) -> Page:
    """Return what is to be run of a page."""
    files: dict[str, str] = {}
    program: dict[int, str] = {}
    commands: list[str] = []
    for block in blocks(text):
        if block.reason is not None:
            continue
        if block.file_name is not None:
            files[block.file_name] = "\n".join(block.lines) + "\n"
        elif block.language == "python":
            program.update(enumerate(block.lines, block.line))
        elif block.language == "console":
            commands.extend(line[2:] for line in block.lines if line.startswith("$ "))
    source = "\n".join(program.get(number, "") for number in range(1, max(program, default=0) + 1))
    return Page(files, source.rstrip("\n") + "\n" if program else "", tuple(commands))


def all_pages(root: Path) -> list[Path]:
    """Return the pages of a project: its README and what is in `docs/`."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
