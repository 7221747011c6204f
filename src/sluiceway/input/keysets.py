"""Keysets: by which keys an input that is asked for is described and answered."""

from __future__ import annotations

from typing import Any, TypedDict

from sluiceway.base.errors import NotPausedError
from sluiceway.model.states import State

__all__ = ["Keyset", "keyset_from_base_key", "keyset_from_paused_state"]


class Keyset(TypedDict):
    """The keys of an input that is asked for: of its description, of the answer, of its JSON schema."""

    description: str
    response: str
    schema: str


def keyset_from_base_key(base_key: str) -> Keyset:
    """Return the keys that begin with a word.

    Args:
        base_key: The word.
    """
    return Keyset(
        description=f"{base_key}-description",
        response=f"{base_key}-response",
        schema=f"{base_key}-schema",
    )


def keyset_from_paused_state(state: State[Any]) -> Keyset:
    """Return the keys of what a paused run asks for.

    Args:
        state: The state of the run.

    Raises:
        NotPausedError: It is not paused.
    """
    if not state.is_paused():
        raise NotPausedError(f"The state is {state.name}, not paused, so nothing is asked for.")
    return keyset_from_base_key(f"{state.name.lower()}-{state.state_details.pause_key}")
