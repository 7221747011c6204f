"""Search: any identifier, name or tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sluiceway.model.overview import Found
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.server.pages.frame import address, render
from sluiceway.server.pages.looks import identifier, run_path, tone
from sluiceway.server.pages.sorting import RUNS, arrange
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

LONGEST = 200
"""Characters of what is searched for."""

SUGGESTED, SHOWN = 4, 25
"""How much of each kind the palette shows, and the page."""


FOUND: Mapping[str, Callable[[FlowRun | TaskRun], Any]] = {
    "state": RUNS["state"],
    "name": RUNS["name"],
    "of": lambda run: run.flow_name if isinstance(run, FlowRun) else run.task_name,
    "-started": RUNS["-started"],
}
"""What runs that were found are sorted by."""


@router.get("/search")
def search(request: Request, store: StoreHere) -> Response:
    """Show what goes by a text."""
    text = request.query_params.get("q", "").strip()[:LONGEST]
    found = store.search(text, limit=SHOWN) if text else None
    tables = [arrange(request, runs, FOUND, "") for runs in _runs_of(found)]
    return render(request, "search.html", title="Search", section=None, text=text, found=found, tables=tables)


def _runs_of(found: Found | None) -> list[Sequence[FlowRun | TaskRun]]:
    return [(), ()] if found is None else [found.flow_runs, found.task_runs]


@router.get("/search/suggest")
def suggest(request: Request, store: StoreHere) -> Response:
    """Return a few things that go by a text, for the palette."""
    text = request.query_params.get("q", "").strip()[:LONGEST]
    found = store.search(text, limit=SUGGESTED) if text else None
    entries = [] if found is None else list(_entries(request, found))
    return JSONResponse(entries, headers={"Cache-Control": "no-store"})


def _entries(request: Request, found: Found) -> Iterator[dict[str, Any]]:
    for flow in found.flows:
        yield {"text": flow.name, "kind": "Flow", "url": address(request, f"/flows/{flow.name}")}
    for run in found.flow_runs:
        yield _entry(request, run, "Run", run.flow_name)
    for step in found.task_runs:
        yield _entry(request, step, "Step", step.task_name)
    for name in found.tags:
        yield {"text": name, "kind": "Tag", "url": address(request, "/runs", {"tag": name})}
    for key in found.artifact_keys:
        yield {"text": key, "kind": "Artifact", "url": address(request, f"/artifacts/key/{key}")}
    for name in found.variables:
        yield {"text": name, "kind": "Variable", "url": address(request, "/variables", {"name": name})}


def _entry(request: Request, run: FlowRun | TaskRun, kind: str, of: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"text": run.name, "sub": f"{of} · {identifier(run.key)[:13]}", "kind": kind}
    if run.state_type is not None:
        entry["tone"] = tone(run.state_type, run.state_name)
    return {**entry, "url": address(request, *run_path(run))}
