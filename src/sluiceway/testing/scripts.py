"""Stepping through the scripts of the engine: what a run asks its driver for, and where it may be stopped.

The life of a run is a script of operations. `play` drives one to its end, or to where `DieAt` stops it as
`kill -9` stops a process: what was performed has happened, and nothing more does. So every point at which a
process can die is tested in microseconds, and one after the other.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from sluiceway import wiring
from sluiceway.base.errors import StoreError
from sluiceway.base.ops import Op
from sluiceway.drivers import blocking
from sluiceway.drivers.performing import Handler
from sluiceway.drivers.planning import plan_flow, plan_task
from sluiceway.engine.contexts import FlowRunContext
from sluiceway.engine.flow import run_flow
from sluiceway.engine.ops import Emit, Invoke, Outcome, Say, Settle, Sleep, Wait
from sluiceway.engine.task import run_task
from sluiceway.flows import Flow
from sluiceway.model.facts import FACTS, Fact
from sluiceway.model.states import State
from sluiceway.ports.services import Services
from sluiceway.ports.store import Clock, Store
from sluiceway.storage.results import ResultStorage
from sluiceway.stores.memory import MemoryStore
from sluiceway.tasks import Task
from sluiceway.testing.clock import VirtualClock
from sluiceway.wiring.runners import make_runner

Result = TypeVar("Result")
Script = Coroutine[Op[Any], Any, Result]

_LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error"}


class Stopped(BaseException):
    """The driver was stopped, as a process is by `kill -9`."""


class DieAt:
    """Where the driver is to be stopped.

    Args:
        operation: Before which operation, counted from 0 in the order in which they are asked for.
        after: After that operation instead, when it has been performed and nobody knows of its reply.
    """

    __slots__ = ("after", "operation")

    def __init__(self, operation: int, *, after: bool = False) -> None:
        self.operation: int = operation
        self.after: bool = after

    def __repr__(self) -> str:
        return f"DieAt({self.operation}{', after=True' if self.after else ''})"


class Step(NamedTuple):
    """An operation that was asked for.

    Args:
        op: The operation.
        depth: Within how many calls of user code: 0 for the script that is played, 1 for those of the tasks
            and child flows that its function calls, and so on.
    """

    op: Op[Any]
    depth: int

    def __str__(self) -> str:
        return "  " * self.depth + spell(self.op)


class Played(NamedTuple, Generic[Result]):
    """How a script went.

    Args:
        steps: The operations that were asked for, those of nested runs included.
        result: What the script returned; None where it did not get there.
        error: What it raised.
        died: Whether the driver was stopped.
    """

    steps: Sequence[Step]
    result: Result | None
    error: BaseException | None
    died: bool

    @property
    def lines(self) -> list[str]:
        """The operations, a readable line each, indented by depth."""
        return [str(step) for step in self.steps]

    @property
    def emitted(self) -> list[Any]:
        """What the script handed to whoever iterates over it."""
        return [step.op.value for step in self.steps if isinstance(step.op, Emit) and step.depth == 0]


def play(
    script: Script[Result],
    services: Services,
    *,
    replies: Mapping[type[Op[Any]], Callable[[Any], Any]] | None = None,
    errors: Mapping[int, BaseException] | None = None,
    late_errors: Mapping[int, BaseException] | None = None,
    until: DieAt | None = None,
) -> Played[Result]:
    """Drive a script, and tell what it asked for.

    The operations are performed by the blocking driver, and so are those of the tasks and flows that user code
    calls. One script at a time can be played in a process.

    Args:
        script: The script, as `script_of` makes it.
        services: The adapters that its operations are performed with, such as `services_in_memory()`.
        replies: For kinds of operations that are not to be performed: makes the reply of the operation.
        errors: By the number of an operation, what it raises instead of being performed.
        late_errors: By the number of an operation, what it raises although it was performed, as Ctrl-C may in
            the moment after.
        until: Where the driver is to be stopped.
    """
    tape = _Tape(replies or {}, errors or {}, late_errors or {}, until)
    with tape.running():
        try:
            op = script.send(None)
            while True:
                try:
                    reply = blocking.HANDLERS[type(op)](services, op)
                except Stopped:
                    script.close()
                    return Played(tape.steps, None, None, True)
                except BaseException as error:
                    op = script.throw(error)
                else:
                    op = script.send(reply)
        except StopIteration as stop:
            return Played(tape.steps, stop.value, None, False)
        except BaseException as error:
            return Played(tape.steps, None, error, False)


class _Tape:
    """Performs operations, and writes down each, until it is time to die."""

    def __init__(
        self,
        replies: Mapping[type[Op[Any]], Callable[[Any], Any]],
        errors: Mapping[int, BaseException],
        late_errors: Mapping[int, BaseException],
        until: DieAt | None,
    ) -> None:
        self.steps: list[Step] = []
        self._replies = replies
        self._errors = errors
        self._late_errors = late_errors
        self._until = until
        self._dead = False
        self._turn = threading.Lock()

    @contextmanager
    def running(self) -> Generator[None, None, None]:
        """Have every blocking driver of the process perform its operations by way of the tape."""
        handlers = blocking.HANDLERS
        blocking.HANDLERS = {
            kind: partial(self._perform, handler) for kind, handler in {**handlers, Emit: _go_on}.items()
        }
        try:
            yield
        finally:
            blocking.HANDLERS = handlers

    def _perform(self, handler: Handler, services: Services, op: Op[Any]) -> Any:
        number = self._write_down(op)
        token = _depth.set(_depth.get() + 1)
        try:
            if number in self._errors:
                raise self._errors[number]
            answer = self._replies.get(type(op))
            reply = handler(services, op) if answer is None else answer(op)
        finally:
            _depth.reset(token)
        if self._until is not None and self._until.after and self._until.operation == number:
            self._dead = True
        if self._dead:  # here, or within this call of user code
            raise Stopped
        if number in self._late_errors:
            raise self._late_errors[number]
        return reply

    def _write_down(self, op: Op[Any]) -> int:
        with self._turn:
            number = len(self.steps)
            if self._until is not None and not self._until.after and self._until.operation == number:
                self._dead = True
            if self._dead:
                raise Stopped
            self.steps.append(Step(op, _depth.get()))
        return number


_depth: ContextVar[int] = ContextVar("sluiceway_played_depth", default=0)


def _go_on(services: Services, _: Emit) -> Outcome:
    """Answer for an iterating caller who sends nothing and wants the next value."""
    return Outcome(None, None, services.clock.now())


def spell(op: Op[Any]) -> str:
    """Return an operation as a line to read: its kind, and what matters of it.

    Args:
        op: The operation.
    """
    kind = type(op).__name__
    match op:
        case _ if isinstance(op, FACTS):
            state = getattr(op, "state", None)
            return f"Record {kind}" + ("" if state is None else f" {state.name}")
        case Invoke():
            return f"{kind} {getattr(op.fn, '__qualname__', repr(op.fn)).rpartition('.')[2]}"
        case Sleep():
            return f"{kind} {op.seconds:g}"
        case Wait():
            return f"{kind} {len(op.futures)}"
        case Say():
            return f"{kind} {_LEVELS.get(op.level, op.level)}"
        case Settle(strict=True):
            return f"{kind} strict"
    return kind


# --- what scripts are played with -----------------------------------------------------------------


def script_of(
    subject: Task[..., Any] | Flow[..., Any], services: Services, /, *args: Any, **kwargs: Any
) -> Script[State[Any]]:
    """Return the script of a call of a task or flow, as calling it would drive it.

    Args:
        subject: The task or flow.
        services: The adapters that the run works with.
        args: The arguments of the call.
        kwargs: The arguments of the call by name; `wait_for` among them.
    """
    wait_for = kwargs.pop("wait_for", None)
    parameters = subject.signature.bind(args, kwargs)
    if isinstance(subject, Flow):
        return _with_its_runner(plan_flow(subject, parameters, wait_for, services, make_runner))
    return run_task(plan_task(subject, parameters, wait_for, services))


async def _with_its_runner(context: FlowRunContext) -> State[Any]:
    try:
        return await run_flow(context)
    finally:
        context.close()


class DirectRecorder:
    """A recorder that writes each fact to the store at once.

    Args:
        store: Where facts are written.
    """

    def __init__(self, store: Store) -> None:
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []
        self.facts: list[Fact] = []
        """All that was recorded, in order."""
        self._store = store

    def record(self, fact: Fact) -> None:
        """Write a fact.

        Args:
            fact: The fact.
        """
        self.facts.append(fact)
        self._store.write([fact])
        for listener in self.listeners:
            listener([fact])

    def drain(self, timeout: float | None = None) -> bool:
        """Return at once: nothing is ever left to be written.

        Args:
            timeout: Does not matter.
        """
        return True

    def settle(self) -> None:
        """Return at once: nothing is ever left to be written."""

    def when_settled(self, then: Callable[[StoreError | None], object]) -> None:
        """Call a function at once: nothing is ever left to be written.

        Args:
            then: Called with None.
        """
        then(None)

    def close(self) -> None:
        """Do nothing: there is nothing to end."""


def services_in_memory(clock: Clock | None = None) -> Services:
    """Return services that touch nothing outside the memory of the process, and take no time.

    Args:
        clock: The time as runs see it; by default a virtual clock.
    """
    store = MemoryStore()
    results = ResultStorage(store, "memory:", inline_limit=sys.maxsize)  # so that all results are inline
    return Services(wiring.defaults(), store, DirectRecorder(store), results, clock or VirtualClock())
