"""States: where a run is in its life, and with what."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from sluiceway.base import errors, ids, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

R = TypeVar("R")
"""The type of the value that the state stands for."""


class StateType(str, Enum):
    """The nine kinds of states. Names, such as `Retrying`, refine them."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CRASHED = "CRASHED"
    CANCELLED = "CANCELLED"
    CANCELLING = "CANCELLING"
    PAUSED = "PAUSED"

    # `Enum` hashes a member by a function in Python, which takes five times as long.
    __hash__ = str.__hash__


# By names of their own: reading a member off the class takes a tenth of a microsecond.
SCHEDULED, PENDING, RUNNING = StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING
COMPLETED, FAILED, CRASHED = StateType.COMPLETED, StateType.FAILED, StateType.CRASHED
CANCELLED, CANCELLING, PAUSED = StateType.CANCELLED, StateType.CANCELLING, StateType.PAUSED

FINAL_TYPES = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})
"""The types of states that a run does not leave by itself."""

STATE_CODES: Mapping[StateType, int] = {kind: code for code, kind in enumerate(StateType)}
"""The small integer that stands for each type in a database. Appended to, never reordered."""

STATE_TYPES: tuple[StateType, ...] = tuple(StateType)
"""The type of each code of `STATE_CODES`."""


DEFAULT_NAMES: Mapping[StateType, str] = {kind: kind.value.capitalize() for kind in StateType}
"""The name of a state that nothing refines."""

_ERROR_OF_TYPE = {
    StateType.FAILED: errors.FailedRun,
    StateType.CRASHED: errors.CrashedRun,
    StateType.CANCELLED: errors.CancelledRun,
}


class DeferredResult:
    """A value that is read from where it is stored when it is first asked for."""

    __slots__ = ()

    def get(self) -> Any:
        """Return the value.

        Raises:
            MissingResult: It is not at hand: it was not stored, or has gone.
        """
        raise errors.MissingResult


class StateDetails:
    """What goes with a state beside its value.

    Args:
        scheduled_time: When the run is to start or go on.
        cache_key: The key that a cached result was found under.
        retriable: Whether a retry may follow.
        guarantee: For a timeout: how firmly it could be enforced.
        untrackable_result: Why a result was not stored.
        pause_key: Which pause this is.
        pause_timeout: When the pause ends by itself.
        pause_reschedule: Whether the process may end meanwhile.
        pause_schema: What the answer is to be like that has the run go on, as a JSON schema.
        child_flow_run_id: The child run that a task run stands for.
    """

    __slots__ = (
        "cache_key",
        "child_flow_run_id",
        "guarantee",
        "pause_key",
        "pause_reschedule",
        "pause_schema",
        "pause_timeout",
        "retriable",
        "scheduled_time",
        "untrackable_result",
    )

    def __init__(
        self,
        *,
        scheduled_time: datetime | None = None,
        cache_key: str | None = None,
        retriable: bool | None = None,
        guarantee: str | None = None,
        untrackable_result: str | None = None,
        pause_key: str | None = None,
        pause_timeout: datetime | None = None,
        pause_reschedule: bool = False,
        pause_schema: dict[str, Any] | None = None,
        child_flow_run_id: UUID | None = None,
    ) -> None:
        self.scheduled_time: datetime | None = scheduled_time
        self.cache_key: str | None = cache_key
        self.retriable: bool | None = retriable
        self.guarantee: str | None = guarantee
        self.untrackable_result: str | None = untrackable_result
        self.pause_key: str | None = pause_key
        self.pause_timeout: datetime | None = pause_timeout
        self.pause_reschedule: bool = pause_reschedule
        self.pause_schema: dict[str, Any] | None = pause_schema
        self.child_flow_run_id: UUID | None = child_flow_run_id

    def as_dict(self) -> dict[str, Any]:
        """Return the details that are set, by name."""
        values = ((name, getattr(self, name)) for name in self.__slots__)
        return {name: value for name, value in values if value is not None and value is not False}

    def __repr__(self) -> str:
        return f"StateDetails({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StateDetails) and self.as_dict() == other.as_dict()

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # compared by value, and mutable


class State(Generic[R]):
    """Where a run is in its life.

    Args:
        type: One of the nine kinds.
        name: What refines the kind, such as `Retrying`; by default the kind's own name.
        message: What to tell a person.
        data: The value of a completed run, or the exception of one that did not complete.
        timestamp: Since when; a state that the engine makes is stamped when it is recorded.
        id: The identifier; made when it is first asked for.
        state_details: What goes with it.
    """

    __slots__ = ("_details", "_id", "_name", "data", "message", "moment", "type")

    # The types stand here, rather than where values are assigned: `model/wire.py` reads them.
    type: StateType
    message: str | None
    data: Any
    moment: times.Moment
    _name: str | None
    _id: UUID | None
    _details: StateDetails | None

    def __init__(
        self,
        type: StateType,  # noqa: A002 - the public name of the argument
        name: str | None = None,
        message: str | None = None,
        data: Any = None,
        timestamp: datetime | None = None,
        id: UUID | None = None,  # noqa: A002 - the public name of the argument
        state_details: StateDetails | None = None,
    ) -> None:
        self.type = type
        self._name = name
        self.message = message
        self.data = data
        self.moment = 0 if timestamp is None else times.from_datetime(timestamp)
        self._id = id
        self._details = state_details

    @property
    def name(self) -> str:
        """What refines the kind; the kind's own name, where nothing does."""
        return self._name or DEFAULT_NAMES[self.type]

    @name.setter
    def name(self, name: str) -> None:
        self._name = name

    @property
    def special_name(self) -> str | None:
        """The name, where it is another than the kind's own."""
        return None if self._name is None or self._name == DEFAULT_NAMES[self.type] else self._name

    @property
    def bare(self) -> bool:
        """Whether there is nothing to tell of it beside its type, its moment and its value."""
        return self._name is None and self.message is None and self._details is None

    @property
    def id(self) -> UUID:
        """The identifier of the state."""
        if self._id is None:
            self._id = ids.to_uuid(ids.new_id())
        return self._id

    @property
    def timestamp(self) -> datetime:
        """Since when the run is in this state."""
        return times.to_datetime(self.moment)

    @property
    def state_details(self) -> StateDetails:
        """What goes with the state beside its value."""
        if self._details is None:
            self._details = StateDetails()
        return self._details

    @property
    def has_details(self) -> bool:
        """Whether anything goes with the state beside its value."""
        return self._details is not None

    def is_scheduled(self) -> bool:
        """Whether the run waits for its time to come."""
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        """Whether the run is about to start."""
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        """Whether the run is under way."""
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        """Whether the run ended well."""
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        """Whether the run failed."""
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        """Whether the run ended for a reason outside the user's code."""
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        """Whether the run was cancelled."""
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        """Whether the run is being cancelled."""
        return self.type is StateType.CANCELLING

    def is_paused(self) -> bool:
        """Whether the run waits for somebody to resume it."""
        return self.type is StateType.PAUSED

    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self.type in FINAL_TYPES

    def result(self, raise_on_failure: bool = True, retry_result_failure: bool = True) -> Any:
        """Return the value of the run.

        Args:
            raise_on_failure: Raise the exception of a run that did not complete, rather than return it.
            retry_result_failure: Accepted for compatibility: a stored result is either at hand or not.

        Raises:
            MissingResult: The result was not stored, so that it is not at hand any more.
            UnfinishedRun: The run has not finished.
        """
        if not self.is_final():
            raise self._unfinished()
        value = self.data.get() if isinstance(self.data, DeferredResult) else self.data
        if self.is_completed():
            return value
        error = self.as_exception(value)
        if raise_on_failure:
            raise error
        return error

    def _unfinished(self) -> errors.SluicewayError:
        """Return the error of asking a run for its result that has not ended."""
        if self.name == "NotReady":
            return errors.UpstreamTaskError(self.message)
        if self.is_paused():
            return errors.PausedRun("The run is paused, its result is not available.", state=self)
        return errors.UnfinishedRun(f"The run is in state {self}, its result is not available yet.")

    def as_exception(self, value: Any) -> BaseException:
        """Return what went wrong, from the value of a run that did not complete."""
        if isinstance(value, BaseException):
            return value
        failed = value if isinstance(value, State) else None
        if failed is not None and failed.is_final() and not failed.is_completed():
            return failed.as_exception(failed.data)
        message = self.message or (value if isinstance(value, str) else None)
        return _ERROR_OF_TYPE[self.type](message or f"The run ended in state {self}.")

    async def aresult(self, raise_on_failure: bool = True, retry_result_failure: bool = True) -> Any:
        """Return the value of the run; `result` for callers in async code."""
        return self.result(raise_on_failure, retry_result_failure)

    def copy(self, **changes: Any) -> State[R]:
        """Return a copy with some of its parts changed, under an identifier of its own.

        Args:
            changes: Arguments of the constructor to replace.
        """
        parts = {
            "type": self.type,
            "name": self.name,
            "message": self.message,
            "data": self.data,
            "state_details": self._details,
        }
        copied = type(self)(**{**parts, **changes})
        if "timestamp" not in changes:
            copied.moment = self.moment
        return copied

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> State[R]:
        """Return a copy under an identifier of its own, as of the same moment.

        Args:
            update: Arguments of the constructor to replace.
            deep: Whether the value is copied, too.
        """
        changes = dict(update or {})
        if deep and "data" not in changes:
            from copy import deepcopy  # lazy: hardly anybody copies values

            changes["data"] = deepcopy(self.data)
        return self.copy(**changes)

    def fresh_copy(self, **kwargs: Any) -> State[R]:
        """Return a copy under an identifier of its own, as of now.

        Args:
            kwargs: Arguments of the constructor to replace.
        """
        copied = self.copy(**kwargs)
        if "timestamp" not in kwargs:
            copied.moment = times.now()
        return copied

    def __repr__(self) -> str:
        return f"{self.name}(message={self.message!r}, type={self.type.value})"

    def __str__(self) -> str:
        parts = [repr(self.message)] if self.message else []
        if self.name.upper() != self.type.value:
            parts.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(parts)})"


State.__module__ = StateDetails.__module__ = StateType.__module__ = "sluiceway.states"
