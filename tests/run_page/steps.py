"""Steps made by hand."""

from __future__ import annotations

from itertools import count

from sluiceway.base.ids import RunId
from sluiceway.model.overview import Step
from sluiceway.model.states import StateType

BEGIN = 1_900_000_000_000_000

_numbers = count(1)


def a_key(moment: int) -> RunId:
    """Return a new identifier of a run that was created at a moment."""
    return (moment // 1_000).to_bytes(6, "big") + next(_numbers).to_bytes(10, "big")


def a_step(
    task: str,
    *upstream: Step,
    state: StateType = StateType.COMPLETED,
    caller: Step | None = None,
    took: int | None = 10_000,
) -> Step:
    """Return a step; one that has not ended where `took` is None."""
    return Step(
        key=a_key(BEGIN),
        parent_key=None if caller is None else caller.key,
        task_name=task,
        name=f"{task}-1",
        state_type=state,
        state_name=state.value.capitalize(),
        start=BEGIN + 500,
        end=None if took is None else BEGIN + 500 + took,
        next_start=None,
        run_count=1,
        child_flow_run_key=None,
        upstream=tuple(one.key for one in upstream),
    )
