"""Flows: functions whose calls are workflows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from sluiceway import wiring
from sluiceway.base.keys import key_of, own_name
from sluiceway.base.names import check_name
from sluiceway.base.signatures import signature_of
from sluiceway.base.versions import file_digest
from sluiceway.drivers import scope
from sluiceway.drivers.calls import call_flow
from sluiceway.drivers.decorated import Decorated
from sluiceway.drivers.planning import plan_flow
from sluiceway.model.policies import NO_HOOKS, FlowPolicy, Hooks, ResultPolicy
from sluiceway.model.states import State
from sluiceway.rules import options
from sluiceway.rules.describing import describe
from sluiceway.wiring.parameters import ParameterValidator
from sluiceway.wiring.runners import make_runner

__all__ = ["Flow", "flow"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

Hook = Callable[..., Any]


class Flow(Decorated[P, R_co]):
    """A function whose calls are flow runs. Made by the decorator `flow`, where the arguments are explained."""

    decorator = "flow"

    def __init__(
        self,
        fn: Callable[P, R_co],
        name: str | None = None,
        version: str | None = None,
        flow_run_name: str | Callable[..., str] | None = None,
        retries: int | None = None,
        retry_delay_seconds: float | list[float] | None = None,
        task_runner: Any = None,
        description: str | None = None,
        timeout_seconds: float | None = None,
        validate_parameters: bool = True,
        persist_result: bool | None = None,
        result_storage: Any = None,
        result_serializer: Any = None,
        cache_result_in_memory: bool = True,
        log_prints: bool | None = None,
        on_completion: list[Hook] | None = None,
        on_failure: list[Hook] | None = None,
        on_cancellation: list[Hook] | None = None,
        on_crashed: list[Hook] | None = None,
        on_running: list[Hook] | None = None,
    ) -> None:
        given = {option: value for option, value in locals().items() if option not in ("self", "fn", "__class__")}
        super().__init__(fn, given)
        chosen = own_name(self.fn).replace("_", "-") if name is None else name
        self.name: str = check_name(chosen, "The name of a flow")
        self.flow_key: str = f"flow:{key_of(self.fn, self.name)}"
        self.task_runner: Any = _runner_of(task_runner)
        self._version: str | None = version
        self._validator: ParameterValidator | None = self._make_validator() if validate_parameters else None
        self.policy: FlowPolicy = self._make_policy(given)

    def _make_validator(self) -> ParameterValidator:
        return ParameterValidator(self.fn, self.signature, f"flow {self.name!r}")

    @property
    def should_validate_parameters(self) -> bool:
        """Whether parameters are validated: by default, where there are annotations to do it by."""
        return bool(self._validator)

    def _make_policy(self, given: dict[str, Any]) -> FlowPolicy:
        defaults = wiring.defaults()
        retries, delay = given["retries"], given["retry_delay_seconds"]
        hooks = Hooks(
            options.hooks(given["on_running"], "on_running", "flow"),
            options.hooks(given["on_completion"], "on_completion", "flow"),
            options.hooks(given["on_failure"], "on_failure", "flow"),
            options.hooks(given["on_cancellation"], "on_cancellation", "flow"),
            options.hooks(given["on_crashed"], "on_crashed", "flow"),
        )
        return FlowPolicy(
            self.name,
            options.seconds(given["timeout_seconds"], "timeout_seconds"),
            options.retry_policy(
                defaults.flows_default_retries if retries is None else retries,
                defaults.flows_default_retry_delay_seconds if delay is None else delay,
            ),
            ResultPolicy(
                given["persist_result"],
                given["result_storage"],
                given["result_serializer"],
                None,
                given["cache_result_in_memory"],
            ),
            hooks if any(hooks) else NO_HOOKS,
            given["log_prints"],
            options.run_name(given["flow_run_name"], "flow_run_name"),
            bool(given["validate_parameters"]),
        )

    @property
    def version(self) -> str | None:
        """The given version, or a hash of the file that holds the function; None where there is none."""
        if self._version is None:
            code = getattr(getattr(self.fn, "__func__", self.fn), "__code__", None)
            self._version = None if code is None else file_digest(code.co_filename)
        return self._version

    @property
    def retries(self) -> int:
        """How many times a failed run is tried again."""
        return self.policy.retry.retries

    @property
    def timeout_seconds(self) -> float | None:
        """Seconds after which a run is ended; None for never."""
        return self.policy.timeout

    # --- parameters -----------------------------------------------------------------------------------

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters, validated and coerced by the annotations of the function.

        Args:
            parameters: The arguments by name.

        Raises:
            ParameterTypeError: Some do not fit; the message has a line for each.
            SignatureMismatchError: A name is none of the function's parameters.
        """
        validator = self._validator or self._make_validator()
        return validator(parameters)

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters as JSON data for the journal.

        Args:
            parameters: The arguments by name; what is no plain data is described by its text.
        """
        return {name: describe(value) for name, value in parameters.items()}

    # --- calling --------------------------------------------------------------------------------------

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __call__(
        self: Flow[..., Coroutine[Any, Any, T]], *args: Any, return_state: Literal[True], **kwargs: Any
    ) -> Coroutine[Any, Any, State[T]]: ...

    @overload
    def __call__(self, *args: Any, return_state: Literal[True], **kwargs: Any) -> State[R_co]: ...  # pyright: ignore[reportOverlappingOverload]

    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R_co: ...

    def __call__(  # type: ignore[misc]  # a ParamSpec admits no keywords beside its own
        self, *args: Any, return_state: bool = False, wait_for: Any = None, **kwargs: Any
    ) -> Any:
        """Run the flow here and now, and return its value; a coroutine, if the function is async.

        Args:
            args: Arguments of the function; futures and states among them are resolved first.
            return_state: Return the final state rather than the value.
            wait_for: Futures to wait for without passing them.
            kwargs: Arguments of the function by name.

        Raises:
            ParameterBindError: The arguments do not fit the function.
            ParameterTypeError: A parameter does not fit its annotation.
        """
        context = scope.current()
        services = wiring.services() if context is None else context.services
        plan = plan_flow(self, self.signature.bind(args, kwargs), wait_for, services, make_runner)
        return call_flow(plan, self.colour, return_state)

    # --- variations -------------------------------------------------------------------------------------

    @overload
    def __get__(self, instance: None, owner: Any) -> Flow[P, R_co]: ...

    @overload
    def __get__(self: Flow[Concatenate[Any, Q], R_co], instance: object, owner: Any) -> Flow[Q, R_co]: ...

    def __get__(self, instance: Any, owner: Any) -> Any:
        """Return the flow with its first argument bound, as methods do."""
        bound: Flow[Any, Any] = self._bound_to(instance, owner)
        if bound is not self and self._validator is not None:
            bound._validator = bound._make_validator()
        return bound

    def on_cancellation(self, fn: Hook) -> Hook:
        """Call a function when a run is cancelled; for use as a decorator.

        Args:
            fn: Called with the flow, the flow run and the state.
        """
        return self._add_hook("cancellation", fn)

    def on_crashed(self, fn: Hook) -> Hook:
        """Call a function when a run crashes; for use as a decorator.

        Args:
            fn: Called with the flow, the flow run and the state.
        """
        return self._add_hook("crashed", fn)

    def on_running(self, fn: Hook) -> Hook:
        """Call a function when a run starts to run; for use as a decorator.

        Args:
            fn: Called with the flow, the flow run and the state.
        """
        return self._add_hook("running", fn)

    def __repr__(self) -> str:
        return f"Flow(name={self.name!r})"


def _runner_of(given: Any) -> Any:
    """Return the task runner that was given as an option: an instance, or a class to make one of."""
    runner = given() if isinstance(given, type) else given
    if runner is not None and not (hasattr(runner, "submit") and hasattr(runner, "duplicate")):
        raise TypeError(f"`task_runner` must be a task runner such as ThreadPoolTaskRunner(), not {given!r}.")
    return runner


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...


@overload
def flow(
    fn: None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    flow_run_name: str | Callable[..., str] | None = None,
    retries: int | None = None,
    retry_delay_seconds: float | list[float] | None = None,
    task_runner: Any = None,
    description: str | None = None,
    timeout_seconds: float | None = None,
    validate_parameters: bool = True,
    persist_result: bool | None = None,
    result_storage: Any = None,
    result_serializer: Any = None,
    cache_result_in_memory: bool = True,
    log_prints: bool | None = None,
    on_completion: list[Hook] | None = None,
    on_failure: list[Hook] | None = None,
    on_cancellation: list[Hook] | None = None,
    on_crashed: list[Hook] | None = None,
    on_running: list[Hook] | None = None,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(fn: Any = None, /, **given: Any) -> Any:
    """Make a function a workflow: each call of it is a run, recorded, and so are the tasks that it calls.

    Args:
        fn: The function, sync or async, a generator or a method.
        name: The name; by default that of the function, with dashes.
        version: A version to record; by default a hash of the file that holds the function.
        flow_run_name: A format string over the parameters, or a function, that names the runs.
        retries: How many times a failed run is tried again.
        retry_delay_seconds: Seconds before each retry, or a list of them.
        task_runner: Where submitted tasks run; in threads by default.
        description: What it does; by default the docstring.
        timeout_seconds: Seconds, fractions allowed, after which a run is ended.
        validate_parameters: Whether parameters are validated by their annotations.
        persist_result: Whether results are stored; by default those that something may need.
        result_storage: A file system, path or URL for results.
        result_serializer: A serializer, or its name.
        cache_result_in_memory: Whether the process also remembers results that it stored.
        log_prints: Whether `print` logs.
        on_completion: Functions to call with flow, flow run and state when a run completes.
        on_failure: The same when it fails for good.
        on_cancellation: The same when it is cancelled.
        on_crashed: The same when it crashes.
        on_running: The same when it starts to run.

    Raises:
        InvalidNameError: The name contains one of `/ % & > <`.
        InvalidOptionError: An option has a value that cannot be used; the message names it.
        ReservedArgumentError: The function has a parameter that is named like one of a call's own.
        TypeError: There is no such option, or it does not go on a function.

    Example:
        ```python
        @flow(flow_run_name="{day:%A}")
        def report(day: date) -> int: ...
        ```
    """
    options.check_known(given, _OPTIONS, "flow")
    if fn is None:
        return lambda decorated: Flow(decorated, **given)
    return Flow(fn, **given)


_OPTIONS = dict.fromkeys(signature_of(Flow.__init__).names[2:])
