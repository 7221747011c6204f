"""The relaying driver: runs many scripts at once, whose functions are called elsewhere, on a few threads.

A script holds a thread only between two waits. When it ships its function, sleeps or waits for futures, it is
put aside, and whoever ends the wait hands it on to the next thread that is free.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from sluiceway.base.ops import Op
from sluiceway.drivers.blocking import HANDLERS, hold
from sluiceway.drivers.calls import Script
from sluiceway.drivers.futures import when_all_done
from sluiceway.engine.contexts import TaskRunContext
from sluiceway.engine.ops import Hold, Outcome, Settle, Ship, Sleep, Wait
from sluiceway.engine.task import run_task
from sluiceway.model.states import State
from sluiceway.rules.outcomes import crashed

if TYPE_CHECKING:
    from sluiceway.drivers.futures import Future
    from sluiceway.drivers.sleeping import Sleeper

THREADS = 4
"""Threads of a relay that are not waiting for a future: what they do is short, and mostly bound by the interpreter."""

_FOREVER = 10.0 * 365 * 86_400

Then = Callable[[], object]


class Journey:
    """A task run under way in a relay.

    Args:
        call: The call.
        arrive: Called with the final state.
    """

    __slots__ = ("arrive", "call", "dropped", "script", "surroundings")

    def __init__(self, call: TaskRunContext, arrive: Callable[[State[Any]], object]) -> None:
        self.call: TaskRunContext = call
        self.arrive: Callable[[State[Any]], object] = arrive
        self.surroundings: contextvars.Context = contextvars.copy_context()
        self.script: Script | None = None
        self.dropped: bool = False


ShipTo = Callable[[Journey, Callable[[Outcome], object]], None]
"""Has the function of a run called elsewhere, and tells the outcome later, from any thread. Never raises."""


class Thrown(NamedTuple):
    """Stands for a reply where there is none.

    Args:
        error: What was raised instead.
    """

    error: BaseException


Step = tuple[Journey, Any]
"""A script that can go on, and the reply that it gets."""


class Relay:
    """Drives the scripts of task runs.

    Args:
        ship: Has the function of a run called elsewhere.
        limit: How many scripts are under way at once; those that sleep or wait for futures do not count, while
            those that stand in line for slots do.
    """

    def __init__(self, ship: ShipTo, limit: int) -> None:
        self._ship = ship
        self._limit = limit
        self._lock = threading.RLock()
        self._due: deque[Step] = deque()
        self._under_way = 0
        self._in_line = 0
        """How many of those under way stand in line for slots of limits."""
        self._steps: deque[Step] = deque()
        self._bell = threading.Condition(self._lock)
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting = 0
        self._closed = False
        self._sleeper: Sleeper | None = None
        self._asides: dict[type[Op[Any]], Callable[[Journey, Any], None]] = {
            Ship: self._begin_shipping,
            Sleep: self._begin_sleeping,
            Wait: self._begin_waiting,
            Hold: self._begin_holding,
            Settle: self._begin_settling,
        }

    def start(self, journey: Journey) -> None:
        """Run a script, once the futures among its arguments have ended and its turn has come.

        Args:
            journey: The run.
        """
        sources = [reference.source for reference in journey.call.references]
        when_all_done(sources, lambda: self._queue(journey, None))

    def drop(self, journey: Journey) -> bool:
        """Let a script not go on; its run is not told anything any more.

        Args:
            journey: The run.

        Returns:
            Whether it had begun.
        """
        with self._lock:
            journey.dropped = True
            return journey.script is not None

    def wait(self, future: Future[Any]) -> None:
        """Wait for a future, if this is a thread of the relay: another one takes its place meanwhile.

        So hooks may wait for other runs of the same relay, however many of them do.

        Args:
            future: The future.
        """
        if threading.current_thread() not in self._threads:
            return
        with self._lock:
            self._waiting += 1
            self._grow()
        try:
            future.wait(timeout=_FOREVER)
        finally:
            with self._lock:
                self._waiting -= 1

    def close(self) -> None:
        """End the threads, once they have done what is to be done at once."""
        with self._lock:
            self._closed = True
            self._bell.notify_all()
        current = threading.current_thread()
        for thread in self._threads:
            if thread is not current:
                thread.join()
        self._threads.clear()
        if self._sleeper is not None:
            self._sleeper.close()
            self._sleeper = None

    # --- whose turn it is ---------------------------------------------------------------------------

    def _queue(self, journey: Journey, reply: Any) -> None:
        """Have a script go on when there is a place for it: first those that have begun."""
        with self._lock:
            if journey.script is None:
                self._due.append((journey, reply))
            else:
                self._due.appendleft((journey, reply))
        self._admit()

    def _admit(self, lent: int = 0) -> None:
        with self._lock:
            while self._due and self._under_way < self._limit + lent:
                step = self._due.popleft()
                if not step[0].dropped:
                    self._under_way += 1
                    self._hand_on(step)

    def _leave(self) -> None:
        """Make place for another script."""
        with self._lock:
            self._under_way -= 1
            self._admit()

    # --- the threads --------------------------------------------------------------------------------

    def _hand_on(self, step: Step) -> None:
        """Have a thread do a step: an idle one, or a new one, or whichever is free next."""
        with self._lock:
            self._steps.append(step)
            if self._idle:
                self._idle -= 1
                self._bell.notify()
            else:
                self._grow()

    def _grow(self) -> None:
        """Start a thread, unless there are enough."""
        if self._closed or len(self._threads) - self._waiting >= THREADS:
            return
        name = f"sluiceway-relay-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (step := self._next_step()) is not None:
            journey, reply = step
            op = journey.surroundings.run(self._advance, journey, reply)
            if op is not None:
                self._put_aside(journey, op)
            del step, journey, reply, op  # lest an idle thread keep the last task's arguments alive

    def _put_aside(self, journey: Journey, op: Op[Any]) -> None:
        """Begin what a script waits for; whoever ends that may be quicker than this thread."""
        try:
            self._asides[type(op)](journey, op)
        except BaseException as error:  # it is the script that records what tears through it
            self._hand_on((journey, Thrown(error)))

    def _next_step(self) -> Step | None:
        """Wait for something to do; None when the relay has ended."""
        with self._lock:
            while not self._steps:
                if self._closed:
                    return None
                self._idle += 1
                self._bell.wait()
            return self._steps.popleft()

    def _advance(self, journey: Journey, reply: Any) -> Op[Any] | None:
        """Run a script until it has to wait, and return what for; None at its end."""
        try:
            return self._perform(journey, reply)
        except StopIteration as stop:
            self._arrive(journey, stop.value)
        except BaseException as error:
            self._arrive(journey, crashed("Task", error, journey.call.services.clock.now()))
        return None

    def _perform(self, journey: Journey, reply: Any) -> Op[Any] | None:
        services = journey.call.services
        script = self._script_of(journey)
        op = script.throw(reply.error) if isinstance(reply, Thrown) else script.send(reply)
        while not journey.dropped:
            if type(op) in self._asides:
                return op
            try:
                reply = HANDLERS[type(op)](services, op)
            except BaseException as error:
                op = script.throw(error)
            else:
                op = script.send(reply)
        script.close()
        self._leave()
        return None

    def _script_of(self, journey: Journey) -> Script:
        with self._lock:
            if journey.script is None:
                journey.call.started = journey.call.services.clock.now()
                journey.script = run_task(journey.call)
            return journey.script

    def _arrive(self, journey: Journey, state: State[Any]) -> None:
        self._leave()
        if not journey.dropped:
            journey.arrive(state)

    # --- what a script waits for ----------------------------------------------------------------------

    def _begin_shipping(self, journey: Journey, op: Ship) -> None:
        self._ship(journey, lambda outcome: self._hand_on((journey, outcome)))

    def _begin_sleeping(self, journey: Journey, op: Sleep) -> None:
        from sluiceway.drivers.sleeping import Sleeper  # lazy: only retries with a delay need asyncio

        with self._lock:
            if self._sleeper is None:
                self._sleeper = Sleeper()
            if op.in_line:
                self._stand_in_line(self._sleeper, journey, op)
                return
        self._sleeper.sleep(journey.call.services.clock, op.seconds, lambda: self._queue(journey, None))
        self._leave()

    def _stand_in_line(self, sleeper: Sleeper, journey: Journey, op: Sleep) -> None:
        """Sleep without leaving.

        Where nobody does anything else, one more script is let in each time: whoever has the slots may wait for one
        that has no place because of those who wait for the slots.
        """
        self._in_line += 1
        if self._in_line == self._under_way:
            self._admit(lent=max(0, self._under_way + 1 - self._limit))

        def go_on() -> None:
            with self._lock:
                self._in_line -= 1
            self._hand_on((journey, None))

        sleeper.sleep(journey.call.services.clock, op.seconds, go_on)

    def _begin_holding(self, journey: Journey, op: Hold) -> None:
        """Take a lock that is free at once; else wait in a thread of its own, since whoever has it may need these."""
        services = journey.call.services
        if op.locks.acquire_lock(op.key, op.holder, 0):
            self._hand_on((journey, hold(services, op)))
            return
        waiting = threading.Thread(
            target=lambda: self._queue(journey, hold(services, op)), name="sluiceway-lock", daemon=True
        )
        waiting.start()
        self._leave()

    def _begin_settling(self, journey: Journey, op: Settle) -> None:
        """Wait for the journal, in no thread where that may take a while: many that wait share one commit."""
        recorder = journey.call.services.recorder
        if op.strict:
            recorder.when_settled(lambda error: self._hand_on((journey, error and Thrown(error))))
        else:
            recorder.drain()
            self._hand_on((journey, None))

    def _begin_waiting(self, journey: Journey, op: Wait) -> None:
        when_all_done(op.futures, lambda: self._queue(journey, None))
        self._leave()
