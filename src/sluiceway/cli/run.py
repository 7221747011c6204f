"""`sluiceway run`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import click

from sluiceway import wiring
from sluiceway.base.errors import MissingFlowError, ParameterBindError, ScriptError, UnspecifiedFlowError
from sluiceway.base.ids import new_id, to_uuid
from sluiceway.cli.arguments import parse_arguments
from sluiceway.cli.carrying import carry_out
from sluiceway.cli.printing import Refusal, json_option
from sluiceway.drivers.loading import load_flow, place_of
from sluiceway.model.states import State

if TYPE_CHECKING:
    from sluiceway.drivers.loading import AnyFlow

MOST_RESUMES = 10
"""How many times a run goes on under supervision, unless somebody says otherwise."""


@click.command()
@click.argument("target")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=JSON", help="An argument of the flow.")
@click.option(
    "--params", "whole", metavar="JSON", help="Arguments of the flow as a JSON object; - reads it from standard input."
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@click.option(
    "--run-id", type=click.UUID, metavar="UUID", help="The run's identifier: if there is such a run, it goes on."
)
@click.option("--supervise", is_flag=True, help="Run it in a child process, and go on in another one if that dies.")
@click.option(
    "--resumes",
    type=click.IntRange(min=0),
    default=MOST_RESUMES,
    show_default=True,
    metavar="NUMBER",
    help="How many times it goes on at most under --supervise.",
)
@json_option
def command(
    target: str,
    params: tuple[str, ...],
    whole: str | None,
    quiet: bool,
    run_id: UUID | None,
    supervise: bool,
    resumes: int,
    machine_readable: bool,
) -> None:
    """Run a flow here and now, and show how it gets on.

    TARGET is FILE.py or a module, with :NAME after it where it holds several flows. Values of parameters
    are JSON; where the parameter is a str, a text needs no quotes. The exit code is 0 if the run
    completed, 1 if it did not, 2 if the command is wrong, 130 after Ctrl-C.

    \b
    Examples:
      sluiceway run hello.py
      sluiceway run census.py:census --param limit=100 --param root=/usr/lib
      sluiceway run my_package.flows:nightly --params '{"day": "2026-01-31"}'
      sluiceway run my_package.flows:nightly --params - < arguments.json
      sluiceway run census.py:census --supervise
    """
    if whole == "-":
        whole = sys.stdin.read()
    if supervise:
        _supervise(_child_arguments(target, params, whole, quiet, machine_readable), run_id, resumes)
    flow = _loaded(target)
    if run_id is not None:
        flow = flow.with_options(run_id=run_id)
    arguments = parse_arguments(flow, params, whole)
    _check_signature(flow, arguments)
    carry_out(
        flow.name,
        lambda: _called(flow, arguments),
        quiet=quiet,
        machine_readable=machine_readable,
        run_key=None if run_id is None else run_id.bytes,
    )


def _child_arguments(
    target: str, params: tuple[str, ...], whole: str | None, quiet: bool, machine_readable: bool
) -> list[str]:
    """Return the arguments of the command without supervision."""
    arguments = ["run", target, *(part for param in params for part in ("--param", param))]
    arguments += ["--params", whole] if whole is not None else []
    return arguments + ["--quiet"] * quiet + ["--json"] * machine_readable


def _supervise(arguments: list[str], run_id: UUID | None, resumes: int) -> NoReturn:
    """Run the command in a child process, and again as long as that dies; end with its exit code."""
    from sluiceway.agents.supervising import supervise, this_program  # lazy: most runs have no supervisor

    key = new_id() if run_id is None else run_id.bytes
    command_line = this_program(*arguments, "--run-id", str(to_uuid(key)))
    code = supervise(command_line, key, wiring.services(), resumes, lambda line: click.echo(line, err=True))
    raise click.exceptions.Exit(code)


def _loaded(target: str) -> AnyFlow:
    """Return the flow, or end the command with a line that says why there is none."""
    try:
        return load_flow(target)
    except (MissingFlowError, UnspecifiedFlowError) as error:
        raise Refusal(str(error)) from error
    except ScriptError as error:
        raise click.ClickException(f"{error}{place_of(error)}") from error


def _check_signature(flow: AnyFlow, arguments: dict[str, Any]) -> None:
    """Refuse arguments that do not fit the function; no run is made of such a call."""
    try:
        flow.signature.bind((), arguments)
    except ParameterBindError as error:
        raise Refusal(str(error)) from error


def _called(flow: AnyFlow, arguments: dict[str, Any]) -> State[Any]:
    """Run the flow, whatever the colour of its function, and return its final state."""
    outcome: Any = flow(**arguments, return_state=True)
    if not flow.isasync:
        state: State[Any] = outcome
        return state
    import asyncio  # lazy: only an async flow needs it

    return asyncio.run(outcome)
