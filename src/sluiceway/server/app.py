"""The application: what answers requests over a journal."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from sluiceway import __version__
from sluiceway.ports.services import Services
from sluiceway.server.api.routes import router as api
from sluiceway.server.door import Door
from sluiceway.server.entrance import router as entrance
from sluiceway.server.journal import router as journal
from sluiceway.server.operating import router as operating
from sluiceway.server.pages.routes import router as pages
from sluiceway.server.problems import tell_problems
from sluiceway.server.rules import Rules
from sluiceway.server.static_files import CachedFiles
from sluiceway.server.streams import Streams

STATIC = Path(__file__).with_name("static")
"""What the pages load."""


class Application(FastAPI):
    """What answers requests over a journal, behind its door.

    Args:
        services: Where the journal is, and what it takes to steer runs.
        rules: Who is let in, and with how much.
        prefix: The path below which all is, such as `/flows`; empty for none.
    """

    def __init__(self, services: Services, rules: Rules, prefix: str) -> None:
        super().__init__(
            title="Sluiceway",
            version=__version__,
            docs_url=None,
            redoc_url=None,
            openapi_url="/api/openapi.json",
        )
        self.state.services = services
        self.state.rules = rules
        self.state.prefix = prefix
        self.state.streams = Streams(services, rules.streams, rules.streams_per_client)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, with the prefix in front of its path or without.

        Args:
            scope: What was asked for.
            receive: Returns the next part of the request.
            send: Takes the next part of the answer.
        """
        if scope["type"] != "lifespan" and self.state.prefix:
            scope["root_path"] = self.state.prefix
        await super().__call__(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Return all that a request passes, the door in front."""
        self.state.door = Door(super().build_middleware_stack(), self.state.rules)
        door: Door = self.state.door
        return door


def create_app(services: Services, rules: Rules | None = None, prefix: str = "") -> FastAPI:
    """Return the application over a journal.

    Args:
        services: Where the journal is, and what it takes to steer runs.
        rules: Who is let in, and with how much; by default everybody on this machine, who names it as such.
        prefix: The path below which all is, such as `/flows`; empty for none.
    """
    app = Application(services, rules or Rules(), prefix)
    tell_problems(app)
    app.include_router(operating)
    app.include_router(entrance)
    app.include_router(journal, prefix="/api")
    app.include_router(api, prefix="/api")
    app.include_router(pages)
    app.mount("/static", CachedFiles(directory=STATIC))
    return app
