"""The other end: calling the function of a task run in the process that it was sent to."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.drivers import blocking, scope
from sluiceway.drivers.scope import Context
from sluiceway.engine.calling import call
from sluiceway.engine.contexts import FlowRunContext, TaskRunContext
from sluiceway.engine.ops import Outcome
from sluiceway.engine.replay import Replay
from sluiceway.engine.transaction import settle
from sluiceway.ports.services import Services
from sluiceway.runners.parcels import BEGUN, ENDED, CallPart, FlowPart, Parcel, Reply, Surroundings
from sluiceway.runners.pickling import dumps
from sluiceway.runners.transit import pack_error, traceback_of

ENTRY = "sluiceway.wiring.children:run"
"""What runs in the other process. It is named by its path, since it puts the rooms together, as `wiring` does."""

MakeRunner = Callable[[FlowRunContext], Any]


def run_collected(entry: str, parcel: bytes) -> tuple[list[bytes], bytes]:
    """Run a parcel where there is no way back but the result; return what was sent meanwhile, and the reply.

    Args:
        entry: What runs a parcel: `ENTRY`.
        parcel: The parcel, pickled.
    """
    module, _, name = entry.partition(":")
    sent: list[bytes] = []
    reply = getattr(import_module(module), name)(parcel, sent.append)
    return sent, reply


def attempt(
    parcel: Parcel,
    surroundings: Surroundings,
    services: Services,
    make_runner: MakeRunner,
    send: Callable[[bytes], object],
) -> Reply:
    """Call the function of a task run, wait for what it submitted, and return what came of it.

    Args:
        parcel: The call.
        surroundings: What it has in common with others.
        services: The adapters of this process.
        make_runner: Gives a flow run the task runner, started, of tasks that are submitted here.
        send: Tells the other process when the function begins, and when it has ended.
    """
    try:
        part: CallPart = pickle.loads(parcel.call)
        parameters = {name: pickle.loads(value) for name, value in parcel.parameters.items()}
    except Exception as error:  # whatever a module does when it is imported, or a value when it is restored
        return _failed(_unopened(error), error)
    flow = surroundings.flow
    flow_context = None if flow is None else _flow_context(flow, part.replay, services, make_runner)
    context = part.context
    context.services, context.flow_context, context.parameters = services, flow_context, parameters
    token = scope.enter_tags(part.tags)
    try:
        send(BEGUN)
        outcome = _call(context)
        send(ENDED)
        _wait_for_submitted(context)
    finally:
        scope.leave_tags(token)
    return _reply(context, outcome)


def open_context(packed: bytes, services: Services, make_runner: MakeRunner) -> Context:
    """Return the context of a run of another process, for code in this one.

    Args:
        packed: The context, as `parcels.pack_context` made it.
        services: The adapters of this process.
        make_runner: Makes and starts the task runner of tasks that are submitted here.
    """
    flow, task, parameters = pickle.loads(packed)
    flow_context = None if flow is None else _flow_context(flow, None, services, make_runner)
    if task is None:
        assert flow_context is not None  # a run is one of a flow or of a task
        return flow_context
    context: TaskRunContext = task
    context.services, context.flow_context = services, flow_context
    context.parameters = {name: pickle.loads(value) for name, value in parameters.items()}
    return context


def _unopened(error: Exception) -> SerializationError:
    return SerializationError(
        f"A task could not be restored in the process that was to run it: {type(error).__name__}: {error}. "
        "The modules that it uses must be importable there; `cloudpickle.register_pickle_by_value(module)` "
        "sends those along that are not."
    )


def _flow_context(flow: FlowPart, replay: Replay | None, services: Services, make_runner: MakeRunner) -> FlowRunContext:
    """Return the context of a flow run as it is in the process that called the flow."""
    context = FlowRunContext(
        flow.flow,
        flow.run,
        services,
        flow.parameters,
        [],
        flow.called,
        flow.log_prints,
        make_runner,
        None,
        None,
    )
    context.replay, context.strict = replay, flow.strict
    return context


def _call(context: TaskRunContext) -> Outcome:
    """Call the function in the colour that it has."""
    services: Services = context.services
    try:
        if context.task.isasync:
            from sluiceway.drivers import looping  # lazy: needed only for async tasks

            return looping.run_to_end(looping.drive(_called(context), services))
        return blocking.drive(_called(context), services)
    except BaseException as error:  # such as Ctrl-C between two operations
        return Outcome(None, error, services.clock.now())


async def _called(context: TaskRunContext) -> Outcome:
    outcome = await call(context)
    if context.transaction is not None:  # tasks that the function called here have hooks
        await settle(context.transaction, outcome.error is not None)
    return outcome


def _wait_for_submitted(context: TaskRunContext) -> None:
    """Wait until the tasks that the run submitted have ended, and release their runner."""
    owner: Any = context.flow_context
    runner = context.services.runner if owner is None else owner
    while runner is not None and (pending := runner.unfinished()):
        for future in pending:
            future.wait()
    if owner is not None:
        owner.close()


def _reply(context: TaskRunContext, outcome: Outcome) -> Reply:
    flow_context = context.flow_context
    replay = None if flow_context is None else flow_context.replay
    if outcome.timeout is not None:  # the state will tell it all
        return Reply(None, pack_error(TimeoutError()), None, outcome.timeout, context.ordinals, replay)
    if outcome.error is not None:
        error, trace = pack_error(outcome.error), traceback_of(outcome.error)
        return Reply(None, error, trace, None, context.ordinals, replay)
    try:
        return Reply(dumps(outcome.value), ordinals=context.ordinals)
    except Exception as error:  # whatever the value does when it is pickled
        return _failed(_unpicklable(context, error), error)._replace(ordinals=context.ordinals)


def _unpicklable(context: TaskRunContext, error: Exception) -> SerializationError:
    return SerializationError(
        f"The result of task {context.policy.name!r} cannot be sent back from the process that ran it: "
        f"{type(error).__name__}: {error}. Return what can be pickled, such as the path of a file that the task "
        "wrote, or run the task in threads."
    )


def _failed(failure: SerializationError, cause: Exception) -> Reply:
    return Reply(None, pack_error(failure), traceback_of(cause))
