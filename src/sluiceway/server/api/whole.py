"""The journal as a whole: limits, processes, storage, searches; artifacts and variables."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Path, Query

from sluiceway.base import ids, times
from sluiceway.base.errors import ObjectNotFound
from sluiceway.model.keepsakes import Artifact, Variable
from sluiceway.model.overview import Found, InHand
from sluiceway.model.slots import HeldSlots, Limit
from sluiceway.rules.keepsakes import check_tags, check_variable_name, value_text
from sluiceway.server.api import filters, shapes
from sluiceway.server.api.paging import PagingHere, there
from sluiceway.server.api.shapes import plain, shape_of
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

VariableName: TypeAlias = Annotated[str, Path(max_length=filters.LONGEST_TEXT, description="The name of a variable.")]


@router.get("/search", response_model=shape_of(Found), tags=["journal"])
def search(
    store: StoreHere,
    text: Annotated[str, Query(min_length=1, max_length=filters.LONGEST_TEXT, description="How it begins.")],
    limit: Annotated[int, Query(ge=1, le=50, description="How many of each kind at most.")] = 8,
) -> Any:
    """Return what goes by a text: the beginning of an identifier or of a name."""
    return plain(store.search(text, limit=limit))


@router.get("/storage", response_model=shapes.Storage, tags=["journal"])
def describe_storage(store: StoreHere) -> Any:
    """Return how much the journal holds."""
    return store.describe()


@router.get("/processes", response_model=list[shape_of(InHand)], tags=["journal"])  # type: ignore[misc]
def read_processes(store: StoreHere) -> Any:
    """Return the processes that are at work, and what each has in hand."""
    return plain(store.read_in_hand())


@router.get("/limits", response_model=list[shape_of(Limit)], tags=["journal"])  # type: ignore[misc]
def read_limits(store: StoreHere) -> Any:
    """Return the concurrency limits by name."""
    return plain(store.read_limits())


@router.get("/limits/slots", response_model=list[shape_of(HeldSlots)], tags=["journal"])  # type: ignore[misc]
def read_slots(
    store: StoreHere,
    name: Annotated[filters.SomeText | None, Query(description="The name of a limit; all by default.")] = None,
) -> Any:
    """Return who has slots of limits, and after them who waits for some."""
    return plain(store.read_slots(name, times.now()))


# --- artifacts and variables --------------------------------------------------------------------------


@router.get("/artifacts", response_model=shapes.Page[shape_of(Artifact)], tags=["artifacts"])  # type: ignore[misc]
def read_artifacts(
    store: StoreHere,
    page: PagingHere,
    query: filters.Artifacts,
    newest_first: Annotated[bool, Query(description="Whether the newest come first.")] = True,
) -> Any:
    """Return artifacts by age, without their data; those of one key are its versions."""
    return page.read(store.read_artifacts, query, newest_first=newest_first, data=False)


@router.get("/artifacts/latest", response_model=shapes.Page[shape_of(Artifact)], tags=["artifacts"])  # type: ignore[misc]
def read_latest_artifacts(store: StoreHere, page: PagingHere, query: filters.Artifacts) -> Any:
    """Return the newest version of each key, by key, without its data."""
    return page.read(store.read_latest_artifacts, query, data=False)


@router.get("/artifacts/count", response_model=shapes.Count, tags=["artifacts"])
def count_artifacts(store: StoreHere, query: filters.Artifacts) -> Any:
    """Return how many artifacts there are, all versions counted."""
    return shapes.Count(count=store.count_artifacts(query))


@router.get("/artifacts/{artifact_id}", response_model=shape_of(Artifact), tags=["artifacts"])
def read_artifact(artifact_id: UUID, store: StoreHere) -> Any:
    """Return an artifact with its data."""
    return plain(there(store.read_artifact(artifact_id.bytes), "artifact", artifact_id))


@router.delete("/artifacts/{artifact_id}", status_code=204, tags=["artifacts"])
def delete_artifact(artifact_id: UUID, store: StoreHere) -> None:
    """Delete an artifact; the version before it is the latest then."""
    if not store.delete_artifact(artifact_id.bytes):
        there(None, "artifact", artifact_id)


@router.get("/variables", response_model=shapes.Page[shape_of(Variable)], tags=["variables"])  # type: ignore[misc]
def read_variables(store: StoreHere, page: PagingHere, query: filters.Variables) -> Any:
    """Return variables by name."""
    return page.read(store.read_variables, query)


@router.get("/variables/{name}", response_model=shape_of(Variable), tags=["variables"])
def read_variable(name: VariableName, store: StoreHere) -> Any:
    """Return a variable."""
    found = store.read_variable(name)
    if found is None:
        raise ObjectNotFound(f"There is no variable {name!r}.")
    return plain(found)


@router.put("/variables/{name}", response_model=shape_of(Variable), tags=["variables"])
def write_variable(name: VariableName, given: shapes.NewVariable, store: StoreHere) -> Any:
    """Set a variable, and return it; one that there is keeps its identifier."""
    check_variable_name(name)
    moment = times.now()
    value, tags = value_text(given.value), check_tags(given.tags)
    store.write_variable(Variable(ids.new_id(), name, value, tags, moment, moment), overwrite=True)
    return read_variable(name, store)


@router.delete("/variables/{name}", status_code=204, tags=["variables"])
def delete_variable(name: VariableName, store: StoreHere) -> None:
    """Delete a variable."""
    if not store.delete_variable(name):
        raise ObjectNotFound(f"There is no variable {name!r}.")
