"""The frame that all pages stand in: addresses, templates, headers, and who may post a form."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from sluiceway.base import times
from sluiceway.server.pages import charts, lines, looks

SERVER = Path(__file__).parents[1]

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

MAX_FORM_BYTES = 1_000_000
"""The size that a posted form may have."""

MAX_FIELDS = 5_000
"""How many fields a posted form may have."""

THEMES = ("light", "dark")

SECTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("home", "Home", "/", "h"),
    ("runs", "Runs", "/runs", "r"),
    ("flows", "Flows", "/flows", "f"),
    ("artifacts", "Artifacts", "/artifacts", "a"),
    ("variables", "Variables", "/variables", "v"),
)
"""The entries of the navigation: name, title, path, and the key that follows `g`."""

LATER_SECTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("concurrency", "Concurrency", "/concurrency", "c"),
    ("processes", "Processes", "/processes", "p"),
    ("storage", "Storage", "/storage", "s"),
    ("settings", "Settings", "/settings", "t"),
)
"""The entries of its second group."""


def address(request: Request, path: str, query: Mapping[str, Any] | None = None) -> str:
    """Return the address of a page, under whatever prefix the server is mounted.

    Args:
        request: The request that is answered.
        path: The path as the application knows it, such as `/runs`.
        query: What goes into the query; None and empty values are left out.
    """
    pairs = [
        (name, item)
        for name, value in (query or {}).items()
        for item in (value if isinstance(value, (list, tuple)) else (value,))
        if item is not None and item != ""
    ]
    root: str = request.scope.get("root_path", "")
    return f"{root.rstrip('/')}{quote(path)}" + (f"?{urlencode(pairs)}" if pairs else "")


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((SERVER / "static" / name).read_bytes()).hexdigest()[:10]


@pass_context
def _url(context: Context, path: str, query: Mapping[str, Any] | None = None, /, **more: Any) -> str:
    return address(context["request"], path, {**(query or {}), **more})


@pass_context
def _static(context: Context, name: str) -> str:
    return address(context["request"], f"/static/{name}", {"v": _fingerprint(name)})


@cache
def environment() -> Environment:
    """Return what templates are read with."""
    made = Environment(
        loader=FileSystemLoader(SERVER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(url=_url, static=_static, version=version("sluiceway"), now=times.now)
    made.globals.update(looks.GLOBALS)
    made.globals.update(charts.GLOBALS)
    made.filters.update(looks.FILTERS)
    made.filters.update(lines.FILTERS)
    return made


def form_token(request: Request) -> str:
    """Return what a form of these pages brings along when it is posted, and no other site can know.

    Args:
        request: The request that is answered.
    """
    state = request.app.state
    if not hasattr(state, "form_token"):
        state.form_token = secrets.token_urlsafe(24)
    token: str = state.form_token
    return token


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    Args:
        request: The request that is answered.
        template: The file in `templates`, which extends `base.html`.
        status: The status code.
        values: What the template shows: `title` at least, and `section`, the entry of the navigation.
    """
    theme = request.cookies.get("sluiceway_theme")
    known = {
        "request": request,
        "root": request.scope.get("root_path", "").rstrip("/"),
        "theme": theme if theme in THEMES else None,
        "token": form_token(request),
        "sections": SECTIONS,
        "later_sections": LATER_SECTIONS,
        "section": None,
        "guarded": getattr(getattr(request.app.state, "rules", None), "token", None) is not None,
        "notice": request.query_params.get("notice"),
    }
    text = environment().get_template(template).render({**known, **values})
    return HTMLResponse(text, status, HEADERS)


async def posted(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a posted form, in their order, once it is sure that a page of this server posted it.

    Args:
        request: The request.

    Raises:
        HTTPException: It is too large, none of these pages' forms, or from a page of before a restart.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise HTTPException(413, f"A form may have {MAX_FORM_BYTES:,} bytes at most.")
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise HTTPException(400, f"The form cannot be read: {error}.") from error
    given = dict(fields).get("token", "")
    if not secrets.compare_digest(given.encode(), form_token(request).encode()):
        raise HTTPException(
            403, "The form is older than this server, or comes from elsewhere. Load the page again and repeat it."
        )
    return [(name, value) for name, value in fields if name != "token"]


def back(request: Request, path: str, query: Mapping[str, Any] | None = None) -> RedirectResponse:
    """Return the way to a page after a form was posted.

    Args:
        request: The request that is answered.
        path: The path as the application knows it.
        query: What goes into the query.
    """
    return RedirectResponse(address(request, path, query), 303)
