"""How states look, in terminals and on pages: a shape and a colour each, so that colour is never alone."""

from __future__ import annotations

from typing import NamedTuple

from sluiceway.model.states import StateType


class Look(NamedTuple):
    """How a state looks.

    Args:
        mark: A shape of one character.
        colour: A colour of the 256 of terminals, by its name in the `rich` package.
    """

    mark: str
    colour: str


_LOOK_OF_TYPE = {
    StateType.SCHEDULED: Look("◷", "yellow3"),
    StateType.PENDING: Look("○", "medium_purple1"),
    StateType.RUNNING: Look("▶", "dodger_blue1"),
    StateType.COMPLETED: Look("✔", "green3"),
    StateType.FAILED: Look("✘", "red1"),
    StateType.CRASHED: Look("✱", "dark_orange"),
    StateType.CANCELLED: Look("⊘", "grey62"),
    StateType.CANCELLING: Look("⊘", "grey62"),
    StateType.PAUSED: Look("‖", "yellow3"),
}

_LOOK_OF_NAME = {"Cached": Look("✔", "dark_cyan"), "AwaitingRetry": Look("↻", "yellow3")}


def look_of(kind: StateType, name: str | None = None) -> Look:
    """Return how a state looks.

    Args:
        kind: The type of the state.
        name: The name of the state, since some names have a look of their own.
    """
    return _LOOK_OF_NAME.get(name or "") or _LOOK_OF_TYPE[kind]
