"""A census of Python's standard library: how large and complex it is, and which of its modules it leans on.

    python examples/stdlib_census.py [--limit N] [--out DIR] [--processes N]

Each source file is parsed by a task run of its own, in several processes. What came of it is cached by its content,
so that a second run parses only what has changed. The files are then joined into a graph of imports, and ranked.

Counted is every `.py` file of the standard library, tests included, but nothing that was installed beside it. Tests
are left out of the graph, where they would outweigh the library. Files that are not valid Python are data, too.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict

from pydantic import PositiveInt

from sluiceway import flow, get_run_logger, runtime, task
from sluiceway.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from sluiceway.cache_policies import TASK_SOURCE, CachePolicy
from sluiceway.task_runners import ProcessPoolTaskRunner

INSTALLED = {"site-packages", "dist-packages", "__pycache__"}
TESTS = {"test", "tests", "idle_test"}
SHOWN = 24  # modules in the report
Graph = dict[str, list[str]]  # by module, the modules that it imports


class FileCensus(TypedDict):
    """What is known of a file: plain data, which is small in the cache and can be read anywhere."""

    module: str
    lines: int
    functions: int
    classes: int
    complexity: int
    peak: tuple[int, str]
    imports: list[str]
    problem: str | None


# --- parsing a file -------------------------------------------------------------------------------


def content_key(_: Any, arguments: dict[str, Any]) -> str:
    """Return a cache key that changes with the file: a hash of its name as a module, and its bytes."""
    return sha256(f"{arguments['module']}\0".encode() + Path(arguments["file"]).read_bytes()).hexdigest()


@task(
    task_run_name="{module}",
    cache_policy=TASK_SOURCE + CachePolicy.from_cache_key_fn(content_key),
    retries=2,  # of reading: the library may be on a network drive
    retry_delay_seconds=0.5,
)
def measure(module: str, file: str) -> FileCensus:
    """Count what is in a file."""
    source = Path(file).read_bytes()
    tree, problem = parsed(source)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    complexities = [(complexity(function), function.name) for function in functions]
    package = module if Path(file).stem == "__init__" else module.rpartition(".")[0]
    return FileCensus(
        module=module,
        lines=len(source.splitlines()),
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        complexity=sum(number for number, _ in complexities),
        peak=max(complexities, default=(0, "")),
        imports=sorted({name for node in nodes for name in imported(node, package)}),
        problem=problem,
    )


def parsed(source: bytes) -> tuple[ast.AST, str | None]:
    """Return the syntax tree of a file; an empty one, and the reason, if it is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd literals, which the tests of Python are full of
            return ast.parse(source), None
    except (SyntaxError, ValueError, RecursionError) as error:
        get_run_logger().warning("not valid Python: %s", error)
        return ast.Module([], []), f"{type(error).__name__}: {error}"


def complexity(function: ast.AST) -> int:
    """Return the cyclomatic complexity of a function: the number of its decisions, and one.

    T. J. McCabe, "A Complexity Measure", IEEE Transactions on Software Engineering SE-2(4), 1976. Functions
    within the function count by themselves.
    """
    total, nodes = 1, list(ast.iter_child_nodes(function))
    while nodes:
        match node := nodes.pop():
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case ast.If() | ast.IfExp() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler():
                total += 1
            case ast.BoolOp(values=operands):
                total += len(operands) - 1
            case ast.comprehension(ifs=conditions):
                total += 1 + len(conditions)
            case ast.Match(cases=cases):
                total += len(cases)
        nodes.extend(ast.iter_child_nodes(node))
    return total


def imported(node: ast.AST, package: str) -> Iterator[str]:
    """Yield what a statement imports by absolute names, which may lead into a module: `os.path.join`."""
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=module, names=names, level=level):
            parts = package.split(".")
            start = [*parts[: len(parts) - level + 1], module] if level else [module]
            yield from (".".join(filter(None, [*start, alias.name])) for alias in names)


# --- joining the files ----------------------------------------------------------------------------


@task
def find_files(root: Path, limit: int | None) -> dict[str, str]:
    """Return the files below a folder by the names of their modules; the first ones only, if told so."""
    paths = list[Path]()
    for folder, inner, names in os.walk(root):
        inner[:] = set(inner) - INSTALLED  # they are not walked into
        paths += [Path(folder, name) for name in names if name.endswith(".py")]
    return {module_name(path.relative_to(root)): str(path) for path in sorted(paths)[:limit]}


def module_name(path: Path) -> str:
    """Return the name that a file is imported by."""
    return ".".join(path.parts[:-1] if path.stem == "__init__" else path.with_suffix("").parts)


@task
def dependency_graph(files: list[FileCensus]) -> Graph:
    """Return which modules of the library, without its tests, import which."""
    known = {file["module"] for file in files if TESTS.isdisjoint(file["module"].split("."))}
    targets = {file["module"]: {resolved(name, known) for name in file["imports"]} for file in files}
    return {module: sorted(targets[module] - {module, ""}) for module in sorted(known)}


def resolved(name: str, known: set[str]) -> str:
    """Return the module that a name is in: the longest beginning of it that is known, or nothing."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


@task
def page_rank(graph: Graph, damping: float = 0.85, tolerance: float = 1e-9) -> dict[str, float]:
    """Return the weights of modules, the heaviest first: where one ends who follows imports at random.

    PageRank by power iteration: S. Brin and L. Page, "The Anatomy of a Large-Scale Hypertextual Web Search
    Engine", 1998. A module that imports nothing passes its weight on to all.
    """
    weights, change = dict.fromkeys(graph, 1 / len(graph)), 1.0
    while change > tolerance:
        idle = sum(weights[module] for module, targets in graph.items() if not targets)
        following = dict.fromkeys(graph, (1 - damping + damping * idle) / len(graph))
        for module, targets in graph.items():
            for target in targets:
                following[target] += damping * weights[module] / len(targets)
        change = sum(abs(following[module] - weights[module]) for module in graph)
        weights = following
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0])))


# --- the report -----------------------------------------------------------------------------------


@task
def write_tables(files: list[FileCensus], graph: Graph, weights: dict[str, float], out: Path) -> None:
    """Write `census.csv` with every file, and `census.md` with what stands out."""
    importers = Counter(target for targets in graph.values() for target in targets)
    columns = ["module", "lines", "functions", "classes", "complexity", "imported_by", "weight", "problem"]
    rows: list[dict[str, Any]] = [
        {**file, "imported_by": importers[file["module"]], "weight": weights.get(file["module"])} for file in files
    ]
    with (out / "census.csv").open("w", encoding="utf-8", newline="") as target:
        table = csv.DictWriter(target, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    leaders = sorted(rows, key=lambda row: row["weight"] or 0, reverse=True)[:SHOWN]
    ranking = [
        {**{column: row[column] for column in columns[:-2]}, "weight": f"{row['weight']:.2%}"} for row in leaders
    ]
    create_table_artifact(ranking, key="census-ranking", description="What the standard library leans on")
    peaks = sorted(files, key=lambda file: file["peak"], reverse=True)[:SHOWN]
    page = ["# The standard library", "", "![The heaviest modules](ranking.svg)", ""]
    page += ["| module | weight | imported by | lines | functions | complexity |", "|---|--:|--:|--:|--:|--:|"]
    page += [
        "| {module} | {weight:.2%} | {imported_by:,} | {lines:,} | {functions:,} | {complexity:,} |".format(**row)
        for row in leaders
    ]
    page += ["", "## The most complex functions", "", "| function | complexity |", "|---|--:|"]
    page += [f"| {file['module']}.{file['peak'][1]} | {file['peak'][0]} |" for file in peaks]
    problems = [f"- `{file['module']}`: {file['problem']}" for file in files if file["problem"]]
    page += ["", "## Files that are not valid Python", "", *problems]
    (out / "census.md").write_text("\n".join(page) + "\n", encoding="utf-8")


@task
def draw(graph: Graph, weights: dict[str, float], out: Path) -> None:
    """Draw the heaviest modules as bars, and the imports among them as arcs, into `ranking.svg`."""
    leaders = list(weights)[:SHOWN]
    height = 26 * len(leaders) + 116
    rows = {name: 102 + 26 * place for place, name in enumerate(leaders)}
    arcs = [arc(rows[name], rows[target]) for name in leaders for target in graph[name] if target in rows]
    bars = [bar(rows[name], name, weights[name], 380 / weights[leaders[0]]) for name in leaders]
    heading = (
        '<text x="36" y="42" font-size="22" font-weight="600">What the standard library leans on</text>'
        '<text x="36" y="66" font-size="13" fill="#66727f">PageRank in the graph of its imports. Arcs are imports '
        "among these modules: green of a heavier one, orange of a lighter one.</text>"
    )
    frame = (
        f'width="960" height="{height}" viewBox="0 0 960 {height}" font-family="system-ui, sans-serif" fill="#1d2733"'
    )
    background = f'<rect width="960" height="{height}" rx="12" fill="#fbfbfd"/>'
    picture = [f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>', background, heading, *arcs, *bars, "</svg>\n"]
    (out / "ranking.svg").write_text("\n".join(picture), encoding="utf-8")
    create_image_artifact(str(out / "ranking.svg"), key="census-plot", description="The heaviest modules")


def arc(start: int, end: int) -> str:
    """Return an arc on the left side from one row to another."""
    colour, radius = ("#0f9d76" if end < start else "#e07b39"), abs(end - start) / 2
    path = f"M280 {min(start, end)} A{radius * 0.78:.1f} {radius} 0 0 0 280 {max(start, end)}"
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.45" stroke-width="1.2"/>'


def bar(row: int, name: str, weight: float, scale: float) -> str:
    """Return a bar with its label before it and its weight after it."""
    width = weight * scale
    return (
        f'<text x="290" y="{row + 5}" font-size="14">{name}</text>'
        f'<rect x="470" y="{row - 8}" width="{width:.1f}" height="16" rx="3" fill="#2f6fde"/>'
        f'<text x="{478 + width:.1f}" y="{row + 4}" font-size="12" fill="#66727f">{weight:.1%}</text>'
    )


# --- the flow -------------------------------------------------------------------------------------


@flow(task_runner=ProcessPoolTaskRunner())
def stdlib_census(out: Path = Path("census-report"), limit: PositiveInt | None = None) -> dict[str, Any]:
    """Count what is in the standard library, rank its modules, write a report; return the figures."""
    out.mkdir(parents=True, exist_ok=True)
    sources = find_files(Path(sysconfig.get_path("stdlib")), limit)
    runs = measure.map(list(sources), list(sources.values()))
    files = runs.result()
    graph = dependency_graph(files)
    weights = page_rank(graph)
    write_tables(files, graph, weights, out)
    draw(graph, weights, out)
    figures = {what: sum(file[what] for file in files) for what in ("lines", "functions", "classes", "complexity")}
    create_markdown_artifact(summary(figures, len(files)), key="census-summary", description="What was counted")
    return figures | {
        "run": runtime.flow_run.name,
        "files": len(files),
        "cached": sum(run.state.name == "Cached" for run in runs),
        "invalid": sum(file["problem"] is not None for file in files),
        "leaders": list(weights)[:8],
    }


def summary(figures: dict[str, int], files: int) -> str:
    """Return the figures as a list in Markdown."""
    return "\n".join([f"- **{files:,}** files", *(f"- **{figure:,}** {what}" for what, figure in figures.items())])


def main() -> None:
    """Run the census from the command line."""
    parser = argparse.ArgumentParser(description="A census of Python's standard library.")
    parser.add_argument("--limit", type=positive, metavar="N", help="take the first files only, such as 100")
    parser.add_argument("--out", type=Path, default="census-report", metavar="DIR", help="the folder for the report")
    parser.add_argument("--processes", type=positive, metavar="N", help="how many; by default one for each processor")
    given = parser.parse_args()
    census = stdlib_census.with_options(task_runner=ProcessPoolTaskRunner(given.processes))
    found = census(given.out, given.limit)
    print(
        f"{found['files']:,} files: {found['cached']:,} from the cache, {found['invalid']} not valid Python\n"
        f"{found['lines']:,} lines, {found['classes']:,} classes, {found['functions']:,} functions with a mean "
        f"complexity of {found['complexity'] / max(1, found['functions']):.1f}\n"
        f"Most leaned on: {', '.join(found['leaders'])}\n"
        f"Report: {given.out / 'census.md'}, with census.csv and ranking.svg; also: sluiceway artifact ls\n"
        f"The run: sluiceway show {found['run']}"
    )


def positive(text: str) -> int:
    """Return a number that is given on the command line, and has to be at least 1."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
