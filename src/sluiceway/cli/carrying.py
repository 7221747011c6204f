"""Carrying a flow run out in a command: it shows how the run gets on, and reports what came of it."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Callable, Sequence
from textwrap import indent
from typing import Any, NoReturn

import click

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.base.errors import TerminationSignal
from sluiceway.base.ids import RunId
from sluiceway.base.previews import on_lines, on_one_line
from sluiceway.cli.app import INTERRUPTED
from sluiceway.cli.printing import duration_of, print_json
from sluiceway.cli.records import flow_run_record
from sluiceway.model.appearance import look_of
from sluiceway.model.facts import Fact, FlowRunCreated
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import crashed
from sluiceway.wiring.progress import Display, LiveDisplay, display_on

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


def carry_out(
    flow_name: str,
    start: Callable[[], State[Any]],
    *,
    quiet: bool,
    machine_readable: bool,
    run_key: RunId | None = None,
) -> NoReturn:
    """Carry a flow run out, report what came of it, and end the command with the exit code that says so.

    Args:
        flow_name: The name of the flow.
        start: Carries the run out, and returns its final state.
        quiet: Whether to show no progress.
        machine_readable: Whether to report as JSON.
        run_key: The run, where its identifier is known before it is carried out; None for one that is made now.
    """
    services = wiring.services()
    display = None if quiet else _display(services)
    watcher = _Watcher(display)
    services.recorder.listeners.append(watcher)
    try:
        state = start()
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
    known = watcher.run if run_key is None else services.store.read_flow_run(run_key)
    if machine_readable:
        print_json(_record(flow_name, state, known))
    else:
        _report(flow_name, state, known, shown=isinstance(display, LiveDisplay))
    raise click.exceptions.Exit(_exit_code(state))


def _display(services: Services) -> Display | None:
    """Return what shows progress, unless the setting has every flow show it on terminals already."""
    if services.settings.progress != "off" and sys.stderr.isatty():
        return None
    return display_on(sys.stderr, lines_in_pipe=True)


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


def _record(flow_name: str, state: State[Any], run: FlowRun | None) -> dict[str, Any]:
    """Return the run as plain data; one that could not be recorded has neither name nor identifier."""
    if run is not None:
        return flow_run_record(run)
    return {"flow": flow_name, "state": {"type": state.type.value, "name": state.name}}


def _report(flow_name: str, state: State[Any], run: FlowRun | None, shown: bool) -> None:
    """Print what came of the run, and where there is more.

    Args:
        flow_name: The name of the flow.
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
        click.echo(f"{heading}  {on_one_line(flow_name)}{name}")
    if not state.is_completed() and state.message:
        click.echo(indent(on_lines(state.message), "  "))
    elif state.is_completed() and state.data is not None:
        click.echo(f"  result: {_BRIEF.repr(state.data)}")
    if run is not None:
        # A name of the flow's making may need quotes, or be that of other runs, too.
        click.echo(f"  look at it: sluiceway show {run.name if run.given_name is None else run.id}")
