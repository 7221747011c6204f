"""Modules of the pages as one script, for files that have to stand alone.

The modules import one another by name, with `import { a, b } from './other.js';`, and no two of them give different
things one name: so what is left of them without `import` and `export`, one after another, does the same.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"

_IMPORT = re.compile(r"^import \{[^}]*\} from '([^']+)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_COMMENT = re.compile(r"^\s*//.*\n", re.MULTILINE)


@cache
def bundle(*names: str) -> str:
    """Return modules with all that they import as one script.

    Args:
        names: The modules, as files of the folder `static`.
    """
    parts: dict[str, str] = {}
    for name in names:
        _gather(name, parts)
    return "\n".join(parts.values())


def _gather(name: str, parts: dict[str, str]) -> None:
    """Put a module, and before it what it imports, among the parts."""
    if name in parts:
        return
    text = (STATIC / name).read_text(encoding="utf-8")
    for wanted in _IMPORT.findall(text):
        _gather(posixpath.normpath(posixpath.join(posixpath.dirname(name), wanted)), parts)
    parts[name] = _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))


@cache
def styles(*names: str) -> str:
    """Return style sheets as one.

    Args:
        names: Files of the folder `static`.
    """
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)
