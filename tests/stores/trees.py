"""Flow runs with everything that can hang on them, for the tests of removing and exporting."""

from __future__ import annotations

from sluiceway.base.times import Moment
from sluiceway.model.facts import Fact, FlowRunMoved, TaskRunMoved
from sluiceway.model.keeping import KeptRun, KeptTree
from sluiceway.model.paging import walk
from sluiceway.model.queries import FlowRunQuery, LogQuery, RunOrder, TaskRunQuery
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from tests.stores.making import (
    NOON,
    finished_task_facts,
    flow_facts,
    flow_run,
    key_at,
    log_line,
    state,
    task_facts,
    task_run,
)

PENDING, RUNNING, COMPLETED = StateType.PENDING, StateType.RUNNING, StateType.COMPLETED

SECOND: Moment = 1_000_000

LATER = NOON + 3_600 * SECOND
"""An hour after all that these runs did."""


def elsewhere(name: str) -> StoredResult:
    """Return a result that is in result storage."""
    return StoredResult("pickle", None, f"file:///results/{name}", 70_000, "…")


def small_tree(at: Moment = NOON, number: int = 1, tasks: int = 1) -> tuple[FlowRun, list[Fact]]:
    """Return a flow run that ended two seconds after it was created, with task runs and a line each."""
    root = flow_run(key=key_at(at, number))
    runs = [task_run(root, key=key_at(at, number + 1 + index)) for index in range(tasks)]
    facts = flow_facts(root, PENDING, RUNNING, COMPLETED, at=at)
    for run in runs:
        facts += [*finished_task_facts(run, at), log_line("done", root, run, at=at)]
    return root, facts


def large_tree(at: Moment = NOON) -> tuple[FlowRun, list[Fact]]:
    """Return a flow run with two generations below it, tags, inputs, nested tasks, lines and stored results."""
    keys = [key_at(at, number) for number in range(1, 9)]
    root = flow_run("root", key=keys[0], tags=frozenset({"x", "y"}), parameters={"n": 1})
    child = flow_run("child", key=keys[1], parent_key=root.key, root_key=root.key, tags=frozenset({"x"}))
    grandchild = flow_run("grandchild", key=keys[2], parent_key=child.key, root_key=root.key)
    stand_in = task_run(root, "child", key=keys[3], child_flow_run_key=child.key)
    child.parent_task_run_key = stand_in.key
    caller = task_run(root, key=keys[4], tags=frozenset({"x"}))
    called = task_run(root, key=keys[5], parent_key=caller.key, inputs={"rows": (caller.key,)})
    deep = task_run(grandchild, key=keys[6])
    never = task_run(child, key=keys[7])
    facts = [
        *flow_facts(root, PENDING, RUNNING, COMPLETED, at=at, result=elsewhere("root")),
        *flow_facts(child, PENDING, RUNNING, StateType.FAILED, at=at),
        *flow_facts(grandchild, PENDING, RUNNING, COMPLETED, at=at),
        *task_facts(stand_in, PENDING, RUNNING, StateType.FAILED, at=at),
        *task_facts(caller, PENDING, RUNNING, COMPLETED, at=at, result=elsewhere("task")),
        *task_facts(called, PENDING, RUNNING, COMPLETED, at=at),
        *task_facts(deep, PENDING, RUNNING, COMPLETED, at=at, result=elsewhere("task")),
        *task_facts(never, PENDING, at=at),
        TaskRunMoved(never.key, state(PENDING, at, "NotReady", "Upstream"), 0),
        *(log_line(f"line {number}", flow, at=at) for number, flow in enumerate((root, child, grandchild))),
        log_line("of a task", root, caller, at=at),
    ]
    return root, facts


def ended(run: FlowRun, at: Moment) -> Fact:
    """Return the fact that a flow run completed."""
    return FlowRunMoved(run.key, state(COMPLETED, at), 1)


def everything(store: Store) -> KeptTree:
    """Return all that a store holds, in the order of creation."""
    flow_runs = walk(lambda after: store.read_flow_runs(FlowRunQuery(), order=RunOrder.OLDEST_FIRST, after=after))
    task_runs = walk(lambda after: store.read_task_runs(TaskRunQuery(), order=RunOrder.OLDEST_FIRST, after=after))
    return KeptTree(
        tuple(KeptRun(run, store.read_history(run.key), store.read_result(run.key)) for run in flow_runs),
        tuple(KeptRun(run, store.read_history(run.key), store.read_result(run.key)) for run in task_runs),
        tuple(walk(lambda after: store.read_logs(LogQuery(), after=after))),
    )


def loose_tasks(at: Moment = NOON) -> tuple[TaskRun, TaskRun, list[Fact]]:
    """Return a task run outside flows, one that it called, and their facts."""
    caller = task_run(key=key_at(at, 20), tags=frozenset({"x"}))
    called = task_run(key=key_at(at, 21), parent_key=caller.key)
    lines = [log_line("called", None, called, at=at), log_line("calls", None, caller, at=at)]
    return caller, called, [*finished_task_facts(caller, at), *finished_task_facts(called, at), *lines]
