"""What no file of the project has in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.house import project

VAGUE_NAMES = frozenset({"common", "core", "helper", "helpers", "misc", "shared", "tools", "util", "utils"})

PLACES_OF_A_MACHINE = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|opt|mnt|srv|work|workspace)/[\w.-]+")

ADDRESS = re.compile(r"https?://[^\s\"'<>)\]}`]+")

KNOWN_HOSTS = frozenset(
    {"localhost", "127.0.0.1", "[::1]", "example.com", "example.org"}
    | {"docs.python.org", "peps.python.org", "docs.pydantic.dev", "www.sqlite.org", "sqlite.org"}
    | {"www.rfc-editor.org", "datatracker.ietf.org", "www.w3.org", "json-schema.org"}
    | {"keepachangelog.com", "semver.org", "no-color.org", "www.apache.org", "filesystem-spec.readthedocs.io"}
    | {"docs.dask.org", "distributed.dask.org", "docs.ray.io", "graphviz.org", "mermaid.js.org"}
)
"""Documents that are cited, and names that stand for no machine."""

LEFT_OVER = re.compile(r"#\s*(?:TODO|FIXME|XXX|HACK)\b")

BROAD = frozenset({"Exception", "BaseException"})


def _lines() -> Iterator[tuple[str, str]]:
    for path in project.files():
        for number, line in enumerate((project.text_of(path) or "").splitlines(), 1):
            yield project.where(path, number), line


def test_no_file_names_a_place_of_the_machine_it_was_written_on() -> None:
    found = [f"{place}: {match[0]}" for place, line in _lines() for match in PLACES_OF_A_MACHINE.finditer(line)]
    assert not found


def test_no_file_names_a_host_but_those_of_cited_documents() -> None:
    found = [
        f"{place}: {match[0]}"
        for place, line in _lines()
        for match in ADDRESS.finditer(line)
        if not _is_known(match[0])
    ]
    assert not found, "add the host to KNOWN_HOSTS if it is one of a document that is worth citing"


def _is_known(address: str) -> bool:
    host = re.sub(r":[\w{}]+$", "", urlsplit(address).netloc.rsplit("@", 1)[-1])
    return host in KNOWN_HOSTS or "." not in host or "{" in host


def test_nothing_is_marked_as_left_to_do() -> None:
    assert not [place for place, line in _lines() if LEFT_OVER.search(line)]


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [
        project.where(path)
        for path in project.code()
        if VAGUE_NAMES & {path.stem, *path.relative_to(project.ROOT).parts[:-1]}
    ]
    assert not named, "a helper lives in the room that owns its subject"


def test_no_error_is_swallowed() -> None:
    found = [
        project.where(path, node.lineno)
        for path in project.code()
        for node in ast.walk(project.tree_of(path))
        if _swallows(node)
    ]
    assert not found, "name the exception that is expected, or handle it"


def _swallows(node: ast.AST) -> bool:
    """Return whether a node is `except Exception: pass`, or suppresses as much."""
    match node:
        case ast.ExceptHandler(type=None | ast.Name(), body=body):
            broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id in BROAD)
            return broad and all(isinstance(statement, ast.Pass | ast.Continue) for statement in body)
        case ast.Call(func=ast.Name(id="suppress") | ast.Attribute(attr="suppress"), args=suppressed):
            return any(isinstance(error, ast.Name) and error.id in BROAD for error in suppressed)
    return False


def test_nothing_is_left_unimplemented() -> None:
    found = [
        project.where(path, node.lineno)
        for path in project.code()
        for node in ast.walk(project.tree_of(path))
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node)
    ]
    assert not found
