"""The store, as far as it knows which process has which run in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.holding import Pause, ProcessInfo, RecordedStep
    from sluiceway.model.results import StoredResult
    from sluiceway.model.states import State, StateType


class RunsInHand(Protocol):
    """Which process has which run in hand, and what it takes to go on with one."""

    def announce_process(self, process: ProcessInfo) -> None:
        """Put a process on the list of those that have something in hand.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_processes(self) -> tuple[ProcessInfo, ...]:
        """Return the processes that have announced themselves, and have neither left nor been taken off the list."""
        ...

    def read_holder(self, run_key: RunId) -> ProcessInfo | None:
        """Return the process that has a run in hand; None where none has."""
        ...

    def prolong_process(self, key: RunId, until: Moment) -> bool:
        """Prolong the lease of a process, and return whether it still is on the list.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def bury_process(self, process: ProcessInfo, reason: str, at: Moment) -> tuple[RunId, ...]:
        """Take a process off the list, and bring what it had in hand to an end as crashed, in one step.

        A run that it was asked to cancel is cancelled instead. With a run end all that it called and that has not
        ended. What has ended stays as it is. Deferred calls that the process has claimed wait for another worker,
        unless they have cost several: then they crash, too.

        Args:
            process: The process, as it was read; if its lease was prolonged since, nothing happens.
            reason: The message of the states.
            at: When.

        Returns:
            The flow runs that no other run has called, and the task runs outside flows, that have crashed.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def take_flow_run(
        self, run_key: RunId, seen: tuple[StateType, int], process: ProcessInfo, state: State[Any]
    ) -> int | None:
        """Take a flow run in hand again, as the only one who does: it comes into a state that is not final.

        Args:
            run_key: The run.
            seen: The type of its state, and how many times it had been taken in hand again, when it was read.
            process: Who takes it in hand; it is on the list.
            state: The state that it comes into.

        Returns:
            The epoch that now begins; None where the run has moved since it was read, or somebody has it in hand.

        Raises:
            FencedError: The process was taken off the list.
            StoreError: The store cannot be used.
        """
        ...

    def hold_run(self, run_key: RunId, process: ProcessInfo) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it.

        Args:
            run_key: The run.
            process: Who takes it in hand; it is on the list.

        Raises:
            FencedError: The process was taken off the list.
            StoreError: The store cannot be used.
        """
        ...

    def read_steps(self, flow_run_key: RunId) -> tuple[RecordedStep, ...]:
        """Return the task runs of a flow run as going on with it needs them, the oldest first."""
        ...

    def read_staged(self, flow_run_key: RunId) -> tuple[RunId, ...]:
        """Return the task runs of a flow run that are staged in transactions which were not committed."""
        ...

    def read_call(self, flow_run_key: RunId) -> StoredResult | None:
        """Return how the arguments of a flow run are kept; None where it has none."""
        ...

    def claim_key(self, flow_name: str, key: str, run_key: RunId, call_hash: int) -> tuple[RunId, int]:
        """Return the run that a key stands for, and the hash of its arguments; the first who asks settles both.

        Args:
            flow_name: The flow; each has keys of its own.
            key: The key.
            run_key: The run that it is to stand for, if it stands for none yet.
            call_hash: The hash of the arguments.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def end_flow_run(self, run_key: RunId, state: State[Any], process_key: RunId | None = None) -> bool:
        """Bring a flow run that no process has in hand, and all that it called, to an end, in one step.

        What has ended stays as it is; what it called and what has not ended comes to an end, nevertheless.

        Args:
            run_key: An outermost flow run.
            state: The final state.
            process_key: A process that may have it in hand, and then has no longer.

        Returns:
            Whether the run has ended by that.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def request_cancel(self, run_key: RunId, state: State[Any]) -> bool:
        """Ask the process that has a run in hand to cancel it, and return whether there is one.

        Args:
            run_key: An outermost flow run, or a task run outside flows.
            state: The state that a flow run comes into until it has ended.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_held(self, process_key: RunId) -> dict[RunId, Moment | None]:
        """Return the runs that a process has in hand, each with the moment since when it is to be cancelled."""
        ...

    def begin_pause(self, run_key: RunId, key: str, until: Moment, at: Moment) -> Pause:
        """Note that a flow run is paused at a place, and return that.

        One that was noted before stays as it is, unless it ended by itself: then it begins anew.

        Args:
            run_key: The run.
            key: The place.
            until: When the pause ends by itself.
            at: The present moment.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def reopen_pause(self, run_key: RunId, key: str, until: Moment) -> None:
        """Have a flow run wait at a place again, since what it was given does not fit.

        Args:
            run_key: The run.
            key: The place.
            until: When the pause ends by itself.

        Raises:
            StoreError: The store cannot be used.
        """
        ...

    def read_suspensions(self, process_key: RunId) -> tuple[Pause, ...]:
        """Return the pauses that others have asked for, of runs that a process has in hand, and that have not ended."""
        ...

    def read_pauses(self, run_key: RunId) -> tuple[Pause, ...]:
        """Return the places at which a flow run was paused, in the order in which they end by themselves."""
        ...

    def end_pause(self, run_key: RunId, key: str, answer: str | None, at: Moment) -> bool:
        """Have a flow run go on, and return whether it was still paused there.

        Args:
            run_key: The run.
            key: The place.
            answer: What is given to it, as JSON.
            at: When.

        Raises:
            StoreError: The store cannot be used.
        """
        ...
