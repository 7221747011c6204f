"""The verbs of the store in SQLite for inputs of flow runs, as the port describes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from sluiceway.stores.sqlite.connection import WritingConnection

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.inputs import InputPlace, KeptInputs, Reception, SentInput
    from sluiceway.stores.sqlite.inputs import Postbox


class InputVerbs:
    """Keeps what is sent to flow runs, and hands it out."""

    @abstractmethod
    def _present(self) -> Any:
        """Return what this process holds."""

    def _postbox(self) -> Postbox:
        held = self._present()
        if held.postbox is not None:
            return held.postbox  # type: ignore[no-any-return]  # it is one
        from sluiceway.stores.sqlite.inputs import Postbox  # lazy: most runs are sent nothing

        with held.turn:
            if held.postbox is None:
                held.postbox = Postbox(WritingConnection(held.database, held.strict))
            return held.postbox  # type: ignore[no-any-return]  # as above

    def send_input(self, sent: SentInput, *, once: bool = False) -> bool:
        """Keep an input for a flow run, and return whether there was none of its key."""
        return self._postbox().send_input(sent, once)

    def read_input(self, run_key: RunId, key: str) -> SentInput | None:
        """Return an input of a flow run, received or not."""
        return self._postbox().read_input(run_key, key)

    def read_inputs(
        self, run_key: RunId, prefix: str = "", *, exclude: Collection[str] = (), limit: int = 200
    ) -> tuple[SentInput, ...]:
        """Return inputs of a flow run, received or not, in the order in which they came."""
        return self._postbox().read_inputs(run_key, prefix, exclude, limit)

    def delete_input(self, run_key: RunId, key: str) -> bool:
        """Delete an input of a flow run, and return whether there was one."""
        return self._postbox().delete_input(run_key, key)

    def receive_input(self, place: InputPlace, at: Moment, *, last: bool = False) -> Reception | None:
        """Return what a call gets: the same as before, or the first input that waits for it."""
        return self._postbox().receive_input(place, at, last)

    def read_kept_inputs(self, run_key: RunId) -> KeptInputs:
        """Return all that is kept of the inputs of a flow run."""
        return self._postbox().read_kept_inputs(run_key)
