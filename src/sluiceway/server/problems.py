"""Problems: what an error is as an answer, with its reason and the status that fits."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sluiceway.base import errors
from sluiceway.server.acting import BusyError
from sluiceway.server.pages import errors as pages

LONGEST = 2_000
"""Characters of a reason, at most."""


_STATUS: tuple[tuple[type[errors.SluicewayError], HTTPStatus], ...] = (
    (errors.ObjectNotFound, HTTPStatus.NOT_FOUND),
    (errors.ObjectAlreadyExists, HTTPStatus.CONFLICT),
    (errors.NotPausedError, HTTPStatus.CONFLICT),
    (errors.RunNotStoppableError, HTTPStatus.CONFLICT),
    (errors.FlowPauseTimeout, HTTPStatus.CONFLICT),
    (errors.UnfinishedRun, HTTPStatus.CONFLICT),
    (errors.MissingResult, HTTPStatus.CONFLICT),
    (errors.ParameterTypeError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.ParameterBindError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.SignatureMismatchError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.InvalidNameError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.InvalidOptionError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.StoreError, HTTPStatus.SERVICE_UNAVAILABLE),
    (BusyError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of each kind of error that a caller can do something about."""

_logger = logging.getLogger("sluiceway.server")


class Misfit(BaseModel):
    """What does not fit in a request."""

    where: str = Field(description="Where it is, such as `query.limit` or `body.ids.3`.")
    message: str = Field(description="What should be there.")


class Problem(BaseModel):
    """Why a request was not answered as it was meant."""

    detail: str = Field(description="The reason, for a person.")
    errors: list[Misfit] = Field(default=[], description="What does not fit, one by one.")


def tell_problems(app: FastAPI) -> None:
    """Have an application answer with problems where something goes wrong.

    Args:
        app: The application.
    """
    app.add_exception_handler(errors.SluicewayError, _told)
    app.add_exception_handler(RequestValidationError, _misfits)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(Exception, _broken)


def _is_for_program(request: Request) -> bool:
    """Return whether a program asks, rather than somebody who looks at pages."""
    path = get_route_path(request.scope)
    return path.startswith("/api/") or path in ("/api", "/health", "/ready", "/metrics", "/login", "/logout")


async def _told(request: Request, error: Exception) -> Response:
    if not _is_for_program(request):
        if isinstance(error, errors.StoreError):
            return await pages.on_store_error(request, error)
        return pages.page_of_error(request, int(_status_of(error)), str(error))
    status = _status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("A request could not be answered: %s", error, exc_info=error)
    return _answer(status, str(error))


def _status_of(error: Exception) -> HTTPStatus:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)


async def _misfits(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # it is registered for this kind
    found = [Misfit(where=_where(each["loc"]), message=str(each["msg"])[:LONGEST]) for each in error.errors()]
    is_json = not any(each["type"] == "json_invalid" for each in error.errors())
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_json else HTTPStatus.BAD_REQUEST
    first = f"{found[0].where}: {found[0].message}" if found else "The request does not fit."
    if not _is_for_program(request):
        return pages.page_of_error(request, int(HTTPStatus.BAD_REQUEST), first)
    return _answer(status, first, found)


async def _plain(request: Request, error: Exception) -> Response:
    if not _is_for_program(request):
        return await pages.on_http_error(request, error)
    assert isinstance(error, HTTPException)  # it is registered for this kind
    answer = _answer(HTTPStatus(error.status_code), str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _broken(request: Request, error: Exception) -> Response:
    """Say no more than that something went wrong: the door logs what."""
    if not _is_for_program(request):
        return await pages.on_any_error(request, error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here. The log of the server says what.")


def _answer(status: HTTPStatus, detail: str, misfits: list[Misfit] | None = None) -> JSONResponse:
    problem = Problem(detail=detail[:LONGEST], errors=misfits or [])
    return JSONResponse(problem.model_dump(), status_code=int(status))


def _where(location: tuple[Any, ...]) -> str:
    return ".".join(str(part)[:100] for part in location)[:LONGEST]
