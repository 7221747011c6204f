"""`sluiceway db path`, `upgrade`, `check`, `stats`, `prune`, `vacuum` and `send`."""

from __future__ import annotations

from datetime import datetime

import click

from sluiceway import wiring
from sluiceway.base import times
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import Refusal, json_option, print_json, size_text
from sluiceway.cli.quantities import duration, size
from sluiceway.model.keeping import Pruned
from sluiceway.rules.retention import Retention
from sluiceway.wiring.retention import make_pruner, policy_of
from sluiceway.wiring.setting_kinds import database_path


@click.group(no_args_is_help=True)
def command() -> None:
    """Look after the run database.

    \b
    Examples:
      sluiceway db path
      sluiceway db check
      sluiceway db prune --older-than 30d
    """


@command.command()
@json_option
def path(machine_readable: bool) -> None:
    """Print where the run database is: a file, or the server that has it.

    \b
    Example:
      ls -l "$(sluiceway db path)"
    """
    settings = wiring.services().settings
    url: str = settings.api_url or settings.database_url
    file = None if settings.api_url else database_path(url)
    if machine_readable:
        print_json({"path": file, "url": url})
    else:
        click.echo(file or url)


@command.command()
@json_option
def upgrade(machine_readable: bool) -> None:
    """Bring the run database up to this version, keeping what is in it.

    Using a database does the same by itself. One that a newer version wrote is left alone.

    \b
    Example:
      sluiceway db upgrade
    """
    described = journal().describe()
    if machine_readable:
        print_json(described)
        return
    click.echo(f"{described['location']} has the schema of this version ({described['schema_version']}).")


@command.command()
@json_option
def check(machine_readable: bool) -> None:
    """Check that the run database is sound. The exit code is 0 if it is, else 1.

    \b
    Example:
      sluiceway db check
    """
    store = journal()
    troubles = store.check()
    described = store.describe() if not troubles else {}
    if machine_readable:
        print_json({"sound": not troubles, "troubles": troubles, **described})
    elif troubles:
        for trouble in troubles:
            click.echo(f"✘ {trouble}")
    else:
        rows = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in described["rows"].items())
        click.echo(f"✔ {described['location']} is sound: {rows}; {size_text(described['bytes'])}.")
    if troubles:
        raise click.exceptions.Exit(1)


@command.command()
@json_option
def stats(machine_readable: bool) -> None:
    """Print what the run database holds: rows and their sizes, oldest and newest run, stored results.

    \b
    Example:
      sluiceway db stats
    """
    sizes = journal().measure()
    oldest, newest = (_when(moment) for moment in (sizes.oldest, sizes.newest))
    if machine_readable:
        print_json(sizes._asdict() | {"oldest": _iso(oldest), "newest": _iso(newest)})
        return
    click.echo(f"{sizes.location}  {size_text(sizes.bytes)}, of which {size_text(sizes.free_bytes)} are free")
    for kind, count in sizes.rows.items():
        click.echo(f"  {kind.replace('_', ' '):<16}{count:>12,}")
    for table, taken in sorted(sizes.row_bytes.items(), key=lambda item: -item[1]):
        click.echo(f"  {'table ' + table:<28}{size_text(taken):>12}")
    if oldest is not None and newest is not None:
        click.echo(f"  flow runs from {oldest:%Y-%m-%d %H:%M} to {newest:%Y-%m-%d %H:%M}")
    click.echo(f"  {sizes.stored_results:,} results in result storage, {size_text(sizes.stored_bytes)}")


def _when(moment: times.Moment | None) -> datetime | None:
    return None if moment is None else times.to_datetime(moment).astimezone()


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()


@command.command()
@click.option("--older-than", "age", callback=duration, metavar="AGE", help="Runs that ended before, such as 30d.")
@click.option("--keep", type=click.IntRange(0), metavar="NUMBER", help="All but the newest flow runs, this many.")
@click.option("--max-size", callback=size, metavar="SIZE", help="The oldest, until the database is as small, as 1GB.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@json_option
def prune(age: float | None, keep: int | None, max_size: int | None, dry_run: bool, machine_readable: bool) -> None:
    """Remove old runs with all that hangs on them, cached results that have expired, results nothing refers to.

    What has not ended is never removed. Without options, it is what the settings retention_max_… say. Others may go
    on writing meanwhile. The file does not shrink; what is free in it is used again.

    \b
    Examples:
      sluiceway db prune --older-than 30d --dry-run
      sluiceway db prune --keep 1000
      sluiceway db prune --max-size 1GB
    """
    if 0 in (max_size, age):
        raise Refusal("A size or an age of 0 would remove everything; --keep 0 says so.")
    journal()
    services = wiring.services()
    policy = policy_of(services.settings)
    if (age, keep, max_size) != (None, None, None):
        policy = Retention(age, keep, None, max_size, spared=0.0)
    pruner = make_pruner(services)
    pruned = pruner.would_prune(policy) if dry_run else pruner.prune(policy)
    if machine_readable:
        print_json({"dry_run": dry_run, **pruned._asdict()})
    else:
        click.echo(("Would remove " if dry_run else "Removed ") + removed_text(pruned, dry_run) + ".")


def removed_text(pruned: Pruned, estimated: bool = False) -> str:
    """Return what was removed as a text for people.

    Args:
        pruned: What was removed.
        estimated: Whether it would be, so that lines and results were not counted.
    """
    parts = [(pruned.flow_runs, "flow run"), (pruned.task_runs, "task run")]
    if not estimated:
        parts += [(pruned.log_lines, "log line"), (pruned.cached_results, "expired cached result")]
        parts += [(pruned.stored_results, "stored result")]
    texts = [f"{count:,} {what}{'' if count == 1 else 's'}" for count, what in parts]
    return ", ".join(texts) + (f" ({size_text(pruned.stored_bytes)})" if pruned.stored_results else "")


@command.command()
@json_option
def vacuum(machine_readable: bool) -> None:
    """Give what is free in the run database back to the disk.

    It takes about a second for 100 MB, in which whoever records runs waits, and as much space again meanwhile.

    \b
    Example:
      sluiceway db vacuum
    """
    store = journal()
    before = store.describe()["bytes"]
    store.compact()
    described = store.describe()
    if machine_readable:
        print_json({"location": described["location"], "bytes_before": before, "bytes": described["bytes"]})
    else:
        click.echo(f"{described['location']}: {size_text(before)} before, {size_text(described['bytes'])} now.")


@command.command()
def send() -> None:
    """Send the server what programs could not: they ended while it was away. Programs that record do so by themselves.

    \b
    Example:
      sluiceway db send
    """
    from sluiceway.wiring.remote import send_left_behind  # lazy: only who talks to a server

    sent = send_left_behind(wiring.services())
    click.echo(f"{sent:,} batches sent." if sent else "Nothing was left behind.")
