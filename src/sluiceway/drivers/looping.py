"""The asyncio driver: runs a script in the caller's event loop and task."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sluiceway.base.errors import StoreError
from sluiceway.base.ops import Op
from sluiceway.drivers import scope
from sluiceway.drivers.in_hand import LoopHold
from sluiceway.drivers.performing import SHARED
from sluiceway.drivers.prints import patch_print
from sluiceway.drivers.signals import termination_cancels
from sluiceway.drivers.waking import signals_wake
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.ops import Call, Hold, Invoke, Listen, Outcome, Settle, Sleep, Wait
from sluiceway.ports.services import Services

if TYPE_CHECKING:
    from sluiceway.ports.store import Recorder

Result = TypeVar("Result")

GUARANTEE = "cancelled at the await that it was at"


async def drive(script: Coroutine[Op[Any], Any, Result], services: Services) -> Result:
    """Run a script to its end, and return what it returns.

    Args:
        script: The script.
        services: The adapters that its operations are performed with.
    """
    try:
        op = script.send(None)
        while True:
            try:
                handler = SHARED.get(type(op))
                reply = await AWAITED[type(op)](services, op) if handler is None else handler(services, op)
            except BaseException as error:
                op = script.throw(error)
            else:
                op = script.send(reply)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a coroutine stops with what it returns


async def invoke(services: Services, op: Invoke) -> Outcome:
    """Call user code of either colour, with its run as the current one and its deadline over it."""
    token = scope.enter(op.scope)
    try:
        if op.timeout is not None or op.scope.log_prints:
            return await _invoke_within(services, op)
        value = op.fn(*op.args, **op.kwargs)
        if hasattr(value, "__await__"):
            value = await value
        return Outcome(value, None, services.clock.now())
    except BaseException as error:
        return Outcome(None, error, services.clock.now())
    finally:
        scope.leave(token)


async def _invoke_within(services: Services, op: Invoke) -> Outcome:
    """Call user code that has a deadline, or whose prints log."""
    limit = asyncio.timeout(op.timeout)
    try:
        with patch_print():
            async with limit:
                value = op.fn(*op.args, **op.kwargs)
                if hasattr(value, "__await__"):
                    value = await value
        return Outcome(value, None, services.clock.now())
    except TimeoutError as error:
        guarantee = GUARANTEE if limit.expired() else None
        return Outcome(None, error, services.clock.now(), guarantee)


async def _call(services: Services, op: Call) -> Outcome:
    try:
        value = op.fn(*op.args)
        if hasattr(value, "__await__"):
            value = await value
    except BaseException as error:
        return Outcome(None, error, services.clock.now())
    return Outcome(value, None, services.clock.now())


async def _hold(services: Services, op: Hold) -> Outcome:
    return await _call(services, Call(op.locks.aacquire_lock, op.key, op.holder))


async def _wait(_: Services, op: Wait) -> None:
    """Wait without blocking the loop: whichever thread ends a future wakes the loop."""
    for future in op.futures:
        if not future.done():
            await future.wait_async()


async def _settle(services: Services, op: Settle) -> None:
    """Wait without blocking the loop, nor a thread for each of many that wait at once."""
    if not op.strict:
        await asyncio.to_thread(services.recorder.drain)
        return
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[None] = loop.create_future()

    def tell(error: StoreError | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and so has whoever waited in it
            loop.call_soon_threadsafe(_end, settled, error)

    services.recorder.when_settled(tell)
    await settled


def _end(settled: asyncio.Future[None], error: StoreError | None) -> None:
    if settled.done():
        return  # whoever waited was cancelled
    if error is None:
        settled.set_result(None)
    else:
        settled.set_exception(error)


async def _sleep(services: Services, op: Sleep) -> None:
    await services.clock.asleep(op.seconds)


async def _listen(services: Services, op: Listen) -> None:
    await services.clock.asleep(op.seconds, op.bell)
    op.bell.rung.clear()


AWAITED: dict[type[Op[Any]], Callable[[Services, Any], Awaitable[Any]]] = {
    Invoke: invoke,
    Call: _call,
    Hold: _hold,
    Settle: _settle,
    Wait: _wait,
    Sleep: _sleep,
    Listen: _listen,
}


async def perform(services: Services, op: Op[Any]) -> Any:
    """Perform an operation, awaiting it or not.

    Args:
        services: The adapters that operations are performed with.
        op: The operation.
    """
    handler = SHARED.get(type(op))
    return await AWAITED[type(op)](services, op) if handler is None else handler(services, op)


async def run_in_hand(run: Callable[[], Awaitable[Result]], context: FlowRunContext) -> Result:
    """Run an outermost flow run, which can be called off.

    Args:
        run: The run.
        context: The call.
    """
    hold = LoopHold(context, asyncio.get_running_loop(), asyncio.current_task())
    try:
        return await run()
    finally:
        hold.release()


async def run_until_signalled(run: Callable[[], Awaitable[Result]], recorder: Recorder) -> Result:
    """Run an outermost flow run, which SIGTERM cancels; Ctrl-C and other signals are heeded at once.

    Args:
        run: The run.
        recorder: Drained before the process ends by the signal.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel(number: int) -> None:
        if task is not None:
            loop.call_soon_threadsafe(task.cancel, f"The process received signal {number}")

    with signals_wake(loop), termination_cancels(cancel, recorder):
        return await run()


def is_running() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def canceller(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Return what cancels, from any thread, whatever runs in an event loop.

    Args:
        loop: The event loop.
    """

    def cancel() -> None:
        for task in asyncio.all_tasks(loop):
            task.cancel()

    def from_any_thread() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(cancel)

    return from_any_thread


def run_to_end(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end from blocking code, in a loop of its own.

    Args:
        coroutine: The coroutine; where a loop runs in this thread already, it gets a thread of its own.
    """
    if not is_running():
        return asyncio.run(coroutine)
    box: list[Outcome] = []

    def work() -> None:
        try:
            box.append(Outcome(asyncio.run(coroutine), None, 0))
        except BaseException as error:
            box.append(Outcome(None, error, 0))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="sluiceway-coroutine")
    thread.start()
    thread.join()
    if box[0].error is not None:
        raise box[0].error
    return box[0].value  # type: ignore[no-any-return]  # what the coroutine returned
