"""What the buttons of pages do to runs: cancel, start again where they failed, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.exceptions import HTTPException

from sluiceway.base.ids import RunId
from sluiceway.ports.services import Services
from sluiceway.server import acting
from sluiceway.server.acting import CANCELLED_AT_ONCE, Finish
from sluiceway.server.pages.looks import plural
from sluiceway.wiring.cancelling import GRACE_SECONDS

KILLED_SECONDS = 5.0
"""How long to wait for the end of a process that is killed, once it had its time."""

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
    refused: dict[RunId, str] = {}
    for at in range(0, len(keys), CANCELLED_AT_ONCE):
        portion = keys[at : at + CANCELLED_AT_ONCE]
        refused |= acting.with_each(portion, lambda key: ACTIONS[action](key, services))
    return _told(action, len(keys) - len(refused), list(refused.values()))


def _told(action: str, done: int, complaints: Sequence[str]) -> str:
    sentences = [f"{_DONE[action]}: {plural(done, 'run')}."] if done else []
    sentences += complaints[:MOST_COMPLAINTS]
    if len(complaints) > MOST_COMPLAINTS:
        sentences.append(f"Likewise {plural(len(complaints) - MOST_COMPLAINTS, 'other run')}.")
    return " ".join(sentences)


def _cancel(key: RunId, services: Services) -> Finish:
    return acting.cancel_run(key, GRACE_SECONDS, GRACE_SECONDS + KILLED_SECONDS, services)


def _retry(key: RunId, services: Services) -> Finish:
    return acting.retry_run(key, None, services)


ACTIONS: Mapping[str, Callable[[RunId, Services], Finish | None]] = {
    "cancel": _cancel,
    "retry": _retry,
    "delete": acting.delete_flow_run,
}
"""What can be done with a run; each begins it, and returns what waits for it."""

_DONE = {"cancel": "Cancelled", "retry": "Started again", "delete": "Deleted"}
