"""Operating: what those want to know who keep the server running."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.responses import PlainTextResponse

from sluiceway.base.errors import StoreError
from sluiceway.server import metrics
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter(tags=["operating"])


class Health(BaseModel):
    """That the server answers."""

    status: Literal["ok", "unavailable"]


@router.api_route("/health", methods=["GET", "HEAD"], include_in_schema=False)
async def health() -> Health:
    """Say that the server answers."""
    return Health(status="ok")


@router.api_route("/ready", methods=["GET", "HEAD"], include_in_schema=False)
def ready(services: ServicesHere, response: Response) -> Health:
    """Say whether the journal can be read. Everybody may ask, so the reason is in the log of the server only.

    Args:
        services: Where the journal is.
        response: The answer.
    """
    try:
        services.store.read_processes()
    except StoreError as error:
        metrics.logger.error("The run database cannot be read: %s", error)
        response.status_code = 503
        return Health(status="unavailable")
    return Health(status="ok")


@router.get("/metrics", include_in_schema=False)
def measured(request: Request, store: StoreHere, services: ServicesHere) -> PlainTextResponse:
    """Return figures in the text form of Prometheus.

    Args:
        request: The request.
        store: The journal.
        services: The adapters of the server.
    """
    return PlainTextResponse(metrics.text(store, services, request.app.state.door.answered), media_type=metrics.KIND)
