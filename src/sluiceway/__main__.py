"""`python -m sluiceway` is the command `sluiceway`, for where that is not on the path."""

from __future__ import annotations

from sluiceway.cli import main

if __name__ == "__main__":
    main()
