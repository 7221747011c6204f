"""Calls of a flow with a key of the caller's, in both colours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sluiceway.base.errors import InvalidOptionError
from sluiceway.base.hashing import call_hash, text_hash
from sluiceway.base.ids import RunId, new_id
from sluiceway.drivers import blocking, resuming, scope
from sluiceway.drivers.calls import call_flow
from sluiceway.drivers.planning import plan_flow
from sluiceway.drivers.resuming import MakeRunner
from sluiceway.drivers.stored import StoredValue
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.keyed import Keyed, settle_key
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store


def call_keyed(
    flow: Any,
    parameters: dict[str, Any],
    wait_for: Iterable[Any] | None,
    services: Services,
    make_runner: MakeRunner,
    return_state: bool,
) -> Any:
    """Call a flow whose policy has a key or an identifier for the run, and return what the caller is to get.

    Args:
        flow: The flow.
        parameters: The arguments by name.
        wait_for: Futures to wait for without passing them.
        services: The adapters that the run works with.
        make_runner: Gives the run a task runner, started, when a task is first submitted.
        return_state: Whether the caller wants the state rather than the value.

    Raises:
        InvalidOptionError: Another run makes the call, or the flow is a generator.
    """
    _check(flow)
    script = settle_key(_keyed(flow, parameters), _Hands(flow, parameters, wait_for, services, make_runner))
    if not flow.isasync:
        found = blocking.drive(script, services)
        if isinstance(found, FlowRunContext):
            return call_flow(found, flow.colour, return_state)
        return _given(_ended(found, services), return_state)

    async def call() -> Any:
        from sluiceway.drivers import looping  # lazy: for async flows only

        found = await looping.drive(script, services)
        if isinstance(found, FlowRunContext):
            return await call_flow(found, flow.colour, return_state)
        return _given(_ended(found, services), return_state)

    return call()


def _check(flow: Any) -> None:
    option = "run_id" if flow.policy.run_id is not None else "idempotency_key"
    if scope.current() is not None:
        raise InvalidOptionError(
            f"Flow {flow.name!r} has {option}, which is for runs that no other run calls: within a run, a call is "
            "recognised by its arguments anyway. Call the flow without it."
        )
    if flow.isgenerator:
        raise InvalidOptionError(
            f"Flow {flow.name!r} is a generator, which cannot have {option}: what it yields is not kept."
        )


class _Hands:
    """Does for the script of a call with a key what that decides.

    Args:
        flow: The flow.
        parameters: The arguments by name.
        wait_for: Futures to wait for without passing them.
        services: The adapters that the run works with.
        make_runner: Gives the run a task runner.
    """

    def __init__(
        self,
        flow: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None,
        services: Services,
        make_runner: MakeRunner,
    ) -> None:
        self.store: Store = services.store
        self._flow = flow
        self._parameters = parameters
        self._wait_for = wait_for
        self._services = services
        self._make_runner = make_runner

    def look_around(self) -> None:
        """Have all be written that this process has recorded, and runs of dead processes be marked."""
        self._services.recorder.drain()
        if self._services.presence is not None:
            self._services.presence.look_around()

    def hold(self, run_key: RunId) -> bool:
        """Have a run in hand that is about to begin, and return whether nobody else has it."""
        return self.store.hold_run(run_key, resuming.this_process(self._services))

    def begin(self, run_key: RunId) -> FlowRunContext:
        """Return the call that begins a run."""
        context = plan_flow(self._flow, self._parameters, self._wait_for, self._services, self._make_runner)
        context.flow_run.key = context.flow_run.root_key = run_key
        return context

    def resume(self, run_key: RunId) -> FlowRunContext:
        """Take a run in hand, and return the call that goes on with it."""
        return resuming.resume(run_key, self._services, self._make_runner, flow=self._flow, parameters=self._parameters)


def _keyed(flow: Any, parameters: dict[str, Any]) -> Keyed:
    policy = flow.policy
    hash_, preview = call_hash(parameters)
    hash_ = hash_ or text_hash(preview)  # a preview may tell the arguments in full
    if policy.run_id is not None:
        return Keyed(policy.name, f"run_id {policy.run_id}", policy.run_id.bytes, hash_, preview)
    return Keyed(policy.name, policy.idempotency_key, new_id(), hash_, preview)


def _ended(run: FlowRun, services: Services) -> State[Any]:
    """Return the state of a run that has ended, whose value is read when somebody asks for it."""
    state = run.state
    assert state is not None  # it has ended
    state.data = StoredValue(services, run.key, state.is_completed())
    return state


def _given(state: State[Any], return_state: bool) -> Any:
    return state if return_state else state.result()
