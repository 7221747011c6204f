"""The steps of a run, and one of them in full: inputs, result, error, attempts, its cache, what it logged."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.queries import LogQuery, Page, RunOrder, StoredState, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import COMPLETED, RUNNING, StateType
from sluiceway.ports.store import Store
from sluiceway.server.pages.filters import limit_of, one_of
from sluiceway.server.pages.frame import render
from sluiceway.server.pages.run.subject import flow_run_of, render_tab, step_counts, subject_of, task_run_of, trouble_of
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

ORDERS = {
    "oldest": RunOrder.OLDEST_FIRST,
    "newest": RunOrder.NEWEST_FIRST,
    "started": RunOrder.STARTED_FIRST,
    "ended": RunOrder.ENDED_LAST,
    "name": RunOrder.NAME,
}
"""The orders of steps, by what addresses call them."""

LOGS_SHOWN = 60
"""How many log lines of a step are shown with it; its last ones."""

UPSTREAM_SHOWN = 50


class StepFilters(NamedTuple):
    """Which steps are shown.

    Args:
        states: The types of their states.
        task: The name of their task.
        text: What their names or arguments contain.
        order: One of `ORDERS`.
    """

    states: tuple[str, ...] = ()
    task: str = ""
    text: str = ""
    order: str = "oldest"

    def query(self, run: FlowRun) -> TaskRunQuery:
        """Return what to ask the journal.

        Args:
            run: The flow run.
        """
        return TaskRunQuery(
            flow_run_keys=(run.key,),
            task_names=(self.task,) if self.task else None,
            state_types=tuple(StateType(state.upper()) for state in self.states) or None,
            text=self.text or None,
        )

    def address(self, **other: Any) -> dict[str, Any]:
        """Return the query of the address that shows this.

        Args:
            other: What is to differ.
        """
        order = None if self.order == "oldest" else self.order
        return {"state": list(self.states), "task": self.task, "q": self.text, "order": order, **other}

    def toggled(self, state: str) -> dict[str, Any]:
        """Return the query of the address with a state chosen, or no longer.

        Args:
            state: The type of the state.
        """
        others = [one for one in self.states if one != state]
        return self.address(state=others if state in self.states else [*others, state])


class Attempt(NamedTuple):
    """A time that a run was running.

    Args:
        number: Which one.
        start: When it began.
        end: When it ended; None where it has not.
        outcome: The state that came after it; None where none has.
    """

    number: int
    start: Moment
    end: Moment | None
    outcome: StoredState | None


def first_steps(store: Store, run: FlowRun, limit: int) -> Page[TaskRun]:
    """Return the steps of a run that began first.

    Args:
        store: The journal.
        run: The flow run.
        limit: How many at most.
    """
    return store.read_task_runs(TaskRunQuery(flow_run_keys=(run.key,)), order=RunOrder.OLDEST_FIRST, limit=limit)


@router.get("/runs/{run_id}/steps")
def steps(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show the steps of a run that the address asks for."""
    run = flow_run_of(store, run_id)
    given = request.query_params
    states = tuple(dict.fromkeys(state.lower() for state in given.getlist("state") if state))
    for state in states:
        one_of("state", state, [kind.value.lower() for kind in StateType])
    order = one_of("order", given.get("order", "oldest"), list(ORDERS))
    filters = StepFilters(states, given.get("task", ""), given.get("q", "").strip()[:200], order)
    limit, after = limit_of(given.get("limit", "")), given.get("after") or None
    try:
        page = store.read_task_runs(filters.query(run), order=ORDERS[order], limit=limit, after=after)
    except ValueError as error:
        raise HTTPException(400, f"The page that was asked for is none of this list: {error}") from error
    tasks = sorted({name for name, _ in step_counts(store, run)})
    return render_tab(
        request, store, run, "steps", page=page, filters=filters, after=after, limit=limit, tasks=tasks[:500]
    )


@router.get("/runs/{run_id}/steps/{step_id}")
def step(run_id: str, step_id: str, request: Request, store: StoreHere) -> Response:
    """Show a step of a run."""
    run = flow_run_of(store, run_id)
    return render(
        request,
        "run/step.html",
        section="runs",
        subject=subject_of(store, run),
        run=run,
        **step_values(store, task_run_of(store, run, step_id)),
    )


def step_values(store: Store, step: TaskRun) -> dict[str, Any]:
    """Return what there is to say about a step.

    Args:
        store: The journal.
        step: The task run.
    """
    states = store.read_history(step.key)
    lines = store.read_logs(LogQuery(task_run_keys=(step.key,)), limit=LOGS_SHOWN, newest_first=True)
    return {
        "title": step.name,
        "step": step,
        "states": states,
        "attempts": attempts_of(states),
        "result": store.read_result(step.key),
        "trouble": trouble_of(store, step),
        "upstream": [(name, _named(store, keys)) for name, keys in (step.inputs or {}).items()],
        "lines": lines.items[::-1],
        "more_lines": lines.cursor is not None,
        "caller": None if step.parent_key is None else store.read_task_run(step.parent_key),
        "child": None if step.child_flow_run_key is None else store.read_flow_run(step.child_flow_run_key),
        "cache": cache_text(step, store),
    }


def _named(store: Store, keys: tuple[RunId, ...]) -> list[TaskRun]:
    """Return task runs whose results went into another one, as far as they are still there."""
    chosen = keys[:UPSTREAM_SHOWN]
    if not chosen:
        return []
    return list(store.read_task_runs(TaskRunQuery(keys=chosen), order=RunOrder.OLDEST_FIRST, limit=len(chosen)).items)


def attempts_of(states: tuple[StoredState, ...]) -> list[Attempt]:
    """Return the times that a run was running.

    Args:
        states: The states that it has been through.
    """
    attempts: list[Attempt] = []
    for place, state in enumerate(states):
        if state.type is RUNNING:
            after = states[place + 1] if place + 1 < len(states) else None
            attempts.append(Attempt(len(attempts) + 1, state.moment, None if after is None else after.moment, after))
    return attempts


def cache_text(step: TaskRun, store: Store) -> str:
    """Return why the result of a step came from the cache, or did not.

    Args:
        step: The task run.
        store: The journal.
    """
    if step.cache_key is None and step.state_name != "Cached":
        return "Not cached: its cache policy gave no key, as the default does for tasks that do not keep results."
    if step.state_name == "Cached":
        return "Hit: an earlier run with the same key had completed, and its result was taken over."
    entry = store.read_cached(step.cache_key or "")
    began = step.start or 0
    if entry is not None and entry.created < began and entry.expires is not None and entry.expires <= began:
        return "Miss: there was a result under its key, but it had expired."
    if entry is not None and entry.created >= began and step.state_type is COMPLETED:
        return "Miss: there was no valid result under its key. Its own is kept there now, for the next with that key."
    if entry is not None and entry.created < began:
        return "Miss: there was a result under its key, but it was not to be used, as with refresh_cache."
    return "Miss: there was no result under its key, and it has left none."
