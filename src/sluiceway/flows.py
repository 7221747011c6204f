"""Flows: functions whose calls are workflows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeVar, overload

from sluiceway import wiring
from sluiceway.base.keys import key_of, own_name, place_of
from sluiceway.base.names import check_name
from sluiceway.base.signatures import signature_of
from sluiceway.base.versions import file_digest
from sluiceway.drivers import scope
from sluiceway.drivers.calls import call_flow
from sluiceway.drivers.decorated import Decorated
from sluiceway.drivers.planning import plan_flow
from sluiceway.model.annotations import NotSet
from sluiceway.model.policies import FlowPolicy
from sluiceway.model.states import State
from sluiceway.rules import options
from sluiceway.rules.describing import describe
from sluiceway.wiring.parameters import ParameterValidator
from sluiceway.wiring.runners import make_runner

if TYPE_CHECKING:
    from uuid import UUID

    from sluiceway.drivers.decorated import Deferred
    from sluiceway.drivers.entrypoints import is_entrypoint_async, load_flow_arguments_from_entrypoint
    from sluiceway.drivers.loading import select_flow
    from sluiceway.entrypoints import (
        load_flow_from_entrypoint,
        load_function_and_convert_to_flow,
        load_placeholder_flow,
        safe_load_flow_from_entrypoint,
    )
    from sluiceway.model.callbacks import FlowStateHook
    from sluiceway.rules.drawing import Graph

__all__ = [
    "Flow",
    "FlowStateHook",
    "flow",
    "is_entrypoint_async",
    "load_flow_arguments_from_entrypoint",
    "load_flow_from_entrypoint",
    "load_function_and_convert_to_flow",
    "load_placeholder_flow",
    "safe_load_flow_from_entrypoint",
    "select_flow",
]

NO_PARAMETERS = '{"type":"object","properties":{},"required":[]}'
"""The JSON schema of no parameters."""

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
        durability: Literal["batched", "strict"] | None = None,
        auto_resume: int | None = None,
    ) -> None:
        given = {option: value for option, value in locals().items() if option not in ("self", "fn", "__class__")}
        super().__init__(fn, given)
        chosen = own_name(self.fn).replace("_", "-") if name is None else name
        self.name: str = check_name(chosen, "The name of a flow")
        self.flow_key: str = f"flow:{key_of(self.fn, self.name)}"
        self.task_runner: Any = options.task_runner(task_runner)
        self.code_id: int = id(getattr(getattr(self.fn, "__func__", self.fn), "__code__", self.fn))
        self._version: str | None = version
        self._validator: ParameterValidator | None = self._make_validator() if validate_parameters else None
        self.policy: FlowPolicy = options.flow_policy(self.name, given, wiring.defaults())

    def _make_validator(self) -> ParameterValidator:
        return ParameterValidator(self.fn, self.signature, f"flow {self.name!r}")

    @property
    def should_validate_parameters(self) -> bool:
        """Whether parameters are validated: by default, where there are annotations to do it by."""
        return bool(self._validator)

    @property
    def version(self) -> str | None:
        """The given version, or a hash of the file that holds the function; None where there is none."""
        if self._version is None:
            code = getattr(getattr(self.fn, "__func__", self.fn), "__code__", None)
            self._version = None if code is None else file_digest(code.co_filename)
        return self._version

    @property
    def entrypoint(self) -> str | None:
        """Where the flow is found again, `FILE.py:NAME`; None for one that was made within a function, say."""
        return place_of(self.fn)

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

    def parameter_schema(self) -> str:
        """Return the JSON schema of an object that has the parameters, as a text; untyped where none are validated."""
        if not self.signature.names:
            return NO_PARAMETERS  # what follows imports more than such a flow takes to run
        from sluiceway.wiring.parameter_schemas import parameter_schema  # lazy: once per flow

        return parameter_schema(self.signature, {} if self._validator is None else self._validator.readable())

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
        parameters = self.signature.bind(args, kwargs)
        if self.policy.idempotency_key is not None or self.policy.run_id is not None:
            from sluiceway.drivers.keyed import call_keyed  # lazy: few calls have a key

            return call_keyed(self, parameters, wait_for, services, make_runner, return_state)
        plan = plan_flow(self, parameters, wait_for, services, make_runner)
        return call_flow(plan, self.colour, return_state)

    # --- drawing --------------------------------------------------------------------------------------

    def visualize(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Draw what a call of the flow would run, and show the picture, which is kept as `NAME.png`.

        The flow's own code is executed; its tasks and child flows are not, and nothing is recorded. What a task
        would return is stood for by its `viz_return_value`, or by something that can only be passed on.

        Args:
            args: Arguments of the function.
            kwargs: Arguments of the function by name.

        Raises:
            FlowVisualizationError: The flow's code uses a result that is not known, or there is no program `dot`.
            MissingExtraError: The package `graphviz` is not installed.
        """
        self._show(self._drawn(args, kwargs))

    async def avisualize(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Draw what a call of the flow would run, and show the picture; `visualize` for async code.

        Args:
            args: Arguments of the function.
            kwargs: Arguments of the function by name.
        """
        self._show(await self._adrawn(args, kwargs))

    def generate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return what a call of the flow would run, as a flow chart in the language of Mermaid.

        The flow's own code is executed; its tasks and child flows are not, and nothing is recorded.

        Args:
            args: Arguments of the function.
            kwargs: Arguments of the function by name.

        Raises:
            FlowVisualizationError: The flow's code uses a result that is not known.

        Example:
            ```python
            print(report.generate_mermaid_graph(day=date.today()))
            ```
        """
        return self._drawn(args, kwargs).as_mermaid()

    async def agenerate_mermaid_graph(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return a flow chart of a call of the flow; `generate_mermaid_graph` for async code.

        Args:
            args: Arguments of the function.
            kwargs: Arguments of the function by name.
        """
        return (await self._adrawn(args, kwargs)).as_mermaid()

    def _drawn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
        from sluiceway.drivers.drawing import draw  # lazy: few programs draw their flows

        return draw(self, args, kwargs, wiring.services())

    async def _adrawn(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
        from sluiceway.drivers.drawing import adraw  # lazy: few programs draw their flows

        return await adraw(self, args, kwargs, wiring.services())

    def _show(self, graph: Graph) -> None:
        from sluiceway.wiring.pictures import show  # lazy: few programs draw their flows

        show(graph.as_dot(), self.name)

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

    def with_options(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        retries: int | None = None,
        retry_delay_seconds: float | list[float] | None = None,
        description: str | None = None,
        flow_run_name: str | Callable[..., str] | None = None,
        task_runner: Any = None,
        timeout_seconds: float | None = None,
        validate_parameters: bool | None = None,
        persist_result: bool | type[NotSet] | None = NotSet,
        result_storage: Any = NotSet,
        result_serializer: Any = NotSet,
        cache_result_in_memory: bool | None = None,
        log_prints: bool | type[NotSet] | None = NotSet,
        on_completion: list[Hook] | None = None,
        on_failure: list[Hook] | None = None,
        on_cancellation: list[Hook] | None = None,
        on_crashed: list[Hook] | None = None,
        on_running: list[Hook] | None = None,
        durability: Literal["batched", "strict"] | type[NotSet] | None = NotSet,
        auto_resume: int | None = None,
        idempotency_key: str | None = None,
        run_id: UUID | str | None = None,
    ) -> Self:
        """Return a flow of the same function with some options changed; they are those of the decorator.

        What is left out or None stays as it is. Where None is not the default here, it brings back that of the
        decorator; `timeout_seconds=0` and `retries=0` are for none. The decorator has no `idempotency_key` and
        `run_id`, since they are those of a single run.
        """
        given = {option: value for option, value in locals().items() if option not in ("self", "__class__")}
        key, run_id = given.pop("idempotency_key"), given.pop("run_id")
        varied = self.varied(options.changed(given, signature_of(Flow.with_options).defaults))
        varied.policy = options.identified(varied.policy, self.policy, key, run_id)
        return varied

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

    def __repr__(self) -> str:
        return f"Flow(name={self.name!r})"


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
    durability: Literal["batched", "strict"] | None = None,
    auto_resume: int | None = None,
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
        cache_result_in_memory: Whether the process also remembers results that it put on remote storage.
        log_prints: Whether `print` logs.
        on_completion: Functions to call with flow, flow run and state when a run completes.
        on_failure: The same when it fails for good.
        on_cancellation: The same when it is cancelled.
        on_crashed: The same when it crashes.
        on_running: The same when it starts to run.
        durability: `strict` for each step on disk before the next begins, `batched` for many at once; where it is
            left out, that of the flow that it is called in, and the setting `durability` outside flows.
        auto_resume: How many times a run that crashed is resumed by itself.

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # lazy: for programs that load others

    return getattr(import_module(_HOMES[name]), name)


_HOMES = {
    "FlowStateHook": "sluiceway.model.callbacks",
    "is_entrypoint_async": "sluiceway.drivers.entrypoints",
    "load_flow_arguments_from_entrypoint": "sluiceway.drivers.entrypoints",
    "load_flow_from_entrypoint": "sluiceway.entrypoints",
    "load_function_and_convert_to_flow": "sluiceway.entrypoints",
    "load_placeholder_flow": "sluiceway.entrypoints",
    "safe_load_flow_from_entrypoint": "sluiceway.entrypoints",
    "select_flow": "sluiceway.drivers.loading",
}

_OPTIONS = dict.fromkeys(signature_of(Flow.__init__).names[2:])
