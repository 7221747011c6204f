"""What the buttons of pages do to runs: cancel, start again where they failed, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from starlette.exceptions import HTTPException

from sluiceway.base.errors import SluicewayError
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.model.runs import FlowRun
from sluiceway.ports.services import Services
from sluiceway.server.acting import Finish, retry_run
from sluiceway.server.pages.looks import plural
from sluiceway.wiring import archiving
from sluiceway.wiring.cancelling import GRACE_SECONDS, cancel

CANCELLED_AT_ONCE = 8
"""Runs whose end is waited for at the same time."""

MOST_COMPLAINTS = 3
"""Of how many runs it is told why nothing was done with them."""


def act(action: str, keys: Sequence[RunId], services: Services) -> str:
    """Do something with flow runs, and return what came of it, for a person.

    Args:
        action: What to do: one of `ACTIONS`.
        keys: The runs.
        services: The adapters to do it with.

    Raises:
        HTTPException: There is no such action.
    """
    if action not in ACTIONS:
        raise HTTPException(400, f"action={action} is none of: {', '.join(ACTIONS)}.")
    store = services.store
    runs, complaints = [], []
    for key in keys:
        run = store.read_flow_run(key)
        if run is None:
            complaints.append(f"There is no flow run {to_uuid(key)} any more.")
        else:
            runs.append(run)
    done, refused = ACTIONS[action](runs, services)
    return _told(action, done, [*complaints, *refused])


def _told(action: str, done: int, complaints: Sequence[str]) -> str:
    sentences = [f"{_DONE[action]}: {plural(done, 'run')}."] if done else []
    sentences += complaints[:MOST_COMPLAINTS]
    if len(complaints) > MOST_COMPLAINTS:
        sentences.append(f"Likewise {plural(len(complaints) - MOST_COMPLAINTS, 'other run')}.")
    return " ".join(sentences)


def _cancel(runs: Sequence[FlowRun], services: Services) -> tuple[int, list[str]]:
    def end(run: FlowRun) -> str | None:
        try:
            cancel(run.key, GRACE_SECONDS, services)
        except SluicewayError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(CANCELLED_AT_ONCE) as pool:
        complaints = [said for said in pool.map(end, runs) if said is not None]
    return len(runs) - len(complaints), complaints


def _retry(runs: Sequence[FlowRun], services: Services) -> tuple[int, list[str]]:
    begun: list[Finish] = []
    complaints = []
    for run in runs:
        try:
            begun.append(retry_run(run.key, None, services))
        except SluicewayError as error:
            complaints.append(str(error))
    done = 0
    for finish in begun:
        try:
            finish()
        except SluicewayError as error:
            complaints.append(str(error))
        else:
            done += 1
    return done, complaints


def _delete(runs: Sequence[FlowRun], services: Services) -> tuple[int, list[str]]:
    complaints = []
    for run in runs:
        try:
            archiving.remove_run(services, run.key)
        except SluicewayError as error:
            complaints.append(str(error))
    return len(runs) - len(complaints), complaints


ACTIONS: Mapping[str, Callable[[Sequence[FlowRun], Services], tuple[int, list[str]]]] = {
    "cancel": _cancel,
    "retry": _retry,
    "delete": _delete,
}
"""What can be done with runs; each returns with how many it was done, and why not with the others."""

_DONE = {"cancel": "Cancelled", "retry": "Started again", "delete": "Deleted"}
