"""Connections: what a client may take its time with, and for how long."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0
"""How long the first lines of a request may be on their way."""

STUCK_SECONDS = 30.0
"""How long a client may take nothing of what is sent to it."""


class PatientToAPoint(H11Protocol):
    """A connection that ends when the other side neither says what it wants nor takes what it is sent."""

    _head: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin.

        Args:
            transport: The way to the client.
        """
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take what came.

        Args:
            data: What came.
        """
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop("_head")
        elif self._head is None:
            self._await_head()  # the next request has begun

    def connection_lost(self, exc: Exception | None) -> None:
        """End.

        Args:
            exc: Why, if it is not that the client has gone.
        """
        self._stop("_head")
        self._stop("_stuck")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Send no more for the moment: the client has not taken what was sent."""
        super().pause_writing()
        self._stop("_stuck")
        self._stuck = self.loop.call_later(STUCK_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: the client has taken most of it."""
        self._stop("_stuck")
        super().resume_writing()

    def _await_head(self) -> None:
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop(self, name: str) -> None:
        timer: asyncio.TimerHandle | None = getattr(self, name)
        if timer is not None:
            timer.cancel()
            setattr(self, name, None)
