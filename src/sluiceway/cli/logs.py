"""`sluiceway logs`."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import islice

import click

from sluiceway.base import ids, times
from sluiceway.base.previews import on_lines
from sluiceway.cli.choosing import find_run
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import json_option, print_json_line
from sluiceway.cli.records import log_record
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, LogLine, LogQuery, Page, RunOrder
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.ports.store import Store

SECONDS_BETWEEN_LOOKS = 0.3
PAGE = 1_000
MAX_RUNS = 1_000
"""The number of flow runs, child runs included, whose lines are shown at most."""

STRAGGLING = 10 * times.SECOND
"""How much later than it was written a line of another process may reach the journal."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COLOURS = {10: "bright_black", 20: "cyan", 30: "yellow", 40: "red", 50: "magenta"}


def _level(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """Return the number of a level of the standard `logging` module, given by name or number."""
    if value is None or value.isdecimal():
        return None if value is None else int(value)
    if value.upper() not in _LEVELS:
        raise click.BadParameter(f"{value!r} should be one of {', '.join(_LEVELS)}, or a number.")
    return logging.getLevelNamesMapping()[value.upper()]


@click.command()
@click.argument("run", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as lines are written, until the run ends.")
@click.option(
    "--level",
    callback=_level,
    metavar="LEVEL",
    help="Only lines of this level or a higher one, such as WARNING.",
)
@click.option("-n", "--tail", type=click.IntRange(1, 100_000), help="Only the last lines, this many.")
@json_option
def command(run: str | None, follow: bool, level: int | None, tail: int | None, machine_readable: bool) -> None:
    """Print what a run logged, that of its child runs included.

    RUN is an id, the beginning of one, or a name; the newest run by default. With --json, each line is
    an object.

    \b
    Examples:
      sluiceway logs
      sluiceway logs brisk-otter --level WARNING
      sluiceway logs -f brisk-otter
    """
    store = journal()
    chosen = find_run(store, run)
    write = _json_writer() if machine_readable else _text_writer(store)
    last = None
    for last in _written(store, chosen, level, tail):
        write(last)
    if last is None and not follow:
        click.echo("There is no line to print.", err=True)
    if follow:
        for line in _followed(store, chosen, level, last):
            write(line)


def _written(store: Store, run: FlowRun | TaskRun, level: int | None, tail: int | None) -> Iterator[LogLine]:
    """Yield the lines that are there, or the last of them."""
    query = _query(store, run, level)
    if tail is None:
        return walk(lambda after: store.read_logs(query, limit=PAGE, after=after))
    newest = walk(lambda after: store.read_logs(query, limit=min(tail, PAGE), after=after, newest_first=True))
    return reversed(list(islice(newest, tail)))


def _followed(store: Store, run: FlowRun | TaskRun, level: int | None, last: LogLine | None) -> Iterator[LogLine]:
    """Yield lines as they are written, until the run has ended."""
    number = 0 if last is None else last.number
    latest = 0 if last is None else last.moment
    while True:
        ended = _has_ended(store, run)  # asked before reading, so that no last line is missed
        query = _query(store, run, level)._replace(moment_after=max(0, latest - STRAGGLING))
        for line in walk(partial(_page, store, query)):
            if line.number > number:
                number, latest = line.number, max(latest, line.moment)
                yield line
        if ended:
            return
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _page(store: Store, query: LogQuery, after: str | None) -> Page[LogLine]:
    return store.read_logs(query, limit=PAGE, after=after)


def _query(store: Store, run: FlowRun | TaskRun, level: int | None) -> LogQuery:
    """Return the query for the lines of a run, those of its child runs included."""
    if isinstance(run, TaskRun):
        return LogQuery(task_run_keys=(run.key,), level_at_least=level)
    return LogQuery(flow_run_keys=tuple(_family(store, run.key)), level_at_least=level)


def _family(store: Store, key: ids.RunId) -> list[ids.RunId]:
    """Return a flow run and the runs below it, up to a bound."""
    keys = [key]
    for parent in keys:  # grows while it is read
        children = walk(partial(_children, store, parent))
        keys.extend(run.key for run in islice(children, MAX_RUNS - len(keys)))
    return keys


def _children(store: Store, parent: ids.RunId, after: str | None) -> Page[FlowRun]:
    return store.read_flow_runs(FlowRunQuery(parent=parent), order=RunOrder.OLDEST_FIRST, after=after)


def _has_ended(store: Store, run: FlowRun | TaskRun) -> bool:
    read = store.read_flow_run if isinstance(run, FlowRun) else store.read_task_run
    present = read(run.key)
    return present is None or present.state is None or present.state.is_final()


def _json_writer() -> Callable[[LogLine], None]:
    return lambda line: print_json_line(log_record(line))


def _text_writer(store: Store) -> Callable[[LogLine], None]:
    """Return what prints a line as the console of the run did, with the names of runs looked up once."""

    @lru_cache(maxsize=10_000)
    def source(flow_run_key: ids.RunId | None, task_run_key: ids.RunId | None) -> str:
        if task_run_key is not None:
            task_run = store.read_task_run(task_run_key)
            return f"Task run {task_run.name!r}" if task_run else "Task run"
        flow_run = None if flow_run_key is None else store.read_flow_run(flow_run_key)
        return f"Flow run {flow_run.name!r}" if flow_run else "Flow run"

    on_terminal = sys.stdout.isatty()

    def write(line: LogLine) -> None:
        when = times.to_datetime(line.moment).astimezone()
        level = click.style(f"{logging.getLevelName(line.level):<8}", fg=_COLOURS.get(line.level))
        name = click.style(source(line.flow_run_key, line.task_run_key), fg="bright_black")
        message = on_lines(line.message) if on_terminal else line.message
        click.echo(f"{when:%H:%M:%S}.{when.microsecond // 1000:03d} | {level} | {name} - {message}")

    return write
