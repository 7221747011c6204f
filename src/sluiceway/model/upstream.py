"""What stands in an argument for the result of another run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.model.states import State


class Upstream:
    """A run whose result is not there yet, or has only just come: a future."""

    __slots__ = ()

    @property
    def run_key(self) -> RunId:
        """The 16 bytes of the run's identifier."""
        raise AttributeError("an upstream run has an identifier")

    @property
    def state(self) -> State[Any]:
        """The present state of the run."""
        raise AttributeError("an upstream run has a state")

    def done(self) -> bool:
        """Whether the state will not change any more."""
        raise AttributeError("an upstream run is done or not")
