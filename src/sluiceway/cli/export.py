"""`sluiceway export`."""

from __future__ import annotations

import os

import click

from sluiceway import wiring
from sluiceway.base.errors import UnfinishedRun
from sluiceway.cli.choosing import find_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option, print_json, size_text
from sluiceway.model.runs import FlowRun
from sluiceway.wiring.archiving import export_run


@click.command()
@click.argument("run")
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--without-results", is_flag=True, help="Leave out what the runs returned.")
@json_option
def command(run: str, file: str | None, without_results: bool, machine_readable: bool) -> None:
    """Write a run into a file, with its child runs, task runs, states, log lines, inputs and results.

    RUN is an id, the beginning of one, or the name of a flow run that no other called. FILE is a zip file, by
    default run-ID.zip here; one that is there is not written over. Parameters, short texts of arguments, and log
    lines are in it in any case.

    \b
    Examples:
      sluiceway export brisk-otter
      sluiceway export brisk-otter report.zip --without-results
    """
    store = journal()
    chosen = find_run(store, run)
    if not isinstance(chosen, FlowRun):
        raise Refusal(f"{chosen.name!r} is a task run. Export the flow run that called it.")
    path = file or f"run-{chosen.id}.zip"
    try:
        export_run(wiring.services(), chosen.key, path, results=not without_results)
    except UnfinishedRun as error:
        raise Refusal(str(error)) from error
    size = os.path.getsize(path)
    if machine_readable:
        print_json({"id": str(chosen.id), "file": path, "bytes": size})
    else:
        click.echo(f"Exported {chosen.name!r} ({chosen.id}) to {path}, {size_text(size)}.")
