"""Deadlines that come at the worst moment: as the body begins or ends, at every single step of it.

Python lets interruptions in at few places only: at the beginning of a function, after a call, and where it jumps
back. A trace function counts these steps in the code of deadlines; a scenario is run once for each of them,
with the interruption arriving there.
"""

from __future__ import annotations

import dis
import gc
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from sluiceway.drivers import deadlines
from sluiceway.drivers.deadlines import DeadlineExceeded, Watch, deadline

FAR = 30.0

PLACES_THAT_LET_IN = ("RESUME", "CALL", "JUMP_BACKWARD")

Body = Callable[[], None]


class Steps:
    """Acts at one of the steps at which code of deadlines can be interrupted.

    Args:
        at: The number of the step, from zero.
        act: What to do there; returns whether it was possible. If not, the next step is tried.
    """

    def __init__(self, at: int, act: Callable[[], bool]) -> None:
        self.acted = False
        self._left = at
        self._act = act
        self._last: dict[FrameType, str] = {}

    def __enter__(self) -> Steps:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.settrace(None)
        self._last.clear()

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_globals is not deadlines.__dict__:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            before = self._last.get(frame, "")
            self._last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(PLACES_THAT_LET_IN):
                self._step()
        return self._trace

    def _step(self) -> None:
        self._left -= 1
        if self._left < 0 and not self.acted:
            self.acted = True  # now, as acting may raise
            self.acted = self._act()


def later_code(seconds: float = 0.0) -> None:
    """Run code that a leaking interruption would hit."""
    end = time.monotonic() + seconds
    for _ in range(50):
        len("")
    while time.monotonic() < end:
        pass


def raised_by(body: Body) -> BaseException | None:
    try:
        body()
    except BaseException as exc:
        return exc
    return None


def in_thread(work: Body) -> None:
    raised: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: raised.append(raised_by(work)))
    thread.start()
    thread.join(FAR)
    assert raised, "the thread hangs"
    if raised[0] is not None:
        raise raised[0]


# --- bodies: each is given an outer and an inner deadline ------------------------------------------


def nested(outer: Watch, inner: Watch) -> None:
    with outer:
        later_code()
        with inner:
            later_code()
        later_code()


def nested_and_failing(outer: Watch, inner: Watch) -> None:
    with outer, inner:
        raise ValueError("of the body")


def nested_and_swallowing(outer: Watch, inner: Watch) -> None:
    with outer:
        try:
            with inner:
                try:
                    later_code()
                except:  # noqa: E722
                    later_code()
        except DeadlineExceeded:
            later_code()


bodies = pytest.mark.parametrize("body", [nested, nested_and_failing, nested_and_swallowing])
which = pytest.mark.parametrize("due", [("outer",), ("inner",), ("outer", "inner")], ids="-".join)


def check_outcome(raised: BaseException | None, outer: Watch, inner: Watch, body: object) -> None:
    """Check that what was raised is what the states of the deadlines say."""
    if outer.expired:
        assert isinstance(raised, DeadlineExceeded)
        assert raised.watch is outer
    elif inner.expired and body is not nested_and_swallowing:
        assert isinstance(raised, DeadlineExceeded)
        assert raised.watch is inner
    else:
        assert raised is None or isinstance(raised, ValueError)


# --- in a worker thread -------------------------------------------------------------------------


@pytest.fixture
def fast_switches() -> Iterator[None]:
    """Let the watcher thread have its turn soon, and nothing else run in between."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    gc.disable()
    yield
    gc.enable()
    sys.setswitchinterval(interval)


def have_fired(watches: list[Any]) -> bool:
    """Let the watcher thread find that the time of some deadlines is over."""
    watcher = deadlines._watcher
    if watcher._lock.locked() or not watcher._watches.issuperset(watches):
        return False
    with watcher._lock:
        for watch in watches:
            watch._due = watch._next = 0.0
        watcher._wake_by(-1.0)
    end = time.monotonic() + FAR
    while not any(watch._fired for watch in watches) and time.monotonic() < end:
        pass
    later_code()
    return True


@pytest.mark.slow
@bodies
@which
@pytest.mark.usefixtures("fast_switches")
def test_an_interruption_at_any_step_of_a_worker_thread_hits_the_body_or_nobody(
    body: Callable[[Watch, Watch], None], due: tuple[str, ...]
) -> None:
    def attempt(step: int) -> bool:
        watches = {"outer": deadline(FAR), "inner": deadline(FAR)}
        outer, inner = watches["outer"], watches["inner"]
        steps = Steps(step, lambda: have_fired([watches[name] for name in due]))
        with steps:
            raised = raised_by(lambda: body(outer, inner))
        later_code()
        check_outcome(raised, outer, inner, body)
        end = time.monotonic() + FAR
        while deadlines._watcher._watches and time.monotonic() < end:
            later_code()
        assert outer._closed
        assert not deadlines._watcher._lock.locked()
        return steps.acted

    def work() -> None:
        step = 0
        while attempt(step):
            step += 1
        assert step > 20

    in_thread(work)
