"""`python -m sluiceway.cli`: the command line without its script."""

from __future__ import annotations

from sluiceway.cli.app import main

main()
