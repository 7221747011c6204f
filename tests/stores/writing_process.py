"""A process that writes to a store: `python writing_process.py DATABASE BATCHES RUNS`, once it reads a line."""

from __future__ import annotations

import sys
from contextlib import closing

from sluiceway.model.states import StateType
from sluiceway.stores.sqlite.store import SqliteStore
from tests.stores.making import finished_task_facts, flow_facts, flow_run, log_line, task_run


def main(database: str, batches: int, runs: int) -> None:
    with closing(SqliteStore(database)) as store:
        flow = flow_run("shared")
        print("ready", flush=True)
        sys.stdin.readline()
        store.write(flow_facts(flow, StateType.RUNNING))
        for batch in range(batches):
            tasks = [task_run(flow, f"task{batch % 3}", tags=frozenset({"all"})) for _ in range(runs)]
            facts = [fact for task in tasks for fact in finished_task_facts(task)]
            store.write([*facts, log_line(f"batch {batch}", flow)])
        assert store.count_task_runs_by_state(flow.key) == {
            (f"task{number}", "Completed"): len(range(number, batches, 3)) * runs for number in range(min(3, batches))
        }


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
