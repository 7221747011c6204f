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
from math import inf
from types import FrameType
from typing import Any

import pytest

from sluiceway.drivers import deadlines
from sluiceway.drivers.deadlines import DeadlineExceeded, Watch, deadline

FAR = 5.0
"""Seconds that no deadline waits for here."""

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
        self.at_exit = False  # whether this is the step that enters `__exit__`
        self._left = at
        self._act = act
        self._last: dict[FrameType, str] = {}

    def __enter__(self) -> Steps:
        sys._getframe().f_trace_opcodes = True  # newer Pythons want to see it on any frame at this moment
        sys.settrace(self._trace)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.settrace(None)
        self._last.clear()

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_globals is not deadlines.__dict__:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            self._last[frame] = "RESUME"
        elif event == "opcode":
            before = self._last.get(frame, "")
            self._last[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            if before.startswith(PLACES_THAT_LET_IN):
                self.at_exit = before == "RESUME" and frame.f_code.co_name == "__exit__"
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


def stack_of(thread: threading.Thread) -> str:
    """Return where a thread is, innermost first, so that a hang that is rare says where it was."""
    frame = sys._current_frames().get(thread.ident or 0)
    lines = []
    while frame is not None:
        lines.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(lines) or "no place: it has ended"


def in_thread(work: Body) -> None:
    raised: list[BaseException | None] = []
    thread = threading.Thread(target=lambda: raised.append(raised_by(work)))
    thread.start()
    thread.join(FAR)
    assert raised, f"the thread hangs at {stack_of(thread)}; watched: {deadlines._watcher._watches}"
    if raised[0] is not None:
        raise raised[0]


def attempts(attempt: Callable[[int], bool]) -> int:
    """Make attempts with one step after the other until there are no more, and return how many there were."""
    step = 0
    while attempt(step):
        step += 1
    return step


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
        assert deadlines._watcher._lock.acquire(timeout=FAR)  # the watcher thread may hold it, but for a moment
        deadlines._watcher._lock.release()
        return steps.acted

    def work() -> None:
        assert attempts(attempt) > 10

    in_thread(work)


# --- on the main thread -------------------------------------------------------------------------


class UserAlarm:
    """An alarm of the user's, which counts how often it rings."""

    def __init__(self) -> None:
        self.rang = 0

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.rang += 1


@pytest.fixture
def user_alarm() -> Iterator[UserAlarm]:
    handler = UserAlarm()
    signal.signal(signal.SIGALRM, handler)
    yield handler
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def holder_of_the_alarm() -> Any:
    """Return the deadline that has the alarm, if one has it by now."""
    watch = getattr(signal.getsignal(signal.SIGALRM), "__self__", None)
    return watch if watch is not None and watch._holding else None


@pytest.mark.slow
@bodies
@which
def test_an_alarm_at_any_step_of_the_main_thread_hits_the_body_or_nobody(
    body: Callable[[Watch, Watch], None], due: tuple[str, ...], user_alarm: UserAlarm
) -> None:
    def attempt(step: int) -> bool:
        watches: dict[str, Any] = {"outer": deadline(FAR), "inner": deadline(FAR)}
        outer, inner = watches["outer"], watches["inner"]

        def ring() -> bool:
            if holder_of_the_alarm() is not watches[due[-1]]:
                return False
            for name in due:
                watches[name]._due = watches[name]._next = 0.0
            inner._lender_due = 0.0 if inner._holding and "outer" in due else inner._lender_due
            signal.setitimer(signal.ITIMER_REAL, deadlines.SOONEST, deadlines.AGAIN)
            later_code()
            return True

        signal.setitimer(signal.ITIMER_REAL, 2 * FAR)
        with Steps(step, ring) as steps:
            raised = raised_by(lambda: body(outer, inner))
        later_code()
        check_outcome(raised, outer, inner, body)
        assert signal.getsignal(signal.SIGALRM) is user_alarm
        assert FAR < signal.getitimer(signal.ITIMER_REAL)[0] <= 2 * FAR
        return steps.acted

    assert attempts(attempt) > 10
    assert not user_alarm.rang


@pytest.mark.slow
@bodies
def test_an_alarm_of_the_users_that_comes_at_any_step_rings_once(
    body: Callable[[Watch, Watch], None], user_alarm: UserAlarm
) -> None:
    def attempt(step: int) -> bool:
        outer: Any = deadline(FAR)
        inner: Any = deadline(FAR)

        def ring() -> bool:
            if not signal.getitimer(signal.ITIMER_REAL)[0]:
                return False  # it is off at this step
            for watch in (outer, inner):
                watch._lender_due = 0.0 if watch._lender_due < inf else inf
            again = deadlines.AGAIN if signal.getsignal(signal.SIGALRM) is not user_alarm else 0
            signal.setitimer(signal.ITIMER_REAL, deadlines.SOONEST, again)
            later_code()
            return True

        user_alarm.rang = 0
        signal.setitimer(signal.ITIMER_REAL, 2 * FAR)
        with Steps(step, ring) as steps:
            raised = raised_by(lambda: body(outer, inner))
        end = time.monotonic() + FAR
        while steps.acted and not user_alarm.rang and time.monotonic() < end:
            later_code()
        assert user_alarm.rang == steps.acted
        check_outcome(raised, outer, inner, body)
        assert not outer.expired
        assert signal.getsignal(signal.SIGALRM) is user_alarm
        return steps.acted

    assert attempts(attempt) > 10


@pytest.mark.slow
@bodies
def test_a_ctrl_c_at_any_step_within_enter_and_exit_gives_the_alarm_back(
    body: Callable[[Watch, Watch], None], user_alarm: UserAlarm
) -> None:
    def attempt(step: int) -> bool:
        outer, inner = deadline(FAR), deadline(FAR)

        def interrupt() -> bool:
            if steps.at_exit:  # before any code of ours; no context manager in Python has a remedy
                return False
            raise KeyboardInterrupt

        signal.setitimer(signal.ITIMER_REAL, 2 * FAR)
        steps = Steps(step, interrupt)
        with steps:
            raised = raised_by(lambda: body(outer, inner))
        assert isinstance(raised, KeyboardInterrupt) == steps.acted or body is nested_and_swallowing
        assert signal.getsignal(signal.SIGALRM) is user_alarm
        return steps.acted

    assert attempts(attempt) > 10


# --- with real time -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("run", [lambda work: work(), in_thread], ids=["main thread", "worker thread"])
def test_deadlines_about_as_long_as_their_bodies_never_leak(run: Callable[[Body], None]) -> None:
    came = []

    def work() -> None:
        chance = random.Random(7)
        for _ in range(400):
            outer, inner = deadline(chance.uniform(1e-6, 2e-3)), deadline(chance.uniform(1e-6, 2e-3))
            length = chance.uniform(0, 1e-3)

            def body(outer: Watch = outer, inner: Watch = inner, length: float = length) -> None:
                with outer:
                    later_code(length)
                    with inner:
                        later_code(length)
                    later_code(length)

            raised = raised_by(body)
            later_code()
            check_outcome(raised, outer, inner, body)
            came.append(raised is not None)

    run(work)
    assert {True, False} == set(came)
