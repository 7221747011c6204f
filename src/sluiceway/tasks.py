"""Tasks: plain functions whose calls are runs."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, overload

from sluiceway import wiring
from sluiceway.base.keys import key_of, own_name
from sluiceway.base.names import check_name
from sluiceway.base.signatures import signature_of
from sluiceway.cache_policies import DEFAULT, NO_CACHE, CachePolicy
from sluiceway.drivers import scope
from sluiceway.drivers.calls import call_task
from sluiceway.drivers.decorated import Hook
from sluiceway.drivers.futures import Future, FutureList
from sluiceway.drivers.planning import plan_task
from sluiceway.model.annotations import NotSet
from sluiceway.model.policies import Hooks, TaskPolicy
from sluiceway.model.states import State
from sluiceway.rules import options
from sluiceway.rules.caching import task_input_hash
from sluiceway.rules.retrying import exponential_backoff
from sluiceway.wiring.deferrable import Deferrable
from sluiceway.wiring.runners import shared_runner

if TYPE_CHECKING:
    from sluiceway.drivers.decorated import Deferred
    from sluiceway.model.callbacks import TaskOptions, TaskRunNameCallbackWithParameters

__all__ = [
    "DEFAULT",
    "NO_CACHE",
    "Task",
    "TaskOptions",
    "TaskRunNameCallbackWithParameters",
    "exponential_backoff",
    "task",
    "task_input_hash",
]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Task(Deferrable[P, R_co]):
    """A function whose calls are task runs. Made by the decorator `task`, where the arguments are explained."""

    decorator = "task"

    def __init__(
        self,
        fn: Callable[P, R_co],
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        version: str | None = None,
        cache_policy: CachePolicy | type[NotSet] | None = NotSet,
        cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
        cache_expiration: timedelta | None = None,
        task_run_name: str | Callable[..., str] | None = None,
        retries: int | None = None,
        retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | None = None,
        retry_jitter_factor: float | None = None,
        persist_result: bool | None = None,
        result_storage: Any = None,
        result_serializer: Any = None,
        result_storage_key: str | None = None,
        cache_result_in_memory: bool = True,
        timeout_seconds: float | None = None,
        log_prints: bool | None = None,
        refresh_cache: bool | None = None,
        on_completion: list[Hook] | None = None,
        on_failure: list[Hook] | None = None,
        on_running: list[Hook] | None = None,
        on_rollback: list[Hook] | None = None,
        on_commit: list[Hook] | None = None,
        retry_condition_fn: Callable[..., Any] | None = None,
        viz_return_value: Any = None,
        durability: Literal["batched", "strict"] | None = None,
    ) -> None:
        given = {option: value for option, value in locals().items() if option not in ("self", "fn", "__class__")}
        super().__init__(fn, given)
        self.name: str = own_name(self.fn) if name is None else check_name(name, "The name of a task", frozenset())
        self.task_key: str = key_of(self.fn, self.name)
        self.version: str | None = version
        self.viz_return_value: Any = viz_return_value
        self.policy: TaskPolicy = options.task_policy(self.name, self.task_key, given, wiring.defaults())

    def _change_hooks(self, hooks: Hooks) -> None:
        self.policy = self.policy._replace(hooks=hooks, plain=False)

    # --- what the task was told, by the names of the options ----------------------------------------

    @property
    def tags(self) -> set[str]:
        """The tags of its runs."""
        return set(self.policy.tags)

    @property
    def retry_delay_seconds(self) -> list[float]:
        """Seconds before each retry; empty for none."""
        return list(self.policy.retry.delays)

    @property
    def cache_policy(self) -> CachePolicy | None:
        """What cache keys are made of; None where nothing is cached."""
        return self.policy.cache  # type: ignore[no-any-return]  # the policy of the model is not typed

    @property
    def on_rollback_hooks(self) -> list[Hook]:
        """What is called when a transaction that a run took part in is rolled back."""
        return list(self.policy.hooks.rollback)

    @property
    def on_commit_hooks(self) -> list[Hook]:
        """What is called when a transaction that a run took part in is committed."""
        return list(self.policy.hooks.commit)

    # --- calling --------------------------------------------------------------------------------------

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...

    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R_co]: ...  # pyright: ignore[reportOverlappingOverload]

    @overload
    def __call__(self, first: Deferred, /, *args: Any, **kwargs: Any) -> R_co: ...

    @overload
    def __call__(self, first: Any, second: Deferred, /, *args: Any, **kwargs: Any) -> R_co: ...

    @overload
    def __call__(self, first: Any, second: Any, third: Deferred, /, *args: Any, **kwargs: Any) -> R_co: ...

    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R_co: ...

    def __call__(  # type: ignore[misc]  # a ParamSpec admits no keywords beside its own
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the task here and now, and return its value; a coroutine, if the function is async.

        Args:
            args: Arguments of the function; futures and states among them are resolved first.
            return_state: Return the final state rather than the value.
            wait_for: Futures to wait for without passing them.
            kwargs: Arguments of the function by name.

        Raises:
            ParameterBindError: The arguments do not fit the function.
            UpstreamTaskError: An upstream run did not complete, so this one was not run.
        """
        context = scope.current()
        services = wiring.services() if context is None else context.services
        plan = plan_task(self, self.signature.bind(args, kwargs), wait_for, services)
        return call_task(plan, self.colour, return_state)

    @overload
    def submit(  # type: ignore[overload-overlap]  # the keywords of the others tell them apart
        self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]: ...

    @overload
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[R_co]: ...

    @overload
    def submit(  # pyright: ignore[reportOverlappingOverload]
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[T]: ...

    @overload
    def submit(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R_co]: ...  # pyright: ignore[reportOverlappingOverload]

    # Futures may stand for any argument, which no type can say; so what does not fit is not refused here.
    @overload
    def submit(self: Task[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> Future[T]: ...

    @overload
    def submit(self, *args: Any, **kwargs: Any) -> Future[R_co]: ...

    def submit(  # type: ignore[misc]  # a ParamSpec admits no keywords beside its own
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Hand the task to the task runner of the flow, and return its future.

        Args:
            args: Arguments of the function; futures and states among them are resolved first.
            return_state: Wait, and return the final state rather than the future.
            wait_for: Futures to wait for without passing them.
            kwargs: Arguments of the function by name.

        Raises:
            ParameterBindError: The arguments do not fit the function.
        """
        future = self._runner().submit(self, self.signature.bind(args, kwargs), wait_for)
        if not return_state:
            return future
        future.wait()
        return future.state

    @overload
    def map(  # pyright: ignore[reportOverlappingOverload]
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[T]]: ...

    @overload
    def map(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[R_co]]: ...  # pyright: ignore[reportOverlappingOverload]

    @overload
    def map(self: Task[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> FutureList[T]: ...

    @overload
    def map(self, *args: Any, **kwargs: Any) -> FutureList[R_co]: ...

    def map(self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Hand the task to the task runner once for each item, and return the futures in order.

        Args:
            args: Arguments of the function: iterables of equal length, gone through side by side. Texts,
                mappings, single values and whatever is marked `unmapped` go to each call as they are.
            return_state: Wait, and return the final states rather than the futures.
            wait_for: Futures that each run waits for.
            kwargs: Arguments of the function by name.

        Raises:
            MappingMissingIterable: There is nothing to go through.
            MappingLengthMismatch: The iterables differ in length.

        Example:
            ```python
            pages = fetch.map(urls, timeout=unmapped(10)).result()
            ```
        """
        futures = self._runner().map(self, self.signature.bind(args, kwargs), wait_for)
        if not return_state:
            return futures
        futures.wait()
        return [future.state for future in futures]

    def serve(self) -> None:
        """Run the deferred calls of this task, ten at once, until Ctrl-C or SIGTERM; see `task_worker.serve`."""
        from sluiceway.task_worker import serve  # lazy: only a worker needs it

        serve(self)

    async def aserve(self) -> None:
        """Run the deferred calls of this task, ten at once, until cancelled; see `task_worker.aserve`."""
        from sluiceway.task_worker import aserve  # lazy: only a worker needs it

        await aserve(self)

    def _runner(self) -> Any:
        context = scope.current()
        flow_context = None if context is None else scope.FlowRunContext.get()
        if flow_context is not None:
            return flow_context.task_runner
        return shared_runner(wiring.services() if context is None else context.services)

    # --- variations -------------------------------------------------------------------------------------

    @overload
    def __get__(self, instance: None, owner: Any) -> Task[P, R_co]: ...

    @overload
    def __get__(self: Task[Concatenate[Any, Q], R_co], instance: object, owner: Any) -> Task[Q, R_co]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the task with its first argument bound, as methods do."""
        return self._bound_to(instance, owner)

    def with_options(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        cache_policy: CachePolicy | type[NotSet] | None = NotSet,
        cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
        task_run_name: str | Callable[..., str] | type[NotSet] | None = NotSet,
        cache_expiration: timedelta | None = None,
        retries: int | type[NotSet] = NotSet,
        retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | type[NotSet] | None = NotSet,
        retry_jitter_factor: float | type[NotSet] | None = NotSet,
        persist_result: bool | type[NotSet] | None = NotSet,
        result_storage: Any = NotSet,
        result_serializer: Any = NotSet,
        result_storage_key: str | type[NotSet] | None = NotSet,
        cache_result_in_memory: bool | None = None,
        timeout_seconds: float | None = None,
        log_prints: bool | type[NotSet] | None = NotSet,
        refresh_cache: bool | type[NotSet] | None = NotSet,
        on_completion: list[Hook] | None = None,
        on_failure: list[Hook] | None = None,
        on_running: list[Hook] | None = None,
        retry_condition_fn: Callable[..., Any] | None = None,
        viz_return_value: Any = None,
        version: str | None = None,
        on_rollback: list[Hook] | None = None,
        on_commit: list[Hook] | None = None,
        durability: Literal["batched", "strict"] | type[NotSet] | None = NotSet,
    ) -> Self:
        """Return a task of the same function with some options changed; they are those of the decorator.

        What is left out or None stays as it is. Where None is not the default here, it brings back that of the
        decorator; `timeout_seconds=0` and `retries=0` are for none.
        """
        given = {option: value for option, value in locals().items() if option not in ("self", "__class__")}
        return self.varied(options.changed(given, signature_of(Task.with_options).defaults))

    def on_rollback(self, fn: Hook) -> Hook:
        """Call a function when a transaction that a run took part in is rolled back; for use as a decorator.

        Args:
            fn: Called with the transaction.
        """
        return self._add_hook("rollback", fn)

    def on_commit(self, fn: Hook) -> Hook:
        """Call a function when a transaction that a run took part in is committed; for use as a decorator.

        Args:
            fn: Called with the transaction.
        """
        return self._add_hook("commit", fn)

    def __repr__(self) -> str:
        return f"Task(name={self.name!r}, key={self.task_key!r})"


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    fn: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] | None = None,
    version: str | None = None,
    cache_policy: CachePolicy | type[NotSet] | None = NotSet,
    cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
    cache_expiration: timedelta | None = None,
    task_run_name: str | Callable[..., str] | None = None,
    retries: int | None = None,
    retry_delay_seconds: float | list[float] | Callable[[int], list[float]] | None = None,
    retry_jitter_factor: float | None = None,
    persist_result: bool | None = None,
    result_storage: Any = None,
    result_serializer: Any = None,
    result_storage_key: str | None = None,
    cache_result_in_memory: bool = True,
    timeout_seconds: float | None = None,
    log_prints: bool | None = None,
    refresh_cache: bool | None = None,
    on_completion: list[Hook] | None = None,
    on_failure: list[Hook] | None = None,
    on_running: list[Hook] | None = None,
    on_rollback: list[Hook] | None = None,
    on_commit: list[Hook] | None = None,
    retry_condition_fn: Callable[..., Any] | None = None,
    viz_return_value: Any = None,
    durability: Literal["batched", "strict"] | None = None,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(fn: Any = None, /, **given: Any) -> Any:
    """Make a function a task: each call of it is a run of its own, recorded.

    Args:
        fn: The function, sync or async, a generator or a method.
        name: The name; by default that of the function.
        description: What it does; by default the docstring.
        tags: Tags of its runs.
        version: A version to record.
        cache_policy: What cache keys are made of, such as `INPUTS`.
        cache_key_fn: A function of the context and the arguments that returns a cache key.
        cache_expiration: How long a cached result may be used; for ever by default.
        task_run_name: A format string over the arguments, or a function, that names the runs.
        retries: How many times a failed run is tried again.
        retry_delay_seconds: Seconds before each retry: a number, a list, or a function of the retries.
        retry_jitter_factor: Up to which factor a delay is stretched at random.
        persist_result: Whether results are stored; by default those that something may need.
        result_storage: A file system, path or URL for results.
        result_serializer: A serializer, or its name.
        result_storage_key: A name for the stored result, a format string over the arguments.
        cache_result_in_memory: Whether the process also remembers results that it put on remote storage.
        timeout_seconds: Seconds, fractions allowed, after which a run is ended.
        log_prints: Whether `print` logs; by default as the flow.
        refresh_cache: Whether to run in any case, and cache anew.
        on_completion: Functions to call with task, task run and state when a run completes.
        on_failure: The same when it fails for good.
        on_running: The same when it starts to run.
        on_rollback: Functions to call with the transaction when it is rolled back.
        on_commit: Functions to call with the transaction when it is committed.
        retry_condition_fn: A function of task, task run and state that tells whether to retry.
        viz_return_value: What the task is to stand for when its flow is drawn without being run.
        durability: `strict` for each run on disk when its call returns, `batched` for many at once; where it is left
            out, that of the flow, and the setting `durability` outside flows.

    Raises:
        InvalidOptionError: An option has a value that cannot be used; the message names it.
        ReservedArgumentError: The function has a parameter that is named like one of a call's own.
        TypeError: There is no such option, or it does not go on a function.

    Example:
        ```python
        @task(retries=3, retry_delay_seconds=1)
        def fetch(url: str) -> bytes: ...
        ```
    """
    options.check_known(given, _OPTIONS, "task")
    if fn is None:
        return lambda decorated: Task(decorated, **given)
    return Task(fn, **given)


def __getattr__(name: str) -> Any:
    if name not in ("TaskOptions", "TaskRunNameCallbackWithParameters"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sluiceway.model import callbacks  # lazy: types, which hardly a program needs when it runs

    return getattr(callbacks, name)


_OPTIONS = dict.fromkeys(signature_of(Task.__init__).names[2:])
