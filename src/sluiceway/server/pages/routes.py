"""Which page answers which address."""

from __future__ import annotations

from fastapi import APIRouter

from sluiceway.server.pages import concurrency, configuration, flows, home, processes, runs, searching, storage
from sluiceway.server.pages.run import actions, comparing, logs, steps
from sluiceway.server.pages.run import routes as run

router: APIRouter = APIRouter(include_in_schema=False)
_OF_A_RUN = (run, steps, logs, actions, comparing)
for _page in (home, runs, flows, concurrency, processes, storage, configuration, searching, *_OF_A_RUN):
    router.include_router(_page.router)
