"""Going on with flow runs that were recorded: by the process that takes them in hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sluiceway.base.errors import (
    MissingFlowError,
    MissingResult,
    ObjectNotFound,
    RunNotResumableError,
    ScriptError,
    SignatureMismatchError,
)
from sluiceway.base.ids import RunId, new_id, to_uuid
from sluiceway.drivers import scope
from sluiceway.drivers.calls import call_flow
from sluiceway.drivers.loading import is_flow, load_object
from sluiceway.drivers.planning import plan_flow
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.replay import Replay, Step, steps_of
from sluiceway.model.holding import ProcessInfo, RecordedStep
from sluiceway.model.runs import FlowRun
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.rules.outcomes import resuming
from sluiceway.rules.resuming import refusal

if TYPE_CHECKING:
    from sluiceway.drivers.loading import AnyFlow

MakeRunner = Callable[[FlowRunContext], None]


def resume(
    run_key: RunId,
    services: Services,
    make_runner: MakeRunner,
    *,
    flow: AnyFlow | None = None,
    parameters: dict[str, Any] | None = None,
    again: bool = False,
    from_step: RunId | None = None,
) -> FlowRunContext:
    """Take a flow run in hand, and return the call that goes on with it, for `call_flow`.

    Args:
        run_key: The run.
        services: The adapters that the run works with.
        make_runner: Gives the run a task runner, started, when a task is first submitted.
        flow: The flow; by default the one that the journal names.
        parameters: The arguments by name; by default those that the journal has.
        again: Whether what failed or was cancelled may go on, too, and steps that failed run again.
        from_step: The step from which on all run again; None for those that did not complete.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: It cannot be taken in hand; the message says why, and the remedy.
        SignatureMismatchError: The flow has other parameters now.
    """
    run = recorded_run(run_key, services)
    holder = services.store.read_holder(run_key)
    refused = refusal(run, holder, again)
    if refused is not None:
        raise RunNotResumableError(refused)
    flow = flow or flow_of(run)
    if flow.name != run.flow_name:
        raise RunNotResumableError(f"Run {run.name!r} is one of flow {run.flow_name!r}, not of {flow.name!r}.")
    arguments = _arguments_of(run, flow, services) if parameters is None else parameters
    first = None if from_step is None else _first_step(run, from_step, services)
    context = _planned(flow, arguments, services, make_runner)
    state = run.state
    assert state is not None  # it was read from the journal
    seen, process = (state.type, run.epoch), this_process(services)
    epoch = services.store.take_flow_run(run_key, seen, process, resuming(services.clock.now()))
    if epoch is None:
        raise RunNotResumableError(f"Flow run {run.name!r} has moved, or was taken in hand by somebody else, just now.")
    run.epoch, run.end = epoch, None
    _let_go_on(context, run, Replay(failed_again=again, checked=True), first)
    return context


def fork(
    run_key: RunId,
    services: Services,
    make_runner: MakeRunner,
    *,
    flow: AnyFlow | None = None,
    parameters: dict[str, Any] | None = None,
    from_step: RunId | None = None,
    new_key: RunId | None = None,
) -> FlowRunContext:
    """Return a call of a flow that takes over the steps of another run, for `call_flow`.

    Args:
        run_key: The other run.
        services: The adapters that the new run works with.
        make_runner: Gives the run a task runner, started, when a task is first submitted.
        flow: The flow; by default the one that the journal names.
        parameters: Arguments that are to differ, by name.
        from_step: The step from which on all run anew; None for those that did not complete.
        new_key: The identifier of the new run; by default one that is made for it.

    Raises:
        ObjectNotFound: There is no such run.
        RunNotResumableError: The flow or its arguments cannot be had, or there is a run of the new identifier; the
            message says which.
        SignatureMismatchError: The flow has other parameters now.
    """
    run = recorded_run(run_key, services)
    flow = flow or flow_of(run)
    arguments = {**_arguments_of(run, flow, services), **(parameters or {})}
    first = None if from_step is None else _first_step(run, from_step, services)
    store = services.store
    recorded = [step for step in store.read_steps(run_key) if first is None or step.key < first]
    if new_key is not None and store.read_flow_run(new_key) is not None:
        raise RunNotResumableError(f"There is a flow run with the identifier {to_uuid(new_key)} already.")
    context = _planned(flow, _bound(flow, arguments, run), services, make_runner)
    if new_key is not None:
        context.flow_run.key = context.flow_run.root_key = new_key
    context.replay = Replay(steps_of(recorded, store.read_staged(run_key), own=False))
    return context


def run_here(context: FlowRunContext) -> State[Any]:
    """Run a planned call to its end, whatever the colour of its function, and return its state.

    Args:
        context: The call.
    """
    outcome = call_flow(context, context.flow.colour, True)
    if not context.flow.isasync:
        state: State[Any] = outcome
        return state
    from sluiceway.drivers import looping  # lazy: for async flows only

    awaited: State[Any] = looping.run_to_end(outcome)
    return awaited


def recorded_run(run_key: RunId, services: Services) -> FlowRun:
    """Return a flow run as the journal has it, once it knows which processes are dead.

    Args:
        run_key: The run.
        services: Where to read.

    Raises:
        ObjectNotFound: There is no such run.
    """
    services.recorder.drain()
    if services.presence is not None:
        services.presence.look_around()
    run = services.store.read_flow_run(run_key)
    if run is None:
        raise ObjectNotFound(f"There is no flow run with the identifier {to_uuid(run_key)}.")
    return run


def flow_of(run: FlowRun) -> AnyFlow:
    """Return the flow of a run, from where the journal says it is.

    Args:
        run: The run.

    Raises:
        RunNotResumableError: It cannot be had; the message says why.
    """
    if run.entrypoint is None:
        raise RunNotResumableError(
            f"The flow {run.flow_name!r} of run {run.name!r} cannot be imported: it was made within a function, or "
            f"outside files. Go on with the run in a program that has the flow: "
            f"flow.with_options(run_id={str(run.id)!r})(…) with the same arguments."
        )
    try:
        found = load_object(run.entrypoint)
    except (MissingFlowError, ScriptError) as error:
        raise RunNotResumableError(
            f"The flow {run.flow_name!r} of run {run.name!r} cannot be loaded from {run.entrypoint}: {error}"
        ) from error
    if not is_flow(found) or found.name != run.flow_name:
        raise RunNotResumableError(f"{run.entrypoint} is not the flow {run.flow_name!r} of run {run.name!r} any more.")
    return found


def this_process(services: Services) -> ProcessInfo:
    """Return the process that takes something in hand, this one, once it is on the list.

    Args:
        services: Where it records.
    """
    if services.presence is not None:
        return services.presence.enter()
    process = ProcessInfo(new_id(), "", "", os.getpid(), services.clock.now())
    services.store.announce_process(process)
    return process


def _arguments_of(run: FlowRun, flow: AnyFlow, services: Services) -> dict[str, Any]:
    """Return the arguments of a run, by name.

    Raises:
        RunNotResumableError: They are not at hand.
        SignatureMismatchError: The flow has other parameters now.
    """
    kept = services.store.read_call(run.key)
    if kept is None and run.parameters:
        why = "Flows with persist_result=False do not keep them."
    elif kept is None:
        return _bound(flow, {}, run)
    else:
        try:
            return _bound(flow, services.results.open(kept), run)
        except MissingResult as error:
            why = str(error)
    raise RunNotResumableError(
        f"The arguments of flow run {run.name!r} are not at hand: {why} Go on with it in a program that has them: "
        f"flow.with_options(run_id={str(run.id)!r})(…)."
    )


def _bound(flow: AnyFlow, arguments: dict[str, Any], run: FlowRun) -> dict[str, Any]:
    """Return arguments of a run as the flow takes them now.

    Raises:
        SignatureMismatchError: It takes others.
    """
    names, defaults = flow.signature.names, flow.signature.defaults
    gone = [name for name in arguments if name not in names]
    new = [name for name in names if name not in arguments and name not in defaults]
    if gone or new:
        changes = [f"{name!r} is gone" for name in gone] + [f"{name!r} is new and has no default" for name in new]
        raise SignatureMismatchError(
            f"The flow {run.flow_name!r} has other parameters than when run {run.name!r} was made: "
            f"{', '.join(changes)}."
        )
    return {name: arguments[name] if name in arguments else defaults[name] for name in names}


def _first_step(run: FlowRun, step: RunId, services: Services) -> RunId:
    """Return the key of a step of a run.

    Raises:
        RunNotResumableError: It is none that the flow itself has called.
    """
    task_run = services.store.read_task_run(step)
    if task_run is None or task_run.flow_run_key != run.key or task_run.parent_key is not None:
        raise RunNotResumableError(
            f"{to_uuid(step)} is no step that flow run {run.name!r} itself has called. "
            f"See its steps with: sluiceway show {run.id}"
        )
    return step


def _planned(flow: AnyFlow, arguments: dict[str, Any], services: Services, make_runner: MakeRunner) -> FlowRunContext:
    """Return a call that no run has made, wherever this code runs."""
    token = scope.enter(None)
    try:
        return plan_flow(flow, arguments, None, services, make_runner)
    finally:
        scope.leave(token)


def _let_go_on(context: FlowRunContext, run: FlowRun, replay: Replay, first: RunId | None) -> None:
    """Let a call be a recorded run."""
    run.parameters = {}
    context.flow_run = run
    context.replay = replay
    replay.again_from = first
    context.recorded = Step(_as_step(run))


def _as_step(run: FlowRun) -> RecordedStep:
    state = run.state
    assert state is not None  # it was read from the journal
    return RecordedStep(
        run.key,
        None,
        "",
        run.flow_name,
        0,
        None,
        0,
        state.type,
        state.special_name,
        run.run_count,
        run.given_name,
        None,
        run.start,
        run.end,
    )
