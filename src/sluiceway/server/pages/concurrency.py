"""The limits: who has their slots, since when and until when, and who waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base import ids
from sluiceway.base.errors import InvalidOptionError
from sluiceway.drivers.slots import forget_absence
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.slots import HeldSlots, Limit
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.rules.slots import limit_of
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.sorting import Table, arrange
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

MOST_ROWS = 100
"""How many who have slots of a limit, or wait for some, are shown."""

_TRIES = 10


class Place(NamedTuple):
    """Somebody who has slots of a limit, or waits for some.

    Args:
        row: Who, and since when.
        run: The run that it is for, if the journal knows it.
    """

    row: HeldSlots
    run: FlowRun | TaskRun | None


class Shown(NamedTuple):
    """A limit as the page shows it.

    Args:
        limit: The limit.
        taken: How many of its slots are taken.
        waiting: How many wait for some.
        table: Who.
        more: How many more there are than are shown.
    """

    limit: Limit
    taken: int
    waiting: int
    table: Table[Place]
    more: int


COLUMNS: Mapping[str, Callable[[Place], Any]] = {
    "state": lambda place: (place.row.waits, place.row.decays),
    "run": lambda place: place.row.holder if place.run is None else place.run.name,
    "-slots": lambda place: place.row.occupy,
    "-since": lambda place: place.row.since,
    "until": lambda place: place.row.until,
    "process": lambda place: place.row.process,
}
"""What those are sorted by who have slots of a limit, or wait for some."""


@router.get("/concurrency")
def concurrency(request: Request, store: StoreHere, services: ServicesHere) -> Response:
    """Show the limits."""
    shown = [_shown(request, store, limit, services.clock.now()) for limit in store.read_limits()]
    return render(request, "concurrency.html", title="Concurrency", section="concurrency", limits=shown)


def _shown(request: Request, store: Store, limit: Limit, now: int) -> Shown:
    rows = store.read_slots(limit.name, now)
    places = [Place(row, _run(store, row.holder)) for row in rows[:MOST_ROWS]]
    return Shown(
        limit,
        sum(row.occupy for row in rows if not row.waits),
        sum(row.waits for row in rows),
        arrange(request, places, COLUMNS, ""),
        max(0, len(rows) - MOST_ROWS),
    )


def _run(store: Store, holder: str | None) -> FlowRun | TaskRun | None:
    """Return the run that has slots; None where there is none, or the journal does not know it."""
    kind, _, run_id = (holder or "").partition(":")
    read = {"task_run": store.read_task_run, "flow_run": store.read_flow_run}.get(kind)
    return None if read is None else read(ids.from_uuid(run_id))


@router.post("/concurrency")
async def change(request: Request, services: ServicesHere) -> Response:
    """Make, change or delete a limit, and show the limits again."""
    fields = dict(await posted(request))
    notice = await run_in_threadpool(_changed, fields, services)
    return back(request, "/concurrency", {"notice": notice})


def _changed(fields: dict[str, str], services: Services) -> str:
    name, store = fields.get("name", "").strip(), services.store
    if fields.get("action") == "delete":
        if not store.delete_limit(name):
            raise HTTPException(404, f"There is no limit {name!r}.")
        return f"The limit {name} is deleted."
    try:
        slots, decay = int(fields.get("slots", "")), float(fields.get("decay", "").strip() or 0)
    except ValueError as error:
        raise HTTPException(
            400, "Slots are a whole number, and decay is a number: how many come free a second."
        ) from error
    try:
        wanted = limit_of(ids.new_id(), name, slots, fields.get("inactive") != "1", decay)
    except InvalidOptionError as error:
        raise HTTPException(400, str(error)) from error
    if not any(store.create_limit(wanted) or store.change_limit(name, wanted) for _ in range(_TRIES)):
        raise HTTPException(409, f"The limit {name!r} is being made and deleted all the time.")
    forget_absence()
    return f"The limit {name} has {slots} slot{'' if slots == 1 else 's'}."
