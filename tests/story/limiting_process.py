"""A process that takes slots: `python limiting_process.py FOLDER TURNS LEASE`, once it reads a line.

It counts in a folder how many are inside, by a file for each, and writes down the most that it has seen.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sluiceway.concurrency.sync import concurrency

NAME = "database"


def main(folder: Path, turns: int, lease: float) -> None:
    """Take turns, or hold a slot until killed if there are none."""
    print("ready", flush=True)
    sys.stdin.readline()
    if not turns:
        with concurrency(NAME, lease_duration=lease, raise_on_lease_renewal_failure=True):
            print("inside", flush=True)
            sys.stdin.readline()
    most = 0
    for turn in range(turns):
        with concurrency(NAME, timeout_seconds=60, strict=True):
            mark = folder / f"{os.getpid()}-{turn}"
            mark.touch()
            most = max(most, len(os.listdir(folder)))
            mark.unlink()
    print(most)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
