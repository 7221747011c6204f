"""`sluiceway version`."""

from __future__ import annotations

import platform

import click

import sluiceway
from sluiceway.cli.printing import json_option, print_json


@click.command()
@json_option
def command(machine_readable: bool) -> None:
    """Print the version of Sluiceway and of Python.

    \b
    Example:
      sluiceway version
    """
    if machine_readable:
        print_json({"sluiceway": sluiceway.__version__, "python": platform.python_version()})
    else:
        click.echo(f"sluiceway {sluiceway.__version__} (Python {platform.python_version()})")
