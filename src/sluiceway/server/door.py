"""The door: what every request and every stream passes, before anything else sees it.

It stands around the whole application, over HTTP and WebSockets. It lets in only those that name the server as it is
named, that come from its own pages or from no page at all, and that bring the token if there is one; and nobody with
more than can be carried.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sluiceway.server import sessions
from sluiceway.server.rules import Rules

OPEN = frozenset({"/health", "/ready"})
"""What is answered to everybody who names the server rightly."""

OPEN_WITH_TOKEN = OPEN | {"/login", "/login.css"}
"""The same, where there is a token: its form has to be seen before somebody has logged in."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}

OWN_SITES = frozenset({"same-origin", "none"})
"""Where browsers say that a request comes from: the server's own page, or the person before the screen."""

POLICY = "content-security-policy"
HEADERS = {
    POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With `no-referrer`, browsers would send `Origin: null` with the forms of our own pages.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
"""What every answer tells the browser."""

_MOST_DIGITS = 18
"""Of the length of a body; one with more digits is too large by far."""

_POLICY_VIOLATION = 1008
"""The code that a WebSocket is closed with."""

_logger = logging.getLogger("sluiceway.server")


class _Refused(NamedTuple):
    """Why somebody is not let in.

    Args:
        status: The status of the answer.
        why: What it says.
        headers: What else it tells.
    """

    status: HTTPStatus
    why: str
    headers: tuple[tuple[str, str], ...] = ()


_BROKEN = _Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here. The log of the server says what.")


class Door:
    """Lets in who may, and tells the others why not.

    Args:
        app: The application behind it.
        rules: Who is let in, and with how much.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self.app: ASGIApp = app
        self.rules: Rules = rules
        self.answered: Counter[tuple[str, int]] = Counter()
        """How many requests were answered, by method and status."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have the application do it.

        Args:
            scope: What was asked for.
            receive: Returns the next part of the request.
            send: Takes the next part of the answer.
        """
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope)
        if scope["type"] != "http":
            await self._websocket(scope, receive, send, refused)
            return
        answer = _Answer(send, scope["method"], self.answered)
        if refused is not None:
            await answer.refuse(refused)
            return
        body = _Body(receive, self.rules.most_bytes(get_route_path(scope)), self.rules.seconds)
        try:
            await self.app(scope, body.receive, answer.send)
        except Exception:
            _logger.exception("A request could not be answered: %s %s", scope["method"], scope["path"])
            if answer.begun and not answer.ended:
                raise  # so that the connection is cut: the client is not to take half an answer for all of it
            if not answer.begun:
                await answer.refuse(_BROKEN)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send, refused: _Refused | None) -> None:
        if refused is None:
            await self.app(scope, receive, send)
            return
        await receive()  # the wish to connect
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refused.why[:100]})

    def _refusal(self, scope: Scope) -> _Refused | None:
        """Return why somebody is not let in; None for one who is."""
        headers = Headers(scope=scope)
        host = _only(headers, "host")
        if host is None or not self.rules.goes_by(_name_in(host)):
            return _Refused(
                HTTPStatus.BAD_REQUEST,
                "The server does not go by the name in the Host header. If it should, say so with --allow-host NAME or "
                "SLUICEWAY_SERVER_ALLOWED_HOSTS.",
            )
        if _is_foreign(scope, headers, host):
            return _Refused(HTTPStatus.FORBIDDEN, "The request comes from a page of another site.")
        return self._without_token(scope, headers) or self._too_large(scope, headers)

    def _too_large(self, scope: Scope, headers: Headers) -> _Refused | None:
        """Return why a body is not taken that says itself how large it is."""
        length, most = headers.get("content-length", ""), self.rules.most_bytes(get_route_path(scope))
        if length.isdecimal() and int(length[:_MOST_DIGITS]) > most:
            why = f"The body of the request has more than {most:,} bytes."
            return _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, why, (("connection", "close"),))
        return None

    def _without_token(self, scope: Scope, headers: Headers) -> _Refused | None:
        """Return why somebody is not let in who comes from no foreign page."""
        token, path = self.rules.token, get_route_path(scope)
        if token is None or path in OPEN_WITH_TOKEN:
            return None
        given = _only(headers, "authorization")
        if given is not None:
            scheme, _, value = given.partition(" ")
            if scheme.lower() == "bearer" and sessions.is_same(value.strip(), token):
                return None
            return _Refused(HTTPStatus.UNAUTHORIZED, "The token is another one.", (("www-authenticate", "Bearer"),))
        session = _session_in(headers)
        if session is not None and sessions.is_good(token, session, time.time()):
            if _is_unsafe(scope) and "origin" not in headers:  # every browser tells it there
                return _Refused(HTTPStatus.FORBIDDEN, "The request does not say which page it comes from.")
            return None
        if _is_for_eyes(scope, headers, path):
            login = f"{scope.get('root_path', '')}/login?next={quote(_target(scope), safe='')}"
            return _Refused(HTTPStatus.SEE_OTHER, "Log in first.", (("location", login),))
        return _Refused(
            HTTPStatus.UNAUTHORIZED,
            "A token is needed: the header `Authorization: Bearer TOKEN`.",
            (("www-authenticate", "Bearer"),),
        )


class _Answer:
    """An answer on its way out: it gets the headers that all have, and is counted.

    Args:
        send: Takes its parts.
        method: The method of the request.
        answered: Where it is counted.
    """

    def __init__(self, send: Send, method: str, answered: Counter[tuple[str, int]]) -> None:
        self._send = send
        self._method = method if method in METHODS else "other"
        self._answered = answered
        self.begun: bool = False
        self.ended: bool = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer.

        Args:
            message: The part.
        """
        if message["type"] == "http.response.start":
            self.begun = True
            self._answered[self._method, message["status"]] += 1
            headers = MutableHeaders(scope=message)
            own_policy = headers.get(POLICY)
            for name, value in HEADERS.items():
                headers[name] = value
            if own_policy is not None:  # both hold then: what an answer says of itself can only be stricter
                headers.append(POLICY, own_policy)
            headers.setdefault("cache-control", "no-store")
        await self._send(message)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body", False)

    async def refuse(self, refused: _Refused) -> None:
        """Answer that somebody is not let in.

        Args:
            refused: Why.
        """
        body = json.dumps({"detail": refused.why}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), *refused.headers]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self.send({"type": "http.response.start", "status": int(refused.status), "headers": raw})
        await self.send({"type": "http.response.body", "body": b"" if self._method == "HEAD" else body})


class _Body:
    """The body of a request: no larger, and no longer on its way, than it may be.

    Args:
        receive: Returns its next part.
        most: How many bytes it may have.
        seconds: How long it may take.
    """

    def __init__(self, receive: Receive, most: int, seconds: float) -> None:
        self._receive = receive
        self._left = self._most = most
        self._seconds = seconds
        self._complete = False

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            HTTPException: It is too large, or too slow.
        """
        if self._complete:
            return await self._receive()  # that the client has gone, sooner or later
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The body of the request did not come in time.") from None
        self._seconds = max(0.001, self._seconds - (time.monotonic() - began))
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body of the request has more than {self._most:,} bytes."
            )
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _only(headers: Headers, name: str) -> str | None:
    """Return the value of a header that is to be there once."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else None


def _name_in(host: str) -> str:
    """Return the name in a `Host` header, without port and brackets; empty where it has none."""
    try:
        found = urlsplit(f"//{host}")
        odd = any(mark in host for mark in "@/?#\\") or (found.port or 0) < 0
        return "" if odd else found.hostname or ""
    except ValueError:  # of a port, or an address in brackets, that is none
        return ""


def _is_unsafe(scope: Scope) -> bool:
    return scope["type"] != "http" or scope["method"] not in SAFE


def _is_foreign(scope: Scope, headers: Headers, host: str) -> bool:
    """Return whether a request was made by a page of another site."""
    if "origin" in headers and not _is_origin_of(_only(headers, "origin") or "", host):
        return True
    site = headers.get("sec-fetch-site")
    if site is None or site in OWN_SITES:
        return False
    # Somebody may follow a link to a page from anywhere; that site learns nothing of what is shown then.
    followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    return _is_unsafe(scope) or not followed


def _is_origin_of(origin: str, host: str) -> bool:
    """Return whether an origin is that of the server, which goes by a host, perhaps behind a proxy with TLS."""
    scheme, mark, rest = origin.partition("://")
    if not mark or scheme not in ("http", "https"):
        return False
    usual = ":80" if scheme == "http" else ":443"
    return rest.lower().removesuffix(usual) == host.lower().removesuffix(usual)


def _session_in(headers: Headers) -> str | None:
    """Return the session that a browser shows."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        return None
    found = cookies.get(sessions.COOKIE)
    return None if found is None else found.value


def _is_for_eyes(scope: Scope, headers: Headers, path: str) -> bool:
    """Return whether somebody wants to look at a page, rather than a program wants data."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return False
    return "text/html" in headers.get("accept", "") and (path == "/api/docs" or not path.startswith("/api/"))


def _target(scope: Scope) -> str:
    """Return what was asked for, as a path with its query, below the prefix of the server."""
    query = scope.get("query_string", b"").decode("latin-1")
    return get_route_path(scope) + (f"?{query}" if query else "")
