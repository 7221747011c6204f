"""Whether a flow run can be brought to a halt from outside."""

from __future__ import annotations

from sluiceway.base.ids import to_uuid
from sluiceway.model.runs import FlowRun


def refusal(run: FlowRun, verb: str = "cancel") -> str | None:
    """Return why a run cannot be brought to a halt, with the remedy; None where it can.

    Args:
        run: The run, as the journal has it.
        verb: What is to be done with it: `cancel` or `suspend`.
    """
    if run.state is not None and run.state.is_final():
        return f"Flow run {run.name!r} has ended: it is {run.state_name}. There is nothing to {verb}."
    if run.parent_key is not None:
        root = to_uuid(run.root_key)
        return f"Flow run {run.name!r} was called by another one, and ends with that; {verb} flow run {root} instead."
    return None
