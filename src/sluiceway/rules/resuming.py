"""Whether a flow run can be taken in hand again, and whether it is by itself."""

from __future__ import annotations

from sluiceway.base.ids import to_uuid
from sluiceway.model.holding import ProcessInfo
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import CANCELLED, COMPLETED, CRASHED, FAILED


def refusal(run: FlowRun, holder: ProcessInfo | None, again: bool) -> str | None:
    """Return why a run cannot be taken in hand, with the remedy; None where it can.

    Args:
        run: The run, as the journal has it.
        holder: The process that has it in hand, if one has.
        again: Whether what failed or was cancelled may go on, too.
    """
    kind = run.state_type
    if run.parent_key is not None:
        root = to_uuid(run.root_key)
        return f"Flow run {run.name!r} was called by another one; go on with that: sluiceway resume {root}"
    if holder is not None:
        return f"Flow run {run.name!r} is alive: process {holder.pid} on {holder.host} has it in hand."
    if kind is COMPLETED:
        return (
            f"Flow run {run.name!r} has completed, so there is nothing to go on with. "
            f"A new run that takes over its steps is made with: sluiceway fork {run.id} --from STEP"
        )
    if kind in (FAILED, CANCELLED) and not again:
        what = "failed" if kind is FAILED else "was cancelled"
        return (
            f"Flow run {run.name!r} {what}, which is an end. "
            f"Have it go on at the first step that did not complete with: sluiceway retry {run.id}"
        )
    return None


def resumes_by_itself(run: FlowRun) -> bool:
    """Return whether a run that has crashed is to go on without anybody asking: one whose process has died.

    What somebody has ended by Ctrl-C or a signal stays as it is.

    Args:
        run: The run, as the journal has it.
    """
    if run.state is None or run.state.type is not CRASHED or not run.state.state_details.retriable:
        return False
    return run.parent_key is None and run.epoch < run.auto_resume
