"""Drawings of flows: which task's result goes where, as text that others make pictures of."""

from __future__ import annotations

import re
from collections.abc import Hashable


class Graph:
    """The calls of a flow, in the order in which they were made, and what depends on what."""

    def __init__(self) -> None:
        self._labels: dict[Hashable, str] = {}
        self._edges: dict[tuple[Hashable, Hashable], None] = {}
        self._counts: dict[str, int] = {}

    def add(self, key: Hashable, name: str) -> str:
        """Add a call, and return its label: the name, and which call of that name it is.

        Args:
            key: What tells the call from others.
            name: The name of the task or flow.
        """
        ordinal = self._counts.get(name, 0)
        self._counts[name] = ordinal + 1
        label = self._labels[key] = f"{name}-{ordinal}"
        return label

    def connect(self, before: Hashable, after: Hashable) -> None:
        """Say that a call depends on another one; twice is as good as once.

        Args:
            before: The key of the call that comes first; one that is not in the graph is left out.
            after: The key of the call that depends on it.
        """
        if before in self._labels:
            self._edges[before, after] = None

    @property
    def labels(self) -> list[str]:
        """The labels of the calls, in order."""
        return list(self._labels.values())

    @property
    def edges(self) -> list[tuple[str, str]]:
        """The labels of the pairs that depend on each other, in order."""
        return [(self._labels[before], self._labels[after]) for before, after in self._edges]

    def as_mermaid(self) -> str:
        """Return the graph as a flow chart in the language of Mermaid."""
        identifiers: dict[Hashable, str] = {}
        for key, label in self._labels.items():
            identifiers[key] = _unlike(re.sub(r"[^A-Za-z0-9]", "_", label), set(identifiers.values()))
        nodes = [f'    {identifiers[key]}["{_for_mermaid(label)}"]' for key, label in self._labels.items()]
        edges = [f"    {identifiers[before]} --> {identifiers[after]}" for before, after in self._edges]
        return "\n".join(["flowchart TD", *nodes, *edges])

    def as_dot(self) -> str:
        """Return the graph in the language of Graphviz."""
        nodes = [f"    {_for_dot(label)}" for label in self.labels]
        edges = [f"    {_for_dot(before)} -> {_for_dot(after)}" for before, after in self.edges]
        return "\n".join(["digraph {", *nodes, *edges, "}"])


def _unlike(identifier: str, taken: set[str]) -> str:
    """Return an identifier that no other call has: two labels may differ in signs only."""
    while identifier in taken:
        identifier += "_"
    return identifier


def _for_mermaid(label: str) -> str:
    """Return a label with the signs spelled out that would end it, or be taken for markup."""
    return re.sub(r'[#"<>&]', lambda sign: f"#{ord(sign[0])};", label)


def _for_dot(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
