"""What the source of a flow tells of it, where its file is not to be executed, or cannot be."""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Any

from sluiceway.base.errors import MissingFlowError, ScriptError
from sluiceway.base.versions import file_digest
from sluiceway.drivers.loading import entrypoint_parts, file_of

__all__ = ["is_entrypoint_async", "load_flow_arguments_from_entrypoint"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_entrypoint_async(entrypoint: str) -> bool:
    """Return whether the function that an entrypoint names is async; its file is read, not executed.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.

    Raises:
        MissingFlowError: There is no such file, module or function.
        ScriptError: The file is not valid Python.
    """
    return isinstance(_function(entrypoint), ast.AsyncFunctionDef)


def load_flow_arguments_from_entrypoint(entrypoint: str, arguments: Collection[str] | None = None) -> dict[str, Any]:
    """Return the options that a flow's decorator was given, as far as they are written out; the file is not executed.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.
        arguments: The names of the options to return; by default all. The name is told in any case.

    Raises:
        MissingFlowError: There is no such file, module or function.
        ScriptError: The file is not valid Python.
    """
    function = _function(entrypoint)
    found: dict[str, Any] = {"name": function.name.replace("_", "-")}
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "flow":
            found.update(_literals(decorator.keywords))
    return found if arguments is None else {name: found[name] for name in found if name in arguments}


def arguments_of_placeholder(entrypoint: str, options: Collection[str]) -> dict[str, Any]:
    """Return the options of a flow that stands for one whose file cannot be executed.

    Args:
        entrypoint: `FILE.py:NAME`, `module:NAME` or `module.NAME`.
        options: The names of the options that there are.
    """
    told = load_flow_arguments_from_entrypoint(entrypoint, options)
    told.setdefault("version", file_digest(file_of(entrypoint_parts(entrypoint)[0])))
    return told


def _literals(keywords: list[ast.keyword]) -> dict[str, Any]:
    """Return the arguments that are written out; what has to be computed is left out."""
    values = {}
    for keyword in keywords:
        if keyword.arg is not None:
            try:
                values[keyword.arg] = ast.literal_eval(keyword.value)
            except ValueError:
                continue
    return values


def _last_name(node: ast.expr) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)


def _function(entrypoint: str) -> Function:
    """Return the definition of the function that an entrypoint names; the last one, as for the interpreter."""
    source, name = entrypoint_parts(entrypoint)
    path = file_of(source)
    try:
        with open(path, "rb") as file:
            found: ast.AST | None = ast.parse(file.read(), path)
    except SyntaxError as error:
        raise ScriptError(error, path) from error
    for part in name.split("."):
        found = _member(found, part)
    if not isinstance(found, Function):
        raise MissingFlowError(f"{source} defines no function {name!r}.")
    return found


def _member(owner: ast.AST | None, name: str) -> ast.AST | None:
    """Return the last definition of a name in a module or class."""
    named = [node for node in getattr(owner, "body", ()) if getattr(node, "name", None) == name]
    return named[-1] if named else None
