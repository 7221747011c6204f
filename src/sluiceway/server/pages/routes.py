"""Which page answers which address."""

from __future__ import annotations

from fastapi import APIRouter

from sluiceway.server.pages import (
    artifacts,
    concurrency,
    configuration,
    flows,
    home,
    processes,
    runs,
    searching,
    storage,
    variables,
)
from sluiceway.server.pages.run import actions, comparing, logs, steps
from sluiceway.server.pages.run import routes as run

router: APIRouter = APIRouter(include_in_schema=False)
_OF_A_RUN = (run, steps, logs, actions, comparing)
_OTHERS = (concurrency, processes, storage, configuration, searching)
for _page in (home, runs, flows, artifacts, variables, *_OTHERS, *_OF_A_RUN):
    router.include_router(_page.router)
