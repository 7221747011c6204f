"""Tasks: plain functions whose calls are runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable
from datetime import timedelta
from types import MethodType
from typing import Any, Generic, Literal, ParamSpec, TypeVar, overload

from sluiceway import wiring
from sluiceway.base.names import check_name
from sluiceway.base.signatures import colour_of, signature_of
from sluiceway.cache_policies import DEFAULT, NO_CACHE, CachePolicy
from sluiceway.drivers import scope
from sluiceway.drivers.calls import call_task
from sluiceway.drivers.futures import Future, FutureList
from sluiceway.drivers.planning import plan_task
from sluiceway.model.annotations import NotSet
from sluiceway.model.policies import NO_HOOKS, Hooks, ResultPolicy, TaskPolicy
from sluiceway.model.states import State
from sluiceway.rules import options
from sluiceway.rules.retrying import exponential_delays
from sluiceway.wiring.runners import shared_runner

__all__ = ["DEFAULT", "NO_CACHE", "Task", "exponential_backoff", "task", "task_input_hash"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Hook = Callable[..., Any]


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Return a value for `retry_delay_seconds`: delays that double with each retry.

    Args:
        backoff_factor: Seconds before the first retry.

    Example:
        ```python
        @task(retries=4, retry_delay_seconds=exponential_backoff(2))  # 2, 4, 8 and 16 seconds
        def fetch(url: str) -> bytes: ...
        ```
    """

    def delays(retries: int) -> list[float]:
        return exponential_delays(backoff_factor, retries)

    return delays


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str | None:
    """Return a cache key of a call: a hash of its arguments and the source of the task. For `cache_key_fn`.

    Args:
        context: The context of the task run.
        arguments: The arguments by name.
    """
    from sluiceway.cache_policies import INPUTS, TASK_SOURCE

    return (INPUTS + TASK_SOURCE).compute_key(context, arguments, {})


class Task(Generic[P, R]):
    """A function whose calls are task runs. Made by the decorator `task`, where the arguments are explained."""

    def __init__(
        self,
        fn: Callable[P, R],
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
    ) -> None:
        given = {key: value for key, value in locals().items() if key not in ("self", "fn", "__class__")}
        self._options: dict[str, Any] = given
        self._original = options.function(fn, "task")
        plain: Any = getattr(fn, "__func__", fn)
        self.isstaticmethod = isinstance(fn, staticmethod)
        self.isclassmethod = isinstance(fn, classmethod)
        self.ismethod = isinstance(fn, MethodType)
        self.fn: Callable[P, R] = plain if self.isstaticmethod or self.isclassmethod else fn
        self.signature = signature_of(self.fn)
        self.signature.check_reserved("Task")
        self.colour = colour_of(self.fn)
        self.isasync = self.colour in ("async", "async generator")
        self.isgenerator = self.colour in ("generator", "async generator")
        self.name: str = check_name(name, "The name of a task") if name is not None else _own_name(self.fn)
        self.description = description or getattr(self.fn, "__doc__", None)
        self.task_key = key_of(self.fn, self.name)
        self.version = version
        self.viz_return_value = viz_return_value
        self.on_rollback_hooks = list(options.hooks(on_rollback, "on_rollback", "task"))
        self.on_commit_hooks = list(options.hooks(on_commit, "on_commit", "task"))
        self.policy = self._make_policy(given)
        self.__name__ = _own_name(self.fn)
        self.__qualname__ = getattr(self.fn, "__qualname__", self.__name__)
        self.__module__ = getattr(self.fn, "__module__", None) or __name__
        self.__doc__ = getattr(self.fn, "__doc__", None)
        self.__wrapped__ = self.fn

    def _make_policy(self, given: dict[str, Any]) -> TaskPolicy:
        defaults = wiring.defaults()
        retries, delay = given["retries"], given["retry_delay_seconds"]
        hooks = Hooks(
            options.hooks(given["on_running"], "on_running", "task"),
            options.hooks(given["on_completion"], "on_completion", "task"),
            options.hooks(given["on_failure"], "on_failure", "task"),
        )
        cache = _cache_policy(given)
        return TaskPolicy(
            self.name,
            self.task_key,
            _tag_set(given["tags"]),
            options.seconds(given["timeout_seconds"], "timeout_seconds"),
            options.retry_policy(
                defaults.tasks_default_retries if retries is None else retries,
                defaults.tasks_default_retry_delay_seconds if delay is None else delay,
                given["retry_jitter_factor"],
                given["retry_condition_fn"],
            ),
            cache,
            given["cache_expiration"],
            given["refresh_cache"],
            ResultPolicy(
                given["persist_result"],
                given["result_storage"],
                given["result_serializer"],
                given["result_storage_key"],
                given["cache_result_in_memory"],
            ),
            hooks if any(hooks) else NO_HOOKS,
            given["log_prints"],
            options.run_name(given["task_run_name"], "task_run_name"),
            cache is None and not any(hooks),
        )

    # --- what the task was told, by the names of the options ----------------------------------------

    @property
    def tags(self) -> set[str]:
        """The tags of its runs."""
        return set(self.policy.tags)

    @property
    def retries(self) -> int:
        """How many times a failed run is tried again."""
        return self.policy.retry.retries

    @property
    def retry_delay_seconds(self) -> list[float]:
        """Seconds before each retry; empty for none."""
        return list(self.policy.retry.delays)

    @property
    def timeout_seconds(self) -> float | None:
        """Seconds after which a run is ended; None for never."""
        return self.policy.timeout

    @property
    def cache_policy(self) -> CachePolicy | None:
        """What cache keys are made of; None where nothing is cached."""
        return self.policy.cache  # type: ignore[no-any-return]  # the policy of the model is not typed

    # --- calling --------------------------------------------------------------------------------------

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...

    @overload
    def __call__(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...

    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R: ...

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
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> Future[R]: ...

    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> State[T]: ...

    @overload
    def submit(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R]: ...

    @overload
    def submit(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, wait_for: Any, **kwargs: Any
    ) -> Future[T]: ...

    @overload
    def submit(self, *args: Any, wait_for: Any, **kwargs: Any) -> Future[R]: ...

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
    def map(
        self: Task[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> list[State[T]]: ...

    @overload
    def map(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> list[State[R]]: ...

    @overload
    def map(self: Task[..., Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> FutureList[T]: ...

    @overload
    def map(self, *args: Any, **kwargs: Any) -> FutureList[R]: ...

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

    def _runner(self) -> Any:
        context = scope.current()
        flow_context = None if context is None else scope.FlowRunContext.get()
        if flow_context is not None:
            return flow_context.task_runner
        return shared_runner(wiring.services() if context is None else context.services)

    # --- variations -------------------------------------------------------------------------------------

    def with_options(self, **changes: Any) -> Task[P, R]:
        """Return a task of the same function with some options changed.

        Args:
            changes: Options of the decorator `task`.

        Raises:
            TypeError: There is no such option.
        """
        check_options(changes, self._options, "task")
        given = {**self._options, **{k: v for k, v in changes.items() if v is not NotSet}}
        changed: Task[P, R] = type(self)(self._original, **given)
        return changed

    def __get__(self, instance: Any, owner: Any) -> Task[P, R]:
        """Return the task with its first argument bound, as methods do."""
        if self.isstaticmethod or (instance is None and not self.isclassmethod):
            return self
        copied: Task[P, R] = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        bound: Any = MethodType(self.fn, owner if self.isclassmethod else instance)
        copied.fn = copied._original = copied.__wrapped__ = bound
        copied.signature = self.signature.bound()
        copied.ismethod, copied.isclassmethod = True, False
        return copied

    def on_completion(self, fn: Hook) -> Hook:
        """Call a function when a run completes; for use as a decorator.

        Args:
            fn: Called with the task, the task run and the state.
        """
        return self._add_hook("completion", fn)

    def on_failure(self, fn: Hook) -> Hook:
        """Call a function when a run fails; for use as a decorator.

        Args:
            fn: Called with the task, the task run and the state.
        """
        return self._add_hook("failure", fn)

    def on_running(self, fn: Hook) -> Hook:
        """Call a function when a run starts to run; for use as a decorator.

        Args:
            fn: Called with the task, the task run and the state.
        """
        return self._add_hook("running", fn)

    def on_rollback(self, fn: Hook) -> Hook:
        """Call a function when a transaction that a run took part in is rolled back; for use as a decorator.

        Args:
            fn: Called with the transaction.
        """
        self.on_rollback_hooks.extend(options.hooks([fn], "on_rollback", "task"))
        return fn

    def on_commit(self, fn: Hook) -> Hook:
        """Call a function when a transaction that a run took part in is committed; for use as a decorator.

        Args:
            fn: Called with the transaction.
        """
        self.on_commit_hooks.extend(options.hooks([fn], "on_commit", "task"))
        return fn

    def _add_hook(self, kind: str, fn: Hook) -> Hook:
        option = f"on_{kind}"
        options.hooks([fn], option, "task")
        hooks = self.policy.hooks
        hooks = hooks._replace(**{kind: (*getattr(hooks, kind), fn)})
        self.policy = self.policy._replace(hooks=hooks, plain=False)
        self._options = {**self._options, option: [*(self._options[option] or ()), fn]}
        return fn

    def __repr__(self) -> str:
        return f"Task(name={self.name!r}, key={self.task_key!r})"


def key_of(fn: Any, name: str) -> str:
    """Return what names a function in every run and process.

    Args:
        fn: The function.
        name: Its name as a task or flow.
    """
    module = getattr(fn, "__module__", None) or "unknown"
    if module == "__main__":  # the same file, imported by `sluiceway run`, goes by its own name
        path = getattr(sys.modules.get("__main__"), "__file__", None) or "__main__"
        module = path.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    qualified = getattr(fn, "__qualname__", None) or name
    key = f"{module}.{qualified}"
    return key if qualified.rpartition(".")[2] == name else f"{key}:{name}"


def check_options(changes: dict[str, Any], known: dict[str, Any], decorator: str) -> None:
    """Refuse options that there are not.

    Args:
        changes: The options that were given.
        known: The options that there are.
        decorator: `flow` or `task`, for the message.

    Raises:
        TypeError: There is no such option.
    """
    unknown = [name for name in changes if name not in known]
    if unknown:
        listed = ", ".join(sorted(known))
        raise TypeError(f"@{decorator} has no option {unknown[0]!r}; its options are: {listed}.")


def _own_name(fn: Any) -> str:
    return getattr(fn, "__name__", None) or type(fn).__name__


def _tag_set(tags: Any) -> frozenset[str]:
    listed = frozenset([tags] if isinstance(tags, str) else tags or ())
    if not all(isinstance(tag, str) for tag in listed):
        raise TypeError(f"`tags` must be texts, but {tags!r} holds something else.")
    return listed


def _cache_policy(given: dict[str, Any]) -> Any:
    """Return the cache policy that options stand for; None where nothing is cached."""
    if given["cache_key_fn"] is not None:
        if not callable(given["cache_key_fn"]):
            raise TypeError(f"`cache_key_fn` must be a function, not {given['cache_key_fn']!r}.")
        return CachePolicy.from_cache_key_fn(given["cache_key_fn"])
    policy = given["cache_policy"]
    if policy is NotSet or policy is None:
        stays = given["persist_result"] or given["cache_expiration"] is not None
        return DEFAULT if stays and policy is NotSet and not given["result_storage_key"] else None
    if policy is NO_CACHE or given["persist_result"] is False:
        return None
    if not isinstance(policy, CachePolicy):
        raise TypeError(f"`cache_policy` must be a cache policy such as INPUTS, not {policy!r}.")
    return policy


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
        cache_result_in_memory: Whether the process also remembers results that it stored.
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
    check_options(given, _OPTIONS, "task")
    if fn is None:
        return lambda decorated: Task(decorated, **given)
    return Task(fn, **given)


_OPTIONS = dict.fromkeys(signature_of(Task.__init__).names[2:])
