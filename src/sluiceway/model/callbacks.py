"""What flows and tasks are given by their users, as types: hooks, functions that name runs, options."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypedDict, TypeVar

if TYPE_CHECKING:
    from sluiceway.flows import Flow
    from sluiceway.model.runs import FlowRun
    from sluiceway.model.states import State

P = ParamSpec("P")
R_contra = TypeVar("R_contra", contravariant=True)


class FlowStateHook(Protocol[P, R_contra]):
    """A hook of a flow, sync or async."""

    def __call__(self, flow: Flow[P, R_contra], flow_run: FlowRun, state: State[Any]) -> Awaitable[None] | None:
        """Take note of a state that a flow run came into.

        Args:
            flow: The flow.
            flow_run: The run.
            state: The state.
        """
        ...


class TaskRunNameCallbackWithParameters(Protocol):
    """A function that names the runs of a task by their parameters."""

    def __call__(self, parameters: dict[str, Any]) -> str:
        """Return the name of a run.

        Args:
            parameters: The arguments of the call by name.
        """
        ...


class TaskOptions(TypedDict, total=False):
    """The options of `task`, for functions that pass them on: `def job(**options: Unpack[TaskOptions])`."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    cache_policy: Any
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None
    cache_expiration: timedelta | None
    task_run_name: str | Callable[..., str] | None
    retries: int | None
    retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | None
    retry_jitter_factor: float | None
    persist_result: bool | None
    result_storage: Any
    result_serializer: Any
    result_storage_key: str | None
    cache_result_in_memory: bool
    timeout_seconds: float | None
    log_prints: bool | None
    refresh_cache: bool | None
    on_completion: list[Callable[..., Any]] | None
    on_failure: list[Callable[..., Any]] | None
    on_running: list[Callable[..., Any]] | None
    on_rollback: list[Callable[..., Any]] | None
    on_commit: list[Callable[..., Any]] | None
    retry_condition_fn: Callable[..., Any] | None
    viz_return_value: Any
    durability: Literal["batched", "strict"] | None


FlowStateHook.__module__ = "sluiceway.flows"
TaskRunNameCallbackWithParameters.__module__ = TaskOptions.__module__ = "sluiceway.tasks"
