"""Brakes: how a flow run, and all that it has called, is brought to a halt from outside.

The outermost flow run has one, and all runs below it share it. Whoever wants them to end pulls it, from any thread;
scripts look at it where they decide what comes next, and the drivers interrupt the user's code.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sluiceway.base.errors import Abort, CancelledRun, Pause
from sluiceway.base.times import Moment
from sluiceway.model.states import CANCELLED, CRASHED, State, StateType
from sluiceway.rules import outcomes


class Brake:
    """What a flow run shares with all that it has called."""

    __slots__ = ("_kind", "_shields", "on", "runners", "suspension", "why")

    def __init__(self) -> None:
        self.on: bool = False
        """Whether there is something to heed before anything new begins."""
        self.why: str | None = None
        """Why the runs are to end, in words for people; None while they are not."""
        self.suspension: State[Any] | None = None
        """The state that the outermost run is to come into before it calls its next task."""
        self.runners: list[Any] = []
        """The task runners of the runs."""
        self._kind: StateType = CANCELLED
        self._shields: list[None] = []

    def pull(self, why: str, kind: StateType = CANCELLED) -> None:
        """Have the runs end. The first reason counts.

        Args:
            why: The reason, in words for people.
            kind: The type of the states that they come to.
        """
        if self.why is None:
            self._kind, self.why = kind, why
            self.on = True

    def suspend(self, state: State[Any]) -> None:
        """Have the outermost run unwind before it calls its next task.

        Args:
            state: The state that it comes into.
        """
        self.suspension = state
        self.on = True

    @property
    def shielded(self) -> bool:
        """Whether what runs now is part of coming to an end, and is to be left alone: hooks, above all."""
        return bool(self._shields)

    @contextmanager
    def shield(self) -> Generator[None, None, None]:
        """Have what happens within not be interrupted, and call tasks as it likes."""
        self._shields.append(None)  # atomic, unlike counting: threads of a pool come here, too
        try:
            yield
        finally:
            self._shields.pop()

    def close(self) -> None:
        """Interrupt nothing any more: the outermost run has come to its end."""
        self._shields.append(None)

    def heed(self, outermost: bool) -> None:
        """Stand in the way of a new run.

        Args:
            outermost: Whether the outermost flow run itself is about to call it.

        Raises:
            Abort: The runs are to end.
            Pause: The outermost run is to be suspended.
        """
        if self._shields:
            return
        if self.why is not None:
            raise Abort(self.why)
        if self.suspension is not None and outermost:
            raise Pause(state=self.suspension)

    def verdict(self, error: BaseException, moment: Moment, outermost: bool = False) -> State[Any] | None:
        """Return the state of a run that was ended by what tore through it; None where the brake has no part in it.

        Args:
            error: What the run ended with.
            moment: When.
            outermost: Whether it is the outermost one, whose caller gets an error that says what happened.
        """
        if self.why is None or (isinstance(error, Exception) and not outermost and not _is_told_off(error)):
            return None
        if self._kind is CRASHED:
            return outcomes.stamped(CRASHED, moment, None, self.why, error)
        meant_for_all = not isinstance(error, Exception) and not isinstance(error, Abort) and not _is_await(error)
        data = CancelledRun(self.why) if outermost and not meant_for_all else error
        return outcomes.stamped(CANCELLED, moment, None, self.why, data)


def _is_told_off(error: Exception) -> bool:
    """Whether an error says no more than that another run was cancelled."""
    return isinstance(error, CancelledRun)


def _is_await(error: BaseException) -> bool:
    """Whether an error is what ends an `await` that is cancelled."""
    return type(error).__name__ == "CancelledError"
