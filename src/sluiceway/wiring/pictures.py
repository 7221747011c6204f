"""Pictures of flows, which Graphviz makes (https://graphviz.org)."""

from __future__ import annotations

from sluiceway.base.errors import FlowVisualizationError, MissingExtraError


def show(dot: str, name: str) -> None:
    """Make a picture of a graph, keep it as `NAME.png` in the working directory, and show it.

    Args:
        dot: The graph, in the language of Graphviz.
        name: The name of the picture.

    Raises:
        MissingExtraError: The package `graphviz` is not installed.
        FlowVisualizationError: The program that makes the picture is not installed.
    """
    try:
        import graphviz  # pyright: ignore[reportMissingImports]  # optional
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            'Drawing a flow needs Graphviz; install the package, pip install "sluiceway[graphviz]", and the program '
            "`dot`. `generate_mermaid_graph` returns a drawing as text, and needs neither."
        ) from error
    try:
        graphviz.Source(dot, format="png").render(filename=name, view=True, cleanup=True)
    except graphviz.ExecutableNotFound as error:
        raise FlowVisualizationError(
            "The program `dot`, with which Graphviz makes pictures, was not found on the path: install Graphviz with "
            "the package manager of your system. `generate_mermaid_graph` returns a drawing as text, and needs none."
        ) from error
