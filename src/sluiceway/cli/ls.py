"""`sluiceway ls`."""

from __future__ import annotations

import sys
from itertools import pairwise

import click

from sluiceway.base import times
from sluiceway.base.previews import cut, on_one_line
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, ago, console, duration_of, json_option, print_json, state_text
from sluiceway.cli.quantities import duration
from sluiceway.cli.records import flow_run_record
from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store

MAX_ROWS = 10_000

LONGEST_NAME = 200
"""How many characters of a name are shown at most, since each row is as wide as the widest one."""


@click.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    help="Only runs in this state: a type such as failed, or a name such as TimedOut. Repeat for several.",
)
@click.option("--flow", "flows", multiple=True, help="Only runs of this flow. Repeat for several.")
@click.option("--tag", "tags", multiple=True, help="Only runs with this tag. Repeat to ask for all of several.")
@click.option("--age", callback=duration, metavar="AGE", help="Only runs that are no older, such as 15m, 2h or 3d.")
@click.option(
    "-n", "--limit", type=click.IntRange(1, MAX_ROWS), default=20, show_default=True, help="How many at most."
)
@click.option("-a", "--all", "everything", is_flag=True, help="Also runs that were called by other runs.")
@json_option
def command(
    states: tuple[str, ...],
    flows: tuple[str, ...],
    tags: tuple[str, ...],
    age: float | None,
    limit: int,
    everything: bool,
    machine_readable: bool,
) -> None:
    """List the runs, newest first.

    \b
    Examples:
      sluiceway ls
      sluiceway ls --state failed --age 2h
      sluiceway ls --flow census --json
    """
    now = times.now()
    store = journal()
    _check_flows(store, flows)
    types, names = _parted(states)
    query = FlowRunQuery(
        flow_names=flows or None,
        state_types=types or None,
        state_names=names or None,
        tags=tags or None,
        roots_only=not everything,
        created_after=None if age is None else now - round(age * times.SECOND),
    )
    page = store.read_flow_runs(query, limit=limit)
    if machine_readable:
        print_json([flow_run_record(run) for run in page.items])
        return
    if not page.items:
        _say_nothing_there(query)
        return
    _print_table(page.items, now)
    if page.cursor is not None and sys.stdout.isatty():
        total = store.count_flow_runs(query)
        click.secho(f"{limit:,} of {total:,} runs; see more with --limit", dim=True)


def _parted(states: tuple[str, ...]) -> tuple[tuple[StateType, ...], tuple[str, ...]]:
    """Return the types and the names among states."""
    types = tuple(StateType[text.upper()] for text in states if text.upper() in StateType.__members__)
    names = tuple(text for text in states if text.upper() not in StateType.__members__)
    if types and names:
        given = ", ".join(kind.value.lower() for kind in types)
        raise Refusal(f"--state takes types ({given}) or names ({', '.join(names)}), not both in one command.")
    return types, names


def _check_flows(store: Store, names: tuple[str, ...]) -> None:
    """Refuse the name of a flow that never ran."""
    known = {flow.name for flow in store.read_flows(names=names).items} if names else set()
    for name in names:
        if name not in known:
            some = ", ".join(flow.name for flow in store.read_flows(limit=10).items) or "none has run yet"
            raise Refusal(f"There is no flow {name!r}. Flows: {some}.")


def _say_nothing_there(query: FlowRunQuery) -> None:
    if query == FlowRunQuery(roots_only=True):
        click.echo("No flow has run yet. Run one with: sluiceway run FILE.py")
    else:
        click.echo("No run fits. Leave options out to see more.")


def _print_table(runs: tuple[FlowRun, ...], now: times.Moment) -> None:
    from rich.table import Table  # heavy: only commands that print for people load it
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("State", no_wrap=True)
    for name in ("Flow", "Run"):
        table.add_column(name)  # these are shortened where the terminal is narrow, and no others
    for name in ("Started", "Took", "Id"):
        table.add_column(name, no_wrap=True)
    identifiers = short_ids(runs)
    for run in runs:
        table.add_row(
            state_text(run.state),
            Text(shown_name(run.flow_name), style="bold", no_wrap=True, overflow="ellipsis"),
            Text(shown_name(run.name), no_wrap=True, overflow="ellipsis"),
            Text(ago(run.start or times.from_datetime(run.created), now), style="dim"),
            duration_of(run, now),
            Text(identifiers[run.key], style="dim"),
        )
    console().print(table)


def shown_name(name: str) -> str:
    """Return a name as it is shown in a table."""
    return cut(on_one_line(name), LONGEST_NAME)


def short_ids(runs: tuple[FlowRun, ...], least: int = 13) -> dict[bytes, str]:
    """Return the beginnings of identifiers that tell runs apart, by key.

    Args:
        runs: The runs.
        least: The number of characters of each at least.
    """
    texts = sorted(str(run.id) for run in runs)
    needed = dict.fromkeys(texts, least)
    for one, other in pairwise(texts):
        same = next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))
        needed[one], needed[other] = max(needed[one], same + 1), max(needed[other], same + 1)
    return {run.key: str(run.id)[: needed[str(run.id)]] for run in runs}
