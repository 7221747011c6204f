"""`sluiceway rm`."""

from __future__ import annotations

import click

from sluiceway import wiring
from sluiceway.base.errors import UnfinishedRun
from sluiceway.cli.choosing import find_run
from sluiceway.cli.db import removed_text
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option, print_json
from sluiceway.wiring.archiving import check_removable
from sluiceway.wiring.retention import make_pruner


@click.command()
@click.argument("run")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def command(run: str, yes: bool, machine_readable: bool) -> None:
    """Remove a run with all that hangs on it: child runs, task runs, states, log lines, results.

    RUN is an id, the beginning of one, or a name. A run that has not ended is left alone, and so is one that another
    run called. Values in result storage go within about an hour, once nothing else needs them.

    \b
    Examples:
      sluiceway rm brisk-otter
      sluiceway rm 0193a1b2-c3d4 --yes
    """
    store = journal()
    chosen = find_run(store, run)
    try:
        check_removable(store, chosen.key)
    except UnfinishedRun as error:
        raise Refusal(str(error)) from error
    if not yes:
        tree = store.read_tree(chosen.key)
        runs = f"{tree.flow_runs:,} flow runs and {tree.task_runs:,} task runs"
        click.confirm(f"Remove {chosen.name!r} ({chosen.id}), {runs} in all?", abort=True)
    pruned = make_pruner(wiring.services()).remove([chosen.key])
    if machine_readable:
        print_json({"id": str(chosen.id), **pruned._asdict()})
    else:
        click.echo(f"Removed {removed_text(pruned)}.")
