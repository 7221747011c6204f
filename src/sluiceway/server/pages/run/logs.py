"""What a run has logged: any stretch of it, however much there is, filtered over all of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from sluiceway.base import times
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.overview import LogOutline
from sluiceway.model.paging import walk
from sluiceway.model.queries import LogLine, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import FINAL_TYPES
from sluiceway.ports.store import Store
from sluiceway.server.pages.filters import one_of
from sluiceway.server.pages.frame import HEADERS
from sluiceway.server.pages.lines import level_name, level_word, visible
from sluiceway.server.pages.run.subject import flow_run_of, render_tab, task_run_of
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
"""The levels that can be asked for, by what addresses call them."""

PAGE = 200
"""How many lines the page itself has, for readers without script."""

MOST_LINES = 1_000
"""How many lines are sent at once."""

MOST_CHARACTERS = 20_000
"""How much of a line is shown; the file that can be downloaded has all of it."""

_DOWNLOADED_AT_ONCE = 2_000


class LogFilters(NamedTuple):
    """Which lines are shown.

    Args:
        level: One of `LEVELS`; empty for all.
        text: What the lines contain.
        step: The task run that they are of; None for all lines of the run.
    """

    level: str = ""
    text: str = ""
    step: TaskRun | None = None

    def query(self, run: FlowRun) -> LogQuery:
        """Return what to ask the journal.

        Args:
            run: The flow run.
        """
        whose: dict[str, Any] = {"flow_run_keys": (run.key,)}
        if self.step is not None:
            whose = {"task_run_keys": (self.step.key,)}
        return LogQuery(level_at_least=LEVELS.get(self.level), text=self.text or None, **whose)

    def address(self, **other: Any) -> dict[str, Any]:
        """Return the query of the address that shows this.

        Args:
            other: What is to differ.
        """
        step = None if self.step is None else self.step.key.hex()
        return {"level": self.level, "q": self.text, "step": step, **other}


def _filters(store: Store, run: FlowRun, request: Request) -> LogFilters:
    given = request.query_params
    level = one_of("level", given.get("level", ""), ["", *LEVELS])
    step = given.get("step", "")
    return LogFilters(level, given.get("q", "")[:500], task_run_of(store, run, step) if step else None)


@router.get("/runs/{run_id}/logs")
def logs(run_id: str, request: Request, store: StoreHere) -> Response:
    """Show what a run has logged."""
    run = flow_run_of(store, run_id)
    filters = _filters(store, run, request)
    query, after = filters.query(run), request.query_params.get("after") or None
    try:
        page = store.read_logs(query, limit=PAGE, after=after)
    except ValueError as error:
        raise HTTPException(400, f"The page that was asked for is none of this list: {error}") from error
    return render_tab(
        request,
        store,
        run,
        "logs",
        filters=filters,
        page=page,
        after=after,
        levels=list(LEVELS),
        names=_names(store, page.items),
    )


@router.get("/runs/{run_id}/logs/outline.json")
def outline(run_id: str, request: Request, store: StoreHere) -> Response:
    """Return how many lines there are, and where the first warning and the first error are among them."""
    run = flow_run_of(store, run_id)
    query = _filters(store, run, request).query(run)
    found: LogOutline = store.outline_logs(query)
    return JSONResponse(
        {
            "total": found.lines,
            "errors": found.errors,
            "warnings": found.warnings,
            "firstError": _position(store, query, found.first_error),
            "firstWarning": _position(store, query, found.first_warning),
            "live": run.state_type not in FINAL_TYPES,
        },
        headers=HEADERS,
    )


def _position(store: Store, query: LogQuery, number: int | None) -> int | None:
    """Return how many of the lines that are asked for come before one."""
    return None if number is None else store.count_logs(query._replace(number_before=number))


@router.get("/runs/{run_id}/logs.json")
def stretch(run_id: str, request: Request, store: StoreHere) -> Response:
    """Return the lines from a position on."""
    run = flow_run_of(store, run_id)
    query = _filters(store, run, request).query(run)
    position = _number("position", request.query_params.get("position", "0"), 0, 10**12)
    limit = _number("limit", request.query_params.get("limit", "200"), 1, MOST_LINES)
    number = store.find_log(query, position)
    lines = () if number is None else store.read_logs(query._replace(number_from=number), limit=limit).items
    return JSONResponse(
        {"position": position, "lines": [_column(line) for line in lines], "names": _names(store, lines)},
        headers=HEADERS,
    )


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 14 and least <= int(text) <= most):
        raise HTTPException(400, f"{name}={text[:40]} is no number from {least} to {most}.")
    return int(text)


def _column(line: LogLine) -> list[Any]:
    text = visible(line.message)
    surplus = len(text) - MOST_CHARACTERS
    if surplus > 0:
        text = f"{text[:MOST_CHARACTERS]}… ({surplus:,} more characters)"
    step = None if line.task_run_key is None else line.task_run_key.hex()
    return [line.moment, level_word(line.level), level_name(line.level), step, text]


def _names(store: Store, lines: Iterable[LogLine]) -> dict[str, str]:
    """Return the names of the task runs that lines are of."""
    keys: tuple[RunId, ...] = tuple(dict.fromkeys(line.task_run_key for line in lines if line.task_run_key is not None))
    if not keys:
        return {}
    page = store.read_task_runs(TaskRunQuery(keys=keys), order=RunOrder.OLDEST_FIRST, limit=len(keys))
    return {run.key.hex(): run.name for run in page.items}


@router.get("/runs/{run_id}/logs.txt")
def download(run_id: str, request: Request, store: StoreHere) -> Response:
    """Send all lines that are asked for as a file."""
    run = flow_run_of(store, run_id)
    query = _filters(store, run, request).query(run)
    name = f"{to_uuid(run.key)}.log"
    return StreamingResponse(
        _written(store, query),
        media_type="text/plain; charset=utf-8",
        headers={**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(store: Store, query: LogQuery) -> Iterator[str]:
    """Yield lines as the command `sluiceway logs` writes them into a file, some at a time."""
    block: list[str] = []
    for line in walk(lambda after: store.read_logs(query, limit=_DOWNLOADED_AT_ONCE, after=after)):
        when = times.to_datetime(line.moment).isoformat(timespec="milliseconds")
        block.append(f"{when} {level_name(line.level):<8} {visible(line.message)}\n")
        if len(block) == _DOWNLOADED_AT_ONCE:
            yield "".join(block)
            block.clear()
    yield "".join(block)
