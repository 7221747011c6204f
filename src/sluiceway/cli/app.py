"""The command `sluiceway` itself: loads a command when it is called, and turns errors into one line."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from sluiceway.base.errors import SluicewayError

COMMANDS = {
    "run": "Run a flow of a file or a module.",
    "ls": "List the runs, newest first.",
    "show": "Show a run: its tasks, times, states and error.",
    "logs": "Print what a run logged.",
    "cancel": "Cancel a flow run, wherever it is under way.",
    "resume": "Go on with a flow run that is paused, or whose process died.",
    "retry": "Go on with a failed flow run where it failed.",
    "fork": "Make a new flow run that takes over results of another.",
    "rm": "Remove a run with all that hangs on it.",
    "export": "Write a run into a file, for another run database.",
    "import": "Take over a run that was exported.",
    "ui": "Show the runs in the browser.",
    "server": "Serve the pages and the API for others.",
    "task": "Run the deferred calls of tasks.",
    "artifact": "Look at what code made for people to look at.",
    "variable": "Look at variables, and set them.",
    "secret": "Keep passwords and tokens, encrypted.",
    "limit": "Limit how many may do something at once.",
    "config": "Print the settings and where they come from.",
    "db": "Look after the run database.",
    "doctor": "Check that everything is in order.",
    "version": "Print the version.",
}
"""What each command does. The module of the same name holds it as `command`."""

_MODULES = {"import": "import_"}
"""Commands whose name is none for a module."""

INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 and the number of the signal."""


class _LazyGroup(click.Group):
    """Imports the module of a command only when it is called, so that each starts as fast as it can."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"sluiceway.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except SluicewayError as error:
            raise click.ClickException(str(error)) from error


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.invoke(import_module("sluiceway.cli.version").command)
        ctx.exit()


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Run flows and see what became of them.

    A first look:

    \b
      sluiceway run hello.py        run the flow of a file
      sluiceway ls                  list the runs
      sluiceway show                look at the newest run
    """
    if os.environ.get("NO_COLOR"):  # see https://no-color.org (`rich` knows it by itself)
        ctx.color = False


def main() -> None:
    """Run the command that the arguments of the process name."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal of another encoding shows a question mark rather than ending the command.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # both are text files here
    app(prog_name="sluiceway")
