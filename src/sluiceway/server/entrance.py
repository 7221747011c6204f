"""The entrance: how somebody with a browser shows the token once, and leaves again."""

from __future__ import annotations

import time
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sluiceway.server import sessions
from sluiceway.server.rendering import page
from sluiceway.server.requests import here
from sluiceway.server.rules import Rules

router: APIRouter = APIRouter(include_in_schema=False)

_LONGEST = 2_000
"""Characters of the address to go to, at most."""


@router.get("/login")
def show_form(request: Request, to: Annotated[str, Query(alias="next", max_length=_LONGEST)] = "/") -> HTMLResponse:
    """Return the page that asks for the token.

    Args:
        request: The request.
        to: Where to go then.
    """
    return page(request, "login.html", to=_own(to))


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session for who has the token.

    Args:
        request: The request, with a form.
    """
    rules: Rules = request.app.state.rules
    form = parse_qs((await request.body()).decode("utf-8", "replace"), max_num_fields=8)
    to = _own(form.get("next", ["/"])[0])
    if rules.token is not None:
        if not sessions.is_same(form.get("token", [""])[0].strip(), rules.token):
            return page(request, "login.html", HTTPStatus.UNAUTHORIZED, to=to, wrong=True)
        response = RedirectResponse(here(request, to), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            sessions.COOKIE,
            sessions.begin(rules.token, time.time()),
            max_age=sessions.SECONDS,
            path=here(request, "/"),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response
    return RedirectResponse(here(request, to), HTTPStatus.SEE_OTHER)


@router.post("/logout")
def log_out(request: Request) -> Response:
    """End the session of this browser.

    Args:
        request: The request.
    """
    response = RedirectResponse(here(request, "/login"), HTTPStatus.SEE_OTHER)
    response.delete_cookie(sessions.COOKIE, path=here(request, "/"), httponly=True, samesite="strict")
    return response


@router.get("/login.css")
def style() -> Response:
    """Return what the pages look like that stand outside the others."""
    text = files("sluiceway.server").joinpath("plain", "plain.css").read_text(encoding="utf-8")
    return Response(text, media_type="text/css", headers={"cache-control": "no-cache"})


def _own(address: str) -> str:
    """Return an address as a path of this server; its first page where it would lead elsewhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    inside = address.startswith("/") and not address.startswith("//") and not (parts.scheme or parts.netloc)
    plain = address.isascii() and address.isprintable() and "\\" not in address and len(address) <= _LONGEST
    return address if inside and plain else "/"
