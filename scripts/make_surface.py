"""Write the public surface, `tests/house/public_surface.txt`: names with their parameters, in order, with defaults.

    python -m scripts.make_surface

What users call is agreed. A change of it changes this file, and so is seen in review.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from scripts import make_reference
from scripts.make_reference import Definition, Function

LIST = make_reference.ROOT / "tests" / "house" / "public_surface.txt"

HEADING = """# What users call: the public names of each module, the parameters in order, the defaults.
# Made by `make docs`. Types are in the reference; of overloads, each stands here once.
"""


def surface() -> str:
    """Return the text of the file."""
    lines: list[str] = [HEADING]
    for module in make_reference.public_modules():
        lines.append(f"{module}:")
        for name in sorted(make_reference.exported_names(module) or ()):
            lines.extend(f"    {line}" for line in _lines(module, name))
        lines.append("")
    return "\n".join(lines)


def _lines(module: str, name: str) -> Iterator[str]:
    """Yield the lines of a name: one that is defined elsewhere only points there."""
    found = make_reference.definition(module, name)
    if found is None or not found.nodes:
        yield name
        return
    home = make_reference.home(found.module, name)
    if home not in (None, module):
        yield f"{name} = {home}.{name}"
    elif isinstance(found.nodes[0], ast.ClassDef):
        yield from _class(found, found.nodes[0])
    elif isinstance(found.nodes[0], Function):
        yield from _function(name, [node for node in found.nodes if isinstance(node, Function)], method=False)
    else:
        yield name


def _class(found: Definition, node: ast.ClassDef) -> Iterator[str]:
    members = make_reference.members(found.module, node)
    made = members.pop("__init__", None)
    yield from _function(f"class {node.name}", made, method=True) if made else (f"class {node.name}",)
    for name, nodes in members.items():
        if make_reference.decorators(nodes[0]) & {"property", "cached_property"}:
            yield f"  .{name}"
        else:
            yield from _function(f"  .{name}", nodes, method=True)


def _function(name: str, nodes: list[Function], *, method: bool) -> Iterator[str]:
    """Yield a line for each way to call a function, types left out."""
    overloads = [node for node in nodes if "overload" in make_reference.decorators(node)]
    shown = [make_reference.signature(_untyped(node), method=method, width=None) for node in overloads or nodes[-1:]]
    indent, word = name[: len(name) - len(name.lstrip())], name.lstrip()
    declared = f"{indent}async {word}" if isinstance(nodes[-1], ast.AsyncFunctionDef) else name
    yield from (declared + parameters for parameters in dict.fromkeys(shown))


def _untyped(node: Function) -> Function:
    bare = copy.deepcopy(node)
    bare.returns = None
    arguments = bare.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    for argument in every:
        if argument is not None:
            argument.annotation = None
    return bare


def main() -> None:
    """Write the file."""
    LIST.write_text(surface(), encoding="utf-8")
    print(LIST.relative_to(make_reference.ROOT))


if __name__ == "__main__":
    main()
