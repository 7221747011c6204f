"""The processes that have something in hand, and the deferred calls that wait for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.model.overview import InHand
from sluiceway.server.pages.frame import render
from sluiceway.server.pages.sorting import arrange
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

MOST_RUNS = 20
"""How many runs of a process are shown."""


COLUMNS: Mapping[str, Callable[[InHand], Any]] = {
    "process": lambda each: (each.process.host, each.process.pid),
    "-runs": lambda each: len(each.flow_runs) + len(each.task_runs) + len(each.calls),
    "lives": lambda each: each.process.until or 0,
    "-announced": lambda each: each.process.started,
}
"""What processes are sorted by."""


@router.get("/processes")
def processes(request: Request, store: StoreHere, services: ServicesHere) -> Response:
    """Show each process, what it runs, and how it shows that it lives."""
    own = None if services.presence is None else services.presence.announced
    waiting = store.count_waiting_calls()
    return render(
        request,
        "processes.html",
        title="Processes",
        section="processes",
        table=arrange(request, store.read_in_hand(), COLUMNS, ""),
        own=None if own is None else own.key,
        most=MOST_RUNS,
        waiting=arrange(
            request,
            sorted(waiting.items(), key=lambda item: -item[1]),
            {"task": lambda item: item[0], "-calls": lambda item: item[1]},
            "-calls",
            name="waiting",
        ),
        lease_seconds=services.settings.lease_seconds,
    )
