"""The settings in force, and where each comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.server.pages.frame import render
from sluiceway.server.pages.sorting import arrange
from sluiceway.server.requests import ServicesHere
from sluiceway.wiring.configuration import DEFAULT, SETTINGS

router: APIRouter = APIRouter()

_GROUPS = {
    "results": "Results",
    "logging": "Logging",
    "tasks": "Tasks",
    "flows": "Flows",
    "task": "Task runners",
    "retention": "Retention",
    "server": "Server",
}


class Shown(NamedTuple):
    """A setting as the page shows it.

    Args:
        name: Its name.
        value: Its value; a secret is masked.
        origin: Where that comes from.
        given: Whether somebody gave it.
        description: What it is for.
        allowed: What it may be.
        variable: The environment variable that sets it.
    """

    name: str
    value: str
    origin: str
    given: bool
    description: str
    allowed: str
    variable: str


COLUMNS: Mapping[str, Callable[[Shown], Any]] = {
    "name": lambda shown: shown.name,
    "value": lambda shown: shown.value,
    "from": lambda shown: (not shown.given, shown.origin),
}
"""What settings are sorted by."""


@router.get("/settings")
def settings(request: Request, services: ServicesHere) -> Response:
    """Show the effective settings of the server's process."""
    groups: dict[str, list[Shown]] = {}
    effective = services.settings
    for setting in SETTINGS:
        origin = effective.origin_of(setting.name)
        group = _GROUPS.get(setting.name.partition("_")[0], "General")
        groups.setdefault(group, []).append(
            Shown(
                setting.name,
                setting.told(getattr(effective, setting.name)),
                origin,
                origin != DEFAULT,
                setting.description,
                setting.kind.allowed,
                setting.variable,
            )
        )
    tables = {group: arrange(request, shown, COLUMNS, "") for group, shown in groups.items()}
    return render(request, "settings.html", title="Settings", section="settings", tables=tables)
