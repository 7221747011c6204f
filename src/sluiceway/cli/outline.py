"""The outline of a flow run: its task runs and child runs as a tree, large fan-outs as one row each.

Only so much is read as is shown, however many task runs there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from sluiceway.base import ids, times
from sluiceway.model.queries import RunOrder, TaskRunQuery
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store

GROUP_FROM = 9
"""From how many runs of one task on they are shown as one row."""

MAX_ROWS = 400
MAX_DEPTH = 6
EXAMPLES = 3
"""How many unsuccessful runs of a group are shown."""

UNSUCCESSFUL = (StateType.FAILED, StateType.CRASHED, StateType.CANCELLED)


@dataclass
class Step:
    """A task run, with those that it called and the child flow run that it stands for.

    Args:
        run: The task run.
        child: The flow run that it stands for, if it does.
        below: What it called.
    """

    run: TaskRun
    child: FlowRun | None = None
    below: list[Node] = field(default_factory=list)

    @property
    def start(self) -> times.Moment | None:
        """When it started."""
        return self.run.start


@dataclass
class Fan:
    """Many runs of one task.

    Args:
        task_name: The name of the task.
        states: How many of them are in each state, by name.
        start: When the first one started.
        end: When the last one ended that has ended.
        below: Some that were unsuccessful.
    """

    task_name: str
    states: Counter[str]
    start: times.Moment | None
    end: times.Moment | None
    below: list[Node]

    @property
    def total(self) -> int:
        """How many there are."""
        return self.states.total()


Node: TypeAlias = Step | Fan


class _Outliner:
    """Reads outlines, up to a number of rows in all."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows_left = MAX_ROWS
        self.cut = False
        """Whether something is left out."""

    def read(self, flow_run_key: ids.RunId, depth: int = 0) -> list[Node]:
        """Return what a flow run called, in the order it began.

        Args:
            flow_run_key: The flow run.
            depth: How many flow runs are above it.
        """
        totals: Counter[str] = Counter()
        states: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (task_name, state_name), count in self._store.count_task_runs_by_state(flow_run_key).items():
            totals[task_name] += count
            states[task_name][state_name] += count
        few = tuple(name for name, total in totals.items() if total < GROUP_FROM)
        nodes: list[Node] = list(self._steps(flow_run_key, few, depth)) if few else []
        nodes += [self._fan(flow_run_key, name, states[name]) for name in totals if name not in few]
        return sorted(nodes, key=lambda node: node.start or times.now())

    def _steps(self, flow_run_key: ids.RunId, task_names: tuple[str, ...], depth: int) -> Iterator[Step]:
        """Yield single runs, those that tasks called below their callers."""
        query = TaskRunQuery(flow_run_keys=(flow_run_key,), task_names=task_names)
        page = self._store.read_task_runs(query, order=RunOrder.OLDEST_FIRST, limit=max(1, self._rows_left))
        self.cut = self.cut or page.cursor is not None
        self._rows_left -= len(page.items)
        steps = {run.key: Step(run) for run in page.items}
        for step in steps.values():
            self._add_child(step, depth)
            caller = steps.get(step.run.parent_key or b"")
            if caller is None:
                yield step
            else:
                caller.below.append(step)

    def _add_child(self, step: Step, depth: int) -> None:
        """Read the flow run that a task run stands for."""
        key = step.run.child_flow_run_key
        if key is None:
            return
        step.child = self._store.read_flow_run(key)
        if depth + 1 < MAX_DEPTH and self._rows_left > 0:
            step.below.extend(self.read(key, depth + 1))
        else:
            self.cut = True

    def _fan(self, flow_run_key: ids.RunId, task_name: str, states: Counter[str]) -> Fan:
        query = TaskRunQuery(flow_run_keys=(flow_run_key,), task_names=(task_name,))
        first = self._store.read_task_runs(query, order=RunOrder.STARTED_FIRST, limit=1).items
        last = self._store.read_task_runs(query, order=RunOrder.ENDED_LAST, limit=1).items
        unsuccessful = self._store.read_task_runs(
            query._replace(state_types=UNSUCCESSFUL), order=RunOrder.OLDEST_FIRST, limit=EXAMPLES
        )
        return Fan(
            task_name,
            states,
            first[0].start if first else None,
            last[0].end if last else None,
            [Step(run) for run in unsuccessful.items],
        )


def outline(store: Store, run: FlowRun) -> tuple[list[Node], bool]:
    """Return what a flow run called, as a tree, and whether something was left out.

    Args:
        store: The journal.
        run: The flow run.
    """
    outliner = _Outliner(store)
    return outliner.read(run.key), outliner.cut
