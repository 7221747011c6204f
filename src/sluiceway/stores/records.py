"""What the store in memory keeps of a run, and of a deferred call."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.facts import FlowRunMoved, TaskRunMoved
from sluiceway.model.queries import StoredState
from sluiceway.model.restoring import live_state
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import FINAL_TYPES, State, StateType
from sluiceway.stores.rows import from_json, next_start, plain_details, to_json

R = TypeVar("R", FlowRun, TaskRun)


class Call:
    """What is kept of a deferred call.

    Args:
        run_key: The run.
        task_key: The task.
        due: From when on it may be claimed.
        call: The call, packed.
        upstream: The deferred runs that it waits for.
    """

    __slots__ = ("call", "claimed", "due", "owner", "run_key", "task_key", "upstream")

    def __init__(self, run_key: RunId, task_key: str, due: Moment, call: bytes, upstream: set[RunId]) -> None:
        self.run_key: RunId = run_key
        self.task_key: str = task_key
        self.due: Moment = due
        self.call: bytes = call
        self.upstream: set[RunId] = upstream
        self.owner: str | None = None
        self.claimed: Moment = 0


class Record(Generic[R]):
    """What is kept of a run; the run itself lives on and changes.

    Args:
        run: The run, of which what is settled at its creation is taken over.
    """

    __slots__ = ("history", "result", "run")

    def __init__(self, run: R) -> None:
        self.history: list[StoredState] = []
        self.result: StoredResult | None = None
        self.run: R = copy.copy(run)
        self.run.start = self.run.end = self.run.next_start = None

    def begin(self, *states: State[Any]) -> None:
        """Enter the first states."""
        for state in states:
            self._enter(state)
        self.run.run_count = 0 if self.run.start is None else 1

    def reopen(self, state: State[Any]) -> None:
        """Enter a state that is not final, though the run has ended; what came of it does not hold any more."""
        self._enter(state)
        self.result = None

    def move_to(self, state: State[Any]) -> None:
        """Enter a state that says nothing of the result."""
        self._enter(state)

    def end(self, state: State[Any]) -> bool:
        """Enter a final state, and return whether the run did: one that has ended stays as it is."""
        if self.history[-1].type in FINAL_TYPES:
            return False
        self._enter(state)
        return True

    def move(self, fact: FlowRunMoved | TaskRunMoved) -> bool:
        """Enter another state; the result is that of the present state.

        Returns:
            Whether the run did: one that has ended stays as it is.
        """
        if self.history[-1].type in FINAL_TYPES:
            return False
        self._enter(fact.state)
        self.result = fact.result
        self.run.run_count = fact.run_count
        if fact.name is not None:
            self.run.given_name = fact.name
        return True

    def adopt(self, states: Iterable[State[Any]], run_count: int, result: StoredResult | None) -> None:
        """Enter all further states of a run that lived in another journal."""
        for state in states:
            self._enter(state)
            self.run.run_count, self.result = run_count, result

    def _enter(self, state: State[Any]) -> None:
        stored = StoredState(state.type, state.name, state.moment, state.message, plain_details(state))
        self.history.append(stored)
        self.run.state = live_state(stored)
        if stored.type is StateType.RUNNING and self.run.start is None:
            self.run.start = stored.moment
        self.run.end = stored.moment if state.is_final() else None
        self.run.next_start = next_start(state)

    def copy(self) -> R:
        """Return the run as it is now, for the reader to keep."""
        run = copy.copy(self.run)
        run.state = live_state(self.history[-1])
        if isinstance(run, FlowRun):
            run.parameters = frozen(run.parameters)
        return run


def frozen(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are when they are read back, which nobody else changes.

    Args:
        parameters: The arguments by name, as plain data.
    """
    read_back: dict[str, Any] = from_json(to_json(dict(parameters))) if parameters else {}
    return read_back
