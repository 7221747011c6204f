"""The processes that have something in hand, and the deferred calls that wait for one."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.server.pages.frame import render
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

MOST_RUNS = 20
"""How many runs of a process are shown."""


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
        found=store.read_in_hand(),
        own=None if own is None else own.key,
        most=MOST_RUNS,
        waiting=sorted(waiting.items(), key=lambda item: -item[1]),
        lease_seconds=services.settings.lease_seconds,
    )
