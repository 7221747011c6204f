"""Streams: who waits to hear of changes, and the one task that looks for them on behalf of all."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from sluiceway.agents.starting import tidy
from sluiceway.base.errors import StoreError
from sluiceway.base.ids import RunId
from sluiceway.model.keepsakes import ArtifactQuery
from sluiceway.model.overview import Pulse, Topic
from sluiceway.model.queries import LogQuery
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store

LOOK_SECONDS = 0.25
"""How often the journal is asked whether anything has changed."""

DEAD_SECONDS = 1.0
"""How often it is looked whether processes have died: the journal says nothing of that by itself."""

COME_AGAIN_SECONDS = 10
"""When somebody may try again for whom there is no place."""

_RUN_SECONDS = 0.5
"""How old what is known of a single run may be."""

_MOST_MARKS = 1_000

_logger = logging.getLogger("sluiceway.server")


class RunMark(NamedTuple):
    """What is another value whenever something about a flow run has changed, by topic.

    Args:
        runs: Of the run itself and its task runs.
        logs: Of its log lines.
        others: Of its artifacts.
    """

    runs: object
    logs: object
    others: object

    def changed_since(self, earlier: RunMark | None) -> frozenset[Topic]:
        """Return the topics of which something has changed.

        Args:
            earlier: What was seen before; None for nothing.
        """
        if earlier is None:
            return frozenset(Topic)
        pairs = zip((Topic.RUNS, Topic.LOGS, Topic.OTHERS), self, earlier, strict=True)
        return frozenset(topic for topic, now, then in pairs if now != then)


def mark_of(store: Store, key: RunId) -> RunMark:
    """Return the mark of a flow run as it is now; that of one that is not there is a mark, too.

    Args:
        store: The journal.
        key: The run.
    """
    run = store.read_flow_run(key)
    state = None if run is None else run.state
    counts = tuple(sorted(store.count_task_runs_by_state(key).items()))
    steps = (None if state is None else (state.type, state.name, state.moment), counts, run is None or run.epoch)
    lines = store.read_logs(LogQuery(flow_run_keys=(key,)), limit=1, newest_first=True).items
    artifacts = store.read_artifacts(ArtifactQuery(flow_run_keys=(key,)), limit=20, data=False).items
    return RunMark(steps, tuple(line.number for line in lines), tuple((each.id, each.updated) for each in artifacts))


class Streams:
    """Knows what has changed, and who wants to hear of it.

    Args:
        services: The adapters of the server.
        most: How many may wait at once.
        most_per_client: How many of them from one address.
        look_seconds: How often the journal is asked.
    """

    def __init__(self, services: Services, most: int, most_per_client: int, look_seconds: float = LOOK_SECONDS) -> None:
        self._services = services
        self._most = most
        self._most_per_client = most_per_client
        self._look_seconds = look_seconds
        self._clients: Counter[str] = Counter()
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pulse: Pulse | None = None
        self._marks: dict[RunId, tuple[Pulse | None, float, RunMark]] = {}
        self._looked_around = 0.0
        self.closed: bool = False
        """Whether the server is about to end, and all streams with it."""

    @property
    def open(self) -> int:
        """How many wait now."""
        return self._clients.total()

    def close(self) -> None:
        """Have all streams end."""
        self.closed = True
        self._ring()

    @asynccontextmanager
    async def place(self, client: str) -> AsyncGenerator[None, None]:
        """Have a place among those who wait.

        Args:
            client: The address of who wants it.

        Raises:
            HTTPException: There is none left, for anybody or for this one.
        """
        again = {"retry-after": str(COME_AGAIN_SECONDS)}
        if self.open >= self._most or self.closed:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "The server has as many streams as it can have.", again)
        if self._clients[client] >= self._most_per_client:
            raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "There are too many streams to this address.", again)
        self._clients[client] += 1
        try:
            if self._task is None:
                self._bell = asyncio.Event()  # of this event loop
                self._task = asyncio.create_task(self._look_again_and_again())
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]
            if not self._clients and self._task is not None:
                self._task.cancel()
                self._task = self._pulse = None
                self._marks.clear()

    async def wait(self, seen: Pulse | None, seconds: float) -> Pulse | None:
        """Wait until the pulse is another one than was seen, and return it; None if that took too long.

        Args:
            seen: What was seen before; None for nothing.
            seconds: How long to wait at most.
        """
        deadline = time.monotonic() + seconds
        while not self.closed:
            bell, pulse = self._bell, self._pulse
            if pulse is not None and pulse != seen:
                return pulse
            try:
                await asyncio.wait_for(bell.wait(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                return None
        return None

    async def mark(self, key: RunId) -> RunMark:
        """Return the mark of a flow run; it is read once for all who want to hear of the run, and not all the time.

        Args:
            key: The run.
        """
        known = self._marks.get(key)
        if known is not None and known[0] != self._pulse:
            await asyncio.sleep(max(0.0, known[1] + _RUN_SECONDS - time.monotonic()))
            known = self._marks.get(key)
        if known is not None and known[0] == self._pulse:
            return known[2]
        pulse = self._pulse  # before the rows, so that what is written meanwhile is seen once more
        mark = await asyncio.to_thread(mark_of, self._services.store, key)
        if len(self._marks) >= _MOST_MARKS:
            self._marks.clear()
        self._marks[key] = (pulse, time.monotonic(), mark)
        return mark

    async def _look_again_and_again(self) -> None:
        trouble = ""
        while True:
            try:
                pulse = await asyncio.to_thread(self._look)
                trouble = ""
            except StoreError as error:  # whoever waits goes on waiting: it may be there again in a moment
                if str(error) != trouble:
                    trouble = str(error)
                    _logger.error("What has changed cannot be seen at present. %s", error)
            else:
                if pulse != self._pulse:
                    self._pulse = pulse
                    self._ring()
            await asyncio.sleep(self._look_seconds)

    def _look(self) -> Pulse:
        presence, now = self._services.presence, time.monotonic()
        if now - self._looked_around >= DEAD_SECONDS:
            self._looked_around = now
            tidy()
            if presence is not None:
                presence.look_around()
        return self._services.store.read_pulse()

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()


class EventStream(StreamingResponse):
    """An answer that goes on until its reader or the server has had enough, and has a place as long as it does.

    Args:
        lines: What is sent.
        streams: Who gives it a place.
        client: The address of the reader.
    """

    def __init__(self, lines: AsyncGenerator[str, None], streams: Streams, client: str) -> None:
        super().__init__(lines, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._streams = streams
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is, as it comes.

        Args:
            scope: The request.
            receive: Tells when the reader has gone.
            send: Takes the next part.

        Raises:
            HTTPException: There is no place left; nothing was sent.
        """
        async with self._streams.place(self._client):
            await super().__call__(scope, receive, send)
