"""The store in one SQLite file: which verbs it has, and who does them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from sluiceway.model.facts import Receipt
from sluiceway.stores.sqlite.connection import Database, WritingConnection
from sluiceway.stores.sqlite.input_verbs import InputVerbs
from sluiceway.stores.sqlite.keepsake_verbs import KeepsakeVerbs
from sluiceway.stores.sqlite.overview_verbs import OverviewVerbs
from sluiceway.stores.sqlite.writing import Writer

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.batches import BatchId
    from sluiceway.model.deferred import Claim, DeferredCall
    from sluiceway.model.facts import Fact
    from sluiceway.model.holding import Pause, ProcessInfo, RecordedStep
    from sluiceway.model.keeping import Holdings, KeptTree, LetGo, Removed, Root, Sizes, Tree
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
    from sluiceway.model.slots import HeldSlots, Limit, SlotReply, SlotRequest
    from sluiceway.model.states import State, StateType
    from sluiceway.ports.store import Announcer
    from sluiceway.stores.sqlite.claiming import Claimer
    from sluiceway.stores.sqlite.holding import Holder
    from sluiceway.stores.sqlite.inputs import Postbox
    from sluiceway.stores.sqlite.keeping import Keeper
    from sluiceway.stores.sqlite.limiting import Limiter
    from sluiceway.stores.sqlite.overseeing import Overseer
    from sluiceway.stores.sqlite.reading import Reader
    from sluiceway.stores.sqlite.shelf import Shelf


class SqliteStore(InputVerbs, KeepsakeVerbs, OverviewVerbs):
    """A journal in one SQLite file, which is made when it is first used.

    Any number of threads and processes may use the file at once; a process that was forked opens it anew.

    Args:
        path: The file. Its folder is made too where it is missing.
        strict: Whether what was written survives a loss of power, rather than only the end of the process.

    Raises:
        ValueError: The path names no file.
    """

    def __init__(self, path: str, *, strict: bool = False) -> None:
        if path in ("", ":memory:"):
            raise ValueError(f"The path {path!r} names no file; a journal in memory is a MemoryStore.")
        self._path = os.path.abspath(path)
        self._strict = strict
        self._held = {os.getpid(): _Held(self._path, strict)}
        """What is held, by process: this one, and those that it was forked from."""

    @property
    def schema_version(self) -> int:
        """The number of the last migration that the database has seen."""
        return int(self.describe()["schema_version"])

    def upgrade(self) -> int:
        """Bring the database to the present schema, as its first use does too; return the schema's number."""
        return self.schema_version

    def write(
        self,
        facts: Sequence[Fact],
        announcer: Announcer | None = None,
        *,
        durable: bool = False,
        receipt: Receipt | None = None,
        batch: BatchId | None = None,
    ) -> None:
        """Write facts in their order, all or none of them."""
        self._present().writer.write(facts, announcer, durable, receipt or Receipt(), batch)

    def close(self) -> None:
        """Release everything that is held. Closing twice is harmless."""
        held = self._present()
        held.database.close()
        held.writer.close()
        parts = (held.reader, held.claimer, held.holder, held.keeper, held.limiter)
        for part in (*parts, held.postbox, held.shelf, held.overseer):
            if part is not None:
                part.close()

    def _present(self) -> _Held:
        """Return what this process holds."""
        pid = os.getpid()
        held = self._held.get(pid)
        if held is not None:
            return held
        _inherited.extend(of_parent for other, of_parent in list(self._held.items()) if other != pid)
        return self._held.setdefault(pid, _Held(self._path, self._strict))  # the first of several threads counts

    def _reader(self) -> Reader:
        held = self._present()
        if held.reader is not None:
            return held.reader
        from sluiceway.stores.sqlite.reading import Reader  # lazy: running flows reads nothing

        with held.turn:
            if held.reader is None:
                held.reader = Reader(held.database)
            return held.reader

    def _claimer(self) -> Claimer:
        held = self._present()
        if held.claimer is not None:
            return held.claimer
        from sluiceway.stores.sqlite.claiming import Claimer  # lazy: only workers and locks claim

        with held.turn:
            if held.claimer is None:
                held.claimer = Claimer(WritingConnection(held.database, self._strict))
            return held.claimer

    def _holder(self) -> Holder:
        held = self._present()
        if held.holder is not None:
            return held.holder
        from sluiceway.stores.sqlite.holding import Holder  # lazy: only runs that outlive a process need it

        with held.turn:
            if held.holder is None:
                held.holder = Holder(WritingConnection(held.database, self._strict))
            return held.holder

    def _keeper(self) -> Keeper:
        held = self._present()
        if held.keeper is not None:
            return held.keeper
        from sluiceway.stores.sqlite.keeping import Keeper  # lazy: few processes remove anything

        with held.turn:
            if held.keeper is None:
                held.keeper = Keeper(held.database, self._strict)
            return held.keeper

    def _limiter(self) -> Limiter:
        held = self._present()
        if held.limiter is not None:
            return held.limiter
        from sluiceway.stores.sqlite.limiting import Limiter  # lazy: most programs have no limits

        with held.turn:
            if held.limiter is None:
                held.limiter = Limiter(WritingConnection(held.database, self._strict))
            return held.limiter

    # --- deferred calls, as the port describes them -------------------------------------------------

    def claim_calls(self, owner: str, task_keys: Sequence[str], limit: int, at: Moment) -> tuple[DeferredCall, ...]:
        """Give deferred calls that are due to a worker, the longest due first. Nobody else gets them."""
        return self._claimer().claim_calls(owner, task_keys, limit, at)

    def release_calls(self, owner: str, run_keys: Sequence[RunId]) -> None:
        """Have calls wait again for any worker, as far as they are claimed by this one."""
        self._claimer().release_calls(owner, run_keys)

    def count_waiting_calls(self) -> dict[str, int]:
        """Return how many deferred calls no worker has claimed, by the key of their task."""
        return self._claimer().count_waiting_calls()

    def read_claims(self) -> tuple[Claim, ...]:
        """Return who has claimed which deferred call, the longest claimed first."""
        return self._claimer().read_claims()

    # --- locks, as the port describes them ------------------------------------------------------------

    def claim_lock(self, key: str, owner: str, until: Moment, at: Moment) -> bool:
        """Give a lock to an owner, if nobody else has it, and return whether that is so."""
        return self._claimer().claim_lock(key, owner, until, at)

    def release_lock(self, key: str, owner: str, at: Moment) -> bool:
        """Take a lock from an owner, and return whether it had it."""
        return self._claimer().release_lock(key, owner, at)

    def read_lock_owner(self, key: str, at: Moment) -> str | None:
        """Return who has a lock; None where nobody does, or its time is over."""
        return self._claimer().read_lock_owner(key, at)

    # --- runs in hand, as the port describes them ------------------------------------------------------

    def announce_process(self, process: ProcessInfo) -> None:
        """Put a process on the list of those that have something in hand."""
        self._holder().announce_process(process)

    def read_processes(self) -> tuple[ProcessInfo, ...]:
        """Return the processes that have announced themselves, and have neither left nor been taken off the list."""
        return self._holder().read_processes()

    def read_holder(self, run_key: RunId) -> ProcessInfo | None:
        """Return the process that has a run in hand; None where none has."""
        return self._holder().read_holder(run_key)

    def prolong_process(self, key: RunId, until: Moment) -> bool:
        """Prolong the lease of a process, and return whether it still is on the list."""
        return self._holder().prolong_process(key, until)

    def bury_process(self, process: ProcessInfo, reason: str, at: Moment) -> tuple[RunId, ...]:
        """Take a process off the list, and bring what it had in hand to an end as crashed, in one step."""
        return self._holder().bury_process(process, reason, at)

    def take_flow_run(
        self, run_key: RunId, seen: tuple[StateType, int], process: ProcessInfo, state: State[Any]
    ) -> int | None:
        """Take a flow run in hand again, as the only one who does; return the epoch that begins, or None."""
        return self._holder().take_flow_run(run_key, seen, process, state)

    def hold_run(self, run_key: RunId, process: ProcessInfo) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it."""
        return self._holder().hold_run(run_key, process)

    def read_steps(self, flow_run_key: RunId) -> tuple[RecordedStep, ...]:
        """Return the task runs of a flow run as going on with it needs them, the oldest first."""
        return self._holder().read_steps(flow_run_key)

    def read_staged(self, flow_run_key: RunId) -> tuple[RunId, ...]:
        """Return the task runs of a flow run that are staged in transactions which were not committed."""
        return self._holder().read_staged(flow_run_key)

    def read_call(self, flow_run_key: RunId) -> StoredResult | None:
        """Return how the arguments of a flow run are kept; None where it has none."""
        return self._holder().read_call(flow_run_key)

    def claim_key(self, flow_name: str, key: str, run_key: RunId, call_hash: int) -> tuple[RunId, int]:
        """Return the run that a key stands for, and the hash of its arguments."""
        return self._holder().claim_key(flow_name, key, run_key, call_hash)

    def end_flow_run(self, run_key: RunId, state: State[Any], process_key: RunId | None = None) -> bool:
        """Bring a flow run that no process has in hand, and all that it called, to an end, in one step."""
        return self._holder().end_flow_run(run_key, state, process_key)

    def request_cancel(self, run_key: RunId, state: State[Any]) -> bool:
        """Ask the process that has a run in hand to cancel it, and return whether there is one."""
        return self._holder().request_cancel(run_key, state)

    def read_held(self, process_key: RunId) -> dict[RunId, Moment | None]:
        """Return the runs that a process has in hand, each with the moment since when it is to be cancelled."""
        return self._holder().read_held(process_key)

    def begin_pause(self, run_key: RunId, key: str, until: Moment, at: Moment) -> Pause:
        """Note that a flow run is paused at a place, and return that."""
        return self._holder().begin_pause(run_key, key, until, at)

    def reopen_pause(self, run_key: RunId, key: str, until: Moment) -> None:
        """Have a flow run wait at a place again, since what it was given does not fit."""
        self._holder().reopen_pause(run_key, key, until)

    def read_suspensions(self, process_key: RunId) -> tuple[Pause, ...]:
        """Return the pauses that others have asked for, of runs that a process has in hand."""
        return self._holder().read_suspensions(process_key)

    def read_pauses(self, run_key: RunId) -> tuple[Pause, ...]:
        """Return the places at which a flow run was paused."""
        return self._holder().read_pauses(run_key)

    def end_pause(self, run_key: RunId, key: str, answer: str | None, at: Moment) -> bool:
        """Have a flow run go on, and return whether it was still paused there."""
        return self._holder().end_pause(run_key, key, answer, at)

    # --- keeping and removing, as the port describes them ---------------------------------------------

    def read_identity(self) -> str:
        """Return what tells this journal from all others."""
        return self._keeper().read_identity()

    def read_roots(self, ended_before: Moment, *, limit: int = 200, after: str | None = None) -> Page[Root]:
        """Return roots that have ended, those that were created first in front."""
        return self._keeper().read_roots(ended_before, limit, after)

    def read_tree(self, root: RunId) -> Tree:
        """Return how much hangs on a root."""
        return self._keeper().read_tree(root)

    def read_holdings(self) -> Holdings:
        """Return how much there is, to decide whether it is too much."""
        return self._keeper().read_holdings()

    def measure(self) -> Sizes:
        """Return what the journal holds, for a person."""
        return self._keeper().measure(self.describe()["rows"])

    def remove_runs(self, roots: Sequence[RunId], most: int, at: Moment) -> Removed:
        """Remove a part of what hangs on roots, which may be all of it."""
        return self._keeper().remove_runs(roots, most, at)

    def remove_expired(self, at: Moment, most: int) -> int:
        """Remove cached results that have expired, and return how many."""
        return self._keeper().remove_expired(at, most)

    def read_let_go(self, before: Moment, *, limit: int = 200, after: str = "") -> tuple[LetGo, ...]:
        """Return places that something no longer refers to, since before a moment."""
        return self._keeper().read_let_go(before, limit, after)

    def let_go(self, locations: Iterable[str], at: Moment) -> None:
        """Note places that nothing may refer to."""
        self._keeper().let_go(locations, at)

    def forget_locations(self, locations: Iterable[str], before: Moment) -> None:
        """Forget what was noted of places before a moment."""
        self._keeper().forget_locations(locations, before)

    def compact(self) -> None:
        """Give free space back to the file system; others wait meanwhile."""
        self._keeper().compact()

    def adopt(self, tree: KeptTree, at: Moment) -> None:
        """Write a flow run of another journal with all that hangs on it, or nothing."""
        from sluiceway.stores.sqlite.adopting import Adopter  # lazy: only importing adopts

        held = self._present()
        with closing(Adopter(held.database, self._strict)) as adopter:
            adopter.adopt(tree, at)

    # --- limits and slots, as the port describes them -----------------------------------------------

    def create_limit(self, limit: Limit) -> bool:
        """Make a limit, and return whether there was none of its name before."""
        return self._limiter().create_limit(limit)

    def change_limit(self, name: str, limit: Limit) -> bool:
        """Have a limit be as another one, and return whether that was possible."""
        return self._limiter().change_limit(name, limit)

    def delete_limit(self, name: str) -> bool:
        """Delete a limit, and return whether there was one."""
        return self._limiter().delete_limit(name)

    def read_limits(self, names: Sequence[str] | None = None) -> tuple[Limit, ...]:
        """Return the limits by name."""
        return self._limiter().read_limits(names)

    def claim_slots(self, request: SlotRequest, until: Moment, at: Moment, *, queue: bool = True) -> SlotReply:
        """Give slots of limits to an owner, all or none; nobody gets them before those who have waited longer."""
        return self._limiter().claim_slots(request, until, at, queue)

    def prolong_slots(self, untils: Mapping[str, Moment], at: Moment) -> frozenset[str]:
        """Let owners keep their slots and places in lines for longer."""
        return self._limiter().prolong_slots(untils, at)

    def release_slots(self, owner: str, at: Moment) -> bool:
        """Take from an owner its slots and its place in the line, and return whether it still had any slots."""
        return self._limiter().release_slots(owner, at)

    def read_slots(self, name: str | None, at: Moment) -> tuple[HeldSlots, ...]:
        """Return who has slots, and after them who waits for some, by the name of the limit and in their order."""
        return self._limiter().read_slots(name, at)

    # --- the verbs that read, as the port describes them --------------------------------------------

    def read_flow(self, key: RunId) -> FlowInfo | None:
        """Return a flow, or None where there is no such flow."""
        return self._reader().read_flow(key)

    def read_flows(
        self, *, names: tuple[str, ...] | None = None, limit: int = 200, after: str | None = None
    ) -> Page[FlowInfo]:
        """Return the flows by name."""
        return self._reader().read_flows(names, limit, after)

    def read_flow_run(self, key: RunId) -> FlowRun | None:
        """Return a flow run with its present state, or None where there is no such run."""
        return self._reader().read_flow_run(key)

    def read_flow_runs(
        self,
        query: FlowRunQuery | None = None,
        *,
        order: RunOrder | None = None,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[FlowRun]:
        """Return flow runs with their present states, the newest first unless another order is given."""
        return self._reader().read_flow_runs(query, order, limit, after, offset)

    def count_flow_runs(self, query: FlowRunQuery | None = None) -> int:
        """Return how many flow runs there are."""
        return self._reader().count_flow_runs(query)

    def read_task_run(self, key: RunId) -> TaskRun | None:
        """Return a task run with its present state, or None where there is no such run."""
        return self._reader().read_task_run(key)

    def read_task_runs(
        self,
        query: TaskRunQuery | None = None,
        *,
        order: RunOrder | None = None,
        limit: int = 200,
        after: str | None = None,
        offset: int = 0,
    ) -> Page[TaskRun]:
        """Return task runs with their present states, the newest first unless another order is given."""
        return self._reader().read_task_runs(query, order, limit, after, offset)

    def count_task_runs(self, query: TaskRunQuery | None = None) -> int:
        """Return how many task runs there are."""
        return self._reader().count_task_runs(query)

    def count_task_runs_by_state(self, flow_run_key: RunId) -> dict[tuple[str, str], int]:
        """Return how many task runs of a flow run there are by task name and state name."""
        return self._reader().count_task_runs_by_state(flow_run_key)

    def read_history(self, run_key: RunId) -> tuple[StoredState, ...]:
        """Return the states of a flow run or task run in order; none where there is no such run."""
        return self._reader().read_history(run_key)

    def read_result(self, run_key: RunId) -> StoredResult | None:
        """Return what is stored of the result of a flow run or task run: that of its present state."""
        return self._reader().read_result(run_key)

    def read_cached(self, key: str) -> CachedResult | None:
        """Return the newest result that was cached under a key, expired or not."""
        return self._reader().read_cached(key)

    def read_logs(
        self,
        query: LogQuery | None = None,
        *,
        limit: int = 200,
        after: str | None = None,
        newest_first: bool = False,
    ) -> Page[LogLine]:
        """Return log lines in the order they were written."""
        return self._reader().read_logs(query, limit, after, newest_first)

    def count_logs(self, query: LogQuery | None = None) -> int:
        """Return how many log lines there are."""
        return self._reader().count_logs(query)

    def check(self) -> list[str]:
        """Return what is wrong with the database, a sentence each; nothing where it is sound."""
        return self._reader().check()

    def describe(self) -> dict[str, Any]:
        """Return facts for a person: `location`, `schema_version`, `rows` by table, `bytes`."""
        return self._reader().describe()


class _Held:
    """What one process holds of a store."""

    __slots__ = (
        *("claimer", "database", "holder", "keeper", "limiter", "overseer", "postbox", "reader"),
        *("shelf", "strict", "turn", "writer"),
    )

    def __init__(self, path: str, strict: bool) -> None:
        self.database = Database(path)
        self.strict = strict
        self.writer = Writer(self.database, strict)
        self.reader: Reader | None = None
        self.claimer: Claimer | None = None
        self.holder: Holder | None = None
        self.keeper: Keeper | None = None
        self.limiter: Limiter | None = None
        self.postbox: Postbox | None = None
        self.shelf: Shelf | None = None
        self.overseer: Overseer | None = None
        self.turn = threading.Lock()
        """Held by the thread that makes one of these, of which there is to be one each."""


_inherited: list[_Held] = []
"""What a parent of this process holds. It is kept for good, since closing it would meddle with the parent's
locks (www.sqlite.org/howtocorrupt.html, section 2.6)."""
