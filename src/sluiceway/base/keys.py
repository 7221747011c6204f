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
    module = lasting_module(getattr(fn, "__module__", None) or "unknown")
    qualified = getattr(fn, "__qualname__", None) or name
    key = f"{module}.{qualified}"
    return key if qualified.rpartition(".")[2] == name else f"{key}:{name}"


def own_name(fn: Any) -> str:
    """Return the name of a function, or of the class of an object that is called like one.

    Args:
        fn: The function.
    """
    return getattr(fn, "__name__", None) or type(fn).__name__


def lasting_module(module: str) -> str:
    """Return the name of a module; for a script the one that its file has when `sluiceway run` imports it.

    Args:
        module: The name that functions and classes give their module.
    """
    if module != "__main__":
        return module
    path: str = getattr(sys.modules.get("__main__"), "__file__", None) or "__main__"
    return path.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
