"""`sluiceway import`."""

from __future__ import annotations

import click

from sluiceway import wiring
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import json_option, print_json
from sluiceway.cli.records import flow_run_record
from sluiceway.wiring.archiving import import_run


@click.command()
@click.argument("file", type=click.Path())
@json_option
def command(file: str, machine_readable: bool) -> None:
    """Take over a run that was exported, under the same ids.

    FILE is what `sluiceway export` wrote. One that was cut short, changed or written by a newer version is refused,
    and so is a run that is there already; then nothing has changed. Nothing in it is executed.

    \b
    Example:
      sluiceway import report.zip
    """
    journal()
    run = import_run(wiring.services(), file)
    found = journal().read_flow_run(run.key) or run
    if machine_readable:
        print_json(flow_run_record(found))
    else:
        click.echo(f"Imported {found.name!r} ({found.id}) of the flow {found.flow_name!r}.")
        click.echo(f"  look at it: sluiceway show {found.id}")
