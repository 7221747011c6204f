"""`sluiceway config`."""

from __future__ import annotations

from typing import Any

import click

from sluiceway import wiring
from sluiceway.cli.printing import Refusal, console, json_option, print_json
from sluiceway.wiring.configuration import SETTINGS, Setting, Settings


@click.command()
@click.argument("names", nargs=-1)
@json_option
def command(names: tuple[str, ...], machine_readable: bool) -> None:
    """Print the settings in force, and where each comes from. Secrets are masked.

    NAMES are those of the settings to print, such as logging_level; all by default.

    \b
    Examples:
      sluiceway config
      sluiceway config database_url
      SLUICEWAY_LOGGING_LEVEL=DEBUG sluiceway config logging_level --json
    """
    settings = wiring.defaults()
    chosen = _chosen(names)
    if machine_readable:
        print_json({setting.name: _record(settings, setting) for setting in chosen})
    elif names:
        for setting in chosen:
            _print_in_full(settings, setting)
    else:
        _print_table(settings)


def _chosen(names: tuple[str, ...]) -> list[Setting[Any]]:
    """Return the settings of these names, or of these environment variables; all for no names."""
    known = {setting.name: setting for setting in SETTINGS}
    known |= {setting.variable: setting for setting in SETTINGS}
    for name in names:
        if name not in known:
            raise Refusal(f"{name!r} is not a setting. See them all with: sluiceway config")
    return [known[name] for name in names] or list(SETTINGS)


def _record(settings: Settings, setting: Setting[Any]) -> dict[str, Any]:
    value = getattr(settings, setting.name)
    shown = setting.shown(value)
    return {
        "value": value if shown == repr(value) else shown.strip("'"),
        "origin": settings.origin_of(setting.name),
        "variable": setting.variable,
    }


def _print_in_full(settings: Settings, setting: Setting[Any]) -> None:
    click.echo(f"{setting.name} = {setting.shown(getattr(settings, setting.name))}")
    click.echo(f"  {setting.description}")
    click.echo(f"  It may be {setting.kind.allowed}.")
    click.echo(f"  It comes from: {settings.origin_of(setting.name)}. To set it: {setting.variable}=…")


def _print_table(settings: Settings) -> None:
    from rich.table import Table  # heavy: only commands that print for people load it
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", overflow="fold")
    for setting in SETTINGS:
        origin = settings.origin_of(setting.name)
        value = setting.shown(getattr(settings, setting.name))
        style = "dim" if origin == "default" else ""
        table.add_row(setting.name, Text(value, style), Text(origin, style))
    console().print(table)
