"""Rendering: the pages that stand outside the others, since they have to work without them."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from sluiceway.server.requests import here


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("sluiceway.server", "plain"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """Return a page.

    Args:
        request: The request that it answers.
        template: The name of its template.
        status: The status of the answer.
        values: What is put into the template; every value is escaped there.
    """
    text = _environment().get_template(template).render(here=lambda path: here(request, path), **values)
    return HTMLResponse(text, int(status))
