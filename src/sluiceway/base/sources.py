"""What the code of a function refers to, and whose code it is: the facts that hashing code rests upon.

Code is read from its compiled form, not from its text: that is what runs, even where the file has been
edited since, and it is there in a REPL, in a notebook and for several lambdas on one line alike.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple

_GATHERING = frozenset(
    "add append appendleft clear discard extend extendleft insert put put_nowait remove update write".split()
)
"""Methods of containers that take something in and give nothing back."""


class CodeNames(NamedTuple):
    """The variables outside a function that its code refers to.

    Args:
        read: The global names that are looked up, in alphabetical order.
        rebound: The names of outer functions and of the module that are assigned anew.
    """

    read: tuple[str, ...]
    rebound: frozenset[str]


@lru_cache(maxsize=4096)
def outer_names(code: CodeType) -> CodeNames:
    """Return the variables outside a function that its code refers to, nested functions included.

    Args:
        code: The code of the function.
    """
    import dis  # heavy, and needed once per function whose code is hashed

    read: set[str] = set()
    rebound: set[str] = set()
    for instruction in dis.get_instructions(code):
        match instruction.opname:
            case "LOAD_GLOBAL" | "LOAD_NAME" | "LOAD_FROM_DICT_OR_GLOBALS":
                read.add(instruction.argval)
            case "STORE_GLOBAL" | "DELETE_GLOBAL":
                rebound.add(instruction.argval)
            case "STORE_DEREF" | "DELETE_DEREF" if instruction.argval in code.co_freevars:
                rebound.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = outer_names(constant)
            read.update(inner.read)
            rebound.update(inner.rebound)
    return CodeNames(tuple(sorted(read)), frozenset(rebound))


@lru_cache(maxsize=4096)
def only_written(code: CodeType) -> frozenset[str]:
    """Return the names that a function assigns or adds to but never reads: what it puts out, not takes in.

    A list that a task appends to, or a counter that it counts up, says nothing about what the task returns.

    Args:
        code: The code of the function. Where its text is not at hand, no name is taken for one.
    """
    import ast  # heavy, and needed only for functions that refer to something mutable
    import inspect
    import textwrap

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return frozenset()
    definition = tree.body[0] if tree.body else None
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) or definition.name != code.co_name:
        return frozenset()
    nodes = [node for statement in definition.body for node in ast.walk(statement)]
    writes: set[ast.Name] = set()
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                writes.add(node)
            case ast.Subscript(value=ast.Name() as target, ctx=ast.Store() | ast.Del()):
                writes.add(target)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as target, attr=method))):
                if method in _GATHERING:
                    writes.add(target)
    read = {node.id for node in nodes if isinstance(node, ast.Name) and node not in writes}
    return frozenset(node.id for node in writes) - read


@lru_cache(maxsize=4096)
def mentioned(code: CodeType) -> frozenset[str]:
    """Return the names of globals and attributes that code mentions, nested functions included.

    Args:
        code: The code of the function.
    """
    inner = [mentioned(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*inner)


def member_parts(name: str, member: Any) -> tuple[object, ...]:
    """Return what counts of a member of a class: functions and plain data, not what Python adds itself.

    Args:
        name: The name of the member.
        member: Its value in the class.
    """
    if isinstance(member, FunctionType):
        return (member,)
    if isinstance(member, staticmethod | classmethod):
        return (member.__func__,)
    if isinstance(member, property):
        return (member.fget, member.fset, member.fdel)
    if hasattr(type(member), "__get__"):
        attributes = getattr(member, "__dict__", {})
        return tuple(attributes[key] for key in ("fn", "func", "__wrapped__") if key in attributes)
    return () if name.startswith("__") and name != "__annotations__" else (member,)


@lru_cache(maxsize=4096)
def is_own(module: str) -> bool:
    """Return whether a module is the user's: neither Python's, nor Sluiceway's, nor an installed package's.

    Args:
        module: The name of the module.
    """
    if is_standard(module):
        return False
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    folders = path.replace("\\", "/").split("/")
    return "site-packages" not in folders and "dist-packages" not in folders


def is_standard(module: str) -> bool:
    """Return whether a module comes with Python, or is one of Sluiceway's.

    Args:
        module: The name of the module.
    """
    package = module.partition(".")[0]
    return package in sys.stdlib_module_names or package == "sluiceway"


def version(module: str) -> str:
    """Return the version of the package that a module belongs to, or nothing where it does not tell.

    Args:
        module: The name of the module.
    """
    found = getattr(sys.modules.get(module.partition(".")[0]), "__version__", "")
    return found if isinstance(found, str) else ""
