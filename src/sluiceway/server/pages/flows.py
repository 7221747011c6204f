"""The flows, and the page of one of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.agents.starting import TooManyStartedError, first_words, start
from sluiceway.base import times
from sluiceway.base.ids import new_id, to_uuid
from sluiceway.base.times import SECOND
from sluiceway.model.overview import RunMark
from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.runs import FlowInfo, FlowRun
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.server.pages import charts
from sluiceway.server.pages.filters import limit_of, one_of, text_of
from sluiceway.server.pages.forms import BadFieldError, controls_of, read_fields
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.home import SPANS, WIDTH, chart_of, first_start
from sluiceway.server.pages.sorting import RUNS, SUMMARIES, arrange
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

TALL = 90
"""How high the charts are."""

TREND = 60
"""How many of the newest runs the trend of durations shows."""

RECENT = 15
"""How many of the newest runs are listed."""

SORTED = 100
"""How many flows are looked at, the first by name, where they are sorted by how their runs went."""

ON_A_PAGE = 25
"""How many flows a page lists: each has a strip of its last runs, so that more would be a heavy page."""


@router.get("/flows")
def flows(request: Request, store: StoreHere) -> Response:
    """Show the flows by name, and how their runs went."""
    given = request.query_params
    name = one_of("span", given.get("span", "") or "7d", SPANS)
    limit, after = limit_of(given.get("limit", ""), ON_A_PAGE), given.get("after") or None
    text, by_name = given.get("q", "").strip()[:200], given.get("sort", "name") in ("", "name")
    cursor = None
    if text:
        found = store.search(text, limit=limit).flows
    elif not by_name:
        found = store.read_flows(limit=SORTED).items
    else:
        try:
            page = store.read_flows(limit=limit, after=after)
        except ValueError as error:
            raise HTTPException(400, f"The page that was asked for is none of this list: {error}") from error
        found, cursor = page.items, page.cursor
    now = times.now()
    since = now - SPANS[name].width * SPANS[name].columns * SECOND
    summaries = store.read_flow_summaries([flow.name for flow in found], since, now, last=16)
    table = arrange(request, summaries, SUMMARIES, "name")
    return render(
        request,
        "flows.html",
        title="Flows",
        section="flows",
        spans=SPANS,
        span_name=name,
        text=text,
        after=after,
        cursor=cursor,
        since=text_of(since),
        looked_at=len(table.rows),
        table=table._replace(rows=table.rows[:limit]),
    )


def _flow(store: Store, name: str) -> FlowInfo:
    for flow in store.read_flows(names=(name,), limit=1).items:
        return flow
    raise HTTPException(404, f"There is no flow {name!r} in the journal. The list of flows has all that have run.")


@router.get("/flows/{name:path}")
def flow(request: Request, name: str, store: StoreHere) -> Response:
    """Show one flow: how its runs went, and what it takes to start one."""
    return _page(request, store, _flow(store, name))


def _page(
    request: Request, store: Store, found: FlowInfo, complaint: str = "", filled: Mapping[str, str] | None = None
) -> Response:
    """Return the page of a flow.

    Args:
        request: What asks for it.
        store: The journal.
        found: The flow.
        complaint: What is wrong with the fields of the form, if it was sent.
        filled: What they were filled in with.
    """
    name = found.name
    span_name = one_of("span", request.query_params.get("span", "") or "7d", SPANS)
    span, now = SPANS[span_name], times.now()
    width = span.width * SECOND
    begin = first_start(now, width, span.columns)
    query = FlowRunQuery(flow_names=(name,))
    (summary,) = store.read_flow_summaries([name], begin, now, last=TREND)
    recent = store.read_flow_runs(query, limit=RECENT).items
    startable = _startable(recent)
    controls = controls_of(_takes(found, startable), startable.parameters) if startable is not None else []
    return render(
        request,
        "flow.html",
        status=400 if complaint else 200,
        title=name,
        section="flows",
        flow=found,
        spans=SPANS,
        span_name=span_name,
        span=span,
        since=text_of(begin),
        summary=summary,
        recent=arrange(request, recent, RUNS, "-created"),
        chart=chart_of(store.read_flow_run_history(query, begin, width, span.columns), width, WIDTH, TALL),
        height=TALL,
        width=WIDTH,
        trend=_trend(summary.last),
        startable=startable,
        controls=[each._replace(value=(filled or {}).get(each.name, each.value)) for each in controls],
        complaint=complaint,
    )


def _takes(flow: FlowInfo, latest: FlowRun) -> dict[str, Any]:
    """Return the JSON schema of what a flow takes; of one that was never described, what its newest run was given."""
    schema = flow.parameter_schema
    return {"properties": {name: {} for name in latest.parameters}} if schema is None else schema


def _trend(marks: tuple[RunMark, ...]) -> dict[str, Any]:
    """Return the durations of the newest runs as a line, the newest at the right."""
    lasted = [
        (mark.end - mark.start) / SECOND if mark.start is not None and mark.end is not None else None
        for mark in reversed(marks)
    ]
    known = [value for value in lasted if value is not None]
    return {"points": charts.line(lasted, 480, TALL), "most": max(known, default=0.0), "runs": len(known)}


def _startable(runs: tuple[FlowRun, ...]) -> FlowRun | None:
    """Return the newest run that tells where the flow is, so that another one can be started."""
    return next((run for run in runs if run.entrypoint and _is_here(run.entrypoint)), None)


def _is_here(entrypoint: str) -> bool:
    place = entrypoint.rpartition(":")[0]
    return not place.endswith(".py") or os.path.isfile(place)


@router.post("/flows/{name:path}")
async def start_run(request: Request, name: str, services: ServicesHere) -> Response:
    """Start a run of a flow with the parameters of the form, in a process of its own, and show it."""
    fields = dict(await posted(request))
    return await run_in_threadpool(_started, request, name, fields, services)


def _started(request: Request, name: str, fields: dict[str, str], services: Services) -> Response:
    flow = _flow(services.store, name)
    latest = _startable(services.store.read_flow_runs(FlowRunQuery(flow_names=(name,)), limit=RECENT).items)
    if latest is None or latest.entrypoint is None:
        raise HTTPException(
            400, f"The journal does not know where flow {name!r} is, so it cannot be started from here."
        )
    try:
        parameters = read_fields(_takes(flow, latest), fields)
        run = _start(latest.entrypoint, parameters, services)
    except (BadFieldError, NotStartedError) as error:
        return _page(request, services.store, flow, str(error), fields)
    return back(request, f"/runs/{run}")


class NotStartedError(Exception):
    """A run could not be started; the message says why."""


def _start(entrypoint: str, parameters: dict[str, Any], services: Services) -> UUID:
    """Start a run of a flow in a process of its own, and return its identifier once the journal has it.

    Raises:
        NotStartedError: It did not begin.
    """
    key = new_id()
    command = ["run", entrypoint, "--params", "-", "--run-id", str(to_uuid(key)), "--quiet"]
    try:
        program = start(command, services, entrypoint, json.dumps(parameters))
    except (TooManyStartedError, OSError) as error:
        raise NotStartedError(f"The run cannot be started: {error}") from error
    while not program.ended() and services.store.read_flow_run(key) is None:
        if first_words([program], 0.1):
            break
    said = first_words([program], 0.0)
    if said:
        raise NotStartedError(f"The run could not be started. {said[0]}")
    return to_uuid(key)
