"""`sluiceway show`."""

from __future__ import annotations

from typing import Any

import click

from sluiceway.base import times
from sluiceway.base.previews import on_one_line
from sluiceway.cli.choosing import find_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, console, json_option, print_json
from sluiceway.cli.records import flow_run_record, history_record, result_record, task_run_record
from sluiceway.cli.sheet import Sheet
from sluiceway.model.queries import FlowRunQuery, RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.store import Store

JSON_ROWS = 1_000
"""How many task runs and child runs `--json` prints at most; the counts are of all."""


@click.command()
@click.argument("run", required=False)
@click.option(
    "--html", "page", metavar="FILE", help="Write the run's page into a file that needs no server; - to print it."
)
@json_option
def command(run: str | None, page: str | None, machine_readable: bool) -> None:
    """Show a run: its tasks, times, states, parameters and error.

    RUN is the id of a flow run or task run, the beginning of one, or the name of a flow run; the newest
    flow run by default.

    \b
    Examples:
      sluiceway show
      sluiceway show brisk-otter
      sluiceway show 0193a1b2-c3d4 --json
      sluiceway show brisk-otter --html run.html
    """
    store = journal()
    chosen = find_run(store, run)
    if page is not None:
        if machine_readable:
            raise click.UsageError("--html and --json are two forms of the same; give one of them.")
        _write_page(store, chosen, page)
        return
    if machine_readable:
        print_json(_record(store, chosen))
        return
    sheet = Sheet(store, console())
    if isinstance(chosen, FlowRun):
        sheet.print_flow_run(chosen)
    else:
        sheet.print_task_run(chosen)


def _write_page(store: Store, run: FlowRun | TaskRun, path: str) -> None:
    """Write the page of a flow run into a file."""
    from sluiceway.server.pages.run.report import report  # lazy: loads the templates of the pages

    if isinstance(run, TaskRun):
        raise Refusal(f"{run.name!r} is a task run, and pages are of flow runs; name the flow run that it is part of.")
    text = report(store, run, times.now())
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise Refusal(f"The page cannot be written into {path}: {error.strerror or error}.") from error
    click.echo(
        f"The page of {on_one_line(run.flow_name)} / {on_one_line(run.name)} is in {path}: {len(text):,} characters."
    )


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
