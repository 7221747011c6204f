"""Drawing: calling the function of a flow without running its tasks, to see which result goes where.

To the code in it, a drawing is a flow run like any other, but for three things. Its context gives each call of a
task or child flow another function, which returns a stand-in for the result. Its task runner makes the calls on
the spot. And its recorder forgets what it is told. Runs that are no drawings pay nothing for all this.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from sluiceway.base.errors import FlowVisualizationError, StoreError
from sluiceway.base.ids import RunId, new_id
from sluiceway.drivers import blocking, scope
from sluiceway.drivers.futures import Future, FutureList
from sluiceway.drivers.invoke import finish_coroutine
from sluiceway.drivers.planning import plan_task
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.replay import Replay
from sluiceway.engine.task import run_task
from sluiceway.model.annotations import BaseAnnotation, unmapped
from sluiceway.model.facts import Fact
from sluiceway.model.placeholders import Placeholder
from sluiceway.model.policies import NO_HOOKS, FlowPolicy, ResultPolicy, RetryPolicy
from sluiceway.model.runs import FlowRun
from sluiceway.model.upstream import Upstream
from sluiceway.ports.services import Services
from sluiceway.rules.caching import NO_CACHE
from sluiceway.rules.drawing import Graph
from sluiceway.rules.mapping import expand
from sluiceway.rules.resolution import find_references

_NOT_KEPT = ResultPolicy(persist=False)

_COPIED = (list, dict, set, bytearray)
"""Types whose values are handed out as copies, so that each call's can be told from all others."""

_ALIKE = (bool, int, float, complex, type(None), bytes)
"""Types of values that cannot be told from equal ones, so that nothing is known of where they came from."""


def draw(flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any], services: Services) -> Graph:
    """Return what a call of a flow would run: the flow's own code is executed, its tasks and child flows are not.

    Args:
        flow: The flow, of either colour.
        args: The arguments of the call.
        kwargs: Those by name.
        services: The adapters of the process, of which the settings and the clock are used.

    Raises:
        FlowVisualizationError: The code of the flow goes on from a result that only a run would give.
        ParameterTypeError: A parameter does not fit its annotation.
    """
    context = DrawingContext(flow, flow.signature.bind(args, kwargs), services)
    with context.under_way() as call:
        value = call()
        if isinstance(value, (CoroutineType, AsyncGeneratorType)):
            finish_coroutine(_finish(value))
        elif isinstance(value, GeneratorType):
            _exhaust(value)
    return context.graph


async def adraw(flow: Any, args: tuple[Any, ...], kwargs: dict[str, Any], services: Services) -> Graph:
    """Return what a call of a flow would run; `draw` for async code, in whose event loop an async flow runs.

    Args:
        flow: The flow, of either colour.
        args: The arguments of the call.
        kwargs: Those by name.
        services: The adapters of the process.
    """
    context = DrawingContext(flow, flow.signature.bind(args, kwargs), services)
    with context.under_way() as call:
        value = call()
        if isinstance(value, GeneratorType):
            _exhaust(value)
        else:
            await _finish(value)
    return context.graph


async def _finish(value: Any) -> None:
    if isinstance(value, AsyncGeneratorType):
        async for _ in value:
            """What the flow yields goes nowhere."""
    elif isinstance(value, CoroutineType):
        await value


def _exhaust(values: Iterable[Any]) -> None:
    for _ in values:
        """What the flow yields goes nowhere."""


class DrawingContext(FlowRunContext):
    """A flow run whose tasks and child flows are drawn rather than run.

    Args:
        flow: The flow.
        parameters: The arguments by name.
        services: The adapters of the process.
    """

    __slots__ = ("_handed_out", "graph")

    drawn: bool = True

    def __init__(self, flow: Any, parameters: dict[str, Any], services: Services) -> None:
        run = FlowRun(new_id(), flow.policy.name, flow.version, None, None, scope.current_tags())
        if flow.should_validate_parameters:
            parameters = flow.validate_parameters(parameters)
        forgetful = Services(services.settings, services.store, ForgetfulRecorder(), services.results, services.clock)
        called = services.clock.now()
        super().__init__(flow, run, forgetful, parameters, [], called, False, _give_runner, None, None)
        self.replay: Replay | None = Replay()  # so that each call comes past `draw`
        self.graph: Graph = Graph()
        self._handed_out: dict[int, tuple[Any, RunId]] = {}
        """By identity, the stand-ins that users chose, and the calls that they are of."""

    @contextmanager
    def under_way(self) -> Generator[Callable[[], Any], None, None]:
        """Make this the current run within, and explain what goes wrong; gives the call of the function."""
        args, kwargs = self.signature.arguments(self.parameters)
        token = scope.enter(self)
        try:
            yield lambda: self.fn(*args, **kwargs)
        except FlowVisualizationError:
            raise
        except Exception as error:
            error.add_note(
                f"Flow {self.policy.name!r} was only drawn: its tasks were not run, so their results are not known. "
                "Give a task `viz_return_value` to say what its result is to be in a drawing."
            )
            raise
        finally:
            scope.leave(token)

    def draw(self, call: TaskRunContext) -> None:
        """Draw a call, and give it a function that returns a stand-in for the result.

        Args:
            call: The call; its parameters are resolved.
        """
        inputs = [key for keys in (call.inputs or {}).values() for key in keys]
        value = self._drawn(call.key, call.policy.name, call.task.viz_return_value, call.parameters, inputs)
        call.fn = _yielding(value) if call.generator else _returning(value)
        call.policy = call.policy._replace(
            hooks=NO_HOOKS, cache=NO_CACHE, retry=RetryPolicy(), timeout=None, result=_NOT_KEPT
        )

    def adopt(self, child: FlowRunContext) -> None:
        """Draw a call of a child flow, and give it a function that returns a stand-in for the result.

        Args:
            child: The call.
        """
        waits = [r.source.run_key for r in child.references if isinstance(r.source, Upstream)]
        value = self._drawn(child.flow_run.key, child.policy.name, None, child.parameters, waits)
        child.fn = _yielding(value) if child.generator else _returning(value)
        child.flow = DrawnFlow()
        child.policy = FlowPolicy(child.policy.name, result=_NOT_KEPT)

    def _drawn(self, key: RunId, name: str, chosen: Any, parameters: dict[str, Any], upstream: Sequence[RunId]) -> Any:
        """Add a call to the graph, and return what stands for its result."""
        label = self.graph.add(key, name)
        for before in (*upstream, *self._origins(parameters)):
            self.graph.connect(before, key)
        if chosen is None:
            return Placeholder(key, name, label)
        value = _to_hand_out(chosen)
        if not isinstance(value, _ALIKE):
            self._handed_out[id(value)] = (value, key)
        return value

    def _origins(self, parameters: dict[str, Any]) -> Iterator[RunId]:
        """Give the calls whose results are among the arguments of another one."""
        for reference in find_references(parameters):
            if isinstance(reference.source, Upstream):
                yield reference.source.run_key
        for value in parameters.values():
            given = value.value if isinstance(value, BaseAnnotation) else value
            if id(given) in self._handed_out:
                yield self._handed_out[id(given)][1]


class DrawnFlow:
    """Takes the place of a child flow, whose parameters are not there to be validated."""

    should_validate_parameters = False

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return nothing: nobody will read it."""
        return {}


def _give_runner(context: FlowRunContext) -> None:
    context.runner = DrawingRunner(context)


class DrawingRunner:
    """Draws submitted tasks at once.

    Args:
        context: The drawing.
    """

    def __init__(self, context: FlowRunContext) -> None:
        self._services: Services = context.services

    def submit(self, task: Any, parameters: dict[str, Any], wait_for: Iterable[Any] | None = None) -> Future[Any]:
        """Draw a call, and return a future that has ended.

        Args:
            task: The task.
            parameters: Its arguments by name.
            wait_for: Futures that it depends on besides.
        """
        future: Future[Any] = Future(plan_task(task, parameters, wait_for, self._services))
        assert future.context is not None  # until it is settled
        future.settle(blocking.drive(run_task(future.context), self._services))
        return future

    def map(self, task: Any, parameters: dict[str, Any], wait_for: Iterable[Any] | None = None) -> FutureList[Any]:
        """Draw a call for each item; one for all items, where it takes a run to know how many there are.

        Args:
            task: The task.
            parameters: Its arguments by name.
            wait_for: Futures that each call depends on.

        Raises:
            MappingMissingIterable: There is nothing to go through.
            MappingLengthMismatch: The iterables differ in length.
        """
        known = {name: _mapped_value(value) for name, value in parameters.items()}
        unknown = [name for name, value in known.items() if isinstance(value, Placeholder)]
        others = {name: value for name, value in known.items() if name not in unknown}
        several = any(_is_gone_through(value) for value in others.values())
        for name in unknown:
            known[name] = unmapped(known[name]) if several else [known[name]]
        calls = expand(known, task.signature.defaults)
        return FutureList([self.submit(task, call, wait_for) for call in calls])


class ForgetfulRecorder:
    """Takes facts, and forgets them."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []

    def record(self, fact: Fact) -> None:
        """Forget a fact."""

    def drain(self, timeout: float | None = None) -> bool:
        """Return at once: there is nothing to write."""
        return True

    def settle(self) -> None:
        """Return at once: there is nothing to write."""

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Call the function at once: there is nothing to write."""
        then(None)

    def close(self) -> None:
        """Release nothing."""


def _mapped_value(value: Any) -> Any:
    """Return what `map` goes through for an argument: the result of a future, in its place."""
    return value.result() if isinstance(value, Future) else value


def _is_gone_through(value: Any) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes, bytearray, dict, type, BaseAnnotation))


def _to_hand_out(chosen: Any) -> Any:
    """Return a value that a user chose, as an object of its own where that is possible."""
    if type(chosen) in _COPIED:
        return chosen.copy()
    return "".join(list(chosen)) if type(chosen) is str else chosen


def _returning(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def _yielding(value: Any) -> Callable[..., Any]:
    """Return a generator function that yields the items of a value, or the value where it has none."""

    def stand_in(*_: Any, **__: Any) -> Iterator[Any]:
        yield from value if _is_gone_through(value) and not isinstance(value, Placeholder) else [value]

    return stand_in
