"""Facts: what the journal is told. Each is written once and never changed.

A fact names the run it is about. One of a new run carries the run, of which the journal reads only what is
settled at its creation. A script tells a fact by awaiting it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from sluiceway.base.ops import Op

if TYPE_CHECKING:
    from sluiceway.base.ids import RunId
    from sluiceway.base.times import Moment
    from sluiceway.model.keepsakes import Artifact
    from sluiceway.model.results import CachedResult, StoredResult
    from sluiceway.model.runs import FlowRun, TaskRun
    from sluiceway.model.states import State


class _Fact(Op[None]):
    """A fact, compared by what it tells."""

    __slots__ = ()

    def _told(self) -> dict[str, Any]:
        """Return what it tells, by name."""
        return {name: getattr(self, name) for name in vars(type(self))["__slots__"]}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fact) and type(other) is type(self) and self._told() == other._told()

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # some hold what cannot be hashed

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self._told().items())
        return f"{type(self).__name__}({told})"


class FlowDescribed(_Fact):
    """A process has met a flow, and tells what the flow is for and what it takes.

    Args:
        flow_name: The name of the flow.
        description: What it is for.
        parameters: The JSON schema of its parameters, as a text.
        moment: When.
    """

    __slots__ = __match_args__ = ("flow_name", "description", "parameters", "moment")

    def __init__(self, flow_name: str, description: str | None, parameters: str, moment: Moment) -> None:
        self.flow_name: str = flow_name
        self.description: str | None = description
        self.parameters: str = parameters
        self.moment: Moment = moment


class FlowRunCreated(_Fact):
    """A flow was called.

    Args:
        run: The run.
        state: Its first state.
    """

    __slots__ = __match_args__ = ("run", "state")

    def __init__(self, run: FlowRun, state: State[Any]) -> None:
        self.run: FlowRun = run
        self.state: State[Any] = state


class TaskRunCreated(_Fact):
    """A task was called, and waits for something.

    Args:
        run: The run.
        state: Its first state.
    """

    __slots__ = __match_args__ = ("run", "state")

    def __init__(self, run: TaskRun, state: State[Any]) -> None:
        self.run: TaskRun = run
        self.state: State[Any] = state


class TaskRunDeferred(_Fact):
    """A task was called for a worker to run it, some time soon.

    Args:
        run: The run.
        state: Its first state.
        due: From when on a worker may claim it.
        call: All else that the worker needs, packed.
        upstream: Deferred runs that are to have ended before; what is not waiting or claimed has.
    """

    __slots__ = __match_args__ = ("run", "state", "due", "call", "upstream")

    def __init__(
        self, run: TaskRun, state: State[Any], due: Moment, call: bytes, upstream: tuple[RunId, ...] = ()
    ) -> None:
        self.run: TaskRun = run
        self.state: State[Any] = state
        self.due: Moment = due
        self.call: bytes = call
        self.upstream: tuple[RunId, ...] = upstream


class DeferredCallEnded(_Fact):
    """Nothing is left to do for a deferred call: the states of its run were told before.

    Args:
        run_key: The run.
    """

    __slots__ = __match_args__ = ("run_key",)

    def __init__(self, run_key: RunId) -> None:
        self.run_key: RunId = run_key


class TaskRunStarted(_Fact):
    """A task was called, and has started to run: it was pending, at most waiting for a thread, then running.

    Args:
        run: The run; it is running since its `start`.
        called: When it was called, which is since when it was pending.
    """

    __slots__ = __match_args__ = ("run", "called")

    def __init__(self, run: TaskRun, called: Moment) -> None:
        self.run: TaskRun = run
        self.called: Moment = called


class FlowRunMoved(_Fact):
    """A flow run came into another state.

    Args:
        run_key: The run.
        state: The state it came into.
        run_count: How many times it had started to run by then.
        result: What was stored of its result.
        name: The name of the run, where it was settled only now.
    """

    __slots__ = __match_args__ = ("run_key", "state", "run_count", "result", "name")

    def __init__(
        self,
        run_key: RunId,
        state: State[Any],
        run_count: int,
        result: StoredResult | None = None,
        name: str | None = None,
    ) -> None:
        self.run_key: RunId = run_key
        self.state: State[Any] = state
        self.run_count: int = run_count
        self.result: StoredResult | None = result
        self.name: str | None = name


class FlowRunReopened(_Fact):
    """A flow run goes on, though it had ended, or its process has.

    Args:
        run_key: The run.
        state: The state it came into.
    """

    __slots__ = __match_args__ = ("run_key", "state")

    def __init__(self, run_key: RunId, state: State[Any]) -> None:
        self.run_key: RunId = run_key
        self.state: State[Any] = state


class TaskRunReopened(_Fact):
    """A task run starts again, though it had ended, or its process has: what came of it does not hold any more.

    Args:
        run_key: The run.
        state: The state it came into.
    """

    __slots__ = __match_args__ = ("run_key", "state")

    def __init__(self, run_key: RunId, state: State[Any]) -> None:
        self.run_key: RunId = run_key
        self.state: State[Any] = state


class TaskRunStaged(_Fact):
    """A task run completed in a transaction that has not been committed yet.

    Args:
        run_key: The run.
    """

    __slots__ = __match_args__ = ("run_key",)

    def __init__(self, run_key: RunId) -> None:
        self.run_key: RunId = run_key


class TaskRunSettled(_Fact):
    """The transaction that a task run completed in was committed, or rolled back.

    Args:
        run_key: The run.
    """

    __slots__ = __match_args__ = ("run_key",)

    def __init__(self, run_key: RunId) -> None:
        self.run_key: RunId = run_key


class TaskRunMoved(_Fact):
    """A task run came into another state.

    Args:
        run_key: The run.
        state: The state it came into.
        run_count: How many times it had started to run by then.
        result: What was stored of its result.
        name: The name of the run, where it was settled only now.
        cache_key: The cache key, where it was settled only now.
    """

    __slots__ = __match_args__ = ("run_key", "state", "run_count", "result", "name", "cache_key")

    def __init__(
        self,
        run_key: RunId,
        state: State[Any],
        run_count: int,
        result: StoredResult | None = None,
        name: str | None = None,
        cache_key: str | None = None,
    ) -> None:
        self.run_key: RunId = run_key
        self.state: State[Any] = state
        self.run_count: int = run_count
        self.result: StoredResult | None = result
        self.name: str | None = name
        self.cache_key: str | None = cache_key


class ResultCached(_Fact):
    """A result may be taken over by later runs.

    Args:
        entry: The result and its key.
    """

    __slots__ = __match_args__ = ("entry",)

    def __init__(self, entry: CachedResult) -> None:
        self.entry: CachedResult = entry


class LogWritten(_Fact):
    """A run logged a line.

    Args:
        flow_run_key: The flow run; None for a task called outside flows.
        task_run_key: The task run; None for a line of the flow itself.
        moment: When.
        level: The level of the standard `logging` module, such as 20 for INFO.
        logger: The name of the logger.
        message: The line, possibly cut.
    """

    __slots__ = __match_args__ = ("flow_run_key", "task_run_key", "moment", "level", "logger", "message")

    def __init__(
        self,
        flow_run_key: RunId | None,
        task_run_key: RunId | None,
        moment: Moment,
        level: int,
        logger: str,
        message: str,
    ) -> None:
        self.flow_run_key: RunId | None = flow_run_key
        self.task_run_key: RunId | None = task_run_key
        self.moment: Moment = moment
        self.level: int = level
        self.logger: str = logger
        self.message: str = message


class ArtifactMade(_Fact):
    """Code made an artifact for people to look at.

    Args:
        artifact: The artifact.
    """

    __slots__ = __match_args__ = ("artifact",)

    def __init__(self, artifact: Artifact) -> None:
        self.artifact: Artifact = artifact


class ArtifactChanged(_Fact):
    """An artifact was given other data; it is no new version.

    Args:
        artifact_id: The artifact.
        data: Its data from now on, as a JSON text.
        description: What it is for from now on; None to leave that.
        moment: When.
    """

    __slots__ = __match_args__ = ("artifact_id", "data", "description", "moment")

    def __init__(self, artifact_id: RunId, data: str, description: str | None, moment: Moment) -> None:
        self.artifact_id: RunId = artifact_id
        self.data: str = data
        self.description: str | None = description
        self.moment: Moment = moment


Fact: TypeAlias = (
    FlowDescribed
    | FlowRunCreated
    | TaskRunCreated
    | TaskRunDeferred
    | TaskRunStarted
    | FlowRunMoved
    | TaskRunMoved
    | FlowRunReopened
    | TaskRunReopened
    | TaskRunStaged
    | TaskRunSettled
    | DeferredCallEnded
    | ResultCached
    | LogWritten
    | ArtifactMade
    | ArtifactChanged
)
"""Anything that the journal can be told."""

FACTS: tuple[type[Fact], ...] = (
    FlowDescribed,
    FlowRunCreated,
    TaskRunCreated,
    TaskRunDeferred,
    TaskRunStarted,
    FlowRunMoved,
    TaskRunMoved,
    FlowRunReopened,
    TaskRunReopened,
    TaskRunStaged,
    TaskRunSettled,
    DeferredCallEnded,
    ResultCached,
    LogWritten,
    ArtifactMade,
    ArtifactChanged,
)
"""The kinds of facts."""


class Receipt:
    """Tells that facts were written: also one who is interrupted in that very moment, as by Ctrl-C."""

    __slots__ = ("written",)

    def __init__(self) -> None:
        self.written: bool = False
