"""Runs: one call of a flow or task, from its creation to its end.

A run object is live: the engine moves it from state to state. What is written to the journal are the
facts of `model/facts.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sluiceway.base import ids, times
from sluiceway.base.hashing import text_hash
from sluiceway.base.names import run_name
from sluiceway.model.states import RUNNING, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from sluiceway.model.results import StoredResult
    from sluiceway.model.states import StateType


class FlowInfo:
    """A flow as the journal knows it.

    Args:
        key: The 16 bytes of its identifier.
        name: The name of the flow.
        created: When it was first seen.
        description: What it is for, as its code says; None where that does not say it.
        parameters: The JSON schema of its parameters, as a text; None of a flow that nobody has described.
    """

    __slots__ = ("created_moment", "description", "key", "name", "parameters_text")

    created_moment: times.Moment
    description: str | None
    parameters_text: str | None

    def __init__(
        self,
        key: ids.RunId,
        name: str,
        created: times.Moment,
        description: str | None = None,
        parameters: str | None = None,
    ) -> None:
        self.key: ids.RunId = key
        self.name: str = name
        self.created_moment = created
        self.description = description
        self.parameters_text = parameters

    @property
    def id(self) -> UUID:
        """The identifier of the flow."""
        return ids.to_uuid(self.key)

    @property
    def created(self) -> datetime:
        """When the flow was first seen."""
        return times.to_datetime(self.created_moment)

    @property
    def parameter_schema(self) -> dict[str, Any] | None:
        """The JSON schema of its parameters, an object with a property for each; None where nobody has described it."""
        import json  # lazy: runs that only run have no need of it

        return None if self.parameters_text is None else json.loads(self.parameters_text)

    def __repr__(self) -> str:
        return f"Flow(name={self.name!r}, id={str(self.id)!r})"


class _Run:
    """What flow runs and task runs have in common.

    Args:
        key: The 16 bytes of the identifier.
        tags: The tags of the run.
    """

    __slots__ = ("_state", "end", "given_name", "key", "next_start", "parent_key", "run_count", "start", "tags")

    # The types stand here, rather than where values are assigned: `model/wire.py` reads them.
    key: ids.RunId
    given_name: str | None
    """The name that somebody chose; None where the generated one holds."""
    tags: frozenset[str]
    parent_key: ids.RunId | None
    _state: State[Any] | None
    run_count: int
    start: times.Moment | None
    end: times.Moment | None
    next_start: times.Moment | None

    def __init__(self, key: ids.RunId, name: str | None, tags: frozenset[str]) -> None:
        self.key = key
        self.given_name = name
        self.tags = tags
        self.parent_key = None
        self._state = None
        self.run_count = 0
        self.start = None
        self.end = None
        self.next_start = None

    @property
    def state(self) -> State[Any] | None:
        """The present state. That of a run which has just started is made when somebody asks: few do."""
        if self._state is None and self.start is not None and self.end is None:
            self._state = State(RUNNING)
            self._state.moment = self.start
        return self._state

    @state.setter
    def state(self, state: State[Any] | None) -> None:
        self._state = state

    @property
    def id(self) -> UUID:
        """The identifier of the run."""
        return ids.to_uuid(self.key)

    @property
    def state_type(self) -> StateType | None:
        """The type of the present state."""
        return None if self.state is None else self.state.type

    @property
    def state_name(self) -> str | None:
        """The name of the present state."""
        return None if self.state is None else self.state.name

    @property
    def created(self) -> datetime:
        """When the run was created; read off its identifier, to the millisecond."""
        return times.to_datetime(int.from_bytes(self.key[:6], "big") * 1_000)

    @property
    def start_time(self) -> datetime | None:
        """When the run first started to run."""
        return times.optional_datetime(self.start)

    @property
    def end_time(self) -> datetime | None:
        """When the run ended."""
        return times.optional_datetime(self.end)

    @property
    def next_scheduled_start_time(self) -> datetime | None:
        """When the run goes on, if it waits for a retry."""
        return times.optional_datetime(self.next_start)

    @property
    def total_run_time(self) -> timedelta:
        """The time from the start to the end; zero for a run that has not ended.

        It is never negative, though the clock may have been put back meanwhile.
        """
        if self.start is None or self.end is None:
            return timedelta(0)
        return timedelta(microseconds=max(0, self.end - self.start))

    def __repr__(self) -> str:
        state = self.state_name or "no state"
        return f"{type(self).__name__}(name={self.name!r}, state={state}, id={str(self.id)!r})"

    @property
    def name(self) -> str:
        """The name of the run."""
        raise AttributeError("a run has a name only as a flow run or a task run")


class FlowRun(_Run):
    """One call of a flow.

    Args:
        key: The 16 bytes of the identifier.
        flow_name: The name of the flow.
        flow_version: The version of the flow's file.
        name: The name of the run; None for a generated one.
        parameters: The arguments, by name, as plain data for the journal.
        tags: The tags of the run.
    """

    __slots__ = (
        "auto_resume",
        "call",
        "entrypoint",
        "epoch",
        "expected_start",
        "flow_key",
        "flow_name",
        "flow_version",
        "parameters",
        "parent_task_run_key",
        "root_key",
        "started_by",
    )

    flow_name: str
    flow_version: str | None
    flow_key: ids.RunId | None
    parameters: Mapping[str, Any]
    parent_task_run_key: ids.RunId | None
    root_key: ids.RunId
    expected_start: times.Moment | None
    epoch: int
    """How many times the run has been taken in hand again."""
    entrypoint: str | None
    """Where its flow is: `FILE.py:NAME` or `module:NAME`; None where it cannot be imported."""
    auto_resume: int
    """How many times it goes on by itself after a crash."""
    started_by: str | None
    """Who called it, for people: the user, the machine and the program; None of a child run."""
    call: StoredResult | None
    """Its arguments by name, as they are kept for going on with it; read from the journal when they are needed."""

    def __init__(
        self,
        key: ids.RunId,
        flow_name: str,
        flow_version: str | None = None,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        tags: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(key, name, tags)
        self.flow_name = flow_name
        self.flow_version = flow_version
        self.flow_key = None
        self.parameters = parameters or {}
        self.parent_task_run_key = None
        self.root_key = key
        self.expected_start = None
        self.epoch = 0
        self.entrypoint = None
        self.auto_resume = 0
        self.started_by = None
        self.call = None

    @property
    def name(self) -> str:
        """The name of the run, given or generated."""
        return self.given_name or run_name(self.key)

    @name.setter
    def name(self, name: str) -> None:
        self.given_name: str | None = name

    @property
    def flow_id(self) -> UUID | None:
        """The identifier of the flow; known once the run has been read from the journal."""
        return ids.optional_uuid(self.flow_key)

    @property
    def parent_flow_run_id(self) -> UUID | None:
        """The flow run that called this one."""
        return ids.optional_uuid(self.parent_key)

    @property
    def parent_task_run_id(self) -> UUID | None:
        """The task run that stands for this run in its parent."""
        return ids.optional_uuid(self.parent_task_run_key)

    @property
    def root_flow_run_id(self) -> UUID:
        """The outermost flow run that this one belongs to; itself, if none called it."""
        return ids.to_uuid(self.root_key)

    @property
    def expected_start_time(self) -> datetime:
        """When the run was to start."""
        return self.created if self.expected_start is None else times.to_datetime(self.expected_start)


class TaskRun(_Run):
    """One call of a task.

    Args:
        key: The 16 bytes of the identifier.
        task_key: What names the task in every run and process.
        task_name: The name of the task.
        flow_run_key: The flow run that it belongs to; None outside flows.
        name: The name of the run; None for a generated one.
        tags: The tags of the run.
        call_hash: The hash of the arguments: signed, 64 bits; 0 where the preview tells them in full. With the
            parent, `task_key` and `ordinal`, it makes up the identity of the run.
        call_preview: A short text of the arguments.
        ordinal: How many equal calls the same parent made before.
    """

    __slots__ = (
        "cache_key",
        "call_hash",
        "call_preview",
        "child_flow_run_key",
        "flow_run_key",
        "inputs",
        "ordinal",
        "task_key",
        "task_name",
    )

    task_key: str
    task_name: str
    flow_run_key: ids.RunId | None
    call_hash: int
    ordinal: int
    call_preview: str | None
    inputs: Mapping[str, tuple[ids.RunId, ...]] | None
    """By argument (and `wait_for`), the task runs whose results went in."""
    cache_key: str | None
    child_flow_run_key: ids.RunId | None
    """The flow run that this task run stands for."""

    def __init__(
        self,
        key: ids.RunId,
        task_key: str,
        task_name: str,
        flow_run_key: ids.RunId | None = None,
        name: str | None = None,
        tags: frozenset[str] = frozenset(),
        call_hash: int = 0,
        call_preview: str | None = None,
        ordinal: int = 0,
    ) -> None:
        self.key: ids.RunId = key
        self.given_name: str | None = name
        self.tags: frozenset[str] = tags
        self.parent_key: ids.RunId | None = None
        self._state: State[Any] | None = None
        self.run_count: int = 0
        self.start: times.Moment | None = None
        self.end: times.Moment | None = None
        self.next_start: times.Moment | None = None
        self.task_key = task_key
        self.task_name = task_name
        self.flow_run_key = flow_run_key
        self.call_hash = call_hash
        self.ordinal = ordinal
        self.call_preview = call_preview
        self.inputs = None
        self.cache_key = None
        self.child_flow_run_key = None

    @property
    def name(self) -> str:
        """The name of the run, given or generated."""
        if self.flow_run_key is None:
            return self.given_name or self.task_name
        return self.given_name or f"{self.task_name}-{int.from_bytes(self.key[10:14], 'big') >> 6 & 0x3FFFF:05x}"

    @name.setter
    def name(self, name: str) -> None:
        self.given_name = name

    @property
    def flow_run_id(self) -> UUID | None:
        """The flow run that this run belongs to; None outside flows."""
        return ids.optional_uuid(self.flow_run_key)

    @property
    def parent_task_run_id(self) -> UUID | None:
        """The task run that called this one, if it was a task."""
        return ids.optional_uuid(self.parent_key)

    @property
    def dynamic_key(self) -> str:
        """What tells this call from others of the same task in the same parent."""
        number = self.call_hash or text_hash(self.call_preview or "")
        return f"{number & 0xFFFFFFFFFFFFFFFF:016x}-{self.ordinal}"

    @property
    def task_inputs(self) -> dict[str, list[UUID]]:
        """By argument (and `wait_for`), the identifiers of the task runs whose results went in."""
        return {name: [ids.to_uuid(key) for key in keys] for name, keys in (self.inputs or {}).items()}
