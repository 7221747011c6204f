"""`sluiceway cancel`."""

from __future__ import annotations

import click

from sluiceway.base.errors import RunNotStoppableError
from sluiceway.base.previews import on_one_line
from sluiceway.cli.choosing import find_flow_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option, print_json
from sluiceway.cli.records import flow_run_record
from sluiceway.flow_runs import cancel_flow_run
from sluiceway.model.appearance import look_of


@click.command()
@click.argument("run")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="How long the run may take to end before its process is killed.",
)
@json_option
def command(run: str, grace: float, machine_readable: bool) -> None:
    """Cancel a flow run, in whichever process it is under way, and wait until it has ended.

    RUN is the id of a flow run, the beginning of one, or its name. Its code is interrupted first; a process that
    does not react gets SIGTERM after half of the time of grace, and is killed at the end of it. The exit code is 0
    if the run is cancelled, 1 if it came to another end before that, 2 if it cannot be cancelled.

    \b
    Examples:
      sluiceway cancel brisk-otter
      sluiceway cancel 0193a1b2 --grace 5
    """
    store = journal()
    chosen = find_flow_run(store, run)
    try:
        state = cancel_flow_run(chosen.id, grace)
    except RunNotStoppableError as error:
        raise Refusal(str(error)) from error
    if machine_readable:
        print_json(flow_run_record(store.read_flow_run(chosen.key) or chosen))
    else:
        look = look_of(state.type, state.name)
        heading = click.style(f"{look.mark} {state.name}", bold=True)
        click.echo(f"{heading}  {on_one_line(chosen.flow_name)} / {on_one_line(chosen.name)}")
        if state.message:
            click.echo(f"  {on_one_line(state.message)}")
    raise click.exceptions.Exit(0 if state.is_cancelled() else 1)
