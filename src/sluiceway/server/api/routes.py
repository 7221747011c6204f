"""Which part of the API answers which address."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Depends

from sluiceway.server.api import actions, events, reference, runs, whole
from sluiceway.server.api.paging import only_known
from sluiceway.server.problems import Problem

PROBLEMS: dict[int | str, dict[str, Any]] = {
    int(status): {"model": Problem, "description": why}
    for status, why in (
        (HTTPStatus.BAD_REQUEST, "The server does not go by this name, or the cursor is one of another list."),
        (HTTPStatus.UNAUTHORIZED, "A token is needed."),
        (HTTPStatus.FORBIDDEN, "The request comes from a page of another site."),
        (HTTPStatus.NOT_FOUND, "There is no such thing."),
        (HTTPStatus.UNPROCESSABLE_ENTITY, "Something in the request does not fit."),
        (HTTPStatus.SERVICE_UNAVAILABLE, "The journal cannot be used."),
    )
}

router: APIRouter = APIRouter(responses=PROBLEMS)
router.include_router(actions.router, dependencies=[Depends(only_known)])
router.include_router(runs.router, dependencies=[Depends(only_known)])
router.include_router(whole.router, dependencies=[Depends(only_known)])
router.include_router(events.router)
router.include_router(reference.router)
