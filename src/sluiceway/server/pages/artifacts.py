"""Artifacts: what runs have made for people to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base.ids import RunId
from sluiceway.model.keepsakes import Artifact, ArtifactQuery
from sluiceway.model.queries import FlowRunQuery
from sluiceway.model.runs import FlowRun
from sluiceway.ports.store import Store
from sluiceway.rules.keepsakes import image_of
from sluiceway.server.pages.exhibits import Exhibit, exhibit, html_of
from sluiceway.server.pages.frame import HEADERS, back, posted, render
from sluiceway.server.pages.looks import Html, plural
from sluiceway.server.pages.run.subject import flow_run_of, key_of, render_tab
from sluiceway.server.pages.sorting import arrange
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

KINDS = ("markdown", "table", "progress", "image")
"""Types that artifacts can be chosen by."""

ON_A_PAGE = 50

OF_A_RUN = 30
"""How many artifacts the tab of a run shows, each as it looks."""

MOST_VERSIONS = 100

IMAGE_POLICY = "default-src 'none'; sandbox"
"""What an image may do that somebody opens by itself: an SVG could be a program otherwise."""


class Shown(NamedTuple):
    """An artifact with what it looks like.

    Args:
        artifact: The artifact.
        exhibit: What it looks like.
        description: Its description, as HTML; empty where there is none.
        run: The flow run that it was made in.
    """

    artifact: Artifact
    exhibit: Exhibit
    description: Html
    run: FlowRun | None


def shown(artifact: Artifact, run: FlowRun | None) -> Shown:
    """Return an artifact with what it looks like.

    Args:
        artifact: The artifact, with its data.
        run: The flow run that it was made in.
    """
    return Shown(artifact, exhibit(artifact), html_of(artifact.description or ""), run)


COLUMNS: Mapping[str, Callable[[Artifact], Any]] = {
    "key": lambda artifact: artifact.key,
    "type": lambda artifact: artifact.type,
    "description": lambda artifact: artifact.description,
    "-size": lambda artifact: artifact.size,
    "-changed": lambda artifact: artifact.updated,
}
"""What artifacts are sorted by."""


@router.get("/artifacts")
def artifacts(request: Request, store: StoreHere) -> Response:
    """Show the newest version of each key, or all artifacts by age."""
    given = request.query_params
    kind, every, after = given.get("type", ""), given.get("every") == "1", given.get("after") or None
    if kind and kind not in KINDS:
        raise HTTPException(400, f"type={kind} is none of: {', '.join(KINDS)}.")
    query = ArtifactQuery(types=(kind,) if kind else None)
    read = store.read_artifacts if every else store.read_latest_artifacts
    try:
        page = read(query, limit=ON_A_PAGE, after=after, data=False)
    except ValueError as error:
        raise HTTPException(400, f"after={after} is none of this list: {error}") from error
    return render(
        request,
        "artifacts.html",
        title="Artifacts",
        section="artifacts",
        page=page,
        table=arrange(
            request, page.items, COLUMNS, "" if every else "key", whole=page.cursor is None and after is None
        ),
        runs=_runs_of(store, page.items),
        kinds=KINDS,
        kind=kind,
        every=every,
        after=after,
        any=bool(page.items) or store.count_artifacts() > 0,
    )


@router.get("/artifacts/key/{key}")
def versions(key: str, request: Request, store: StoreHere) -> Response:
    """Show the newest version of a key, and which others there are."""
    found = store.read_latest_artifacts(ArtifactQuery(keys=(key,)), limit=1).items
    if not found:
        raise HTTPException(404, f"There is no artifact with the key {key!r}. It may have been deleted.")
    return _page(request, store, found[0])


@router.get("/artifacts/{artifact_id}")
def artifact(artifact_id: str, request: Request, store: StoreHere) -> Response:
    """Show an artifact."""
    return _page(request, store, _artifact_of(store, artifact_id))


@router.get("/artifacts/{artifact_id}/image")
def image(artifact_id: str, store: StoreHere) -> Response:
    """Give the image that an artifact holds."""
    found = image_of(_artifact_of(store, artifact_id).data)
    if found is None:
        raise HTTPException(404, f"Artifact {artifact_id} holds no image that is shown.")
    headers = {**HEADERS, "Content-Security-Policy": IMAGE_POLICY}
    return Response(found.content, media_type=found.media_type, headers=headers)


@router.post("/artifacts/{artifact_id}")
async def delete(artifact_id: str, request: Request, store: StoreHere) -> Response:
    """Delete an artifact, and show the others."""
    await posted(request)
    found = await run_in_threadpool(_artifact_of, store, artifact_id)
    await run_in_threadpool(store.delete_artifact, found.id)
    return back(request, "/artifacts", {"notice": f"Deleted: {found.key or found.type or 'an artifact'}."})


@router.get("/runs/{run_id}/artifacts")
def of_a_run(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show what a run has made."""
    run = flow_run_of(store, run_id)
    page = store.read_artifacts(ArtifactQuery(flow_run_keys=(run.key,)), limit=OF_A_RUN)
    return render_tab(request, store, run, "artifacts", made=[shown(each, run) for each in page.items], page=page)


def _page(request: Request, store: Store, found: Artifact) -> Response:
    runs = _runs_of(store, [found])
    others: tuple[Artifact, ...] = ()
    if found.key is not None:
        others = store.read_artifacts(ArtifactQuery(keys=(found.key,)), limit=MOST_VERSIONS, data=False).items
    return render(
        request,
        "artifact.html",
        title=found.key or (found.type or "artifact").capitalize(),
        section="artifacts",
        made=shown(found, runs.get(found.flow_run_key) if found.flow_run_key else None),
        versions=others,
        count=plural(len(others), "version"),
    )


def _artifact_of(store: Store, text: str) -> Artifact:
    """Return the artifact that an address names.

    Raises:
        HTTPException: There is none.
    """
    found = store.read_artifact(key_of(text))
    if found is None:
        raise HTTPException(404, f"There is no artifact {text}. It may have been deleted.")
    return found


def _runs_of(store: Store, found: Iterable[Artifact]) -> dict[RunId, FlowRun]:
    """Return the flow runs that artifacts were made in, by key."""
    keys = tuple({each.flow_run_key for each in found if each.flow_run_key is not None})
    if not keys:
        return {}
    return {run.key: run for run in store.read_flow_runs(FlowRunQuery(keys=keys), limit=len(keys)).items}
