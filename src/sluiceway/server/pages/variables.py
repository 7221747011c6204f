"""Variables: values that any run can read, and that people set here. Secrets are told by name only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base import ids
from sluiceway.base.errors import InvalidNameError, InvalidOptionError
from sluiceway.model.keepsakes import Variable, VariableQuery
from sluiceway.ports.services import Services
from sluiceway.rules.keepsakes import check_tags, check_variable_name, value_text
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.sorting import arrange
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

ON_A_PAGE = 100

MOST_SECRETS = 200


COLUMNS: Mapping[str, Callable[[Variable], Any]] = {
    "name": lambda variable: variable.name,
    "value": lambda variable: variable.value,
    "-set": lambda variable: variable.updated,
}
"""What variables are sorted by."""


@router.get("/variables")
def variables(request: Request, store: StoreHere) -> Response:
    """Show the variables, and the names of the secrets."""
    given = request.query_params
    tag, name, after = given.get("tag", ""), given.get("name", ""), given.get("after") or None
    try:
        page = store.read_variables(VariableQuery(tags=(tag,) if tag else None), limit=ON_A_PAGE, after=after)
    except ValueError as error:
        raise HTTPException(400, f"after={after} is none of this list: {error}") from error
    return render(
        request,
        "variables.html",
        title="Variables",
        section="variables",
        page=page,
        table=arrange(request, page.items, COLUMNS, "name", whole=page.cursor is None and after is None),
        tag=tag,
        after=after,
        edited=store.read_variable(name) if name else None,
        secrets=store.read_secrets(limit=MOST_SECRETS).items,
        as_typed=as_typed,
    )


def as_typed(variable: Variable) -> str:
    """Return the value of a variable as somebody would type it into the form: a text as it is, all else as JSON.

    Args:
        variable: The variable.
    """
    value = json.loads(variable.value)
    return value if isinstance(value, str) and _read(value) == value else variable.value


@router.post("/variables")
async def change(request: Request, services: ServicesHere) -> Response:
    """Set or delete a variable, and show them again."""
    fields = dict(await posted(request))
    notice = await run_in_threadpool(_changed, fields, services)
    return back(request, "/variables", {"notice": notice})


def _changed(fields: dict[str, str], services: Services) -> str:
    action, name = fields.get("action", ""), fields.get("name", "").strip()
    if action == "delete":
        if not services.store.delete_variable(name):
            raise HTTPException(404, f"There is no variable {name!r} any more.")
        return f"Deleted: {name}."
    if action != "set":
        raise HTTPException(400, f"action={action} is none of: set, delete.")
    tags = [tag.strip() for tag in fields.get("tags", "").split(",") if tag.strip()]
    try:
        check_variable_name(name)
        now = services.clock.now()
        told = value_text(_read(fields.get("value", "")))
        services.store.write_variable(Variable(ids.new_id(), name, told, check_tags(tags), now, now), overwrite=True)
    except (InvalidNameError, InvalidOptionError) as error:
        raise HTTPException(400, str(error)) from error
    return f"Set: {name}."


def _read(text: str) -> Any:
    """Return a value that was typed: what is JSON as that, all else as a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
