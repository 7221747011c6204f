"""`sluiceway doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import NamedTuple

import click

from sluiceway import wiring
from sluiceway.base.errors import SluicewayError
from sluiceway.cli.printing import console, json_option, print_json, size_text
from sluiceway.wiring.configuration import Settings

OLDEST_PYTHON = (3, 11)
LITTLE_SPACE = 500 * 2**20
"""Bytes; with less, the disk is soon full."""

EXTRAS = {
    "dask": ("distributed", "DaskTaskRunner"),
    "ray": ("ray", "RayTaskRunner"),
    "remote": ("fsspec", "results on remote file systems"),
}
"""By extra of the package: the module that it brings, and what it is for."""


class Finding(NamedTuple):
    """What an examination found.

    Args:
        subject: What was examined.
        good: Whether it is in order; None where it is neither good nor bad.
        detail: What was found.
        remedy: What to do about it.
    """

    subject: str
    good: bool | None
    detail: str
    remedy: str | None = None


@click.command()
@json_option
def command(machine_readable: bool) -> None:
    """Check that everything is in order: Python, SQLite, home folder, database, disk, extras.

    The exit code is 0 if it is, else 1.

    \b
    Example:
      sluiceway doctor
    """
    findings = list(_findings())
    if machine_readable:
        print_json([finding._asdict() for finding in findings])
    else:
        _print(findings)
    if any(finding.good is False for finding in findings):
        raise click.exceptions.Exit(1)


def _findings() -> Iterator[Finding]:
    """Examine one thing after the other; without settings there is no more to examine."""
    yield _python()
    yield _sqlite()
    try:
        settings: Settings = wiring.services().settings
    except SluicewayError as error:
        yield Finding("settings", False, str(error), "Then see them with: sluiceway config")
        return
    yield Finding("settings", True, "every setting can be used")
    for examine in _OF_SETTINGS:
        yield examine(settings)
    for extra, (module, purpose) in EXTRAS.items():
        yield _extra(extra, module, purpose)


def _python() -> Finding:
    version = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding("python", sys.version_info >= OLDEST_PYTHON, version, f"Use Python {oldest} or newer.")


def _sqlite() -> Finding:
    return Finding("sqlite", True, sqlite3.sqlite_version)


def _home(settings: Settings) -> Finding:
    home = settings.home
    remedy = "Allow writing to it, or set SLUICEWAY_HOME to a folder of yours."
    existing = _nearest_folder(home)
    if existing != home and not os.path.lexists(home):
        detail = f"{home} (will be made)"
        return Finding("home", os.access(existing, os.W_OK | os.X_OK), detail, remedy)
    if not os.path.isdir(home):
        return Finding("home", False, f"{home} is no folder", remedy)
    writable = os.access(home, os.W_OK | os.X_OK)
    return Finding("home", writable, home if writable else f"{home} cannot be written", remedy)


def _database(settings: Settings) -> Finding:
    remedy = "See what is wrong with: sluiceway db check"
    try:
        store = wiring.services().store
        troubles = store.check()
        described = store.describe()
    except SluicewayError as error:
        return Finding("database", False, str(error), None)
    if troubles:
        return Finding("database", False, troubles[0], remedy)
    rows = sum(described["rows"].values())
    detail = f"{described['location']} ({rows:,} rows, {size_text(described['bytes'])})"
    return Finding("database", True, detail)


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest_folder(settings.home)).free
    return Finding("disk", free >= LITTLE_SPACE, f"{size_text(free)} free", "Make room for runs and results.")


_OF_SETTINGS: tuple[Callable[[Settings], Finding], ...] = (_home, _database, _disk)


def _extra(extra: str, module: str, purpose: str) -> Finding:
    if find_spec(module) is not None:
        return Finding(extra, True, f"{module} is installed: {purpose} can be used")
    remedy = f"If you want it: pip install 'sluiceway[{extra}]'"
    return Finding(extra, None, f"not installed: {purpose}", remedy)


def _nearest_folder(path: str) -> str:
    """Return the path, or the nearest one above it that exists."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _print(findings: list[Finding]) -> None:
    from rich.text import Text  # heavy: only commands that print for people load it

    screen = console()
    marks = {True: ("✔", "green3"), False: ("✘", "red1"), None: ("·", "grey62")}
    for finding in findings:
        mark, colour = marks[finding.good]
        screen.print(Text.assemble((mark, colour), f" {finding.subject:<10}", finding.detail))
        if finding.good is not True and finding.remedy is not None:
            screen.print(Text.assemble(" " * 12, (finding.remedy, "dim")))
