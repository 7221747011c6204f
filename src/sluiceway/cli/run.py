"""`sluiceway run`."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Sequence
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.base.errors import (
    MissingFlowError,
    ParameterBindError,
    ScriptError,
    TerminationSignal,
    UnspecifiedFlowError,
)
from sluiceway.base.previews import on_lines, on_one_line
from sluiceway.cli.app import INTERRUPTED
from sluiceway.cli.arguments import parse_arguments
from sluiceway.cli.printing import Refusal, duration_of, json_option, print_json
from sluiceway.cli.records import flow_run_record
from sluiceway.drivers.loading import load_flow, place_of
from sluiceway.model.appearance import look_of
from sluiceway.model.facts import Fact, FlowRunCreated
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import crashed
from sluiceway.wiring.progress import Display, LiveDisplay, display_on

if TYPE_CHECKING:
    from sluiceway.drivers.loading import AnyFlow

DRAIN_SECONDS = 10.0
SIGNALLED = 128
"""Added to the number of a signal to make the exit code of a process that it ended."""

_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 200


class _Watcher:
    """Learns from the recorder which run the command has started, and passes the facts on to a display."""

    def __init__(self, display: Display | None) -> None:
        self._display = display
        self.run: FlowRun | None = None

    def __call__(self, facts: Sequence[Fact]) -> None:
        for fact in facts if self.run is None else ():
            if isinstance(fact, FlowRunCreated) and fact.run.parent_key is None:
                self.run = fact.run
                break
        if self._display is not None:
            self._display(facts)


@click.command()
@click.argument("target")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=JSON", help="An argument of the flow.")
@click.option("--params", "whole", metavar="JSON", help="Arguments of the flow as a JSON object.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
@json_option
def command(target: str, params: tuple[str, ...], whole: str | None, quiet: bool, machine_readable: bool) -> None:
    """Run a flow here and now, and show how it gets on.

    TARGET is FILE.py or a module, with :NAME after it where it holds several flows. Values of parameters
    are JSON; where the parameter is a str, a text needs no quotes. The exit code is 0 if the run
    completed, 1 if it did not, 2 if the command is wrong, 130 after Ctrl-C.

    \b
    Examples:
      sluiceway run hello.py
      sluiceway run census.py:census --param limit=100 --param root=/usr/lib
      sluiceway run my_package.flows:nightly --params '{"day": "2026-01-31"}'
    """
    flow = _loaded(target)
    arguments = parse_arguments(flow, params, whole)
    _check_signature(flow, arguments)
    services = wiring.services()
    display = None if quiet else _display(services)
    watcher = _Watcher(display)
    services.recorder.listeners.append(watcher)
    try:
        state = _called(flow, arguments)
    except TerminationSignal as error:
        raise click.exceptions.Exit(SIGNALLED + error.signal) from error
    except BaseException as error:
        if isinstance(error, Exception):
            raise
        state = crashed("Flow", error, times.now())  # Ctrl-C, or what became of it in an event loop; `sys.exit()`
    finally:
        services.recorder.drain(DRAIN_SECONDS)
        if watcher in services.recorder.listeners:  # one that failed is not there any more
            services.recorder.listeners.remove(watcher)
        if display is not None:
            display.close()
    if machine_readable:
        print_json(_record(flow, state, watcher.run))
    else:
        _report(flow, state, watcher.run, shown=isinstance(display, LiveDisplay))
    raise click.exceptions.Exit(_exit_code(state))


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


def _display(services: Services) -> Display | None:
    """Return what shows progress, unless the setting has every flow show it on terminals already."""
    if services.settings.progress != "off" and sys.stderr.isatty():
        return None
    return display_on(sys.stderr, lines_in_pipe=True)


def _called(flow: AnyFlow, arguments: dict[str, Any]) -> State[Any]:
    """Run the flow, whatever the colour of its function, and return its final state."""
    outcome: Any = flow(**arguments, return_state=True)
    if not flow.isasync:
        state: State[Any] = outcome
        return state
    import asyncio  # lazy: only an async flow needs it

    return asyncio.run(outcome)


def _exit_code(state: State[Any]) -> int:
    """Return what the process is to tell the one that started it."""
    if state.is_completed():
        return 0
    match state.data:
        case KeyboardInterrupt():
            return INTERRUPTED
        case TerminationSignal(signal=number):
            return SIGNALLED + number
        case SystemExit(code=int(code)):
            return code or 1
        case BaseException() as error if type(error).__name__ == "CancelledError":
            return INTERRUPTED  # what becomes of Ctrl-C in the event loop of this command
    return 1


def _record(flow: AnyFlow, state: State[Any], run: FlowRun | None) -> dict[str, Any]:
    """Return the run as plain data; one that could not be recorded has neither name nor identifier."""
    if run is not None:
        return flow_run_record(run)
    return {"flow": flow.name, "state": {"type": state.type.value, "name": state.name}}


def _report(flow: AnyFlow, state: State[Any], run: FlowRun | None, shown: bool) -> None:
    """Print what came of the run, and where there is more.

    Args:
        flow: The flow.
        state: The final state.
        run: The run; None for one that could not be recorded.
        shown: Whether name, state and duration stand on the terminal already.
    """
    if not shown:
        look = look_of(state.type, state.name)
        colour = "green" if state.is_completed() else "red"
        heading = click.style(f"{look.mark} {state.name}", fg=colour, bold=True)
        name = (
            f" / {on_one_line(run.name)}  {duration_of(run, run.end or 0)}" if run else ", which could not be recorded"
        )
        click.echo(f"{heading}  {on_one_line(flow.name)}{name}")
    if not state.is_completed() and state.message:
        click.echo(indent(on_lines(state.message), "  "))
    elif state.is_completed() and state.data is not None:
        click.echo(f"  result: {_BRIEF.repr(state.data)}")
    if run is not None:
        # A name of the flow's making may need quotes, or be that of other runs, too.
        click.echo(f"  look at it: sluiceway show {run.name if run.given_name is None else run.id}")
