"""The verbs of the store that look at many runs at once, as the port describes them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.holding import ProcessInfo
    from sluiceway.model.overview import Attention, Bucket, FlowSummary, Found, InHand, LogOutline, LogScan, Pulse, Step
    from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, StoredState
    from sluiceway.model.states import StateType
    from sluiceway.stores.sqlite.overseeing import Overseer
    from sluiceway.stores.sqlite.reading import Reader


class OverviewVerbs:
    """The verbs, each of which is done by an `Overseer`."""

    @abstractmethod
    def _present(self) -> Any:
        """Return what this process holds of the store."""

    @abstractmethod
    def _reader(self) -> Reader:
        """Return who reads single runs in this process."""

    @abstractmethod
    def read_processes(self) -> tuple[ProcessInfo, ...]:
        """Return the processes on the list."""

    def _overseer(self) -> Overseer:
        held = self._present()
        if held.overseer is None:
            from sluiceway.stores.sqlite.overseeing import Overseer  # lazy: only pages look at many runs at once

            reader = self._reader()
            with held.turn:
                if held.overseer is None:
                    held.overseer = Overseer(held.database, reader)
        overseer: Overseer = held.overseer
        return overseer

    def read_pulse(self) -> Pulse:
        """Return what is another one whenever anything has changed."""
        return self._overseer().read_pulse()

    def read_flow_run_history(
        self, query: FlowRunQuery, start: Moment, width: Moment, count: int
    ) -> tuple[Bucket, ...]:
        """Return how many flow runs were created in each of several spans of time, by present state."""
        return self._overseer().read_flow_run_history(query, start, width, count)

    def count_flow_runs_by_state(self, query: FlowRunQuery | None = None) -> dict[tuple[StateType, str], int]:
        """Return how many flow runs there are by type and name of their states."""
        return self._overseer().count_flow_runs_by_state(query)

    def read_attention(self, since: Moment, at: Moment, *, limit: int = 20) -> Attention:
        """Return what a person should know of now."""
        return self._overseer().read_attention(since, at, limit)

    def read_flow_summaries(
        self, names: Sequence[str], since: Moment, until: Moment, *, last: int = 30
    ) -> tuple[FlowSummary, ...]:
        """Return how the runs of flows went, in the order of the names."""
        return self._overseer().read_flow_summaries(names, since, until, last)

    def read_timeline(
        self,
        flow_run_key: RunId,
        *,
        keys: Sequence[RunId] | None = None,
        limit: int = 10_000,
        after: str | None = None,
    ) -> Page[Step]:
        """Return the task runs of a flow run as bars, the oldest first."""
        return self._overseer().read_timeline(flow_run_key, keys, limit, after)

    def read_histories(self, run_keys: Sequence[RunId]) -> dict[RunId, tuple[StoredState, ...]]:
        """Return the states of flow runs and task runs in order, by run."""
        return self._overseer().read_histories(run_keys)

    def search(self, text: str, *, limit: int = 8) -> Found:
        """Return what goes by a text."""
        return self._overseer().search(text, limit)

    def outline_logs(self, query: LogQuery | None = None) -> LogOutline:
        """Return how many log lines there are, and where it becomes serious."""
        return self._overseer().outline_logs(query)

    def find_log(self, query: LogQuery, position: int) -> int | None:
        """Return the number of the log line at a position; None beyond the last."""
        return self._overseer().find_log(query, position)

    def scan_logs(
        self,
        query: LogQuery,
        *,
        limit: int = 200,
        most: int = 50_000,
        after: str | None = None,
        newest_first: bool = False,
    ) -> LogScan:
        """Search log lines, as far as it goes in a short time."""
        return self._overseer().scan_logs(query, limit, most, after, newest_first)

    def read_in_hand(self) -> tuple[InHand, ...]:
        """Return the processes on the list, and what each has in hand."""
        return self._overseer().read_in_hand(self.read_processes())
