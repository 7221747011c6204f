"""Keys: what names a function in every run and process."""

from __future__ import annotations

import sys
from typing import Any


def key_of(fn: Any, name: str) -> str:
    """Return what names a function in every run and process.

    Args:
        fn: The function.
        name: Its name as a task or flow.
    """
    module = getattr(fn, "__module__", None) or "unknown"
    if module == "__main__":  # the same file, imported by `sluiceway run`, goes by its own name
        path = getattr(sys.modules.get("__main__"), "__file__", None) or "__main__"
        module = path.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    qualified = getattr(fn, "__qualname__", None) or name
    key = f"{module}.{qualified}"
    return key if qualified.rpartition(".")[2] == name else f"{key}:{name}"


def own_name(fn: Any) -> str:
    """Return the name of a function, or of the class of an object that is called like one.

    Args:
        fn: The function.
    """
    return getattr(fn, "__name__", None) or type(fn).__name__
