"""A process that claims calls until none is left, once it reads a line: `python claiming_process.py DATABASE OWNER`."""

from __future__ import annotations

import sys
from contextlib import closing

from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import NOON


def main(database: str, owner: str) -> None:
    with closing(SqliteStore(database)) as store:
        store.describe()
        print("ready", flush=True)
        sys.stdin.readline()
        while calls := store.claim_calls(owner, ["load-key", "mail-key"], 3, NOON):
            for call in calls:
                print(call.run_key.hex())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
