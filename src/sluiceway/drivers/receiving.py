"""Sending inputs to flow runs, and receiving them."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import NamedTuple

from sluiceway.base.errors import FlowVisualizationError, MissingContextError
from sluiceway.base.ids import RunId, new_id, to_uuid
from sluiceway.drivers import bells, blocking, scope
from sluiceway.engine.receiving import Ask, receive, send
from sluiceway.model.inputs import SENDER, InputPlace, SentInput
from sluiceway.ports.services import Services

_RECEIVING, _SENDING = "sluiceway.input.receive", "sluiceway.input.send"
"""What calls are counted by, as calls of tasks are by the key of the task."""


class Wait(NamedTuple):
    """How to wait for an input.

    Args:
        run_key: The run whose input it is; None for the flow run that the executing code is part of.
        prefix: How its key begins.
        exclude: Keys of inputs to leave alone.
        timeout: Seconds to wait; None for as long as it takes.
        poll_interval: Seconds between two looks at most.
    """

    run_key: RunId | None
    prefix: str
    exclude: Collection[str] = ()
    timeout: float | None = None
    poll_interval: float = 1.0


def flow_run_here(run_key: RunId | None, what: str) -> RunId:
    """Return a flow run, by default the one that the executing code is part of.

    Args:
        run_key: The run; None for that one.
        what: The function that was called, for messages.

    Raises:
        MissingContextError: This is no code of a flow.
    """
    if run_key is not None:
        return run_key
    context = scope.FlowRunContext.get()
    if context is None:
        raise MissingContextError(
            f"{what}() is about inputs of the flow run that calls it, and there is none here. Give flow_run_id."
        )
    return context.flow_run.key


# --- receiving ------------------------------------------------------------------------------------


def receive_here(wait: Wait, services: Services) -> SentInput | None:
    """Wait until there is an input, and return it; None where none came in time.

    Args:
        wait: What to wait for.
        services: Where to read and write.

    Raises:
        MissingContextError: No run is named, and this is no code of a flow.
        ObjectNotFound: There is no such flow run.
    """
    ask = _ask(wait)
    with bells.hung(ask.place.run_key) as bell:
        return blocking.drive(receive(ask, services.store, bell), services)


async def areceive_here(wait: Wait, services: Services) -> SentInput | None:
    """Wait until there is an input, and return it; `receive_here` for async code.

    Args:
        wait: What to wait for.
        services: Where to read and write.
    """
    from sluiceway.drivers import looping  # lazy: for async code only

    ask = _ask(wait)
    with bells.hung(ask.place.run_key) as bell:
        return await looping.drive(receive(ask, services.store, bell), services)


def _ask(wait: Wait) -> Ask:
    """Return what the executing code asks for: as a step of its run, if it is part of one."""
    run_key = flow_run_here(wait.run_key, "receive_input")
    elsewhere, exclude = wait.run_key is not None, frozenset(wait.exclude)
    context = scope.current()
    if is_drawn():
        raise FlowVisualizationError(
            "The flow uses an input, which is not known while the flow is drawn: nothing is sent to a drawing."
        )
    if context is None:
        # Named all the same: a server that is asked twice, since its reply got lost, gives the same input twice.
        place = InputPlace(run_key, wait.prefix, new_id(), 0, exclude)
        return Ask(place, wait.timeout, wait.poll_interval, elsewhere=elsewhere, again=False)
    number = context.next_ordinal(_RECEIVING, f"{context.run.run_count} {run_key.hex()} {wait.prefix}")
    place = InputPlace(run_key, wait.prefix, context.run.key, number, exclude)
    outermost = isinstance(context, scope.FlowRunContext) and context.outermost
    return Ask(place, wait.timeout, wait.poll_interval, context.brake, outermost, elsewhere)


# --- sending --------------------------------------------------------------------------------------


class Letter(NamedTuple):
    """What is to be sent.

    Args:
        run_key: The run that it is for.
        prefix: How its key is to begin; all of the key, where that is chosen.
        value: What is sent, as JSON.
        sender: Who sends it; None for nobody.
        chosen: Whether somebody chose the key.
    """

    run_key: RunId
    prefix: str
    value: str
    sender: str | None = None
    chosen: bool = False


def send_here(letter: Letter, services: Services) -> None:
    """Send an input to a flow run, once: a run that goes on, or is retried, does not send it again.

    Args:
        letter: What is to be sent.
        services: Where to read and write.

    Raises:
        ObjectNotFound: There is no such flow run.
        ObjectAlreadyExists: It has another input of the chosen key.
    """
    if is_drawn():
        return
    sent, once = _sent(letter)
    blocking.drive(send(sent, services.store, once), services)
    bells.ring(letter.run_key)


async def asend_here(letter: Letter, services: Services) -> None:
    """Send an input to a flow run; `send_here` for async code.

    Args:
        letter: What is to be sent.
        services: Where to read and write.
    """
    from sluiceway.drivers import looping  # lazy: for async code only

    if is_drawn():
        return
    sent, once = _sent(letter)
    await looping.drive(send(sent, services.store, once), services)
    bells.ring(letter.run_key)


def is_drawn() -> bool:
    """Return whether the executing code is that of a flow which is only drawn, so that nothing is sent."""
    context = scope.FlowRunContext.get()
    return context is not None and context.drawn


def sender_here() -> str | None:
    """Return what stands for the flow run that the executing code is part of, as the sender of inputs."""
    context = scope.FlowRunContext.get()
    return None if context is None else f"{SENDER}{context.flow_run.id}"


def _sent(letter: Letter) -> tuple[SentInput, bool]:
    """Return the input, and whether its key stands for this very call."""
    run_key, prefix, value, sender, chosen = letter
    if chosen:
        return SentInput(run_key, prefix, value, sender), False
    context = scope.current()
    if context is None:
        return SentInput(run_key, f"{prefix}-{to_uuid(new_id())}", value, sender), False
    # As a task is: by what it is, and by how many equal ones came before.
    digest = blake2b(f"{sender} {value}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    call = f"{run_key.hex()} {prefix} {digest}"
    number = context.next_ordinal(_SENDING, f"{context.run.run_count} {call}")
    call = f"{context.run.key.hex()} {call} {number}"
    key = blake2b(call.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return SentInput(run_key, f"{prefix}-{to_uuid(key)}", value, sender), True
