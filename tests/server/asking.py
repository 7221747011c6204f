"""Asking an application in this process, over ASGI: whole answers, and streams that are read a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from fastapi import FastAPI

HOST = "127.0.0.1:4200"


class Answer(NamedTuple):
    """What an application answered.

    Args:
        status: The status; for a WebSocket, the code that it was closed with, or 101.
        headers: The headers, by names in lower case.
        body: The body.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as data."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def detail(self) -> str:
        """The reason that a problem gives."""
        return str(self.json()["detail"])


class Asking:
    """Asks an application.

    Args:
        app: The application.
    """

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def __call__(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes = b"",
        parts: list[bytes] | None = None,
    ) -> Answer:
        """Ask, and return the whole answer."""
        given = {"host": HOST, **{name.lower(): value for name, value in (headers or {}).items()}}
        if json is not None:
            body = _encoded(json)
            given.setdefault("content-type", "application/json")
        chunks = [body] if parts is None else parts
        return asyncio.run(self._asked(scope_of(method, target, given), chunks))

    def get(self, target: str, **headers: str) -> Answer:
        """Ask for something with GET; `accept_language` stands for `Accept-Language`."""
        return self("GET", target, {name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, target: str, json: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Send something with POST."""
        return self("POST", target, headers, json)

    async def _asked(self, scope: dict[str, Any], chunks: list[bytes]) -> Answer:
        waiting = [
            {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
            for number, chunk in enumerate(chunks)
        ]
        told: list[dict[str, Any]] = []
        done = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop(0)
            await done.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(message)
            if message["type"] == "http.response.body" and not message.get("more_body"):
                done.set()

        await asyncio.wait_for(self.app(scope, receive, send), 20)
        return answer_of(told)

    def connect(self, target: str, **headers: str) -> int:
        """Try to open a WebSocket, and return the code that it was closed with; 101 where it is open."""

        async def connected() -> int:
            told: list[dict[str, Any]] = []

            async def receive() -> dict[str, Any]:
                return {"type": "websocket.connect" if not told else "websocket.disconnect"}

            async def send(message: Any) -> None:
                told.append(message)

            named = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
            scope = {**scope_of("GET", target, named), "type": "websocket", "subprotocols": []}
            await asyncio.wait_for(self.app(scope, receive, send), 20)
            return int(told[0].get("code", 101))

        return asyncio.run(connected())

    def stream(self, target: str, then: Callable[[str], bool], **headers: str) -> Answer:
        """Read a stream until a function of all that came so far says that it is enough."""

        async def read() -> Answer:
            told: list[dict[str, Any]] = []
            enough = asyncio.Event()
            begun = False

            async def receive() -> dict[str, Any]:
                nonlocal begun
                if not begun:
                    begun = True
                    return {"type": "http.request", "body": b"", "more_body": False}
                await enough.wait()
                return {"type": "http.disconnect"}

            async def send(message: Any) -> None:
                told.append(message)
                if await asyncio.to_thread(then, answer_of(told).text):
                    enough.set()

            named = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
            await asyncio.wait_for(self.app(scope_of("GET", target, named), receive, send), 20)
            return answer_of(told)

        return asyncio.run(read())


def scope_of(method: str, target: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what a server tells an application of a request."""
    parts = urlsplit(target)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 4_200),
        "state": {},
    }


def answer_of(told: list[dict[str, Any]]) -> Answer:
    """Return the answer that messages of an application make up."""
    first = next((message for message in told if message["type"] == "http.response.start"), None)
    if first is None:
        return Answer(0, {}, b"")
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in first["headers"]}
    body = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
    return Answer(first["status"], headers, body)


def _encoded(data: Any) -> bytes:
    return json.dumps(data).encode()
