"""Errors as pages: what went wrong, and what to do."""

from __future__ import annotations

import logging
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base.errors import StoreError
from sluiceway.server.pages.frame import render

_logger = logging.getLogger("sluiceway.server")

_HEADINGS = {
    400: "This address does not fit",
    403: "This was not accepted",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "That is too much at once",
    500: "Something broke",
    503: "The journal cannot be used",
}


def page_of_error(request: Request, status: int, text: str) -> Response:
    """Return the page that tells what went wrong.

    Args:
        request: The request.
        status: The status code.
        text: What to say, with the remedy.
    """
    heading = _HEADINGS.get(status) or HTTPStatus(status).phrase
    return render(request, "error.html", status=status, title=heading, heading=heading, code=status, text=text)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer a request for a page that cannot be answered as it was meant.

    Args:
        request: The request.
        error: What is in the way.
    """
    assert isinstance(error, HTTPException)
    text = error.detail
    if error.status_code == 404 and text == HTTPStatus.NOT_FOUND.phrase:
        text = f"No page goes by the address {request.url.path}."
    response = page_of_error(request, error.status_code, text)
    response.headers.update(error.headers or {})
    return response


async def on_store_error(request: Request, error: Exception) -> Response:
    """Say that the journal cannot be used, and why.

    Args:
        request: The request.
        error: What is in the way.
    """
    assert isinstance(error, StoreError)
    return page_of_error(request, 503, str(error))


async def on_any_error(request: Request, error: Exception) -> Response:
    """Say that the server has a defect; the log tells which.

    Args:
        request: The request.
        error: The defect.
    """
    _logger.error("The page %s broke.", request.url.path, exc_info=error)
    return page_of_error(
        request, 500, "The server has met a defect of its own. Its output has the traceback; runs are not affected."
    )
