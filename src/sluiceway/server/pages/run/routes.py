"""The tabs of a run: each has an address of its own."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sluiceway.base import times
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.runs import FlowRun
from sluiceway.ports.store import Store
from sluiceway.server.pages.frame import HEADERS, address
from sluiceway.server.pages.run import columns, graphs, steps
from sluiceway.server.pages.run.subject import children_of, flow_run_of, key_of, render_tab
from sluiceway.server.pages.sorting import RUNS, arrange
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

MOST_KEYS = 200
"""How many task runs can be asked for again at once, to see whether they have moved."""

STEPS_BESIDE = 100
"""How many steps stand beside the timeline; the tab of steps has all of them."""

MOST_CHILDREN = 200


@router.get("/runs/{run_id}")
def timeline(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show the timeline of a run."""
    run = store.read_flow_run(key_of(run_id))
    if run is None:
        return _of_task_run(request, store, run_id)
    chosen = request.query_params.get("step", "")
    return render_tab(
        request,
        store,
        run,
        "timeline",
        beside=steps.first_steps(store, run, STEPS_BESIDE),
        chosen=key_of(chosen).hex() if chosen else "",
    )


def _of_task_run(request: Request, store: Store, run_id: str) -> Response:
    """Lead from the address of a task run to where it is shown."""
    step = store.read_task_run(key_of(run_id))
    if step is None or step.flow_run_key is None:
        raise HTTPException(404, f"There is no flow run {run_id}. It may have been removed.")
    return RedirectResponse(address(request, f"/runs/{to_uuid(step.flow_run_key)}/steps/{step.id}"), 303)


@router.get("/runs/{run_id}/timeline.json")
def timeline_data(run_id: str, request: Request, store: StoreHere) -> Response:
    """Return a page of the task runs of a run in columns, or what has become of some of them."""
    run = flow_run_of(store, run_id)
    now = times.now()
    try:
        page = _steps_asked_for(store, run, request)
    except ValueError as error:
        raise HTTPException(400, f"The page that was asked for is none of this timeline: {error}") from error
    text = json.dumps(columns.page_of(run, page, store, now), ensure_ascii=False, separators=(",", ":"))
    return Response(text, media_type="application/json", headers=HEADERS)


def _steps_asked_for(store: Store, run: FlowRun, request: Request) -> columns.Steps:
    """Return the task runs after a cursor, and before them those whose keys are named."""
    given = request.query_params
    keys = _keys(given.get("keys", ""))
    again = store.read_timeline(run.key, keys=keys).items if keys else ()
    page = store.read_timeline(run.key, limit=columns.PAGE, after=given.get("after") or None)
    return columns.Steps((*again, *page.items), page.cursor)


def _keys(text: str) -> list[RunId]:
    keys = [key_of(part) for part in text.split(",") if part]
    if len(keys) > MOST_KEYS:
        raise HTTPException(400, f"{len(keys)} task runs were named; {MOST_KEYS} at once is the most.")
    return keys


@router.get("/runs/{run_id}/graph")
def graph(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show what of a run depends on what."""
    run = flow_run_of(store, run_id)
    page = store.read_timeline(run.key, limit=graphs.MOST_STEPS)
    opened = request.query_params.getlist("open")
    here = f"/runs/{run.id}"
    return render_tab(
        request,
        store,
        run,
        "graph",
        picture=graphs.draw(page.items, opened),
        opened=opened,
        looked_at=len(page.items),
        cut=page.cursor is not None,
        step_address=lambda key: address(request, f"{here}/steps/{to_uuid(key)}"),
        group_address=lambda task: address(request, f"{here}/graph", {"open": [*opened, task]}),
    )


@router.get("/runs/{run_id}/data")
def data(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show what went into a run, and what came of it."""
    run = flow_run_of(store, run_id)
    return render_tab(request, store, run, "data", result=store.read_result(run.key))


@router.get("/runs/{run_id}/code")
def code(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show where the code of a run is."""
    return render_tab(request, store, flow_run_of(store, run_id), "code")


@router.get("/runs/{run_id}/history")
def history(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show the states that a run has been through, and what it called."""
    run = flow_run_of(store, run_id)
    children = children_of(store, run, MOST_CHILDREN)
    values: dict[str, Any] = {
        "states": store.read_history(run.key),
        "children": arrange(request, children, RUNS, "created"),
        "most_children": MOST_CHILDREN,
    }
    return render_tab(request, store, run, "history", **values)
