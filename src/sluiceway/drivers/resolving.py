"""Resolving: what stands in the places of futures, for whoever has them in a collection."""

from __future__ import annotations

from typing import Any

from sluiceway.base.errors import SluicewayError
from sluiceway.drivers.futures import Future
from sluiceway.model.states import State
from sluiceway.rules.resolution import Reference, resolve


def resolve_futures_to_states(expr: Any) -> Any:
    """Return a value with the futures in it, at any depth, replaced by the states that their runs come to.

    Args:
        expr: A future, a collection that holds some, or anything else.
    """
    return resolve(expr, _final_state)


def resolve_futures_to_results(expr: Any) -> Any:
    """Return a value with the futures in it, at any depth, replaced by the values that their runs come to.

    Args:
        expr: A future, a collection that holds some, or anything else; states stay as they are.

    Raises:
        SluicewayError: A run did not complete; the cause is what it raised.
    """
    return resolve(expr, _result)


def _final_state(reference: Reference) -> State[Any]:
    if isinstance(reference.source, Future):
        reference.source.wait()
    return reference.state


def _result(reference: Reference) -> Any:
    state = _final_state(reference)
    if isinstance(reference.source, State):
        return state
    if not state.is_completed():
        error = state.result(raise_on_failure=False) if state.is_final() else None
        raise SluicewayError(f"At least one result did not complete successfully: {state}") from error
    return state.result()
