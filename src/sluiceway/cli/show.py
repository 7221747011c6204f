"""`sluiceway show`."""

from __future__ import annotations

from typing import Any

import click

from sluiceway.cli.choosing import find_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import console, json_option, print_json
from sluiceway.cli.records import flow_run_record, history_record, result_record, task_run_record
from sluiceway.cli.sheet import Sheet
from sluiceway.model.queries import FlowRunQuery, RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.store import Store

JSON_ROWS = 1_000
"""How many task runs and child runs `--json` prints at most; the counts are of all."""


@click.command()
@click.argument("run", required=False)
@json_option
def command(run: str | None, machine_readable: bool) -> None:
    """Show a run: its tasks, times, states, parameters and error.

    RUN is the id of a flow run or task run, the beginning of one, or the name of a flow run; the newest
    flow run by default.

    \b
    Examples:
      sluiceway show
      sluiceway show brisk-otter
      sluiceway show 0193a1b2-c3d4 --json
    """
    store = journal()
    chosen = find_run(store, run)
    if machine_readable:
        print_json(_record(store, chosen))
        return
    sheet = Sheet(store, console())
    if isinstance(chosen, FlowRun):
        sheet.print_flow_run(chosen)
    else:
        sheet.print_task_run(chosen)


def _record(store: Store, run: FlowRun | TaskRun) -> dict[str, Any]:
    """Return all that is known of a run as plain data."""
    known = {
        "history": history_record(store.read_history(run.key)),
        "result": result_record(store.read_result(run.key)),
    }
    if isinstance(run, TaskRun):
        return {**task_run_record(run), **known}
    counts = store.count_task_runs_by_state(run.key)
    tasks = store.read_task_runs(TaskRunQuery(flow_run_keys=(run.key,)), order=RunOrder.OLDEST_FIRST, limit=JSON_ROWS)
    children = store.read_flow_runs(FlowRunQuery(parent=run.key), order=RunOrder.OLDEST_FIRST, limit=JSON_ROWS)
    return {
        **flow_run_record(run),
        **known,
        "task_counts": [{"task": task, "state": state, "count": count} for (task, state), count in counts.items()],
        "task_runs": [task_run_record(task_run) for task_run in tasks.items],
        "child_runs": [flow_run_record(child) for child in children.items],
    }
