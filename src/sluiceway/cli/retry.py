"""`sluiceway retry`."""

from __future__ import annotations

import click

from sluiceway import wiring
from sluiceway.base.errors import RunNotResumableError, SignatureMismatchError
from sluiceway.cli.carrying import carry_out
from sluiceway.cli.choosing import find_flow_run, find_step
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option
from sluiceway.drivers import resuming
from sluiceway.wiring.runners import make_runner


@click.command()
@click.argument("run")
@click.option("--from", "step", metavar="STEP", help="The first step to run again: a task run's id, or a task's name.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@json_option
def command(run: str, step: str | None, quiet: bool, machine_readable: bool) -> None:
    """Go on with a flow run that failed, crashed or was cancelled, at the first step that did not complete.

    RUN is the id of a flow run, the beginning of one, or its name. STEP is one that the flow itself has called; it
    and all that came after it run again. The exit code is that of `sluiceway run`.

    \b
    Examples:
      sluiceway retry brisk-otter
      sluiceway retry brisk-otter --from load
    """
    store = journal()
    chosen = find_flow_run(store, run)
    first = None if step is None else find_step(store, chosen, step)
    try:
        context = resuming.resume(
            chosen.key,
            wiring.services(),
            make_runner,
            again=True,
            from_step=None if first is None else first.key,
        )
    except (RunNotResumableError, SignatureMismatchError) as error:
        raise Refusal(str(error)) from error
    carry_out(
        chosen.flow_name,
        lambda: resuming.run_here(context),
        quiet=quiet,
        machine_readable=machine_readable,
        run_key=chosen.key,
    )
