"""Write the API reference, `docs/reference/`, from the docstrings of the public modules.

    python scripts/make_reference.py

The source is read, never imported, so that the pages are the same whatever is installed. Examples are
marked `py` rather than `python`: they are fragments, which the tests compile but cannot run.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = "sluiceway"
PAGES = ROOT / "docs" / "reference"

MACHINERY = frozenset(
    {"agents", "base", "cli", "drivers", "engine", "model", "ports", "recording", "rules", "runners"}
    | {"server", "storage", "stores", "wiring"}
)
"""The folders of the package that nobody outside imports; docs/architecture.md tells what each is for."""

WIDTH = 100
"""The number of characters from which a signature takes a line for each parameter."""

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


class Definition(NamedTuple):
    """Where a name is defined.

    Args:
        module: The dotted name of the module.
        nodes: The statements that define it: several for a function with overloads.
        description: The docstring, cleaned; empty where there is none.
    """

    module: str
    nodes: tuple[ast.stmt, ...]
    description: str


# --- reading the source -------------------------------------------------------------------------


def path_of(module: str) -> Path | None:
    """Return the file of a module by its dotted name, or None where there is no such module."""
    stem = SOURCE.joinpath(*module.split("."))
    candidates = (stem / "__init__.py", stem.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module of the package."""
    path = path_of(module)
    if path is None:
        raise SystemExit(f"there is no module {module}")
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def public_modules() -> tuple[str, ...]:
    """Return the modules that users import, by dotted name.

    These are the package itself, everything at its top that is no machinery, and in public packages what
    says `__all__`.
    """
    return tuple(sorted(_public_modules()))


def _public_modules() -> Iterator[str]:
    for path in (SOURCE / PACKAGE).rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        hidden = any(part.startswith("_") for part in parts) or (len(parts) > 1 and parts[1] in MACHINERY)
        module = ".".join(parts)
        if not hidden and (exported_names(module) or (len(parts) <= 2 and _defines(module))):
            yield module


def _defines(module: str) -> bool:
    """Return whether there is anything in a module but its docstring."""
    return any(not isinstance(node, ast.Expr) for node in tree_of(module).body)


def exported_names(module: str) -> tuple[str, ...] | None:
    """Return what a module says in `__all__`, or takes over with `import *`; None where it says nothing.

    Raises:
        SystemExit: `__all__` is computed, so that no reader and no type checker knows the names.
    """
    body = tree_of(module).body
    for node in body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and _assigned_name(node) == "__all__" and node.value:
            if not isinstance(node.value, ast.List | ast.Tuple):
                raise SystemExit(f"{module}: write `__all__` as a list of names, not {ast.unparse(node.value)}")
            return tuple(ast.literal_eval(node.value))
    starred = [name for source in _star_imports(body) for name in exported_names(source) or _own_names(source)]
    return tuple(starred) or None


def _star_imports(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module and node.names[0].name == "*":
            yield node.module


def _own_names(module: str) -> Iterator[str]:
    """Yield the public functions and classes of a module in their order."""
    for node in tree_of(module).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def _assigned_name(node: ast.Assign | ast.AnnAssign) -> str | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return target.id if isinstance(target, ast.Name) else None


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body, with those behind `if` and `try`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def definition(module: str, name: str) -> Definition | None:
    """Return where a name of a module is defined, following imports; None outside the package."""
    statements = list(_statements(tree_of(module).body))
    nodes = tuple(node for node in statements if name in _defined_names(node))
    if nodes:
        return Definition(module, nodes, _description(nodes, statements))
    for node in statements:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definition_or_module(node.module, alias.name)
    taken_over = (definition(source, name) for source in _star_imports(statements))
    return next(filter(None, taken_over), None)


def _definition_or_module(module: str, name: str) -> Definition | None:
    submodule = f"{module}.{name}"
    if path_of(submodule) is not None:
        return Definition(submodule, (), ast.get_docstring(tree_of(submodule)) or "")
    return definition(module, name)


def _defined_names(node: ast.stmt) -> tuple[str, ...]:
    if isinstance(node, Function | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        name = _assigned_name(node)
        return () if name is None else (name,)
    return ()


def _description(nodes: tuple[ast.stmt, ...], siblings: list[ast.stmt]) -> str:
    """Return the docstring of a definition: its own, or the text on the line after an assignment."""
    for node in nodes:
        if isinstance(node, Function | ast.ClassDef):
            text = ast.get_docstring(node)
        else:
            following = siblings[siblings.index(node) + 1 : siblings.index(node) + 2]
            text = next((_text(statement) for statement in following), None)
        if text:
            return text
    return ""


def _text(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return textwrap.dedent(node.value.value).strip()
    return None


# --- signatures ---------------------------------------------------------------------------------


def signature(node: Function, *, method: bool = False, width: int | None = WIDTH) -> str:
    """Return a signature as it is written, one parameter a line where it is long.

    Args:
        node: The function.
        method: Whether the first parameter is bound, and is left out.
        width: How many characters are long; None for any number on one line.
    """
    static = "staticmethod" in decorators(node)
    parameters = list(_parameters(node.args))[1 if method and not static else 0 :]
    if parameters and parameters[0] == "/":
        parameters = parameters[1:]
    result = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    joined = f"({', '.join(parameters)}){result}"
    if width is None or len(joined) <= width - len(node.name):
        return joined
    return "(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){result}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    without_default = len(positional) - len(arguments.defaults)
    defaults = [*[None] * without_default, *arguments.defaults]
    for index, argument in enumerate(positional, 1):
        yield _parameter(argument, defaults[index - 1])
        if index == len(arguments.posonlyargs):
            yield "/"
    if arguments.vararg:
        yield "*" + _parameter(arguments.vararg, None)
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield "**" + _parameter(arguments.kwarg, None)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg
    if argument.annotation is not None:
        text += f": {ast.unparse(argument.annotation)}"
    if default is not None:
        text += (" = " if argument.annotation is not None else "=") + ast.unparse(default)
    return text


def decorators(node: Function | ast.ClassDef) -> set[str]:
    return {ast.unparse(decorator).partition("(")[0].rpartition(".")[2] for decorator in node.decorator_list}


# --- classes ------------------------------------------------------------------------------------


def _lineage(module: str, node: ast.ClassDef) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield a class and those of its bases that are ours and have no entry of their own, nearest first."""
    yield module, node
    for base in node.bases:
        name = ast.unparse(base).partition("[")[0]
        found = definition(module, name) if name.isidentifier() else None
        if found and isinstance(found.nodes[0], ast.ClassDef) and home(found.module, name) is None:
            yield from _lineage(found.module, found.nodes[0])


def members(module: str, node: ast.ClassDef) -> dict[str, list[Function]]:
    """Return the public methods and properties of a class by name, with their overloads."""
    found: dict[str, list[Function]] = {}
    for _, owner in _lineage(module, node):
        own: dict[str, list[Function]] = {}
        for statement in _statements(owner.body):
            if isinstance(statement, Function) and "setter" not in decorators(statement):
                own.setdefault(statement.name, []).append(statement)
        found = {**own, **found}
    return {name: nodes for name, nodes in found.items() if _is_shown(name)}


def _is_shown(name: str) -> bool:
    return not name.startswith("_") or name in {"__init__", "__call__", "__add__", "__sub__"}


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Yield the fields of a NamedTuple, dataclass or enumeration as they are written, with what they mean."""
    body = node.body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            name = _assigned_name(statement)
            if name and not name.startswith("_"):
                meaning = _text(following) if following is not None else None
                yield f"- `{ast.unparse(statement)}`" + (f": {_prose(meaning)}" if meaning else "")


def _prose(text: str) -> str:
    return " ".join(text.split())


# --- pages --------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Return the text of each page of the reference by the name of its file."""
    made = {f"{module}.md": _page(module) for module in public_modules()}
    made["README.md"] = _index()
    return made


def _index() -> str:
    lines = ["# API reference", "", "Made from the docstrings by `make docs`.", ""]
    for module in public_modules():
        summary = (ast.get_docstring(tree_of(module)) or "").partition("\n")[0]
        lines.append(f"- [`{module}`]({module}.md): {summary}")
    return "\n".join(lines) + "\n"


def _page(module: str) -> str:
    parts = [f"# `{module}`", _markdown(ast.get_docstring(tree_of(module)) or "")]
    for name in exported_names(module) or ():
        parts.extend(_entry(module, name))
    return "\n\n".join(part for part in parts if part) + "\n"


def _entry(module: str, name: str) -> Iterator[str]:
    found = _definition_or_module(module, name)
    yield f"## `{name}`"
    if found is None:
        return
    described_in = home(found.module, name)
    if not found.nodes:
        yield f"The module [`{found.module}`]({found.module}.md): {found.description.partition(chr(10))[0]}"
    elif described_in not in (None, module):
        summary = found.description.partition(chr(10))[0]
        yield f"{summary} See [`{described_in}`]({described_in}.md#{name.lower()})."
    elif isinstance(found.nodes[0], ast.ClassDef):
        yield from _class(found.module, found.nodes[0])
    elif isinstance(found.nodes[0], Function):
        yield from _function([node for node in found.nodes if isinstance(node, Function)])
    else:
        yield _fence(_assignment(found.nodes[0]))
        yield _markdown(found.description)


def _assignment(node: ast.stmt) -> str:
    """Return an assignment as it is written; without the value, where that is made of what is private."""
    private = any(isinstance(part, ast.Name) and part.id.startswith("_") for part in ast.walk(node))
    if private and isinstance(node, ast.Assign | ast.AnnAssign):
        kind = f": {ast.unparse(node.annotation)}" if isinstance(node, ast.AnnAssign) else ""
        return f"{_assigned_name(node)}{kind}"
    return ast.unparse(node)


@functools.cache
def home(module: str, name: str) -> str | None:
    """Return the public module whose page describes a definition; None for the package's own names.

    It is the module that it stands in, or the first that exports it; the package only points elsewhere.
    """
    exporters = [
        public
        for public in public_modules()
        if public != PACKAGE and name in (exported_names(public) or ()) and _stands_in(public, name, module)
    ]
    if module in exporters:
        return module
    return exporters[0] if exporters else None


def _stands_in(public: str, name: str, module: str) -> bool:
    found = _definition_or_module(public, name)
    return found is not None and found.module == module


def _class(module: str, node: ast.ClassDef) -> Iterator[str]:
    shown = members(module, node)
    initialisers = shown.pop("__init__", [])
    arguments = signature(initialisers[-1], method=True) if initialisers else ""
    lineage = {owner.name for _, owner in _lineage(module, node)} | {"Generic"}
    bases = ", ".join(base for base in map(ast.unparse, node.bases) if base.partition("[")[0] not in lineage)
    yield _fence(f"class {node.name}{arguments}")
    if bases:
        yield f"Derives from `{bases}`."
    yield _markdown(ast.get_docstring(node) or "")
    yield "\n".join(_fields(node))
    for nodes in shown.values():
        yield f"### `{node.name}.{nodes[0].name}`"
        yield from _function(nodes, method=True)


def _function(nodes: list[Function], *, method: bool = False) -> Iterator[str]:
    """Yield the signatures, those of the overloads if there are any, and the description.

    Overloads for a particular type of `self` differ in the result only, and are left out.
    """
    overloads = [node for node in nodes if "overload" in decorators(node)]
    general = [node for node in overloads if not (method and _first_parameter(node).annotation)]
    shown = general or overloads or nodes[:1]
    yield _fence("\n".join(_declaration(node, method) for node in shown))
    yield _markdown(next(filter(None, (ast.get_docstring(node) for node in reversed(nodes))), ""))


def _first_parameter(node: Function) -> ast.arg:
    return [*node.args.posonlyargs, *node.args.args][0]


def _declaration(node: Function, method: bool) -> str:
    if decorators(node) & {"property", "cached_property"}:
        return f"property {node.name}" + (f": {ast.unparse(node.returns)}" if node.returns else "")
    prefix = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    kind = "".join(f"@{name}\n" for name in ("classmethod", "staticmethod") if name in decorators(node))
    return f"{kind}{prefix} {node.name}{signature(node, method=method)}"


def _fence(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


# --- docstrings ---------------------------------------------------------------------------------

SECTION = re.compile(r"^(Args|Returns|Yields|Raises|Example|Examples):\n((?:[ ]{4}.*\n|\n)+)", re.MULTILINE)

TITLES = {"Args": "Arguments"}

ITEM = re.compile(r"^(\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*): ", re.MULTILINE)


def _markdown(docstring: str) -> str:
    """Return a docstring as Markdown: its sections as lists, its examples as code."""
    return SECTION.sub(_section, docstring + "\n").strip()


def _section(match: re.Match[str]) -> str:
    kind, body = match[1], textwrap.dedent(match[2]).strip()
    if kind.startswith("Example"):
        code = body.replace("```python", "```py") if "```" in body else _fence(body, "py")
        return f"**Example**\n\n{code}\n\n"
    title = TITLES.get(kind, kind)
    if kind in ("Returns", "Yields"):
        return f"**{title}** {body}\n\n"
    items = ITEM.sub(r"- `\1`: ", body)
    return f"**{title}**\n\n{_indent_continuations(items)}\n\n"


def _indent_continuations(items: str) -> str:
    lines = (line if line.startswith("- ") or not line else "  " + line.strip() for line in items.splitlines())
    return "\n".join(lines)


def main() -> None:
    """Write all pages, and remove those of modules that are no more."""
    PAGES.mkdir(parents=True, exist_ok=True)
    made = pages()
    for name, text in made.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    for path in PAGES.glob("*.md"):
        if path.name not in made:
            path.unlink()
    print(f"{len(made)} pages in {PAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
