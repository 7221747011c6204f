"""The store: where the journal is kept, in the verbs of the domain.

The protocol is blocking. Every verb may be called from any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sluiceway.ports.holding import RunsInHand
from sluiceway.ports.inputs import Inputs
from sluiceway.ports.keeping import Keeping
from sluiceway.ports.keepsakes import Keepsakes
from sluiceway.ports.limits import Limits
from sluiceway.ports.overview import Overview

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from sluiceway.base.errors import StoreError
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.batches import BatchId
    from sluiceway.model.deferred import Claim, DeferredCall
    from sluiceway.model.facts import Fact, Receipt
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.model.queries import (
        FlowRunQuery,
        LogLine,
        LogQuery,
        Page,
        RunOrder,
        StoredState,
        TaskRunQuery,
    )
    from sluiceway.model.results import CachedResult, StoredResult
    from sluiceway.model.runs import FlowInfo, FlowRun, TaskRun


class Announcer(Protocol):
    """Tells which process it is that writes."""

    known: bool
    """Whether the store has the process on its list; the store sets this."""

    @property
    def announced(self) -> ProcessInfo | None:
        """The process, if it has announced itself before."""
        ...

    def announce(self) -> ProcessInfo:
        """Return the process, which from now on shows others that it lives.

        Raises:
            StoreError: It cannot; the message says why.
        """
        ...


class Presence(Announcer, Protocol):
    """How a process shows others that it lives, and sees whether they do."""

    @property
    def fenced(self) -> bool:
        """Whether others have taken this process for dead, so that it records no more."""
        ...

    def enter(self) -> ProcessInfo:
        """Return the process, once it is on the store's list.

        Raises:
            StoreError: It cannot show that it lives, or the store cannot be used.
        """
        ...

    def look_around(self) -> tuple[RunId, ...]:
        """Bring the runs to an end that dead processes had in hand, and return those that have crashed.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def leave(self) -> None:
        """Let go of all that is in hand, and show no longer that this process lives. Leaving twice is harmless."""
        ...


class Store(RunsInHand, Inputs, Keeping, Limits, Keepsakes, Overview, Protocol):
    """A journal of runs."""

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None = None,
        *,
        durable: bool = False,
        receipt: Receipt | None = None,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts in their order, all or none of them; they outlive this process.

        Runs that have not ended by the end, and that no other run has called, are in the hands of the process
        that writes: it is put on the list of processes.

        Args:
            facts: The facts.
            announcer: Tells which process that is; None where nobody is to know.
            durable: Whether they, and all that was written here before, are to be on disk when this returns, so that
                they outlive a loss of power, too. Without facts, that is all there is to do.
            receipt: Told that they are written, as soon as they are.
            batch: What tells these facts from all others. Where it, or a later one of its stream, is written already,
                nothing more happens: so who does not know whether it is may write it again.

        Raises:
            FencedError: The process was taken off the list.
            StoreError: They could not be written; the message names the file or server and the remedy.
        """
        ...

    def read_flow(self, key: RunId) -> FlowInfo | None:
        """Return a flow, or None where there is no such flow."""
        ...

    def read_flows(
        self, *, names: tuple[str, ...] | None = None, limit: int = 200, after: str | None = None
    ) -> Page[FlowInfo]:
        """Return the flows by name."""
        ...

    def read_flow_run(self, key: RunId) -> FlowRun | None:
        """Return a flow run with its present state, or None where there is no such run."""
        ...

    def read_flow_runs(
        self,
        query: FlowRunQuery = ...,
        *,
        order: RunOrder = ...,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[FlowRun]:
        """Return flow runs with their present states.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def count_flow_runs(self, query: FlowRunQuery = ...) -> int:
        """Return how many flow runs there are."""
        ...

    def read_task_run(self, key: RunId) -> TaskRun | None:
        """Return a task run with its present state, or None where there is no such run."""
        ...

    def read_task_runs(
        self,
        query: TaskRunQuery = ...,
        *,
        order: RunOrder = ...,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[TaskRun]:
        """Return task runs with their present states.

        Raises:
            ValueError: The cursor belongs to another order.
        """
        ...

    def count_task_runs(self, query: TaskRunQuery = ...) -> int:
        """Return how many task runs there are."""
        ...

    def count_task_runs_by_state(self, flow_run_key: RunId) -> dict[tuple[str, str], int]:
        """Return how many task runs of a flow run there are by task name and state name."""
        ...

    def read_history(self, run_key: RunId) -> tuple[StoredState, ...]:
        """Return the states of a flow run or task run in order; none where there is no such run."""
        ...

    def read_result(self, run_key: RunId) -> StoredResult | None:
        """Return what is stored of the result of a flow run or task run."""
        ...

    def read_cached(self, key: str) -> CachedResult | None:
        """Return the newest result that was cached under a key, expired or not."""
        ...

    def read_logs(
        self, query: LogQuery = ..., *, limit: int = 200, after: str | None = None, newest_first: bool = False
    ) -> Page[LogLine]:
        """Return log lines in the order they were written."""
        ...

    def count_logs(self, query: LogQuery = ...) -> int:
        """Return how many log lines there are."""
        ...

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker, the longest due first. Nobody else gets them.

        Where there are none, nothing is written and nobody is in anybody's way. A call stays claimed until
        `DeferredCallEnded`, also if the worker dies.

        Args:
            owner: The worker.
            task_keys: The tasks that it serves.
            limit: How many calls at most.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again for any worker, as far as they are claimed by this one.

        Args:
            owner: The worker.
            run_keys: The runs.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many deferred calls no worker has claimed, by the key of their task; none that are not there."""
        ...

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call, the longest claimed first."""
        ...

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so.

        Who has it already gets it for another time.

        Args:
            key: What is locked.
            owner: Who is to have the lock.
            until: From when on others may take it.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it.

        Args:
            key: What is locked.
            owner: Who gives the lock back.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock; None where nobody does, or its time is over.

        Args:
            key: What is locked.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def check(self) -> list[str]:
        """Return what is wrong with the store, a sentence each; nothing where it is sound."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return facts for a person: `location`, `schema_version`, `rows` by table, `bytes`."""
        ...

    def close(self) -> None:
        """Release everything that is held. Closing twice is harmless."""
        ...


class Recorder(Protocol):
    """The way into the journal: takes facts without delay and sees them written."""

    listeners: list[Callable[[Sequence[Fact]], None]]
    """Called with each batch of facts that was written, on the thread that wrote it."""

    def record(self, fact: Fact) -> None:
        """Take a fact. It is written soon, after all that were taken before; no I/O happens here."""
        ...

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all that was recorded before is written, for others to read; return whether it is.

        Args:
            timeout: How long to wait at most, in seconds; None for as long as it takes.
        """
        ...

    def settle(self) -> None:
        """Wait until all that was recorded before is on disk, where it outlives a loss of power.

        Raises:
            StoreError: It is not; the message names the file or server and the remedy.
        """
        ...

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Have a function called when all that was recorded before is on disk, or cannot be; `settle` without waiting.

        Args:
            then: Called once, with what is in the way or None, from any thread and perhaps at once. It must not raise.
        """
        ...

    def close(self) -> None:
        """Write what is left, and end."""
        ...


@runtime_checkable
class Queueing(Protocol):
    """A recorder that tells how much it has yet to write."""

    @property
    def backlog(self) -> int:
        """How many facts and log lines wait."""
        ...


class Bell(Protocol):
    """What somebody waits for, beside the time."""

    @property
    def rung(self) -> Event:
        """Set when it rings."""
        ...

    async def heard(self) -> None:
        """Wait until it rings, in async code."""
        ...


class Clock(Protocol):
    """The time as runs see it."""

    def now(self) -> Moment:
        """Return the present moment."""
        ...

    def sleep(self, seconds: float, is_over: Callable[[], bool] | None = None, bell: Bell | None = None) -> None:
        """Block the calling thread for a time, or until somebody says that it is over, if it is asked, or rings."""
        ...

    async def asleep(self, seconds: float, bell: Bell | None = None) -> None:
        """Suspend the calling coroutine for a time, or until somebody rings."""
        ...
