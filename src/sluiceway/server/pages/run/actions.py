"""What can be done with a run from its page: plain forms, which work without script.

The code of flows has no place in the server: what is to run is started in a process of its own, as the command line
does it, and the page waits for a moment whether that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base.errors import SluicewayError
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.client.orchestration import SyncClient
from sluiceway.model.queries import RunOrder, TaskRunQuery
from sluiceway.model.restoring import live_state
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import COMPLETED, FAILED, PAUSED, State
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.server.acting import fork_run, resume_run, retry_run
from sluiceway.server.pages.acting import act as act_on
from sluiceway.server.pages.forms import BadFieldError, controls_of, read_fields
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.run.subject import flow_run_of, key_of, subject_of, task_run_of
from sluiceway.server.requests import ServicesHere, StoreHere

router: APIRouter = APIRouter()

SIMPLE = ("cancel", "retry", "delete")
"""What takes nothing but a button."""

STEPS_OFFERED = 300
"""Of how many steps one can be chosen to begin from."""

MARKS = {"completed": COMPLETED, "failed": FAILED}
"""What a step can be marked as."""


@router.post("/runs/{run_id}/act")
async def act(run_id: str, request: Request, services: ServicesHere) -> Response:
    """Cancel, retry or delete a run."""
    action = dict(await posted(request)).get("action", "")
    if action not in SIMPLE:
        raise HTTPException(400, f"action={action} is none of: {', '.join(SIMPLE)}.")
    run = flow_run_of(services.store, run_id)
    if action == "retry":
        return await run_in_threadpool(_go_on, request, run, lambda: retry_run(run.key, None, services)())
    outcome = await run_in_threadpool(act_on, action, [run.key], services)
    gone = services.store.read_flow_run(run.key) is None
    return back(request, "/runs" if gone else f"/runs/{run.id}", {"notice": outcome})


# --- going on -------------------------------------------------------------------------------------


@router.get("/runs/{run_id}/resume")
def resume_form(run_id: str, request: Request, store: StoreHere) -> Response:
    """Ask for what a paused run waits for."""
    run = flow_run_of(store, run_id)
    schema = _schema_of(store, run)
    return _form(request, store, run, "resume", fields=controls_of(schema) if schema else [])


@router.post("/runs/{run_id}/resume")
async def resume(run_id: str, request: Request, services: ServicesHere) -> Response:
    """Have a run go on that is paused, or whose process died."""
    given = dict(await posted(request))
    store = services.store
    run = flow_run_of(store, run_id)
    schema, answer = _schema_of(store, run), None
    if schema:
        try:
            answer = read_fields(schema, given)
        except BadFieldError as error:
            fields = [control._replace(value=given.get(control.name, control.value)) for control in controls_of(schema)]
            return _form(request, store, run, "resume", status=400, fields=fields, complaint=str(error))
    return await run_in_threadpool(_go_on, request, run, lambda: resume_run(run.key, answer, services))


def _schema_of(store: Store, run: FlowRun) -> dict[str, Any] | None:
    """Return the schema of what a run waits for; None where it waits for nothing in particular."""
    for stored in reversed(store.read_history(run.key)):
        if stored.type is PAUSED:
            return live_state(stored).state_details.pause_schema
    return None


def _go_on(request: Request, run: FlowRun, go_on: Callable[[], FlowRun]) -> Response:
    """Have a run go on, and show it once it does, or why it does not."""
    try:
        go_on()
    except SluicewayError as error:
        return back(request, f"/runs/{run.id}", {"notice": str(error)})
    return back(request, f"/runs/{run.id}", {"notice": "It goes on."})


# --- running again --------------------------------------------------------------------------------


@router.get("/runs/{run_id}/again")
def again_form(run_id: str, request: Request, store: StoreHere) -> Response:
    """Ask with which parameters a flow is to run again."""
    run = flow_run_of(store, run_id)
    return _form(request, store, run, "again", parameters=_as_json(run))


@router.get("/runs/{run_id}/fork")
def fork_form(run_id: str, request: Request, store: StoreHere) -> Response:
    """Ask from which step a new run is to begin that takes over what came before."""
    run = flow_run_of(store, run_id)
    chosen = request.query_params.get("step", "")
    return _form(
        request,
        store,
        run,
        "fork",
        parameters=_as_json(run),
        steps=_own_steps(store, run),
        chosen=key_of(chosen) if chosen else None,
    )


@router.post("/runs/{run_id}/again")
async def again(run_id: str, request: Request, services: ServicesHere) -> Response:
    """Make a new run of the flow, and show it."""
    return await _run_anew(run_id, "again", request, services)


@router.post("/runs/{run_id}/fork")
async def fork(run_id: str, request: Request, services: ServicesHere) -> Response:
    """Make a new run of the flow that takes over results of another one, and show it."""
    return await _run_anew(run_id, "fork", request, services)


async def _run_anew(run_id: str, verb: str, request: Request, services: Services) -> Response:
    given = dict(await posted(request))
    store = services.store
    run = flow_run_of(store, run_id)
    try:
        changed = _changed(run, given)
    except BadFieldError as error:
        filled = {name: given.get(f"param.{name}", text) for name, text in _as_json(run).items()}
        steps = _own_steps(store, run) if verb == "fork" else []
        chosen = key_of(given["step"]) if given.get("step") else None
        return _form(
            request, store, run, verb, 400, parameters=filled, steps=steps, chosen=chosen, complaint=str(error)
        )
    first = _first_of(store, run) if verb == "again" else given.get("step", "")
    step = key_of(first) if first else None
    try:
        made = await run_in_threadpool(fork_run, run.key, step, changed, services)
    except SluicewayError as error:
        return back(request, f"/runs/{run.id}", {"notice": str(error)})
    return back(request, f"/runs/{made.id}")


def _own_steps(store: Store, run: FlowRun) -> list[TaskRun]:
    """Return the first steps of a run that the flow itself has called."""
    page = store.read_task_runs(
        TaskRunQuery(flow_run_keys=(run.key,)), order=RunOrder.OLDEST_FIRST, limit=STEPS_OFFERED
    )
    return [step for step in page.items if step.parent_key is None]


def _first_of(store: Store, run: FlowRun) -> str:
    steps = _own_steps(store, run)
    return str(steps[0].id) if steps else ""


def _as_json(run: FlowRun) -> dict[str, str]:
    return {name: json.dumps(value, ensure_ascii=False, default=str) for name, value in run.parameters.items()}


def _changed(run: FlowRun, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that a form has other values of.

    Raises:
        BadFieldError: One of them is no JSON.
    """
    changed = {}
    for name, text in _as_json(run).items():
        wanted = given.get(f"param.{name}", text).strip()
        if wanted == text:
            continue
        try:
            changed[name] = json.loads(wanted)
        except ValueError as error:
            raise BadFieldError(f'{name} is no JSON: {error}. A text needs quotes, such as "Ada".') from None
    return changed


# --- a step ---------------------------------------------------------------------------------------


@router.post("/runs/{run_id}/steps/{step_id}/mark")
async def mark(run_id: str, step_id: str, request: Request, services: ServicesHere) -> Response:
    """Say by hand what became of a step; a run that goes on takes that for granted."""
    given = dict(await posted(request))
    run = flow_run_of(services.store, run_id)
    step = task_run_of(services.store, run, step_id)
    kind = given.get("state", "")
    if kind not in MARKS:
        raise HTTPException(400, f"state={kind} is none of: {', '.join(MARKS)}.")
    try:
        state = _marked(kind, given.get("value", "").strip(), given.get("message", "").strip()[:1_000])
        await run_in_threadpool(_tell, services, step.key, state)
    except (BadFieldError, SluicewayError) as error:
        notice = str(error)
    else:
        notice = f"{step.name} counts as {kind} now. A run that goes on takes that for granted."
    return back(request, f"/runs/{run.id}/steps/{step.id}", {"notice": notice})


def _marked(kind: str, value: str, message: str) -> State[Any]:
    if kind == "failed":
        return State(FAILED, message=message or "Marked as failed by hand.", data=RuntimeError(message or "by hand"))
    try:
        data = json.loads(value) if value else None
    except ValueError as error:
        raise BadFieldError(f'The result is no JSON: {error}. A text needs quotes, such as "Ada".') from None
    return State(COMPLETED, message=message or "Marked as completed by hand.", data=data)


def _tell(services: Services, key: RunId, state: State[Any]) -> None:
    SyncClient(services).set_task_run_state(to_uuid(key), state)
    services.recorder.drain()


def _form(request: Request, store: Store, run: FlowRun, name: str, status: int = 200, **values: Any) -> Response:
    """Return a page with a form."""
    known: dict[str, Any] = {"fields": [], "parameters": {}, "steps": [], "chosen": None, "complaint": None}
    return render(
        request,
        "run/act.html",
        status=status,
        title=f"{name.capitalize()} {run.name}",
        section="runs",
        subject=subject_of(store, run),
        run=run,
        verb=name,
        **{**known, **values},
    )
