"""A process that writes runs until it reads a line, and says how many: `python keeping_process.py DATABASE`."""

from __future__ import annotations

import sys
import threading
from contextlib import closing

from sluiceway.base import times
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import finished_task_facts, flow_facts, flow_run, log_line, task_run
from tests.stores.trees import COMPLETED, RUNNING


def main(database: str) -> None:
    told = threading.Event()
    reader = threading.Thread(target=lambda: (sys.stdin.readline(), told.set()))
    reader.start()
    written = 0
    with closing(SqliteStore(database)) as store:
        while not told.is_set():
            now = times.now()
            run = flow_run()
            task = task_run(run)
            facts = [*flow_facts(run, RUNNING, COMPLETED, at=now), *finished_task_facts(task, now)]
            store.write([*facts, log_line("done", run, task, at=now)])
            written += 1
            if written == 1:
                print("writing", flush=True)
    reader.join()
    print(written)


if __name__ == "__main__":
    main(sys.argv[1])
