"""Cancelling flow runs with the adapters of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluiceway import wiring

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.model.states import State
    from sluiceway.ports.services import Services

GRACE_SECONDS = 30.0
"""How long a run may take to end before its process is killed, unless told otherwise."""


def cancel(run_key: RunId, grace: float, services: Services | None = None) -> State[Any]:
    """Bring a flow run to an end, and return the state that it came to.

    Args:
        run_key: The run.
        grace: Seconds until a process that has not ended it is killed.
        services: The adapters; by default those of this process.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotStoppableError: It has ended already, or another run has called it.
        Abort: The code that asks is part of the run itself.
    """
    from sluiceway.recording.cancelling import cancel as bring_to_an_end

    return bring_to_an_end(run_key, grace, services or wiring.services())
