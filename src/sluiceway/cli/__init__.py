"""The command line: `sluiceway run`, `ls`, `show`, `logs` and the rest, a file for each command."""

from __future__ import annotations

from sluiceway.cli.app import main

__all__ = ["main"]
