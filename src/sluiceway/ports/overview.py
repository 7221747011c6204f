"""The store, as far as a person looks at it: counts, strips, timelines and searches, each of which is quick."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.overview import Attention, Bucket, FlowSummary, Found, InHand, LogOutline, LogScan, Pulse, Step
    from sluiceway.model.queries import FlowRunQuery, LogQuery, Page, StoredState
    from sluiceway.model.states import StateType


class Overview(Protocol):
    """What is seen of many runs at once."""

    def read_pulse(self) -> Pulse:
        """Return what is another one whenever anything has changed. It is cheap enough to be asked all the time."""
        ...

    def read_flow_run_history(
        self, query: FlowRunQuery, start: Moment, width: Moment, count: int
    ) -> tuple[Bucket, ...]:
        """Return how many flow runs were created in each of several spans that follow one another, by present state.

        Args:
            query: Which runs.
            start: When the first span begins.
            width: How long each is.
            count: How many there are.

        Raises:
            ValueError: The width is below a millisecond, or there are no or too many buckets.
        """
        ...

    def count_flow_runs_by_state(self, query: FlowRunQuery = ...) -> dict[tuple[StateType, str], int]:
        """Return how many flow runs there are by type and name of their states.

        Args:
            query: Which runs.
        """
        ...

    def read_attention(self, since: Moment, at: Moment, *, limit: int = 20) -> Attention:
        """Return what a person should know of now.

        Args:
            since: Since when runs have ended that count as failed lately.
            at: The present moment.
            limit: How many runs of a kind at most.
        """
        ...

    def read_flow_summaries(
        self, names: Sequence[str], since: Moment, until: Moment, *, last: int = 30
    ) -> tuple[FlowSummary, ...]:
        """Return how the runs of flows went, in the order of the names, but for names of no flow.

        Args:
            names: The names of the flows.
            since: Runs that were created at or after this moment count.
            until: Runs that were created before this moment count.
            last: How many of the newest runs of each flow to tell of.
        """
        ...

    def read_timeline(
        self,
        flow_run_key: RunId,
        *,
        keys: Sequence[RunId] | None = None,
        limit: int = 10_000,
        after: str | None = None,
    ) -> Page[Step]:
        """Return the task runs of a flow run as bars, the oldest first.

        To keep up with a run that goes on, read what comes after the last page, and again those that had not ended.

        Args:
            flow_run_key: The flow run.
            keys: Only these of its task runs.
            limit: How many to a page, 10,000 at most.
            after: The cursor of the page before; of the last page, `timeline.` and the identifier of its last step.

        Raises:
            ValueError: The cursor is none of this list, or the page is too long.
        """
        ...

    def read_histories(self, run_keys: Sequence[RunId]) -> dict[RunId, tuple[StoredState, ...]]:
        """Return the states of flow runs and task runs in order, by run; runs that are not there are left out.

        Args:
            run_keys: The runs.
        """
        ...

    def search(self, text: str, *, limit: int = 8) -> Found:
        """Return what goes by a text.

        Args:
            text: The beginning of an identifier (four digits at least), or that of a name.
            limit: How many of each kind at most.
        """
        ...

    def outline_logs(self, query: LogQuery = ...) -> LogOutline:
        """Return how many log lines there are, and where it becomes serious.

        Args:
            query: Which lines.
        """
        ...

    def find_log(self, query: LogQuery, position: int) -> int | None:
        """Return the number of the log line at a position, so that a list can begin there; None beyond the last.

        How many lines come before a number, `count_logs` tells (`number_before`).

        Args:
            query: Which lines.
            position: How many of them come before it.

        Raises:
            ValueError: The position is below 0.
        """
        ...

    def scan_logs(
        self,
        query: LogQuery,
        *,
        limit: int = 200,
        most: int = 50_000,
        after: str | None = None,
        newest_first: bool = False,
    ) -> LogScan:
        """Search log lines, as far as it goes in a short time. A cursor is one of `read_logs`, too.

        Args:
            query: Which lines.
            limit: How many to a page.
            most: How many lines to go through at most.
            after: The cursor of the page before.
            newest_first: Whether the last line comes first.

        Raises:
            ValueError: The cursor belongs to another order, or the page cannot be.
        """
        ...

    def read_in_hand(self) -> tuple[InHand, ...]:
        """Return the processes on the list, and what each has in hand."""
        ...
