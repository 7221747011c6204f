"""Calls of a flow with a key of the caller's: there is one run for each key, whoever calls, and however often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sluiceway.base.errors import ObjectAlreadyExists, RunNotResumableError
from sluiceway.base.ids import RunId, to_uuid
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.ops import Call, Sleep
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import CANCELLED, COMPLETED, FAILED

if TYPE_CHECKING:
    from sluiceway.ports.store import Store

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5
"""Seconds between two looks at a run that somebody else has in hand: ever longer ones."""

_ENDS = (COMPLETED, FAILED, CANCELLED)
"""States of runs whose end is the end for all who call with the key; what crashed goes on."""


class Keyed(NamedTuple):
    """A call with a key.

    Args:
        flow_name: The flow.
        key: The key.
        run_key: The run that the key is to stand for, if it stands for none yet.
        call_hash: The hash of the arguments.
        call_preview: A short text of them.
    """

    flow_name: str
    key: str
    run_key: RunId
    call_hash: int
    call_preview: str


class Hands(Protocol):
    """What does that which the script decides."""

    store: Store

    def look_around(self) -> object:
        """Have all be written that this process has recorded, and runs of dead processes be marked."""
        ...

    def hold(self, run_key: RunId) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it."""
        ...

    def begin(self, run_key: RunId) -> FlowRunContext:
        """Return the call that begins a run."""
        ...

    def resume(self, run_key: RunId) -> FlowRunContext:
        """Take a run in hand, and return the call that goes on with it.

        Raises:
            RunNotResumableError: It cannot be; somebody else may have been faster.
        """
        ...


async def settle_key(call: Keyed, hands: Hands) -> FlowRunContext | FlowRun:
    """Return the run that a call with a key stands for: one that has ended, or the call that begins or goes on with it.

    Whoever has it in hand is waited for.

    Args:
        call: The call.
        hands: What does that which is decided here.

    Raises:
        ObjectAlreadyExists: The key stands for a call with other arguments.
    """
    store = hands.store
    run_key, call_hash = _value(await Call(store.claim_key, call.flow_name, call.key, call.run_key, call.call_hash))
    if call_hash != call.call_hash:
        raise ObjectAlreadyExists(
            f"The key {call.key!r} of flow {call.flow_name!r} stands for run {to_uuid(run_key)}, which was called with "
            f"other arguments than {call.call_preview}. Call it with those, or choose another key."
        )
    pause = _FIRST_PAUSE
    while True:
        _value(await Call(hands.look_around))
        run: FlowRun | None = _value(await Call(store.read_flow_run, run_key))
        if run is not None and run.state_type in _ENDS:
            return run
        if run is None and _value(await Call(hands.hold, run_key)):
            return hands.begin(run_key)
        if run is not None and _value(await Call(store.read_holder, run_key)) is None:
            resumed = await Call(hands.resume, run_key)
            if resumed.error is None:
                context: FlowRunContext = resumed.value
                return context
            if not isinstance(resumed.error, RunNotResumableError) or not await _has_moved(store, run):
                raise resumed.error  # else somebody was faster
        await Sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _has_moved(store: Store, before: FlowRun) -> bool:
    """Return whether somebody has taken a run in hand since it was read, who may have died again by now."""
    run: FlowRun | None = _value(await Call(store.read_flow_run, before.key))
    if run is None or (run.state_type, run.epoch) != (before.state_type, before.epoch):
        return True
    return _value(await Call(store.read_holder, before.key)) is not None


def _value(outcome: Any) -> Any:
    if outcome.error is not None:
        raise outcome.error
    return outcome.value
