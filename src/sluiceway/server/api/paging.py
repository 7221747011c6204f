"""Paging: lists of the journal page by page, and parameters that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sluiceway.base.errors import ObjectNotFound
from sluiceway.model.queries import Page
from sluiceway.server.api.filters import Cursor, Limit
from sluiceway.server.api.shapes import plain

T = TypeVar("T")


class Paging:
    """Which page of a list to read.

    Args:
        limit: How many rows it has at most.
        after: The cursor of the page before; none for the first one.
    """

    def __init__(self, limit: Limit = 50, after: Cursor = None) -> None:
        self.limit: int = limit
        self.after: str | None = after

    def read(self, read: Callable[..., Page[Any]], *arguments: Any, **options: Any) -> dict[str, Any]:
        """Return the page, as its shape has it.

        Args:
            read: A verb of the journal.
            arguments: What it takes beside the page.
            options: The same, by name.

        Raises:
            HTTPException: The cursor is one of another list.
        """
        try:
            page = read(*arguments, limit=self.limit, after=self.after, **options)
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return {"items": [plain(item) for item in page.items], "cursor": page.cursor}


PagingHere = Annotated[Paging, Depends(Paging)]
"""The page that a request asks for."""


def there(found: T | None, what: str, identifier: object) -> T:
    """Return what was found.

    Args:
        found: That; None where there is nothing.
        what: What it is, such as `flow run`.
        identifier: What it was looked for by.

    Raises:
        ObjectNotFound: There is nothing.
    """
    if found is None:
        raise ObjectNotFound(f"There is no {what} with the identifier {identifier}.")
    return found


def only_known(request: Request) -> None:
    """Refuse parameters that a route does not have: one that was mistyped is not to be taken for none.

    Args:
        request: The request.

    Raises:
        RequestValidationError: There are some.
    """
    known = set(_names(request.scope["route"].dependant))
    problems = [
        {"type": "extra_forbidden", "loc": ("query", name), "msg": _unknown(known), "input": value}
        for name, value in request.query_params.multi_items()
        if name not in known
    ]
    if problems:
        raise RequestValidationError(problems[:10])


def _unknown(known: set[str]) -> str:
    return f"There is no such parameter; there is: {', '.join(sorted(known)) or 'none'}."


def _names(dependant: Any) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for each in dependant.dependencies:
        yield from _names(each)
