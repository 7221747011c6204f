"""The blocking driver: runs a script on the thread and stack of whoever calls it."""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, TypeVar

from sluiceway.base.ops import Op
from sluiceway.drivers import scope
from sluiceway.drivers.deadlines import DeadlineExceeded, deadline
from sluiceway.drivers.invoke import finish_coroutine
from sluiceway.drivers.performing import SHARED, Handler
from sluiceway.drivers.prints import patch_print
from sluiceway.engine.ops import Call, Hold, Invoke, Listen, Outcome, Settle, Sleep, Wait
from sluiceway.ports.services import Services

Result = TypeVar("Result")


def drive(script: Coroutine[Op[Any], Any, Result], services: Services) -> Result:
    """Run a script to its end, and return what it returns.

    Args:
        script: The script.
        services: The adapters that its operations are performed with.
    """
    handlers = HANDLERS
    try:
        op = script.send(None)
        while True:
            try:
                reply = handlers[type(op)](services, op)
            except BaseException as error:
                op = script.throw(error)
            else:
                op = script.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a coroutine stops with what it returns


def invoke(services: Services, op: Invoke) -> Outcome:
    """Call user code, with its run as the current one and its deadline over it."""
    token = scope.enter(op.scope)
    try:
        if op.timeout is not None or op.scope.log_prints:
            return _invoke_within(services, op)
        value = op.fn(*op.args, **op.kwargs)
        if isinstance(value, CoroutineType):
            value = finish_coroutine(value)
        return Outcome(value, None, services.clock.now())
    except BaseException as error:
        return Outcome(None, error, services.clock.now())
    finally:
        scope.leave(token)


def _invoke_within(services: Services, op: Invoke) -> Outcome:
    """Call user code that has a deadline, or whose prints log."""
    watch = deadline(op.timeout)
    try:
        with watch, patch_print():
            value = op.fn(*op.args, **op.kwargs)
            if isinstance(value, CoroutineType):
                value = finish_coroutine(value)
        return Outcome(value, None, services.clock.now())
    except DeadlineExceeded as late:
        if late.watch is not watch:
            raise  # the time of a run around this one is over
        return Outcome(None, late, services.clock.now(), watch.guarantee)


def _call(services: Services, op: Call) -> Outcome:
    try:
        value = op.fn(*op.args)
        if isinstance(value, CoroutineType):
            value = finish_coroutine(value)
    except BaseException as error:
        return Outcome(None, error, services.clock.now())
    return Outcome(value, None, services.clock.now())


def hold(services: Services, op: Hold) -> Outcome:
    """Wait for a lock, and take it."""
    return _call(services, Call(op.locks.acquire_lock, op.key, op.holder))


def _wait(_: Services, op: Wait) -> None:
    for future in op.futures:
        future.wait()


def _settle(services: Services, op: Settle) -> None:
    if op.strict:
        services.recorder.settle()
    else:
        services.recorder.drain()


def _sleep(services: Services, op: Sleep) -> None:
    brake = op.brake
    services.clock.sleep(op.seconds, None if brake is None else lambda: brake.why is not None)


def _listen(services: Services, op: Listen) -> None:
    brake = op.brake
    services.clock.sleep(op.seconds, None if brake is None else lambda: brake.why is not None, op.bell)
    op.bell.rung.clear()


HANDLERS: dict[type[Op[Any]], Handler] = {
    **SHARED,
    Invoke: invoke,
    Call: _call,
    Hold: hold,
    Settle: _settle,
    Wait: _wait,
    Sleep: _sleep,
    Listen: _listen,
}
