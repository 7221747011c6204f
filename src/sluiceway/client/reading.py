"""The verbs of the client, each written once for both colours."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from sluiceway import wiring
from sluiceway.base import ids
from sluiceway.base.errors import ObjectNotFound, StoreError
from sluiceway.client import joins, translation
from sluiceway.client.colours import verb
from sluiceway.client.schemas.objects import Flow, FlowRun, Log, State, TaskRun
from sluiceway.client.schemas.sorting import FlowRunSort, FlowSort, LogSort, TaskRunSort
from sluiceway.drivers.stored import StoredValue
from sluiceway.model.paging import walk
from sluiceway.model.queries import PAGE_LIMIT
from sluiceway.model.restoring import live_state
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store

if TYPE_CHECKING:  # filters are Pydantic models, which who reads without a filter need not import
    from sluiceway.client.schemas.filters import FlowFilter, FlowRunFilter, LogFilter, TaskRunFilter

AnyRun = TypeVar("AnyRun", FlowRun, TaskRun)

MAX_LIMIT = 10_000
"""The number of rows that one call reads at most."""

DRAIN_SECONDS = 30.0
"""How long to wait for what this process has recorded to be written."""


class Reading:
    """Reads the journal. Each call first waits until what this process recorded is written.

    Args:
        services: Where to read; None for where this process records when the client is made.
    """

    def __init__(self, services: Services | None = None) -> None:
        self._services = services or wiring.services()

    # --- flows --------------------------------------------------------------------------------------

    @verb
    def read_flow(self, flow_id: UUID) -> Flow:
        """Return a flow.

        Args:
            flow_id: The identifier of the flow.

        Raises:
            ObjectNotFound: There is no such flow.
        """
        flow = self._journal().read_flow(key_of(flow_id))
        if flow is None:
            raise ObjectNotFound(f"There is no flow with the identifier {flow_id}.")
        return flow

    @verb
    def read_flow_by_name(self, flow_name: str) -> Flow:
        """Return the flow of a name.

        Args:
            flow_name: The name of the flow.

        Raises:
            ObjectNotFound: There is no such flow.
        """
        found = self._journal().read_flows(names=(flow_name,), limit=1).items
        if not found:
            raise ObjectNotFound(f"There is no flow with the name {flow_name!r}.")
        return found[0]

    @verb
    def read_flows(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: FlowSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Flow]:
        """Return flows by name.

        Args:
            flow_filter: Which flows.
            flow_run_filter: Only flows that have such runs.
            task_run_filter: Only flows that have runs with such task runs.
            sort: The order; there is one.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range, or a filter on runs chooses more than 10,000.
        """
        limit = bounded(limit, offset)
        store = self._journal()
        names = joins.flow_names_of_runs(store, flow_run_filter, task_run_filter)
        chosen = (flow for flow in joins.flows(store, flow_filter) if names is None or flow.name in names)
        return list(islice(chosen, offset, offset + limit))

    # --- flow runs ----------------------------------------------------------------------------------

    @verb
    def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """Return a flow run; `.state.result()` of it opens its stored result.

        Args:
            flow_run_id: The identifier of the run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        run = self._journal().read_flow_run(key_of(flow_run_id))
        if run is None:
            raise ObjectNotFound(f"There is no flow run with the identifier {flow_run_id}.")
        return self._with_result(run)

    @verb
    def read_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: FlowRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[FlowRun]:
        """Return flow runs.

        Args:
            flow_filter: Only runs of such flows.
            flow_run_filter: Which runs.
            task_run_filter: Only runs that have such task runs.
            sort: The order; newest first by default.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range, or a filter on another list chooses
                more than 10,000.

        Example:
            ```python
            failed = FlowRunFilter(state={"type": {"any_": ["FAILED"]}})
            with get_client(sync_client=True) as client:
                for run in client.read_flow_runs(flow_run_filter=failed, limit=10):
                    print(run.name, run.state.message)
            ```
        """
        limit = bounded(limit, offset)
        store = self._journal()
        query = joins.flow_run_query(store, flow_filter, flow_run_filter, task_run_filter)
        order = translation.FLOW_RUN_ORDERS[sort or FlowRunSort.ID_DESC]
        runs = store.read_flow_runs(query, order=order, limit=limit, offset=offset).items
        return [self._with_result(run) for run in runs]

    @verb
    def count_flow_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
    ) -> int:
        """Return how many flow runs there are.

        Args:
            flow_filter: Only runs of such flows.
            flow_run_filter: Which runs.
            task_run_filter: Only runs that have such task runs.

        Raises:
            ValueError: A filter on another list chooses more than 10,000.
        """
        store = self._journal()
        return store.count_flow_runs(joins.flow_run_query(store, flow_filter, flow_run_filter, task_run_filter))

    @verb
    def read_flow_run_states(self, flow_run_id: UUID) -> list[State[Any]]:
        """Return the states of a flow run in their order.

        Args:
            flow_run_id: The identifier of the run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        return self._history(flow_run_id, "flow run")

    # --- task runs ----------------------------------------------------------------------------------

    @verb
    def read_task_run(self, task_run_id: UUID) -> TaskRun:
        """Return a task run; `.state.result()` of it opens its stored result.

        Args:
            task_run_id: The identifier of the run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        run = self._journal().read_task_run(key_of(task_run_id))
        if run is None:
            raise ObjectNotFound(f"There is no task run with the identifier {task_run_id}.")
        return self._with_result(run)

    @verb
    def read_task_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
        sort: TaskRunSort | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[TaskRun]:
        """Return task runs.

        Args:
            flow_filter: Only runs in runs of such flows.
            flow_run_filter: Only runs in such flow runs.
            task_run_filter: Which runs.
            sort: The order; newest first by default.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.

        Raises:
            ValueError: A limit or offset is out of range, or a filter on another list chooses
                more than 10,000.
        """
        limit = bounded(limit, offset)
        store = self._journal()
        query = joins.task_run_query(store, flow_filter, flow_run_filter, task_run_filter)
        order = translation.TASK_RUN_ORDERS[sort or TaskRunSort.ID_DESC]
        runs = store.read_task_runs(query, order=order, limit=limit, offset=offset).items
        return [self._with_result(run) for run in runs]

    @verb
    def count_task_runs(
        self,
        *,
        flow_filter: FlowFilter | None = None,
        flow_run_filter: FlowRunFilter | None = None,
        task_run_filter: TaskRunFilter | None = None,
    ) -> int:
        """Return how many task runs there are.

        Args:
            flow_filter: Only runs in runs of such flows.
            flow_run_filter: Only runs in such flow runs.
            task_run_filter: Which runs.

        Raises:
            ValueError: A filter on another list chooses more than 10,000.
        """
        store = self._journal()
        return store.count_task_runs(joins.task_run_query(store, flow_filter, flow_run_filter, task_run_filter))

    @verb
    def read_task_run_states(self, task_run_id: UUID) -> list[State[Any]]:
        """Return the states of a task run in their order.

        Args:
            task_run_id: The identifier of the run.

        Raises:
            ObjectNotFound: There is no such run.
        """
        return self._history(task_run_id, "task run")

    # --- logs ---------------------------------------------------------------------------------------

    @verb
    def read_logs(
        self,
        log_filter: LogFilter | None = None,
        limit: int | None = None,
        offset: int | None = None,
        sort: LogSort | None = None,
    ) -> list[Log]:
        """Return log lines.

        Args:
            log_filter: Which lines.
            limit: How many at most, up to 10,000; 200 by default.
            offset: How many to pass over.
            sort: The order; as they were written by default.

        Raises:
            ValueError: A limit or offset is out of range.
        """
        skipped = offset or 0
        limit = bounded(limit, skipped)
        store, query = self._journal(), translation.log_query(log_filter)
        newest_first = sort is LogSort.TIMESTAMP_DESC
        lines = walk(lambda after: store.read_logs(query, after=after, newest_first=newest_first))
        return [Log.from_line(line) for line in islice(lines, skipped, skipped + limit)]

    @verb
    def count_logs(self, log_filter: LogFilter | None = None) -> int:
        """Return how many log lines there are.

        Args:
            log_filter: Which lines.
        """
        return self._journal().count_logs(translation.log_query(log_filter))

    # --- behind the verbs ---------------------------------------------------------------------------

    def _journal(self) -> Store:
        """Return the store, once it has all that this process recorded, and knows which processes are dead."""
        if not self._services.recorder.drain(DRAIN_SECONDS):
            raise StoreError(
                f"Not all that this process recorded could be written within {DRAIN_SECONDS:.0f} s, so that "
                "reading would miss some of it. Find out why with: sluiceway doctor"
            )
        if self._services.presence is not None:
            self._services.presence.look_around()
        return self._services.store

    def _with_result(self, run: AnyRun) -> AnyRun:
        if run.state is not None and run.state.is_final():
            run.state.data = StoredValue(self._services, run.key, run.state.is_completed())
        return run

    def _history(self, run_id: UUID, what: str) -> list[State[Any]]:
        key = key_of(run_id)
        states = [live_state(stored) for stored in self._journal().read_history(key)]
        if not states:
            raise ObjectNotFound(f"There is no {what} with the identifier {run_id}.")
        if states[-1].is_final():
            states[-1].data = StoredValue(self._services, key, states[-1].is_completed())
        return states


def key_of(identifier: UUID | str) -> ids.RunId:
    """Return the key of an identifier, which may be a text.

    Args:
        identifier: The identifier.

    Raises:
        ValueError: It is none.
    """
    try:
        return ids.from_uuid(identifier)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{identifier!r} is not an identifier: it should be a UUID.") from error


def bounded(limit: int | None, offset: int) -> int:
    """Return the limit that holds.

    Args:
        limit: The limit; None for the usual one.
        offset: How many rows are passed over.

    Raises:
        ValueError: One of them is out of range.
    """
    if offset < 0:
        raise ValueError(f"offset must not be negative; it is {offset}.")
    if limit is None:
        return PAGE_LIMIT
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"limit must be from 1 to {MAX_LIMIT:,}; it is {limit}. Read on with offset.")
    return limit
