"""What every store keeps of runs and states, as plain values.

Only what writing needs is here: a program that runs a flow and ends never loads how it is read back.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sluiceway.base import times
from sluiceway.model.states import FINAL_TYPES, STATE_CODES, StateType

if TYPE_CHECKING:
    from sluiceway.model.states import State

CODE_OF_TYPE: dict[str, int] = {kind.value: code for kind, code in STATE_CODES.items()}
"""The code of a type of states by its plain text, which is hashed ten times as fast as the member itself."""

SCHEDULED = STATE_CODES[StateType.SCHEDULED]
PENDING = STATE_CODES[StateType.PENDING]
RUNNING = STATE_CODES[StateType.RUNNING]
COMPLETED = STATE_CODES[StateType.COMPLETED]
FINAL_CODES = frozenset(STATE_CODES[kind] for kind in FINAL_TYPES)

_MOST_MILLISECONDS = (1 << 48) - 1
"""The last millisecond that an identifier can tell of."""


def plain_details(state: State[Any]) -> dict[str, Any] | None:
    """Return what goes with a state as plain data, or None where nothing does.

    Args:
        state: The state.
    """
    if not state.has_details:
        return None
    return {name: _plain(value) for name, value in state.state_details.as_dict().items()} or None


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return times.to_datetime(times.from_datetime(value)).isoformat()
    # A UUID, told by its module: importing `uuid` takes longer than writing the rows of a small flow.
    return str(value) if type(value).__module__ == "uuid" else value


def is_out_of_hand(state: State[Any]) -> bool:
    """Return whether a run in this state is in the hands of no process: it has ended, or waits without one.

    Args:
        state: The state.
    """
    return state.type in FINAL_TYPES or (state.type is StateType.PAUSED and state.special_name == "Suspended")


def next_start(state: State[Any]) -> times.Moment | None:
    """Return when a run in this state goes on, or None where it does not wait for its time to come.

    Args:
        state: The state.
    """
    if not (state.is_scheduled() and state.has_details):
        return None
    when = state.state_details.scheduled_time
    return None if when is None else times.from_datetime(when)


def to_json(value: object) -> str:
    """Return plain data as JSON; what JSON does not know is written as its `repr`.

    Args:
        value: The data.
    """
    import json  # lazy: a run without parameters, tags and details writes none

    return json.dumps(value, default=repr, separators=(",", ":"))


def from_json(text: str) -> Any:
    """Return the plain data of a JSON text.

    Args:
        text: The text.
    """
    import json  # lazy: as for writing

    return json.loads(text)


def created(key: bytes) -> times.Moment:
    """Return when a run was created, to the millisecond.

    Args:
        key: The identifier of the run.
    """
    return int.from_bytes(key[:6], "big") * 1_000


def first_key(moment: times.Moment) -> bytes:
    """Return the lowest identifier of a run that is created at a moment or later.

    Args:
        moment: The moment.
    """
    milliseconds = -(-moment // 1_000)
    if milliseconds > _MOST_MILLISECONDS:
        return b"\xff" * 17
    return max(0, milliseconds).to_bytes(6, "big") + bytes(10)
