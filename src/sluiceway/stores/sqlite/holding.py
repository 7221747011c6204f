"""Runs in hand: processes come and go, and runs go from hand to hand, each to one process only."""

from __future__ import annotations

import sqlite3
from typing import Any

from sluiceway.base.errors import FencedError
from sluiceway.base.ids import RunId
from sluiceway.base.times import Moment
from sluiceway.model.holding import FROM_OUTSIDE, Pause, ProcessInfo, RecordedStep
from sluiceway.model.results import StoredResult
from sluiceway.model.states import STATE_TYPES, State, StateType
from sluiceway.rules.liveness import taken_for_dead
from sluiceway.rules.outcomes import left_by_process, left_by_worker
from sluiceway.stores.sqlite.connection import WritingConnection
from sluiceway.stores.sqlite.packing import pack_states, unpack_states
from sluiceway.stores.sqlite.statements import encodable, load


class Holder:
    """Knows which process has which run in hand. The verbs are those of the port.

    Args:
        connection: The connection that it writes with.
    """

    def __init__(self, connection: WritingConnection) -> None:
        self._connection = connection
        self._texts = load("holding.sql")

    def close(self) -> None:
        """Close the connection, once nobody is in the midst of something."""
        self._connection.close()

    # --- processes --------------------------------------------------------------------------------

    def announce_process(self, process: ProcessInfo) -> None:
        """Put a process on the list."""
        self._connection.write(lambda connection: connection.execute(self._texts["announce"], process))

    def read_processes(self) -> tuple[ProcessInfo, ...]:
        """Return the processes on the list."""
        return self._connection.read(
            lambda connection: tuple(ProcessInfo(*row) for row in connection.execute(self._texts["processes"]))
        )

    def read_holder(self, run_key: RunId) -> ProcessInfo | None:
        """Return the process that has a run in hand."""
        found = self._one("holder", run_key)
        return None if found is None else ProcessInfo(*found)

    def prolong_process(self, key: RunId, until: Moment) -> bool:
        """Prolong the lease of a process, and return whether it still is on the list."""
        return self._connection.write(
            lambda connection: connection.execute(self._texts["prolong"], (until, key)).fetchone() is not None
        )

    def bury_process(self, process: ProcessInfo, reason: str, at: Moment) -> tuple[RunId, ...]:
        """Take a process off the list, and bring what it had in hand to an end as crashed, or cancelled if asked to."""

        def bury(connection: sqlite3.Connection) -> tuple[RunId, ...]:
            on_list = connection.execute(self._texts["process"], (process.key,)).fetchone()
            if on_list is None or (on_list[0] is not None and on_list[0] != process.until):
                return ()
            crashed = []
            for run, epoch, auto_resume, cancel in connection.execute(
                self._texts["held_to_bury"], (process.key,)
            ).fetchall():
                ended = self._end(connection, run, left_by_process(reason, at, epoch, auto_resume, cancel is not None))
                if ended and cancel is None:
                    crashed.append(run)
            self._release_calls(connection, process, at)
            connection.execute(self._texts["let_go_all"], (process.key,))
            connection.execute(self._texts["leave"], (process.key,))
            return tuple(crashed)

        return self._connection.write(bury)

    def end_flow_run(self, run_key: RunId, state: State[Any], process_key: RunId | None = None) -> bool:
        """Bring a flow run that no process has in hand, and all that it called, to an end."""

        def end(connection: sqlite3.Connection) -> bool:
            holder = connection.execute(self._texts["holder"], (run_key,)).fetchone()
            if holder is not None and holder[0] != process_key:
                return False
            connection.execute(self._texts["let_go"], (run_key,))
            return self._end(connection, run_key, state)

        return self._connection.write(end)

    def _end(self, connection: sqlite3.Connection, run: RunId, state: State[Any]) -> bool:
        """Bring a run and all that it called into a final state; return whether it had not ended."""
        values = {**_move(state), "at": state.moment}
        connection.execute(self._texts["end_task_runs"], {**values, "run": run})
        for (called,) in connection.execute(self._texts["tree"], {"run": run}).fetchall():
            if called != run:
                connection.execute(self._texts["end_task_runs"], {**values, "run": called})
                connection.execute(self._texts["end_flow_run"], {**values, "run": called})
        ended = connection.execute(self._texts["end_flow_run"], {**values, "run": run}).fetchall()
        return bool(ended or connection.execute(self._texts["end_task_run"], {**values, "run": run}).fetchall())

    def _release_calls(self, connection: sqlite3.Connection, process: ProcessInfo, at: Moment) -> None:
        """Have the deferred calls that a worker had claimed wait for another one, but for those that cost several."""
        for run, history in connection.execute(self._texts["claimed"], (process.key.hex(),)).fetchall():
            state = left_by_worker(at, (message for _, _, _, message, _ in unpack_states(history)))
            values = {**_move(state), "run": run, "at": at}
            ends = state.is_final() and connection.execute(self._texts["end_task_run"], values).fetchone()
            if ends:
                connection.execute(self._texts["end_waits"], (run,))
                connection.execute(self._texts["end_call"], (run,))
            else:
                connection.execute(self._texts["await_worker"], values)
                connection.execute(self._texts["release"], (run,))

    # --- runs -------------------------------------------------------------------------------------

    def take_flow_run(
        self, run_key: RunId, seen: tuple[StateType, int], process: ProcessInfo, state: State[Any]
    ) -> int | None:
        """Take a flow run in hand again, as the only one who does."""

        def take(connection: sqlite3.Connection) -> int | None:
            self._check_listed(connection, process)
            found = connection.execute(self._texts["state"], (run_key,)).fetchone()
            if found is None or (STATE_TYPES[found[0]], found[1]) != seen:
                return None
            if connection.execute(self._texts["holder"], (run_key,)).fetchone():
                return None
            connection.execute(self._texts["hold"], (run_key, process.key))
            taken: int = connection.execute(self._texts["take"], {**_move(state), "run": run_key}).fetchone()[0]
            return taken

        return self._connection.write(take)

    def hold_run(self, run_key: RunId, process: ProcessInfo) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it."""

        def hold(connection: sqlite3.Connection) -> bool:
            self._check_listed(connection, process)
            return connection.execute(self._texts["hold_if_free"], (run_key, process.key)).fetchone() is not None

        return self._connection.write(hold)

    def _check_listed(self, connection: sqlite3.Connection, process: ProcessInfo) -> None:
        """Refuse a process that was taken off the list: what it takes in hand now, nobody would take from it."""
        if connection.execute(self._texts["process"], (process.key,)).fetchone() is None:
            raise FencedError(taken_for_dead(process))

    def request_cancel(self, run_key: RunId, state: State[Any]) -> bool:
        """Ask the process that has a run in hand to cancel it, and return whether there is one."""

        def request(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._texts["request_cancel"], (state.moment, run_key)).fetchone() is None:
                return False
            connection.execute(self._texts["begin_cancelling"], {**_move(state), "run": run_key})
            return True

        return self._connection.write(request)

    def read_held(self, process_key: RunId) -> dict[RunId, Moment | None]:
        """Return the runs that a process has in hand, and since when each is to be cancelled."""
        return self._connection.read(
            lambda connection: dict(connection.execute(self._texts["held"], (process_key,)).fetchall())
        )

    def read_steps(self, flow_run_key: RunId) -> tuple[RecordedStep, ...]:
        """Return the task runs of a flow run."""
        return self._connection.read(
            lambda connection: tuple(_step(row) for row in connection.execute(self._texts["steps"], (flow_run_key,)))
        )

    def read_staged(self, flow_run_key: RunId) -> tuple[RunId, ...]:
        """Return the task runs of a flow run whose transactions were not committed."""
        return self._connection.read(
            lambda connection: tuple(run for (run,) in connection.execute(self._texts["staged"], (flow_run_key,)))
        )

    def read_call(self, flow_run_key: RunId) -> StoredResult | None:
        """Return how the arguments of a flow run are kept."""
        found = self._one("call", flow_run_key)
        if found is None or found == (None, None, None):
            return None
        blob, location, why_not = found
        return StoredResult("pickle", blob, location, 0 if blob is None else len(blob), None, why_not)

    def claim_key(self, flow_name: str, key: str, run_key: RunId, call_hash: int) -> tuple[RunId, int]:
        """Return the run that a key stands for, and the hash of its arguments."""
        flow_name, key = encodable(flow_name), encodable(key)

        def claim(connection: sqlite3.Connection) -> tuple[RunId, int]:
            connection.execute(self._texts["claim_key"], (flow_name, key, run_key, call_hash))
            run, hash_ = connection.execute(self._texts["find_key"], (flow_name, key)).fetchone()
            return run, hash_

        return self._connection.write(claim)

    # --- pauses -----------------------------------------------------------------------------------

    def begin_pause(self, run_key: RunId, key: str, until: Moment, at: Moment) -> Pause:
        """Note that a flow run is paused at a place, and return that."""

        def begin(connection: sqlite3.Connection) -> Pause:
            connection.execute(self._texts["begin_pause"], (run_key, encodable(key), until, at))
            return Pause(*connection.execute(self._texts["find_pause"], (run_key, encodable(key))).fetchone())

        return self._connection.write(begin)

    def reopen_pause(self, run_key: RunId, key: str, until: Moment) -> None:
        """Have a flow run wait at a place again, since what it was given does not fit."""
        values = (until, run_key, encodable(key))
        self._connection.write(lambda connection: connection.execute(self._texts["reopen_pause"], values))

    def read_suspensions(self, process_key: RunId) -> tuple[Pause, ...]:
        """Return the pauses that others have asked for, of runs that a process has in hand."""
        values = (process_key, FROM_OUTSIDE)
        return self._connection.read(
            lambda connection: tuple(Pause(*row) for row in connection.execute(self._texts["suspensions"], values))
        )

    def read_pauses(self, run_key: RunId) -> tuple[Pause, ...]:
        """Return the places at which a flow run was paused."""
        return self._connection.read(
            lambda connection: tuple(Pause(*row) for row in connection.execute(self._texts["pauses"], (run_key,)))
        )

    def end_pause(self, run_key: RunId, key: str, answer: str | None, at: Moment) -> bool:
        """Have a flow run go on, and return whether it was still paused there."""
        given = None if answer is None else encodable(answer)
        values = (at, given, run_key, encodable(key))
        return self._connection.write(
            lambda connection: connection.execute(self._texts["end_pause"], values).fetchone() is not None
        )

    def _one(self, name: str, *values: object) -> Any:
        return self._connection.read(lambda connection: connection.execute(self._texts[name], values).fetchone())


def _move(state: State[Any]) -> dict[str, Any]:
    """Return what a statement needs to bring a run into a state."""
    history, code, name, _, _ = pack_states([state])
    return {"state": code, "state_name": name, "history": bytes(history)}


def _step(row: tuple[Any, ...]) -> RecordedStep:
    key, parent, task_key, task_name, call_hash, preview, ordinal, code, *others = row
    return RecordedStep(key, parent, task_key, task_name, call_hash, preview, ordinal, STATE_TYPES[code], *others)
