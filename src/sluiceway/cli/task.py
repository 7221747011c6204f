"""`sluiceway task serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sluiceway.base.errors import MissingTaskError, ScriptError
from sluiceway.cli.printing import Refusal
from sluiceway.drivers.loading import load_tasks, place_of

if TYPE_CHECKING:
    from sluiceway.drivers.loading import AnyTask


@click.group(no_args_is_help=True)
def command() -> None:
    """Run the deferred calls of tasks, those made by `delay` and `apply_async`.

    \b
    Example:
      sluiceway task serve my_tasks.py
    """


@command.command()
@click.argument("targets", nargs=-1)
@click.option("-m", "--module", "modules", multiple=True, metavar="MODULE", help="A module, for all tasks in it.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="NUMBER",
    help="How many runs at once at most.",
)
def serve(targets: tuple[str, ...], modules: tuple[str, ...], limit: int) -> None:
    """Run the deferred calls of tasks, until Ctrl-C or SIGTERM.

    TARGETS are FILE.py or modules, for all tasks in them, or with :NAME after it for one. After the first
    Ctrl-C or SIGTERM no more calls are taken, and those that have begun are waited for; then the exit code is 0.
    A second one gives them up; they are recorded as crashed, and the exit code is 130 or 143.

    \b
    Examples:
      sluiceway task serve my_tasks.py
      sluiceway task serve my_tasks.py:send_mail my_tasks.py:make_report --limit 4
    """
    from sluiceway import task_worker  # lazy: `--help` needs no worker

    tasks: dict[str, AnyTask] = {}
    for target in (*targets, *modules):
        tasks.update((task.task_key, task) for task in _loaded(target))
    try:
        task_worker.serve(*tasks.values(), limit=limit)
    except ValueError as error:
        raise Refusal(str(error)) from error


def _loaded(target: str) -> list[AnyTask]:
    """Return the tasks, or end the command with a line that says why there are none."""
    try:
        return load_tasks(target)
    except MissingTaskError as error:
        raise Refusal(str(error)) from error
    except ScriptError as error:
        raise click.ClickException(f"{error}{place_of(error)}") from error
