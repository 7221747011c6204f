"""`sluiceway fork`."""

from __future__ import annotations

from uuid import UUID

import click

from sluiceway import wiring
from sluiceway.base.errors import RunNotResumableError, SignatureMismatchError
from sluiceway.cli.arguments import parse_arguments
from sluiceway.cli.carrying import carry_out
from sluiceway.cli.choosing import find_flow_run, find_step
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option
from sluiceway.drivers import resuming
from sluiceway.wiring.runners import make_runner


@click.command()
@click.argument("run")
@click.option("--from", "step", metavar="STEP", help="The first step to run anew: a task run's id, or a task's name.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=JSON", help="An argument that is to differ.")
@click.option("--run-id", type=click.UUID, metavar="UUID", help="The identifier of the new run; one is made otherwise.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@json_option
def command(
    run: str, step: str | None, params: tuple[str, ...], run_id: UUID | None, quiet: bool, machine_readable: bool
) -> None:
    """Make a new flow run that takes over the results of another one, and run it here.

    RUN is the id of a flow run, the beginning of one, or its name. STEP is one that its flow itself has called; it
    and all that came after it run anew. The exit code is that of `sluiceway run`.

    \b
    Examples:
      sluiceway fork brisk-otter --from load
      sluiceway fork brisk-otter --param limit=10
    """
    store = journal()
    chosen = find_flow_run(store, run)
    first = None if step is None else find_step(store, chosen, step)
    try:
        flow = resuming.flow_of(chosen)
        context = resuming.fork(
            chosen.key,
            wiring.services(),
            make_runner,
            flow=flow,
            parameters=parse_arguments(flow, params, None),
            from_step=None if first is None else first.key,
            new_key=None if run_id is None else run_id.bytes,
        )
    except (RunNotResumableError, SignatureMismatchError) as error:
        raise Refusal(str(error)) from error
    carry_out(chosen.flow_name, lambda: resuming.run_here(context), quiet=quiet, machine_readable=machine_readable)
