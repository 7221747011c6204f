"""From the plain values that a store keeps back to what the other rooms speak of."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sluiceway.model.queries import StoredState
from sluiceway.model.states import State, StateDetails
from sluiceway.stores import rows

_READERS = {
    "scheduled_time": datetime.fromisoformat,
    "pause_timeout": datetime.fromisoformat,
    "child_flow_run_id": UUID,
}
"""How to read the details that are more than plain data."""


def stored_state(state: State[Any]) -> StoredState:
    """Return a state as the history of a run has it.

    Args:
        state: The state.
    """
    return StoredState(state.type, state.name, state.moment, state.message, rows.plain_details(state))


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
    return StateDetails(
        **{
            name: _READERS[name](value) if name in _READERS else value
            for name, value in plain.items()
            if name in StateDetails.__slots__
        }
    )
