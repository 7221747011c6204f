"""The process runner: tasks run in child processes of this one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from functools import partial
from queue import SimpleQueue
from typing import Any

from sluiceway.base.errors import SerializationError
from sluiceway.runners.child import ENTRY
from sluiceway.runners.parcels import BEGUN, ENDED
from sluiceway.runners.pickling import dumps
from sluiceway.runners.pool import CallFailed, Child, ChildDied
from sluiceway.runners.remote import Errand, RemoteTaskRunner

GRACE_SECONDS = 2.0
"""How long a call may go on after its deadline, which interrupts it, before its process is killed."""

KILLED = "ended together with its process, since it did not react when it was interrupted"


class ProcessPoolTaskRunner(RemoteTaskRunner):
    """Runs tasks in child processes, side by side on all processors.

    Functions, arguments and results are pickled; those of the script itself, too. A child that dies, say for want
    of memory, costs only the task that it was running, which has `Crashed`; another takes its place.

    Args:
        max_workers: How many processes at most, one for each processor by default. They start as needed.
        subprocess_message_processor_factories: Accepted as None only: what children send is processed already.
        initializer: A function that each child calls first.
        initargs: Its arguments.

    Raises:
        ValueError: `max_workers` is less than one, or message processors were given.

    Example:
        ```python
        @flow(task_runner=ProcessPoolTaskRunner(max_workers=4))
        def thumbnails(paths: list[str]) -> None:
            shrink.map(paths).wait()
        ```
    """

    _same_path = True

    def __init__(
        self,
        max_workers: int | None = None,
        subprocess_message_processor_factories: Iterable[Any] | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be at least 1, not {max_workers}.")
        if subprocess_message_processor_factories is not None:
            raise ValueError("subprocess_message_processor_factories is not supported; leave it out.")
        super().__init__()
        self.max_workers = max_workers
        self.initializer = initializer
        self.initargs = initargs
        self._packed_initializer: bytes | None = None
        self._errands: SimpleQueue[Errand | None] = SimpleQueue()
        self._keepers: list[threading.Thread] = []
        self._busy: dict[threading.Thread, Child] = {}
        self._waiting = 0
        self._counting = threading.Lock()
        self._stopped = False

    def settings(self) -> tuple[Any, ...]:
        """Return the arguments that make another runner like this one."""
        return self.max_workers, None, self.initializer, self.initargs

    def open(self) -> int:
        """Have the initializer ready for the children, which start as they are needed.

        Returns:
            How many calls are to be under way at once.

        Raises:
            SerializationError: The initializer or its arguments cannot be pickled.
        """
        if self.initializer is not None:
            try:
                self._packed_initializer = dumps((self.initializer, self.initargs))
            except Exception as error:
                raise SerializationError(f"The initializer cannot be sent to another process: {error}") from error
        return self._limit

    @property
    def _limit(self) -> int:
        return self.max_workers or os.cpu_count() or 1

    def send(self, errand: Errand) -> None:
        """Have the next free child make a call.

        Args:
            errand: The call.
        """
        with self._counting:
            self._waiting += 1
            if self._waiting > len(self._keepers) - len(self._busy) and len(self._keepers) < self._limit:
                name = f"sluiceway-process-{len(self._keepers)}"
                keeper = threading.Thread(target=self._keep, name=name, daemon=True)
                self._keepers.append(keeper)
                keeper.start()
        self._errands.put(errand)

    def stop(self) -> None:
        """Kill the children that are in the midst of a call."""
        self._stopped = True
        for child in list(self._busy.values()):
            child.kill()

    def release(self) -> None:
        """End the children, which have nothing to do any more."""
        for _ in self._keepers:
            self._errands.put(None)
        for keeper in self._keepers:
            keeper.join()
        self._keepers.clear()

    def _keep(self) -> None:
        """Keep a child, and have it make the calls of one errand after the other."""
        child: Child | None = None
        while (errand := self._errands.get()) is not None:
            if child is None:
                child = self._start(errand)
            if child is not None and not self._run(child, errand):
                child = None
            del errand  # lest an idle thread keep the last call alive
        if child is not None:
            child.close()

    def _start(self, errand: Errand) -> Child | None:
        """Start a child for an errand; what prevents that is what comes of the errand."""
        try:
            return Child(ENTRY, self._packed_initializer)
        except CallFailed as error:
            errand.fail(RuntimeError(f"A child process could not be made ready for tasks:\n{error}"))
        except ChildDied as error:
            errand.lose(f"A child process ended before it was ready for tasks: {error}.")
        except OSError as error:
            errand.fail(RuntimeError(f"A child process could not be started: {error}"))
        with self._counting:
            self._waiting -= 1
        return None

    def _run(self, child: Child, errand: Errand) -> bool:
        """Have a child make a call; return whether the child is still there."""
        this = threading.current_thread()
        with self._counting:
            self._waiting -= 1
            self._busy[this] = child
        if self._stopped:
            child.kill()
        overtime = _Overtime(child, errand)
        finish: Callable[[], object]
        try:
            finish, there = partial(errand.reply, child.call(errand.parcel, overtime.take)), True
        except CallFailed as error:
            trouble = RuntimeError(f"The call could not be made in the child process:\n{error}")
            finish, there = partial(errand.fail, trouble), True
        except ChildDied as error:
            finish, there = partial(errand.lose, f"The process that the task ran in died: {error}."), False
        except Exception as error:  # what a user's filter of log lines raised, in the midst of the call
            child.kill()
            finish, there = partial(errand.fail, error), False
        if overtime.end():
            finish, there = partial(errand.run_out, KILLED) if not there else finish, False
        with self._counting:
            del self._busy[this]
        if not there:
            child.close()
        finish()
        return there


class _Overtime:
    """Kills a child in which a call goes on though its deadline has interrupted it.

    What the child does before and after, such as importing what the function needs, or waiting for tasks that it
    submitted, has all the time there is.

    Args:
        child: The child.
        errand: The call.
    """

    def __init__(self, child: Child, errand: Errand) -> None:
        self._child = child
        self._errand = errand
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._ended = self._killed = False

    def take(self, message: bytes) -> None:
        """Take what the child sent.

        Args:
            message: The message.
        """
        if message == BEGUN and self._errand.timeout is not None:
            self._timer = threading.Timer(self._errand.timeout + GRACE_SECONDS, self._kill)
            self._timer.daemon = True
            self._timer.start()
        elif message == ENDED:
            self.end()
        self._errand.take(message)

    def end(self) -> bool:
        """Watch no longer; return whether the child was killed."""
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            self._ended = True
            return self._killed

    def _kill(self) -> None:
        with self._lock:
            if not self._ended:
                self._killed = True
                self._child.kill()
