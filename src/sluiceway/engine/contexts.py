"""Contexts: a call that is, or is to become, a run; everything that its script needs.

The same object is what user code of the run finds as its context: `FlowRunContext.get()`,
`TaskRunContext.get()`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sluiceway.base import times
from sluiceway.engine.brakes import Brake
from sluiceway.engine.replay import Identity, Replay, Step
from sluiceway.model.runs import TaskRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluiceway.base.ids import RunId
    from sluiceway.base.signatures import Signature
    from sluiceway.engine.staging import BaseTransaction
    from sluiceway.model.policies import FlowPolicy, TaskPolicy
    from sluiceway.model.runs import FlowRun
    from sluiceway.model.upstream import Upstream
    from sluiceway.ports.services import Services
    from sluiceway.rules.resolution import Reference

Call = int | str
"""What stands for the arguments of a call: their hash, or a text that tells them in full."""


class RunContext:
    """What flow runs and task runs have in common."""

    __slots__ = (
        "called",
        "fn",
        "generator",
        "iterated",
        "log_prints",
        "ordinals",
        "parameters",
        "references",
        "services",
        "signature",
        "strict",
    )

    services: Services
    """The adapters that the run works with."""
    fn: Callable[..., Any]
    """The function."""
    signature: Signature
    """How the parameters become arguments of the function."""
    parameters: dict[str, Any]
    """The arguments by name; futures among them are resolved before the function is called."""
    references: list[Reference]
    """The futures and states among the arguments and in `wait_for`."""
    called: times.Moment
    """When the function was called."""
    generator: bool
    """Whether the function yields its results."""
    iterated: bool
    """Whether somebody iterates over what the function yields."""
    log_prints: bool
    """Whether `print` logs."""
    strict: bool
    """Whether the call returns only when what came of it is on disk."""
    ordinals: dict[str, dict[Call, int]] | None
    """How many equal calls of each task this run has made."""

    def next_ordinal(self, task_key: str, call: Call) -> int:
        """Return how many equal calls this run has made before.

        Args:
            task_key: The task that is called.
            call: What stands for its arguments.
        """
        with self.services.counting:
            if self.ordinals is None:
                self.ordinals = {}
            counts = self.ordinals.get(task_key)
            if counts is None:
                counts = self.ordinals[task_key] = {}
            ordinal = counts.get(call, 0)
            counts[call] = ordinal + 1
        return ordinal


class FlowRunContext(RunContext):
    """A call of a flow.

    Args:
        flow: The flow, as hooks and callbacks receive it.
        flow_run: The run.
        services: The adapters that the run works with.
        parameters: The arguments by name, futures not yet resolved.
        references: The futures and states among the arguments and in `wait_for`.
        called: When the flow was called.
        log_prints: Whether `print` logs.
        make_runner: Gives the run a task runner, started, when a task is first submitted.
        parent: The context that the flow was called in.
        stand_in: The task run that stands for this run in its parent; None for a run of its own.
    """

    __slots__ = (
        "_make_runner",
        "brake",
        "flow",
        "flow_run",
        "identity_here",
        "in_order",
        "once",
        "parent",
        "pauses",
        "policy",
        "recorded",
        "replay",
        "runner",
        "stand_in",
    )

    policy: FlowPolicy
    drawn: bool = False
    """Whether the flow is only drawn: its tasks are not run, and nothing is recorded."""

    def __init__(
        self,
        flow: Any,
        flow_run: FlowRun,
        services: Services,
        parameters: dict[str, Any],
        references: list[Reference],
        called: times.Moment,
        log_prints: bool,
        make_runner: Callable[[FlowRunContext], None],
        parent: FlowRunContext | TaskRunContext | None,
        stand_in: TaskRun | None,
    ) -> None:
        self.flow: Any = flow
        self.flow_run: FlowRun = flow_run
        self.fn: Callable[..., Any] = flow.fn
        self.policy = flow.policy
        self.signature: Signature = flow.signature
        self.generator: bool = flow.isgenerator
        self.services = services
        self.parameters = parameters
        self.references = references
        self.called = called
        self.log_prints = log_prints
        self.ordinals: dict[str, dict[Call, int]] | None = None
        self.iterated: bool = False
        self.parent: FlowRunContext | TaskRunContext | None = parent
        around = None if parent is None else parent.flow_context
        self.brake: Brake = Brake() if around is None else around.brake
        """Brings the outermost flow run, and all that it has called, to a halt."""
        self.pauses: int = 0
        """How many pauses the run has come to."""
        self.stand_in: TaskRun | None = stand_in
        self.replay: Replay | None = Replay() if self.policy.retry.retries else None
        """What earlier attempts have recorded; None where there can be none."""
        self.recorded: Step | None = None
        """The run as an earlier attempt of it has recorded it; None for a new one."""
        self.identity_here: Identity | None = None
        """What a child run is recognised by in its parent; None for a run of its own."""
        self.once: dict[Any, Any] = {}
        """What calls of `run_once` came to, by run and key."""
        self.in_order: Callable[[], bool] | None = None
        """Tells whether the call that is about to be made follows those before in order, on a run that goes on."""
        durability = self.policy.durability
        self.strict: bool = (around or services).strict if durability is None else durability == "strict"
        self._make_runner = make_runner
        self.runner: Any = None
        """The task runner, once there is one."""

    @property
    def subject(self) -> Any:
        """The flow."""
        return self.flow

    @property
    def run(self) -> FlowRun:
        """The run."""
        return self.flow_run

    @property
    def identity(self) -> Identity:
        """What the run is recognised by, as the parent of others: nothing, since identities begin anew here."""
        return ()

    @property
    def start_time(self) -> datetime:
        """When the run was called."""
        return times.to_datetime(self.called)

    @property
    def flow_context(self) -> FlowRunContext:
        """The context of the flow run that code in here belongs to: this one."""
        return self

    @property
    def task_runner(self) -> Any:
        """The task runner of the run, started when it is first asked for."""
        if self.runner is None:
            self._make_runner(self)
            self.brake.runners.append(self.runner)
        return self.runner

    @property
    def outermost(self) -> bool:
        """Whether no other flow run has called this one."""
        return self.flow_run.parent_key is None

    def unfinished(self) -> list[Upstream]:
        """Return the futures of submitted tasks that have not ended."""
        return [] if self.runner is None else self.runner.unfinished()

    def tries_before(self) -> int:
        """Return how many times the run had started before this attempt."""
        return 0 if self.recorded is None else self.recorded.recorded.run_count

    def draw(self, call: TaskRunContext) -> None:
        """Draw a call of a task instead of making it. Here: nothing, as the flow is not drawn.

        Args:
            call: The call; its parameters are resolved.
        """

    def adopt(self, child: FlowRunContext) -> None:
        """Take note of a call of a child flow that is about to be made. Here: nothing.

        Args:
            child: The call.
        """

    def start_over(self) -> None:
        """Forget the calls that were counted, since the flow is about to make them again."""
        self.ordinals = None
        self.pauses = 0
        self.once.clear()
        if self.replay is not None:
            self.replay.start_over()

    def abandon(self, error: BaseException) -> None:
        """Drop the submitted tasks that have not ended.

        Args:
            error: What ended the flow run.
        """
        if self.runner is not None:
            self.runner.abandon(error)

    def close(self) -> None:
        """Release the task runner."""
        if self.runner is not None:
            self.runner.close()
            self.runner = None

    @classmethod
    def get(cls) -> FlowRunContext | None:
        """Return the context of the flow run that this code belongs to, through tasks; None outside flows."""
        context = current_run.get()
        return None if context is None else context.flow_context


class TaskRunContext(RunContext):
    """A call of a task.

    The run itself is made when it is first asked for, so that a call that waits in a queue is a single object:
    the garbage collector goes through all that wait, again and again.

    Args:
        task: The task, as hooks and callbacks receive it.
        key: The 16 bytes of the identifier of the run.
        services: The adapters that the run works with.
        parameters: The arguments by name, futures not yet resolved.
        references: The futures and states among the arguments and in `wait_for`.
        called: When the task was called.
        tags: The tags of the run.
        call_hash: The hash of the arguments; 0 where the preview tells them in full.
        call_preview: A short text of the arguments.
        outer: The context that the task was called in; None outside runs.
        inputs: By argument, the runs whose results go in.
    """

    __slots__ = (
        "_run",
        "abandoned",
        "call_hash",
        "call_preview",
        "flow_context",
        "inputs",
        "key",
        "ordinal",
        "outer",
        "policy",
        "recorded",
        "remote",
        "slots",
        "staged",
        "started",
        "tags",
        "task",
        "transaction",
        "unlike_most",
    )

    policy: TaskPolicy
    flow_context: FlowRunContext | None
    """The flow run that it belongs to; None outside flows."""
    strict: bool
    """Whether the call returns only when what came of it is on disk."""
    unlike_most: bool
    """Whether there is more to see to than the call: earlier attempts of the flow run, or slots of limits."""
    started: times.Moment
    """When it began; later than it was called, if it waited for a thread."""
    remote: bool
    """Whether the function is called elsewhere, by a driver that knows how to `Ship`."""
    abandoned: bool
    """Whether the flow run that it belongs to was ended from outside, and has said what became of it."""
    transaction: BaseTransaction | None
    """The transaction that the run has of its own; made when somebody asks for it, or there is one around."""
    staged: bool
    """Whether it completed in a transaction that had yet to be committed or rolled back."""
    recorded: Step | None
    """The run as an earlier attempt of the flow run has recorded it; None for a new one."""
    slots: Any
    """What the run needs of the limits by its tags; found out when it begins."""

    def __init__(
        self,
        task: Any,
        key: RunId,
        services: Services,
        parameters: dict[str, Any],
        references: list[Reference],
        called: times.Moment,
        tags: frozenset[str],
        call_hash: int,
        call_preview: str,
        outer: FlowRunContext | TaskRunContext | None,
        inputs: Mapping[str, tuple[RunId, ...]] | None,
    ) -> None:
        policy: TaskPolicy = task.policy
        self.task: Any = task
        self.key: RunId = key
        self.fn: Callable[..., Any] = task.fn
        self.policy = policy
        self.signature: Signature = task.signature
        self.generator: bool = task.isgenerator
        self.services = services
        self.parameters = parameters
        self.references = references
        self.called = called
        self.started = called
        self.tags: frozenset[str] = tags
        self.call_hash: int = call_hash
        self.call_preview: str = call_preview
        self.outer: FlowRunContext | TaskRunContext | None = outer
        self.inputs: Mapping[str, tuple[RunId, ...]] | None = inputs
        self.ordinals: dict[str, dict[Call, int]] | None = None
        self.iterated: bool = False
        self.remote = self.abandoned = self.staged = self.unlike_most = False
        self.transaction = self.slots = None
        self._run: TaskRun | None = None
        self.recorded = None
        flow = self.flow_context = None if outer is None else outer.flow_context
        if policy.durability is None:
            self.strict = services.strict if flow is None else flow.strict
        else:
            self.strict = policy.durability == "strict"
        if outer is None:
            self.ordinal: int = 0
            self.log_prints: bool = bool(policy.log_prints)
        else:
            self.ordinal = outer.next_ordinal(policy.task_key, call_hash or call_preview)
            self.log_prints = outer.log_prints if policy.log_prints is None else policy.log_prints
            if flow is not None and (flow.replay is not None or flow.brake.on):
                self._look_around(flow, outer)

    def _look_around(self, flow: FlowRunContext, outer: FlowRunContext | TaskRunContext) -> None:
        """See whether the flow run is to come to a halt; recognise the call, if an earlier attempt has made it, too.

        Raises:
            Abort: The flow run is to end.
            Pause: It is to be suspended.
            NonDeterminismError: It is another call than the one that was recorded.
        """
        flow.brake.heed(outer is flow and flow.outermost)
        replay = flow.replay
        if replay is None:
            return
        self.unlike_most = True
        self.recorded = replay.find(self.identity)
        if self.recorded is None:
            if replay.checked and outer is flow and flow.in_order is not None and flow.in_order():
                replay.refuse_another((), self.policy.task_key, f"{self.policy.name}({self.call_preview or ''})")
        elif self.recorded.own:
            self.key = self.recorded.key

    def tries_before(self) -> int:
        """Return how many times the run had started before this attempt of the flow run."""
        return self.recorded.recorded.run_count if self.recorded is not None and self.recorded.own else 0

    @property
    def task_run(self) -> TaskRun:
        """The run."""
        run = self._run
        if run is None:
            policy, flow = self.policy, self.flow_context
            run = self._run = TaskRun(
                self.key,
                policy.task_key,
                policy.name,
                None if flow is None else flow.flow_run.key,
                None,
                self.tags,
                self.call_hash,
                self.call_preview,
                self.ordinal,
            )
            run.inputs = self.inputs
            if self.outer is not flow and self.outer is not None:
                run.parent_key = self.outer.run.key
        return run

    @property
    def begun(self) -> bool:
        """Whether the run has been made."""
        return self._run is not None

    @property
    def identity(self) -> Identity:
        """What the run is recognised by."""
        outer = () if self.outer is None else self.outer.identity
        return (outer, self.policy.task_key, self.call_hash or self.call_preview, self.ordinal)

    @property
    def subject(self) -> Any:
        """The task."""
        return self.task

    @property
    def run(self) -> TaskRun:
        """The run."""
        return self.task_run

    @property
    def start_time(self) -> datetime:
        """When the run started, or was called if it has not."""
        return times.to_datetime(self.task_run.start or self.called)

    @property
    def replay(self) -> Replay | None:
        """Results of an earlier attempt of the flow run, if there can be any."""
        return None if self.flow_context is None else self.flow_context.replay

    def forget_result(self) -> None:
        """Have the call be made again in a later attempt of the flow run, since what it did was undone."""
        if self.replay is not None:
            self.replay.forget(self.identity)

    @property
    def brake(self) -> Brake | None:
        """Brings the flow run that it belongs to to a halt; None outside flows."""
        return None if self.flow_context is None else self.flow_context.brake

    @property
    def flow_parameters(self) -> dict[str, Any]:
        """The arguments of the flow that the run belongs to; empty outside flows."""
        return {} if self.flow_context is None else self.flow_context.parameters

    @classmethod
    def get(cls) -> TaskRunContext | None:
        """Return the context of the task run that this code belongs to; None outside tasks."""
        context = current_run.get()
        return context if isinstance(context, TaskRunContext) else None


current_run: ContextVar[FlowRunContext | TaskRunContext | None] = ContextVar("sluiceway_run", default=None)
"""The run that the executing code belongs to. Only drivers set it."""

FlowRunContext.__module__ = TaskRunContext.__module__ = RunContext.__module__ = "sluiceway.context"
