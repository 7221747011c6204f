"""Runs in hand, as the store in memory keeps them: the model that the other stores are held to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.facts import Fact, FlowRunCreated, TaskRunCreated, TaskRunStarted
from sluiceway.model.holding import FROM_OUTSIDE, Pause, ProcessInfo, RecordedStep
from sluiceway.model.results import StoredResult
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import PENDING, RUNNING, State, StateType
from sluiceway.ports.store import Announcer
from sluiceway.rules.liveness import taken_for_dead
from sluiceway.rules.outcomes import left_by_process, left_by_worker
from sluiceway.stores.records import Call, Record
from sluiceway.stores.rows import is_out_of_hand


class RunsInHand:
    """What is known of processes, and of the runs that they have in hand. The verbs are those of the port."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._flow_runs: dict[RunId, Record[FlowRun]] = {}
        self._task_runs: dict[RunId, Record[TaskRun]] = {}
        self._calls: dict[RunId, Call] = {}
        self._processes: dict[RunId, ProcessInfo] = {}
        self._in_hand: dict[RunId, _Held] = {}
        self._keys: dict[tuple[str, str], tuple[RunId, int]] = {}
        self._pauses: dict[tuple[RunId, str], Pause] = {}
        self._staged: set[RunId] = set()

    # --- what writing does on the side ------------------------------------------------------------

    def _refuse_fenced(self, announcer: Announcer) -> None:
        if announcer.known and announcer.announced is not None and announcer.announced.key not in self._processes:
            raise FencedError(taken_for_dead(announcer.announced))

    def _check_listed(self, process: ProcessInfo) -> None:
        if process.key not in self._processes:
            raise FencedError(taken_for_dead(process))

    def _take_stock(self, facts: Sequence[Fact], announcer: Announcer | None) -> None:
        """Note which runs are in the hands of the process that has written facts, and let go of those that ended."""
        for key in [key for key in self._in_hand if self._is_out_of_hand(key)]:
            del self._in_hand[key]
        begun = [fact.run.key for fact in facts if isinstance(fact, FlowRunCreated) and fact.run.parent_key is None]
        started = [fact.run for fact in facts if isinstance(fact, TaskRunCreated | TaskRunStarted)]
        begun += [run.key for run in started if run.flow_run_key is None and self._is_at_work(run.key)]
        left = [key for key in begun if not self._is_out_of_hand(key)]
        if announcer is None or not (left or announcer.announced):
            return
        process = announcer.announce()
        if not announcer.known:
            self._processes[process.key] = process
            announcer.known = True
        for key in left:
            self._in_hand.setdefault(key, _Held(process.key))

    def _is_at_work(self, key: RunId) -> bool:
        return self._task_runs[key].history[-1].type in (PENDING, RUNNING)

    def _is_out_of_hand(self, key: RunId) -> bool:
        record = self._flow_runs.get(key) or self._task_runs.get(key)
        return record is not None and record.run.state is not None and is_out_of_hand(record.run.state)

    # --- processes ----------------------------------------------------------------------------------

    def announce_process(self, process: ProcessInfo) -> None:
        """Put a process on the list of those that have something in hand."""
        with self._turn:
            self._processes.setdefault(process.key, process)

    def read_processes(self) -> tuple[ProcessInfo, ...]:
        """Return the processes that have announced themselves, and have neither left nor been taken off the list."""
        with self._turn:
            return tuple(self._processes[key] for key in sorted(self._processes))

    def read_holder(self, run_key: RunId) -> ProcessInfo | None:
        """Return the process that has a run in hand; None where none has."""
        with self._turn:
            held = self._in_hand.get(run_key)
            return None if held is None else self._processes.get(held.process)

    def prolong_process(self, key: RunId, until: Moment) -> bool:
        """Prolong the lease of a process, and return whether it still is on the list."""
        with self._turn:
            if key in self._processes:
                self._processes[key] = self._processes[key]._replace(until=until)
            return key in self._processes

    def bury_process(self, process: ProcessInfo, reason: str, at: Moment) -> tuple[RunId, ...]:
        """Take a process off the list, and bring what it had in hand to an end as crashed, in one step."""
        with self._turn:
            present = self._processes.get(process.key)
            if present is None or (present.until is not None and present.until != process.until):
                return ()
            del self._processes[process.key]
            held = {key: hand.cancel for key, hand in self._in_hand.items() if hand.process == process.key}
            for key in held:
                del self._in_hand[key]
            for call in list(self._calls.values()):
                if call.owner is not None and call.owner.endswith(f"/{process.key.hex()}"):
                    call.owner = None
                    self._leave_to_others(self._task_runs[call.run_key], at)
            ended = [
                key
                for key, since in held.items()
                if self._end(key, left_by_process(reason, at, *self._resumes(key), since is not None))
            ]
            return tuple(key for key in ended if held[key] is None)

    def _resumes(self, key: RunId) -> tuple[int, int]:
        """Return how many times a run has been taken in hand again, and how many times it goes on by itself."""
        record = self._flow_runs.get(key)
        return (0, 0) if record is None else (record.run.epoch, record.run.auto_resume)

    def end_flow_run(self, run_key: RunId, state: State[Any], process_key: RunId | None = None) -> bool:
        """Bring a flow run that no process has in hand, and all that it called, to an end, in one step."""
        with self._turn:
            held = self._in_hand.get(run_key)
            if run_key not in self._flow_runs or (held is not None and held.process != process_key):
                return False
            self._in_hand.pop(run_key, None)
            return self._end(run_key, state)

    def _leave_to_others(self, record: Record[TaskRun], at: Moment) -> None:
        """Have a deferred run wait for another worker, unless it has cost several: then it has crashed."""
        if record.run.end is not None:
            return
        state = left_by_worker(at, (told.message for told in record.history))
        if not state.is_final():
            record.reopen(state)
            return
        record.end(state)
        del self._calls[record.run.key]
        for call in self._calls.values():
            call.upstream.discard(record.run.key)

    def _end(self, key: RunId, state: State[Any], top: bool = True) -> bool:
        """Bring a run and all that it called into a final state; return whether it had not ended."""
        record = self._flow_runs.get(key) or self._task_runs.get(key)
        if record is None:  # it was about to begin
            return False
        if key in self._flow_runs:
            for task_run in self._task_runs.values() if top or record.run.end is None else ():
                if task_run.run.flow_run_key == key:
                    task_run.end(state)
            for child in [run for run in self._flow_runs.values() if run.run.parent_key == key]:
                self._end(child.run.key, state, top=False)
        return record.end(state)

    # --- runs ---------------------------------------------------------------------------------------

    def take_flow_run(
        self, run_key: RunId, seen: tuple[StateType, int], process: ProcessInfo, state: State[Any]
    ) -> int | None:
        """Take a flow run in hand again, as the only one who does; return the epoch that begins, or None."""
        with self._turn:
            self._check_listed(process)
            record = self._flow_runs.get(run_key)
            if record is None or (record.history[-1].type, record.run.epoch) != seen or run_key in self._in_hand:
                return None
            self._in_hand[run_key] = _Held(process.key)
            record.reopen(state)
            record.run.epoch += 1
            return record.run.epoch

    def hold_run(self, run_key: RunId, process: ProcessInfo) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it."""
        with self._turn:
            self._check_listed(process)
            return self._in_hand.setdefault(run_key, held := _Held(process.key)) is held

    def request_cancel(self, run_key: RunId, state: State[Any]) -> bool:
        """Ask the process that has a run in hand to cancel it, and return whether there is one."""
        with self._turn:
            held = self._in_hand.get(run_key)
            if held is None:
                return False
            held.cancel = held.cancel or state.moment
            record = self._flow_runs.get(run_key)
            if record is not None and record.run.end is None and record.history[-1].type is not state.type:
                record.move_to(state)
            return True

    def read_held(self, process_key: RunId) -> dict[RunId, Moment | None]:
        """Return the runs that a process has in hand, each with the moment since when it is to be cancelled."""
        with self._turn:
            return {key: held.cancel for key, held in self._in_hand.items() if held.process == process_key}

    def read_steps(self, flow_run_key: RunId) -> tuple[RecordedStep, ...]:
        """Return the task runs of a flow run as going on with it needs them, the oldest first."""
        with self._turn:
            records = [record for record in self._task_runs.values() if record.run.flow_run_key == flow_run_key]
            return tuple(_step(record) for record in sorted(records, key=lambda record: record.run.key))

    def read_staged(self, flow_run_key: RunId) -> tuple[RunId, ...]:
        """Return the task runs of a flow run that are staged in transactions which were not committed."""
        with self._turn:
            return tuple(sorted(k for k in self._staged if self._task_runs[k].run.flow_run_key == flow_run_key))

    def read_call(self, flow_run_key: RunId) -> StoredResult | None:
        """Return how the arguments of a flow run are kept; None where it has none."""
        with self._turn:
            record = self._flow_runs.get(flow_run_key)
            return None if record is None else record.run.call

    def claim_key(self, flow_name: str, key: str, run_key: RunId, call_hash: int) -> tuple[RunId, int]:
        """Return the run that a key stands for, and the hash of its arguments; the first who asks settles both."""
        with self._turn:
            return self._keys.setdefault((flow_name, key), (run_key, call_hash))

    # --- pauses -------------------------------------------------------------------------------------

    def begin_pause(self, run_key: RunId, key: str, until: Moment, at: Moment) -> Pause:
        """Note that a flow run is paused at a place, and return that."""
        with self._turn:
            pause = self._pauses.setdefault((run_key, key), Pause(run_key, key, until))
            if pause.resumed is None and pause.until <= at:
                pause = self._pauses[run_key, key] = pause._replace(until=until)
            return pause

    def reopen_pause(self, run_key: RunId, key: str, until: Moment) -> None:
        """Have a flow run wait at a place again, since what it was given does not fit."""
        with self._turn:
            if (run_key, key) in self._pauses:
                self._pauses[run_key, key] = Pause(run_key, key, until)

    def read_suspensions(self, process_key: RunId) -> tuple[Pause, ...]:
        """Return the pauses that others have asked for, of runs that a process has in hand."""
        with self._turn:
            held = {key for key, hand in self._in_hand.items() if hand.process == process_key}
            pauses = [pause for pause in self._pauses.values() if pause.run_key in held and pause.resumed is None]
        asked = [pause for pause in pauses if pause.key.startswith(FROM_OUTSIDE)]
        return tuple(sorted(asked, key=lambda pause: (pause.run_key, pause.key)))

    def read_pauses(self, run_key: RunId) -> tuple[Pause, ...]:
        """Return the places at which a flow run was paused, in the order in which they end by themselves."""
        with self._turn:
            pauses = [pause for pause in self._pauses.values() if pause.run_key == run_key]
        return tuple(sorted(pauses, key=lambda pause: (pause.until, pause.key)))

    def end_pause(self, run_key: RunId, key: str, answer: str | None, at: Moment) -> bool:
        """Have a flow run go on, and return whether it was still paused there."""
        with self._turn:
            pause = self._pauses.get((run_key, key))
            if pause is None or pause.resumed is not None:
                return False
            self._pauses[run_key, key] = pause._replace(resumed=at, answer=answer)
            return True


class _Held:
    """A run in the hands of a process.

    Args:
        process: The process.
    """

    __slots__ = ("cancel", "process")

    def __init__(self, process: RunId) -> None:
        self.process: RunId = process
        self.cancel: Moment | None = None


def _step(record: Record[TaskRun]) -> RecordedStep:
    run, state = record.run, record.history[-1]
    return RecordedStep(
        run.key,
        run.parent_key,
        run.task_key,
        run.task_name,
        run.call_hash,
        run.call_preview,
        run.ordinal,
        state.type,
        None if run.state is None else run.state.special_name,
        run.run_count,
        run.given_name,
        run.child_flow_run_key,
        run.start,
        run.end,
    )
