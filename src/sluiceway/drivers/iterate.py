"""The drivers of generator runs: `Emit` becomes a real `yield`.

The script is driven as elsewhere, but for that one operation, whose value goes to whoever iterates and
whose reply is what that caller sends or throws back in.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any

from sluiceway.base.ops import Op
from sluiceway.drivers import blocking
from sluiceway.engine.ops import Emit, Outcome
from sluiceway.model.states import State
from sluiceway.ports.services import Services

Script = Coroutine[Op[Any], Any, State[Any]]


def iterate(script: Script, services: Services, begin: Callable[[], Callable[[], None]]) -> Generator[Any, Any, Any]:
    """Yield what a run yields; return, or raise, what it comes to.

    Args:
        script: The script of the run.
        services: The adapters that its operations are performed with.
        begin: What to call when the run begins; it returns what to call when that is over.
    """
    handlers, close = blocking.HANDLERS, begin()
    try:
        op = script.send(None)
        while True:
            if type(op) is Emit:
                try:
                    reply = Outcome((yield op.value), None, services.clock.now())
                except BaseException as error:
                    reply = Outcome(None, error, services.clock.now())
                op = script.send(reply)
                continue
            try:
                reply = handlers[type(op)](services, op)
            except BaseException as error:
                op = script.throw(error)
            else:
                op = script.send(reply)
    except StopIteration as stop:
        state: State[Any] = stop.value
    finally:
        close()
    return state.result()


async def aiterate(
    script: Script,
    services: Services,
    perform: Callable[[Services, Op[Any]], Coroutine[Any, Any, Any]],
    begin: Callable[[], Callable[[], None]],
) -> AsyncGenerator[Any, Any]:
    """Yield what an async run yields; raise what it comes to, if it did not complete.

    Args:
        script: The script of the run.
        services: The adapters that its operations are performed with.
        perform: Performs an operation of the asyncio driver.
        begin: What to call when the run begins; it returns what to call when that is over.
    """
    close = begin()
    try:
        op = script.send(None)
        while True:
            if type(op) is Emit:
                try:
                    reply = Outcome((yield op.value), None, services.clock.now())
                except BaseException as error:
                    reply = Outcome(None, error, services.clock.now())
                op = script.send(reply)
                continue
            try:
                reply = await perform(services, op)
            except BaseException as error:
                op = script.throw(error)
            else:
                op = script.send(reply)
    except StopIteration as stop:
        state: State[Any] = stop.value
    finally:
        close()
    state.result()
