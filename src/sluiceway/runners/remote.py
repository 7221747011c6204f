"""What the runners have in common that call functions in other processes.

The script of a task run stays here: retries, cache, hooks, states and the journal are the same as anywhere.
Only the call of the function is packed and sent; what comes back is its outcome. A runner derived from
`RemoteTaskRunner` says how a parcel is sent.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Self

from sluiceway.base.errors import CrashedRun, MissingContextError, SerializationError
from sluiceway.drivers import scope
from sluiceway.drivers.futures import Future
from sluiceway.drivers.planning import plan_task
from sluiceway.drivers.relaying import Journey, Relay
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.ops import Outcome
from sluiceway.model.states import State
from sluiceway.model.upstream import Upstream
from sluiceway.runners.arrivals import Arrivals
from sluiceway.runners.base import TaskRunner, record_dropped
from sluiceway.runners.parcels import Packer
from sluiceway.runners.pickling import loaded_scripts_by_value

IN_FLIGHT = 256
"""How many calls a cluster of unknown size is given at once: enough to see that it should grow."""


class Errand:
    """A call that is under way in another process.

    Args:
        context: The call.
        parcel: The call, packed.
        packer: Unpacks the reply.
        done: Called once, with what came of it.
    """

    def __init__(
        self, context: TaskRunContext, parcel: bytes, packer: Packer, done: Callable[[Outcome], object]
    ) -> None:
        self.parcel = parcel
        self.name: str = f"{context.policy.name}-{context.key.hex()}-{context.task_run.run_count}"
        """What tells this call from all others."""
        self.timeout: float | None = context.policy.timeout
        self._context = context
        self._packer = packer
        self._done = done
        self._arrivals = Arrivals(context.services)

    def take(self, batch: bytes) -> None:
        """Take facts and log lines.

        Args:
            batch: What the other process sent.
        """
        self._arrivals.take(batch)

    def reply(self, packed: bytes) -> None:
        """End with what the other process made of the call.

        Args:
            packed: What it sent back.
        """
        moment = self._context.services.clock.now()
        self._arrivals.end("The task run that it belonged to ended without it.")
        self._done(self._packer.unpack(self._context, packed, moment))

    def lose(self, why: str) -> None:
        """End with the news that the other process died.

        Args:
            why: A sentence for people, with the exit code or the signal.
        """
        self._arrivals.end(why)
        self._done(Outcome(None, CrashedRun(why), self._context.services.clock.now()))

    def fail(self, error: Exception) -> None:
        """End with what kept the call from being made, or from going on.

        Args:
            error: The reason.
        """
        self._arrivals.end("The task run that it belonged to could not go on.")
        self._done(Outcome(None, error, self._context.services.clock.now()))

    def run_out(self, guarantee: str) -> None:
        """End with the news that the other process had to be ended, since the deadline had passed.

        Args:
            guarantee: How firmly the deadline was enforced.
        """
        self._arrivals.end("The process that it ran in was ended, since a task run in it overran its timeout.")
        self._done(Outcome(None, TimeoutError(), self._context.services.clock.now(), guarantee))


class RemoteFuture(Future[Any]):
    """The result of a call in another process.

    Args:
        call: The call.
        relay: Drives its script.
    """

    __slots__ = ("_relay",)

    def __init__(self, call: TaskRunContext, relay: Relay) -> None:
        super().__init__(call)
        self._relay = relay

    def help(self) -> None:
        """Do, on the thread that is about to wait, what the run itself waits for."""
        call = self.context
        for reference in () if call is None else call.references:
            if isinstance(reference.source, Future):
                reference.source.wait()
        self._relay.wait(self)


class RemoteTaskRunner(TaskRunner[Future[Any]]):
    """Runs tasks in other processes. Derive from it, and say how a call is sent.

    It starts when the first task is submitted.
    """

    _same_path = False
    """Whether the other processes import from where this one does."""

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._relay: Relay | None = None
        self._packer = Packer()
        self._unfinished: dict[RemoteFuture, Journey] = {}
        self._closed = False

    @abstractmethod
    def settings(self) -> tuple[Any, ...]:
        """Return the arguments that make another runner like this one."""

    @abstractmethod
    def open(self) -> int:
        """Have the other processes at hand.

        Returns:
            How many calls are to be under way at once.
        """

    @abstractmethod
    def send(self, errand: Errand) -> None:
        """Send a call to another process, and tell the errand what comes of it, from any thread.

        Args:
            errand: The call.
        """

    @abstractmethod
    def stop(self) -> None:
        """End at once what is under way."""

    @abstractmethod
    def release(self) -> None:
        """Release the other processes; nothing is under way any more."""

    def duplicate(self) -> Self:
        """Return a runner with the same settings that has not started."""
        return type(self)(*self.settings())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.settings()

    def submit(
        self,
        task: Any,
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, set[Any]] | None = None,
    ) -> Future[Any]:
        """Run a task in another process, and return its future.

        Args:
            task: The task.
            parameters: Its arguments by name, futures not yet resolved.
            wait_for: Futures to wait for without passing them.
            dependencies: Further runs whose results go in, by argument.

        Raises:
            RuntimeError: The runner has ended.
            MissingContextError: This is not in a flow.
        """
        if self._closed:
            raise RuntimeError("The task runner has ended; submit tasks while its flow runs.")
        context = scope.current()
        if context is None:
            raise MissingContextError(f"{type(self).__name__} runs the tasks of flows; submit tasks in a flow.")
        call = plan_task(task, parameters, wait_for, context.services)
        call.remote = True
        relay = self._opened()
        future = RemoteFuture(call, relay)
        journey = Journey(call, partial(self._arrived, future))
        self._unfinished[future] = journey
        relay.start(journey)
        return future

    def unfinished(self) -> list[Upstream]:
        """Return the futures of tasks that have not ended."""
        return list(self._unfinished)

    def abandon(self, error: BaseException) -> None:
        """Drop the tasks that have not begun, and end those that have.

        Args:
            error: What ended the flow run.
        """
        self._closed = True
        relay = self._relay
        if relay is None:
            return
        dropped = [(future, journey.call, relay.drop(journey)) for future, journey in list(self._unfinished.items())]
        self.stop()
        for future, call, begun in dropped:
            self._arrived(future, record_dropped(call, begun, error))

    def cancel_all(self) -> None:
        """Drop the tasks that have not begun, end those that have, and take no others."""
        self.abandon(KeyboardInterrupt("cancelled"))

    def close(self) -> None:
        """Wait for the tasks that have not ended, and release the other processes."""
        self._closed = True
        for future in list(self._unfinished):
            future.wait()
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.close()  # first, lest it be about to send something that was dropped
            self.release()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> Relay:
        """Return what drives the scripts; the other processes are at hand then."""
        with self._opening:
            if self._relay is None:
                self._relay = Relay(self._ship, self.open())
            return self._relay

    def _ship(self, journey: Journey, done: Callable[[Outcome], object]) -> None:
        """Pack the call of a run and send it; whatever prevents that is its outcome."""
        context = journey.call
        how = nullcontext() if self._same_path else loaded_scripts_by_value()
        try:
            with how:
                parcel = self._packer.pack(context, journey.surroundings.run(scope.current_tags))
        except SerializationError as error:
            done(Outcome(None, error, context.services.clock.now()))
            return
        errand = Errand(context, parcel, self._packer, done)
        try:
            self.send(errand)
        except Exception as error:  # whatever a cluster has against it
            errand.fail(error)

    def _arrived(self, future: RemoteFuture, state: State[Any]) -> None:
        self._unfinished.pop(future, None)
        future.settle(state)
