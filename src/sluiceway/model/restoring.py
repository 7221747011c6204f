"""From plain values that a journal keeps back to live states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sluiceway.model.queries import StoredState
from sluiceway.model.states import State, StateDetails

_READERS: dict[str, Callable[[str], object]] = {
    "scheduled_time": datetime.fromisoformat,
    "pause_timeout": datetime.fromisoformat,
    "child_flow_run_id": UUID,
}
"""How to read the details that are more than plain data."""


def live_state(stored: StoredState) -> State[Any]:
    """Return a state of the history of a run as a state, whose value is left open.

    Args:
        stored: The state as the history has it.
    """
    details = None if stored.details is None else _details(stored.details)
    state: State[Any] = State(stored.type, stored.name, stored.message, state_details=details)
    state.moment = stored.moment
    return state


def _details(plain: dict[str, Any]) -> StateDetails:
    known: dict[str, Any] = {name: value for name, value in plain.items() if name in StateDetails.__slots__}
    for name, read in _READERS.items():
        if name in known:
            known[name] = read(known[name])
    return StateDetails(**known)
