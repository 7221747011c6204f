"""The list of flow runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base import times
from sluiceway.base.ids import RunId, from_uuid
from sluiceway.base.times import SECOND
from sluiceway.model.queries import Page
from sluiceway.model.runs import FlowRun
from sluiceway.ports.store import Store
from sluiceway.server.pages import acting
from sluiceway.server.pages.filters import ORDERS, RunFilters, limit_of, run_filters, text_of
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.home import Chart, chart_of
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

MOST_CHOSEN = 200
"""How many runs one action takes at most: as many as a page can show."""

COLUMNS = 80
"""How many columns the strip above the list has."""

ACROSS, TALL = 1_200, 44

DEFAULT_SPAN = 7 * 86_400
"""How many seconds the strip looks back where nothing else is asked for."""


def _strip(store: Store, filters: RunFilters) -> Chart:
    """Return the states of the runs that fit, over the time that is asked for."""
    end = filters.until or times.now()
    start = filters.start
    if start is None or start >= end:
        start = end - DEFAULT_SPAN * SECOND
    width = max(-(-(end - start) // COLUMNS), SECOND // 100)
    return chart_of(store.read_flow_run_history(filters.query(), start, width, COLUMNS), width, ACROSS, TALL)


def _page(store: Store, filters: RunFilters, limit: int, after: str | None) -> Page[FlowRun]:
    try:
        return store.read_flow_runs(filters.query(), order=ORDERS[filters.order], limit=limit, after=after)
    except ValueError as error:
        raise HTTPException(400, f"The page that was asked for is none of this list: {error}") from error


@router.get("/runs")
def runs(request: Request, store: StoreHere) -> Response:
    """Show the flow runs that the address asks for."""
    given = request.query_params
    filters = run_filters(given)
    limit, after = limit_of(given.get("limit", "")), given.get("after") or None
    page = _page(store, filters, limit, after)
    return render(
        request,
        "runs.html",
        title="Runs",
        section="runs",
        filters=filters,
        page=page,
        after=after,
        limit=limit,
        flows=[flow.name for flow in store.read_flows(limit=200).items],
        orders=_columns(filters),
        strip=_strip(store, filters),
        moment_text=text_of,
        across=ACROSS,
        tall=TALL,
        columns=COLUMNS,
    )


def _columns(filters: RunFilters) -> dict[str, dict[str, Any]]:
    """Return, by column, where its heading leads, and how the list is sorted by it now."""
    created = {"newest": "descending", "oldest": "ascending"}.get(filters.order)
    return {
        "created": {"sort": created, "order": "oldest" if created == "descending" else "newest"},
        "ended": {"sort": "descending" if filters.order == "ended" else None, "order": "ended"},
        "name": {"sort": "ascending" if filters.order == "name" else None, "order": "name"},
    }


@router.post("/runs")
async def act_on_runs(request: Request, services: ServicesHere) -> Response:
    """Do something with the runs that were chosen, and show the list again."""
    fields = await posted(request)
    action = next((value for name, value in fields if name == "action"), "")
    keys = _keys(value for name, value in fields if name == "run")
    outcome = await run_in_threadpool(acting.act, action, keys, services)
    query: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name != "notice":
            query.setdefault(name, []).append(value)
    return back(request, "/runs", {**query, "notice": outcome})


def _keys(texts: Iterable[str]) -> list[RunId]:
    try:
        keys = list(dict.fromkeys(from_uuid(text) for text in texts))
    except ValueError as error:
        raise HTTPException(400, f"One of the runs that were chosen has no identifier: {error}.") from error
    if not keys:
        raise HTTPException(400, "No run was chosen. Tick some in the list first.")
    if len(keys) > MOST_CHOSEN:
        raise HTTPException(400, f"{len(keys):,} runs were chosen; {MOST_CHOSEN} at a time is the most.")
    return keys
