"""A run that has ended stays as it is: the first final state holds, and its result with it."""

from __future__ import annotations

import pytest

from sluiceway.base.ids import new_id
from sluiceway.base.times import now
from sluiceway.model.facts import Fact, TaskRunMoved, TaskRunStarted
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State, StateType
from sluiceway.ports.store import Store

RESULT = StoredResult("pickle", b"kept", size=4, preview="kept")


@pytest.mark.parametrize("batches", [1, 2, 3])
def test_the_first_final_state_of_a_run_holds(store: Store, batches: int) -> None:
    run = TaskRun(new_id(), "module.task", "task")
    run.start = now()
    completed, crashed = State[None](StateType.COMPLETED), State[None](StateType.CRASHED)
    completed.moment = crashed.moment = now()
    facts: list[Fact] = [
        TaskRunStarted(run, run.start),
        TaskRunMoved(run.key, completed, 1, RESULT),
        TaskRunMoved(run.key, crashed, 1),
    ]
    size = len(facts) // batches + (batches == 2)
    for start in range(0, len(facts), size):
        store.write(facts[start : start + size])
    assert [state.name for state in store.read_history(run.key)] == ["Pending", "Running", "Completed"]
    stored = store.read_result(run.key)
    assert stored is not None
    assert stored.blob == b"kept"
