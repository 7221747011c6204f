"""`sluiceway db path`, `upgrade` and `check`."""

from __future__ import annotations

import click

from sluiceway import wiring
from sluiceway.cli.journal import journal
from sluiceway.cli.printing import json_option, print_json, size_text
from sluiceway.wiring.setting_kinds import database_path


@click.group(no_args_is_help=True)
def command() -> None:
    """Look after the run database.

    \b
    Examples:
      sluiceway db path
      sluiceway db check
    """


@command.command()
@json_option
def path(machine_readable: bool) -> None:
    """Print where the run database is.

    \b
    Example:
      ls -l "$(sluiceway db path)"
    """
    url: str = wiring.services().settings.database_url
    file = database_path(url)
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
