"""`sluiceway resume`."""

from __future__ import annotations

import click

from sluiceway import wiring
from sluiceway.base.errors import FlowPauseTimeout, NotPausedError, ParameterTypeError, SignatureMismatchError
from sluiceway.base.previews import on_one_line
from sluiceway.cli.answering import parse_answer
from sluiceway.cli.carrying import carry_out
from sluiceway.cli.choosing import find_flow_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option, print_json
from sluiceway.cli.records import flow_run_record
from sluiceway.drivers import pausing, resuming
from sluiceway.wiring.runners import make_runner


@click.command()
@click.argument("run")
@click.option(
    "--input", "given", multiple=True, metavar="NAME=VALUE", help="A field of what a paused run asks for; a JSON value."
)
@click.option("--input-json", "whole", metavar="JSON", help="All fields, as a JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@json_option
def command(run: str, given: tuple[str, ...], whole: str | None, quiet: bool, machine_readable: bool) -> None:
    """Go on with a flow run that is paused, or whose process has died.

    RUN is the id of a flow run, the beginning of one, or its name. A run that is paused in its process goes on
    there. One that was suspended, or whose process has died, goes on here: steps that have ended are not run again.
    The exit code is that of `sluiceway run`; 0 for a run that goes on in its process.

    \b
    Examples:
      sluiceway resume brisk-otter
      sluiceway resume brisk-otter --input approved=true --input reason="it is fine"
      sluiceway resume brisk-otter --input-json '{"approved": true}'
    """
    store, services = journal(), wiring.services()
    chosen = find_flow_run(store, run)
    asked = pausing.asked_by(chosen.key, services)
    answer = parse_answer(None if asked is None or asked.overdue else asked, given, whole)
    try:
        context = pausing.have_go_on(
            chosen.key, answer, services, lambda: resuming.resume(chosen.key, services, make_runner)
        )
    except (NotPausedError, FlowPauseTimeout, ParameterTypeError, SignatureMismatchError) as error:
        raise Refusal(str(error)) from error
    if context is None:
        if machine_readable:
            print_json(flow_run_record(store.read_flow_run(chosen.key) or chosen))
        else:
            click.echo(f"{on_one_line(chosen.flow_name)} / {on_one_line(chosen.name)} goes on in its process.")
        return
    carry_out(
        chosen.flow_name,
        lambda: resuming.run_here(context),
        quiet=quiet,
        machine_readable=machine_readable,
        run_key=chosen.key,
    )
