"""The stream of events: that something has changed, and what it is about.

It tells levels, not edges: an event says that what was read before is old. Who missed some is told once.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse

from sluiceway.base.ids import RunId
from sluiceway.model.overview import Pulse, Topic
from sluiceway.server.problems import Problem
from sluiceway.server.streams import EventStream, RunMark, Streams

HEARTBEAT_SECONDS = 15.0
"""How often a line is sent where nothing changes, so that nobody in between takes the connection for dead."""

RETRY_MILLISECONDS = 1_000
"""After which browsers come again whose connection was lost."""

_LONGEST_PULSE = 500

router: APIRouter = APIRouter(tags=["events"])


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        HTTPStatus.OK: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
        HTTPStatus.TOO_MANY_REQUESTS: {"model": Problem, "description": "Too many streams to this address."},
        HTTPStatus.SERVICE_UNAVAILABLE: {"model": Problem, "description": "Too many streams."},
    },
)
async def listen(
    request: Request,
    flow_run: Annotated[UUID | None, Query(description="Only what concerns this flow run.")] = None,
    last_event_id: Annotated[str | None, Header(description="The last event that was seen.")] = None,
    since: Annotated[str | None, Query(description="The same, for who cannot set headers.")] = None,
) -> EventStream:
    """Hear of changes: events named `change`, whose data has the topics of which something may have changed.

    The identifier of an event is the pulse of the journal. Who comes back with an older one, or with none, gets an
    event at once. Read anew what is shown whenever one comes.
    """
    streams: Streams = request.app.state.streams
    client = "" if request.client is None else request.client.host
    key = None if flow_run is None else flow_run.bytes
    return EventStream(_lines(streams, _parsed(last_event_id or since), key), streams, client)


async def _lines(streams: Streams, seen: Pulse | None, key: RunId | None) -> AsyncGenerator[str, None]:
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    mark: RunMark | None = None
    while not streams.closed:
        pulse = await streams.wait(seen, HEARTBEAT_SECONDS)
        if pulse is None:
            yield ": still here\n\n"
            continue
        topics, seen = pulse.changed_since(seen), pulse
        if key is not None:
            before, mark = mark, await streams.mark(key)
            topics = mark.changed_since(before)
        if topics:
            yield _event(pulse, topics)


def _event(pulse: Pulse, topics: Iterable[Topic]) -> str:
    data = json.dumps({"topics": sorted(topic.value for topic in topics)})
    return f"id: {pulse.text}\nevent: change\ndata: {data}\n\n"


def _parsed(text: str | None) -> Pulse | None:
    """Return the pulse that somebody has seen; None where that says nothing any more."""
    try:
        return None if text is None or len(text) > _LONGEST_PULSE else Pulse.parse(text)
    except ValueError:
        return None
