"""The store, as far as it keeps what is sent to flow runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.inputs import InputPlace, KeptInputs, Reception, SentInput


class Inputs(Protocol):
    """Inputs of flow runs, and who received them."""

    def send_input(self, sent: SentInput, *, once: bool = False) -> bool:
        """Keep an input for a flow run, and return whether there was none of its key; one that there is stays.

        Args:
            sent: The input.
            once: Whether one of that key which was deleted counts, too.

        Raises:
            ObjectNotFound: There is no such flow run.
            StoreError: The store cannot be used.
        """
        ...

    def read_input(self, run_key: RunId, key: str) -> SentInput | None:
        """Return an input of a flow run, received or not; None where there is none, or it was deleted."""
        ...

    def read_inputs(
        self, run_key: RunId, prefix: str = "", *, exclude: Collection[str] = (), limit: int = 200
    ) -> tuple[SentInput, ...]:
        """Return inputs of a flow run, received or not, in the order in which they came.

        Args:
            run_key: The run.
            prefix: How their keys begin.
            exclude: Keys of inputs to leave out.
            limit: How many at most; 1 or more.

        Raises:
            StoreError: The store cannot be used.
            ValueError: The limit is below 1.
        """
        ...

    def delete_input(self, run_key: RunId, key: str) -> bool:
        """Delete an input of a flow run, and return whether there was one.

        Nobody receives it any more. A run that received it before, and goes on, gets it where it got it.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def receive_input(self, place: InputPlace, at: Moment, *, last: bool = False) -> Reception | None:
        """Return what a call gets: the same as before, if it was made before; else the first input that waits for it.

        No two calls get the same input.

        Args:
            place: The call.
            at: The present moment.
            last: Whether the call waits no longer, so that it comes to nothing if there is none.

        Returns:
            What it came to; None where it has to wait.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_kept_inputs(self, run_key: RunId) -> KeptInputs:
        """Return all that is kept of the inputs of a flow run, for another journal.

        Raises:
            StoreError: The store cannot be used.
        """
        ...
