"""Keys: what names a function in every run and process."""

from __future__ import annotations

import os
import sys
from types import MethodType
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


def place_of(fn: Any) -> str | None:
    """Return where a function is found again, `FILE.py:NAME`; None where it is within another one, or in no file.

    Args:
        fn: The function. That of an object is not found again either.
    """
    code = getattr(fn, "__code__", None)
    name: str = getattr(fn, "__qualname__", "<")
    if code is None or "<" in name or isinstance(fn, MethodType) or code.co_filename.startswith("<"):
        return None
    return f"{os.path.abspath(code.co_filename)}:{name}"


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
