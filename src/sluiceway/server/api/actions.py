"""Actions: what is done with runs over the API."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.queries import PAGE_LIMIT, FlowRunQuery
from sluiceway.model.states import StateType
from sluiceway.ports.services import Services
from sluiceway.server import acting
from sluiceway.server.api import filters, shapes
from sluiceway.server.problems import Problem
from sluiceway.server.requests import ServicesHere
from sluiceway.wiring.cancelling import GRACE_SECONDS

router: APIRouter = APIRouter(
    responses={int(HTTPStatus.CONFLICT): {"model": Problem, "description": "The run is in no state for that."}}
)

LONGEST_MESSAGE = 2_000


class Asked(BaseModel, extra="forbid"):
    """What is asked for."""


class Cancelling(Asked):
    """How a run is to be cancelled."""

    grace_seconds: float = Field(30.0, ge=0, le=3_600, description="Until a process that has not ended it is killed.")
    wait_seconds: float = Field(2.0, ge=0, le=30, description="How long the answer waits for the end at most.")


class Retrying(Asked):
    """Where a run is to go on."""

    from_step: UUID | None = Field(None, description="The first step to run again; those that failed by default.")


class Resuming(Asked):
    """What a paused run is given."""

    input: dict[str, Any] | None = Field(None, description="What it asks for, by name.")


class Forking(Asked):
    """How a new run differs from the one that it takes results over from."""

    from_step: UUID | None = Field(None, description="The first step to run anew.")
    parameters: dict[str, Any] = Field({}, description="Arguments that are to differ, by name.", max_length=500)


class EndOfFlowRun(Asked):
    """What became of a flow run that no process has in hand."""

    type: Literal["COMPLETED", "FAILED", "CANCELLED", "CRASHED"] = Field(description="The type of its final state.")
    message: str | None = Field(None, max_length=LONGEST_MESSAGE, description="What to tell a person.")


class EndOfTaskRun(Asked):
    """What became of a step."""

    type: Literal["COMPLETED", "FAILED"] = Field(description="The type of its final state.")
    message: str | None = Field(None, max_length=LONGEST_MESSAGE, description="What to tell a person.")
    value: Any = Field(None, description="The value of a step that completed.")


class Many(Asked):
    """Several runs; none where parameters of the request say which."""

    ids: list[UUID] | None = Field(None, max_length=PAGE_LIMIT, description="The runs.")


class Refused(BaseModel):
    """A run that nothing was done with."""

    id: UUID = Field(description="The run.")
    detail: str = Field(description="Why.")


class Done(BaseModel):
    """What was done with several runs."""

    done: list[UUID] = Field(description="The runs that it was done with.")
    refused: list[Refused] = Field(description="The others, each with the reason.")
    more: bool = Field(description="Whether further runs fit the parameters: ask again.")


_flow_runs = "flow runs"


# --- several runs: first, since `bulk` would be taken for an identifier -----------------------------------


@router.post("/flow_runs/bulk/cancel", response_model=Done, tags=[_flow_runs])
def cancel_many(services: ServicesHere, query: filters.FlowRuns, asked: Many | None = None) -> Any:
    """Cancel several flow runs: those of a list, or those that the parameters choose, 200 at most."""
    return _with_each(query, asked, services, lambda key: acting.cancel_run(key, GRACE_SECONDS, 0.2, services))


@router.post("/flow_runs/bulk/retry", response_model=Done, tags=[_flow_runs])
def retry_many(services: ServicesHere, query: filters.FlowRuns, asked: Many | None = None) -> Any:
    """Have several flow runs go on: those of a list, or those that the parameters choose, 200 at most."""
    return _with_each(query, asked, services, lambda key: acting.retry_run(key, None, services))


@router.post("/flow_runs/bulk/delete", response_model=Done, tags=[_flow_runs])
def delete_many(services: ServicesHere, query: filters.FlowRuns, asked: Many | None = None) -> Any:
    """Remove several flow runs: those of a list, or those that the parameters choose, 200 at most."""

    def delete(key: RunId) -> None:
        acting.delete_flow_run(key, services)

    return _with_each(query, asked, services, delete)


# --- one run ------------------------------------------------------------------------------------------


@router.post("/flow_runs/{flow_run_id}/cancel", response_model=shapes.FlowRun, tags=[_flow_runs])
def cancel(flow_run_id: UUID, services: ServicesHere, asked: Cancelling | None = None) -> Any:
    """Cancel a flow run, wherever it is under way; it may not have ended by the time of the answer."""
    how = asked or Cancelling.model_validate({})
    return acting.cancel_run(flow_run_id.bytes, how.grace_seconds, how.wait_seconds, services)()


@router.post("/flow_runs/{flow_run_id}/retry", response_model=shapes.FlowRun, tags=[_flow_runs])
def retry(flow_run_id: UUID, services: ServicesHere, asked: Retrying | None = None) -> Any:
    """Have a run that failed, crashed or was cancelled go on, in a process of its own on the machine of the server."""
    step = None if asked is None or asked.from_step is None else asked.from_step.bytes
    return acting.retry_run(flow_run_id.bytes, step, services)()


@router.post("/flow_runs/{flow_run_id}/resume", response_model=shapes.FlowRun, tags=[_flow_runs])
def resume(flow_run_id: UUID, services: ServicesHere, asked: Resuming | None = None) -> Any:
    """Have a run go on that is paused or has crashed."""
    return acting.resume_run(flow_run_id.bytes, None if asked is None else asked.input, services)


@router.post("/flow_runs/{flow_run_id}/fork", response_model=shapes.FlowRun, tags=[_flow_runs])
def fork(flow_run_id: UUID, services: ServicesHere, asked: Forking | None = None) -> Any:
    """Make a new run that takes over results of another one, and return it; it runs on the machine of the server."""
    how = asked or Forking.model_validate({})
    step = None if how.from_step is None else how.from_step.bytes
    return acting.fork_run(flow_run_id.bytes, step, how.parameters, services)


@router.post("/flow_runs/{flow_run_id}/set_state", response_model=shapes.FlowRun, tags=[_flow_runs])
def set_flow_run_state(flow_run_id: UUID, services: ServicesHere, asked: EndOfFlowRun) -> Any:
    """Say by hand what became of a flow run that has not ended, and that no process has in hand."""
    return acting.set_flow_run_state(flow_run_id.bytes, StateType(asked.type), asked.message, services)


@router.delete("/flow_runs/{flow_run_id}", status_code=HTTPStatus.NO_CONTENT, tags=[_flow_runs])
def delete_flow_run(flow_run_id: UUID, services: ServicesHere) -> None:
    """Remove a flow run that has ended, with all that hangs on it."""
    acting.delete_flow_run(flow_run_id.bytes, services)


@router.post("/task_runs/{task_run_id}/set_state", response_model=shapes.TaskRun, tags=["task runs"])
def set_task_run_state(task_run_id: UUID, services: ServicesHere, asked: EndOfTaskRun) -> Any:
    """Say by hand what became of a step of a flow run that no process has in hand."""
    return acting.set_task_run_state(task_run_id.bytes, StateType(asked.type), asked.message, asked.value, services)


@router.delete("/task_runs/{task_run_id}", status_code=HTTPStatus.NO_CONTENT, tags=["task runs"])
def delete_task_run(task_run_id: UUID, services: ServicesHere) -> None:
    """Remove a task run that was called outside flows and has ended."""
    acting.delete_task_run(task_run_id.bytes, services)


# --- behind them ---------------------------------------------------------------------------------------


def _with_each(
    query: FlowRunQuery, asked: Many | None, services: Services, act: Callable[[RunId], Callable[[], object] | None]
) -> Done:
    """Do something with each of several runs; what is in the way of one is in the way of none of the others.

    Raises:
        HTTPException: It is not said which runs, or said twice.
    """
    listed = None if asked is None else asked.ids
    if (listed is None) == (query == FlowRunQuery()):
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Say which runs: either by `ids`, or by parameters such as state_types."
        )
    if listed is not None:
        keys, more = [run_id.bytes for run_id in dict.fromkeys(listed)], False
    else:
        page = services.store.read_flow_runs(query, limit=PAGE_LIMIT)
        keys, more = [run.key for run in page.items], page.cursor is not None
    refused = acting.with_each(keys, act)
    return Done(
        done=[to_uuid(key) for key in keys if key not in refused],
        refused=[Refused(id=to_uuid(key), detail=detail) for key, detail in refused.items()],
        more=more,
    )
