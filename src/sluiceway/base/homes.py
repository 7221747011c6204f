"""Homes: the modules that our classes say they are in, which is not where they are defined."""

from __future__ import annotations

OWN = f"{__name__.partition('.')[0]}."


def have_imported(kind: type) -> None:
    """Import the module that one of our own classes says it is in.

    Cloudpickle would take a class whose module nobody has imported yet, or another thread is importing right now,
    for one that cannot be imported, and pickle it by value.

    Args:
        kind: Any class.
    """
    if kind.__module__.startswith(OWN):
        __import__(kind.__module__)  # waits for the other thread
