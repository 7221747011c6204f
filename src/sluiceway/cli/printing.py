"""How commands print: tables and colours on a terminal, plain text in a pipe, JSON when asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sluiceway.base import times
from sluiceway.model.appearance import Look, look_of
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import State

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Command = TypeVar("Command", bound=Callable[..., Any])

PIPE_WIDTH = 10_000
"""The width of lines that go into a pipe: nothing is cut or folded there."""

NO_STATE = Look("·", "grey62")


class Refusal(click.ClickException):
    """The command names something that is not there, or that cannot be: one line, exit code 2."""

    exit_code = 2


def json_option(command: Command) -> Command:
    """Give a command the option `--json`, whose value it takes as `machine_readable`."""
    option = click.option("--json", "machine_readable", is_flag=True, help="Print JSON, for programs.")
    return option(command)


def print_json(data: Any) -> None:
    """Print plain data as JSON.

    Args:
        data: Dictionaries, lists, texts, numbers, booleans and None.
    """
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_json_line(data: Any) -> None:
    """Print plain data as JSON on one line."""
    click.echo(json.dumps(data, ensure_ascii=False))


def console() -> Console:
    """Return where to print what people read."""
    from rich.console import Console  # heavy: only commands that print for people load it

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(highlight=False, width=width, soft_wrap=width is not None)


def state_text(state: State[Any] | None) -> Text:
    """Return the name of a state with its mark, in its colour."""
    from rich.text import Text  # heavy: only commands that print for people load it

    look = NO_STATE if state is None else look_of(state.type, state.name)
    return Text(f"{look.mark} {'unknown' if state is None else state.name}", style=look.colour)


def seconds_of(run: FlowRun | TaskRun, now: times.Moment) -> float | None:
    """Return for how many seconds a run has been going, or went; None if it has not started.

    Args:
        run: The run.
        now: The present moment, for a run that has not ended.
    """
    if run.start is None:
        return None
    ended = run.state is not None and run.state.is_final()
    end = run.end if run.end is not None else (run.state.moment if ended and run.state is not None else now)
    return max(0, end - run.start) / times.SECOND


def duration_of(run: FlowRun | TaskRun, now: times.Moment) -> str:
    """Return a short text of for how long a run has been going, or went.

    Args:
        run: The run.
        now: The present moment, for a run that has not ended.
    """
    seconds = seconds_of(run, now)
    return "–" if seconds is None else times.duration_text(seconds)


def ago(moment: times.Moment, now: times.Moment) -> str:
    """Return a short text of how long ago a moment was, such as `3m ago`."""
    seconds = (now - moment) // times.SECOND
    if seconds < 5:
        return "just now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit} ago"
    return f"{seconds}s ago"


def size_text(count: int) -> str:
    """Return a short text of a number of bytes, such as `1.5 MB`."""
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], wrapping: Collection[str] = ()) -> None:
    """Print a table, one line for each row where there is room.

    Args:
        columns: The headings.
        rows: The texts of each row.
        wrapping: The headings of columns that are folded where there is no room.
    """
    from rich.table import Table  # heavy: only commands that print for people load it
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(Text(column), no_wrap=column not in wrapping)
    for row in rows:
        table.add_row(*map(Text, row))
    console().print(table)
