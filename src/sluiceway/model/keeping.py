"""Keeping: what is told of runs that are about to be removed, or to be taken to another journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.inputs import KeptInputs
from sluiceway.model.keepsakes import Artifact
from sluiceway.model.queries import LogLine, StoredState
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun

R = TypeVar("R", FlowRun, TaskRun)


class Root(NamedTuple):
    """A run that is kept or removed with all that it called: no other run called it, and it has ended.

    Args:
        key: The run.
        ended: Since when it can be removed: its end, or when it was imported.
        of_flow: Whether it is a flow run, rather than a task run outside flows.
    """

    key: RunId
    ended: Moment
    of_flow: bool


class Tree(NamedTuple):
    """How much hangs on a root.

    Args:
        flow_runs: How many flow runs, itself included.
        task_runs: How many task runs, itself included.
        unfinished: One of these runs that has not ended; None where all have.
    """

    flow_runs: int
    task_runs: int
    unfinished: RunId | None


class Holdings(NamedTuple):
    """How much a journal holds.

    Args:
        flow_runs: How many flow runs that no other run called.
        task_runs: How many task runs.
        bytes: The size of the database, but for cached results and for space that is free.
    """

    flow_runs: int
    task_runs: int
    bytes: int


class Removed(NamedTuple):
    """What a step has removed.

    Args:
        flow_runs: How many flow runs.
        task_runs: How many task runs.
        log_lines: How many log lines.
        left: Those of the roots of which something is left.
        artifacts: How many artifacts.
    """

    flow_runs: int = 0
    task_runs: int = 0
    log_lines: int = 0
    left: tuple[RunId, ...] = ()
    artifacts: int = 0


class Pruned(NamedTuple):
    """What was removed in many steps, or would be.

    Args:
        roots: How many runs that no other called, with all that hangs on them.
        flow_runs: How many flow runs in all.
        task_runs: How many task runs in all.
        log_lines: How many log lines; not counted in advance.
        cached_results: How many cached results that had expired; not counted in advance.
        stored_results: How many results in result storage; not counted in advance.
        stored_bytes: Their size in bytes.
    """

    roots: int = 0
    flow_runs: int = 0
    task_runs: int = 0
    log_lines: int = 0
    cached_results: int = 0
    stored_results: int = 0
    stored_bytes: int = 0

    def plus(self, other: Pruned) -> Pruned:
        """Return what this and another one come to.

        Args:
            other: The other one.
        """
        return Pruned(*map(sum, zip(self, other, strict=True)))


class LetGo(NamedTuple):
    """A place in result storage to which something in the journal no longer refers.

    Args:
        location: The place.
        needed: Whether something else refers to it.
    """

    location: str
    needed: bool


class Sizes(NamedTuple):
    """What a journal holds, for a person.

    Args:
        location: Where it is.
        bytes: The size of its files.
        free_bytes: How much of it is free, and is used again.
        rows: How many rows, by kind.
        row_bytes: The bytes that they take, by kind; empty where that cannot be told.
        oldest: When the oldest flow run was created; None where there is none.
        newest: When the newest flow run was created.
        stored_results: How many results are in result storage.
        stored_bytes: Their size in bytes.
    """

    location: str
    bytes: int
    free_bytes: int
    rows: dict[str, int]
    row_bytes: dict[str, int]
    oldest: Moment | None
    newest: Moment | None
    stored_results: int
    stored_bytes: int


class KeptRun(NamedTuple, Generic[R]):
    """A run with all that the journal keeps of it.

    Args:
        run: The run.
        history: Its states in order.
        result: What is stored of its result.
    """

    run: R
    history: tuple[StoredState, ...]
    result: StoredResult | None


class KeptTree(NamedTuple):
    """A flow run that no other run called, with all that hangs on it.

    Args:
        flow_runs: It and the flow runs below it, those that were created first in front.
        task_runs: Their task runs, likewise.
        lines: What they logged, in the order in which it was written.
        artifacts: What they made for people to look at, the oldest first.
        inputs: What they were sent, for each that was sent something, or waited for it.
    """

    flow_runs: tuple[KeptRun[FlowRun], ...]
    task_runs: tuple[KeptRun[TaskRun], ...]
    lines: tuple[LogLine, ...]
    artifacts: tuple[Artifact, ...] = ()
    inputs: tuple[KeptInputs, ...] = ()

    def run_keys(self) -> Iterator[RunId]:
        """Yield the identifiers of all its runs, the root in front."""
        yield from (kept.run.key for kept in self.flow_runs)
        yield from (kept.run.key for kept in self.task_runs)
