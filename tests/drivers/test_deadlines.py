"""What a deadline promises to the code in its body and around it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sluiceway.drivers import deadlines
from sluiceway.drivers.deadlines import (
    IN_WORKER_THREAD,
    ON_MAIN_THREAD,
    WITHOUT_DEADLINE,
    DeadlineExceeded,
    Watch,
    deadline,
)

FOREVER = 3.0
"""Seconds that no test waits for: something interrupts before."""

SOON = 0.01

Scenario = Callable[[], None]


class Rang(Exception):
    """The user's own alarm rang."""


def spin() -> None:
    """Run Python code until interrupted."""
    end = time.monotonic() + FOREVER
    while time.monotonic() < end:
        pass


def block() -> None:
    """Block in a C call, until a signal handler raises."""
    select.select([], [], [], FOREVER)


def on_main_thread(scenario: Scenario) -> None:
    scenario()


def in_worker_thread(scenario: Scenario) -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            scenario()
        except BaseException as exc:
            raised.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(FOREVER)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def let_the_time_pass(watch: Watch) -> None:
    """Let the time of a deadline be over without anything that interrupts."""
    watch._due = 0.0


def overdue(watch: Watch, body: Scenario) -> DeadlineExceeded:
    """Run a body under a deadline that it misses, and return what is raised."""
    with pytest.raises(DeadlineExceeded) as caught, watch:
        body()
    return caught.value


everywhere = pytest.mark.parametrize("run", [on_main_thread, in_worker_thread])


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sluiceway-deadlines"]


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    yield
    handler, timer = signal.getsignal(signal.SIGALRM), signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert timer == (0.0, 0.0)
    assert handler is signal.SIG_DFL
    for thread in watchers():
        thread.join(FOREVER)
    assert not watchers()
    assert not deadlines._watcher._watches


@pytest.fixture
def user_alarm() -> Iterator[Callable[..., list[float]]]:
    """Set an alarm as a user would; gives the list of the moments it rang."""

    def set_alarm(seconds: float, interval: float = 0.0, *, exc: BaseException | None = None) -> list[float]:
        rang: list[float] = []

        def handler(signum: int, frame: Any) -> None:
            rang.append(time.monotonic())
            if exc is not None:
                raise exc

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, seconds, interval)
        return rang

    yield set_alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


# --- wherever it runs ---------------------------------------------------------------------------


@everywhere
def test_a_body_that_takes_too_long_is_interrupted(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        with pytest.raises(DeadlineExceeded, match=r"0\.01 s") as caught, deadline(SOON) as watch:
            spin()
        assert caught.value.watch is watch
        assert watch.expired

    run(scenario)


@everywhere
def test_a_body_that_ends_in_time_is_left_alone(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        with deadline(FOREVER) as watch:
            value = 1
        assert value == 1
        assert not watch.expired

    run(scenario)


@everywhere
def test_an_except_exception_of_the_user_does_not_swallow_it(run: Callable[[Scenario], None]) -> None:
    swallowed = []

    def body() -> None:
        try:
            spin()
        except Exception as exc:
            swallowed.append(exc)

    run(lambda: overdue(deadline(SOON), body))
    assert not swallowed


@everywhere
def test_a_body_that_swallows_it_is_expired_all_the_same(run: Callable[[Scenario], None]) -> None:
    swallowed = []

    def body() -> None:
        try:
            spin()
        except:  # noqa: E722
            swallowed.append(True)

    def scenario() -> None:
        watch = deadline(SOON)
        assert overdue(watch, body).watch is watch
        assert watch.expired
        assert swallowed

    run(scenario)


@everywhere
def test_a_body_that_turns_it_into_an_error_is_expired_all_the_same(run: Callable[[Scenario], None]) -> None:
    def body() -> None:
        try:
            spin()
        finally:
            raise ValueError("the clean-up failed")

    def scenario() -> None:
        assert isinstance(overdue(deadline(SOON), body).__context__, ValueError)

    run(scenario)


@everywhere
@pytest.mark.parametrize("unwinding", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_goes_on_though_the_time_is_over(
    run: Callable[[Scenario], None], unwinding: type[BaseException]
) -> None:
    def body() -> None:
        try:
            spin()
        except DeadlineExceeded:
            raise unwinding from None

    def scenario() -> None:
        with pytest.raises(unwinding), deadline(SOON) as watch:
            body()
        assert watch.expired

    run(scenario)


@everywhere
def test_an_error_in_time_is_the_bodys_own(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        with pytest.raises(TimeoutError, match="mine"), deadline(FOREVER) as watch:
            raise TimeoutError("mine")
        assert not watch.expired

    run(scenario)


@everywhere
def test_a_body_that_returns_after_its_deadline_without_interruption_is_expired(
    run: Callable[[Scenario], None],
) -> None:
    def scenario() -> None:
        watch = deadline(FOREVER)
        assert overdue(watch, lambda: let_the_time_pass(watch)).watch is watch
        assert watch.expired

    run(scenario)


@everywhere
@pytest.mark.parametrize("seconds", [0, 0.0, -1, -0.5])
def test_without_any_time_the_body_does_not_begin(run: Callable[[Scenario], None], seconds: float) -> None:
    def scenario() -> None:
        watch = deadline(seconds)
        began = False
        with pytest.raises(DeadlineExceeded) as caught, watch:
            began = True
        assert not began
        assert watch.expired
        assert caught.value.watch is watch

    run(scenario)


@everywhere
def test_the_shortest_time_is_a_deadline_too(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        watch = deadline(1e-9)
        with pytest.raises(DeadlineExceeded) as caught, watch:
            spin()
        assert caught.value.watch is watch

    run(scenario)


@everywhere
@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_the_longest_time_is_no_error(run: Callable[[Scenario], None], seconds: float) -> None:
    def scenario() -> None:
        with deadline(seconds) as watch:
            pass
        assert not watch.expired

    run(scenario)


@everywhere
@pytest.mark.parametrize("seconds", [None, float("inf")])
def test_no_deadline_touches_nothing(run: Callable[[Scenario], None], seconds: float | None) -> None:
    def scenario() -> None:
        with deadline(seconds) as watch:
            assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
            assert not watchers()
        assert not watch.expired
        assert watch.guarantee == WITHOUT_DEADLINE
        assert deadline(None) is watch

    run(scenario)


@everywhere
def test_an_inner_deadline_that_comes_first_leaves_the_outer_one_running(
    run: Callable[[Scenario], None],
) -> None:
    def scenario() -> None:
        with deadline(FOREVER) as outer:
            with pytest.raises(DeadlineExceeded) as caught, deadline(SOON) as inner:
                spin()
            assert caught.value.watch is inner
        assert not outer.expired

    run(scenario)


@everywhere
def test_an_outer_deadline_that_comes_first_passes_through_the_inner_one(
    run: Callable[[Scenario], None],
) -> None:
    def scenario() -> None:
        with pytest.raises(DeadlineExceeded) as caught, deadline(SOON) as outer, deadline(FOREVER) as inner:
            spin()
        assert caught.value.watch is outer
        assert not inner.expired

    run(scenario)


@everywhere
def test_nested_deadlines_come_one_after_the_other(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        inner, middle, outer = deadline(SOON), deadline(3 * SOON), deadline(FOREVER)

        def body() -> None:
            assert overdue(inner, spin).watch is inner
            spin()

        with outer:
            assert overdue(middle, body).watch is middle
        assert not outer.expired

    run(scenario)


@everywhere
def test_an_inner_deadline_still_comes_when_the_outer_one_was_swallowed(
    run: Callable[[Scenario], None],
) -> None:
    def scenario() -> None:
        inner, outer = deadline(3 * SOON), deadline(SOON)
        swallowed = set()

        def stubborn() -> None:
            for _ in range(50):
                try:
                    spin()
                except DeadlineExceeded as late:
                    if late.watch is inner:
                        raise
                    swallowed.add(late.watch)

        def body() -> None:
            assert overdue(inner, stubborn).watch is inner

        assert overdue(outer, body).watch is outer
        assert swallowed == {outer}

    run(scenario)


@everywhere
def test_an_interruption_that_was_swallowed_comes_again(run: Callable[[Scenario], None]) -> None:
    swallowed = []

    def stubborn() -> None:
        while len(swallowed) < 3:
            try:
                spin()
            except:  # noqa: E722
                swallowed.append(True)
        spin()

    run(lambda: overdue(deadline(SOON), stubborn))
    assert len(swallowed) == 3


@everywhere
def test_an_interruption_that_arrived_in_a_finaliser_comes_again(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda hook: ignored.append(hook.exc_type))

    class Slow:
        def __del__(self) -> None:
            spin()

    def body() -> None:
        Slow()
        spin()

    run(lambda: overdue(deadline(SOON), body))
    assert ignored == [DeadlineExceeded]


@everywhere
def test_clean_up_after_an_interruption_is_not_interrupted_again(run: Callable[[Scenario], None]) -> None:
    cleaned = []

    def body() -> None:
        try:
            spin()
        finally:
            end = time.monotonic() + 5 * deadlines.AGAIN
            while time.monotonic() < end:
                pass
            cleaned.append(True)

    run(lambda: overdue(deadline(SOON), body))
    assert cleaned


@everywhere
def test_when_both_are_over_the_outer_one_has_the_last_word(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        inner, outer = deadline(FOREVER), deadline(FOREVER)

        def body() -> None:
            with inner:
                let_the_time_pass(inner)
                let_the_time_pass(outer)

        assert overdue(outer, body).watch is outer
        assert inner.expired

    run(scenario)


def test_the_guarantee_says_what_is_interrupted() -> None:
    guarantees = {}

    def scenario() -> None:
        with deadline(FOREVER) as watch:
            guarantees[threading.current_thread() is threading.main_thread()] = watch.guarantee

    on_main_thread(scenario)
    in_worker_thread(scenario)
    assert guarantees == {True: ON_MAIN_THREAD, False: IN_WORKER_THREAD}


def test_the_error_needs_its_deadline() -> None:
    with pytest.raises(TypeError, match="needs the watch"):
        DeadlineExceeded()


# --- on the main thread -------------------------------------------------------------------------


def test_a_blocking_call_on_the_main_thread_is_interrupted() -> None:
    with pytest.raises(DeadlineExceeded), deadline(SOON):
        block()


def test_waiting_for_a_lock_on_the_main_thread_is_interrupted() -> None:
    lock = threading.Lock()
    with lock, pytest.raises(DeadlineExceeded), deadline(SOON):
        lock.acquire(timeout=FOREVER)


def test_an_alarm_of_the_users_is_restored_with_its_remaining_time(user_alarm: Any) -> None:
    user_alarm(FOREVER)
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(DeadlineExceeded), deadline(SOON):
        block()
    assert signal.getsignal(signal.SIGALRM) is handler
    remaining, interval = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < remaining <= FOREVER - SOON
    assert interval == 0


def test_an_alarm_of_the_users_rings_in_the_body_and_the_body_goes_on(user_alarm: Any) -> None:
    rang = user_alarm(SOON)
    with pytest.raises(DeadlineExceeded), deadline(3 * SOON):
        block()
    assert len(rang) == 1


def test_an_alarm_of_the_users_may_raise_in_the_body(user_alarm: Any) -> None:
    user_alarm(SOON, exc=Rang())
    with pytest.raises(Rang), deadline(FOREVER) as watch, deadline(FOREVER):
        block()
    assert not watch.expired


def test_a_deadline_comes_though_the_users_alarm_raised_and_was_swallowed(user_alarm: Any) -> None:
    rang = user_alarm(SOON, exc=Rang())

    def body() -> None:
        with pytest.raises(Rang):
            block()
        block()

    overdue(deadline(2 * SOON), body)
    assert rang


def test_an_interval_timer_of_the_users_goes_on_ringing(user_alarm: Any) -> None:
    rang = user_alarm(SOON, SOON)
    with deadline(FOREVER), pytest.raises(DeadlineExceeded), deadline(8 * SOON):
        block()
    assert len(rang) >= 3
    assert signal.getitimer(signal.ITIMER_REAL)[1] == pytest.approx(SOON)


def test_a_handler_of_the_users_may_set_its_alarm_again() -> None:
    rang = []

    def handler(signum: int, frame: Any) -> None:
        rang.append(signum)
        signal.setitimer(signal.ITIMER_REAL, SOON if len(rang) < 3 else 0)

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, SOON)
    with pytest.raises(DeadlineExceeded), deadline(10 * SOON):
        block()
    assert len(rang) == 3
    assert signal.getsignal(signal.SIGALRM) is handler
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_a_handler_of_the_users_may_install_another_one() -> None:
    rang = []

    def second(signum: int, frame: Any) -> None:
        rang.append("second")

    def first(signum: int, frame: Any) -> None:
        rang.append("first")
        signal.signal(signal.SIGALRM, second)
        signal.setitimer(signal.ITIMER_REAL, SOON)

    signal.signal(signal.SIGALRM, first)
    signal.setitimer(signal.ITIMER_REAL, SOON)
    with pytest.raises(DeadlineExceeded), deadline(6 * SOON):
        block()
    assert rang == ["first", "second"]
    assert signal.getsignal(signal.SIGALRM) is second
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def test_an_alarm_of_the_users_that_came_due_unheard_rings_at_the_end(user_alarm: Any) -> None:
    user_alarm(FOREVER, exc=Rang())

    def scenario() -> None:
        watch = deadline(2 * FOREVER)
        with watch:
            assert isinstance(watch, deadlines._AlarmWatch)
            watch._lender_due = 0.0
        block()

    with pytest.raises(Rang):
        scenario()


def test_a_body_that_changes_the_alarm_changes_it_for_itself_only(user_alarm: Any) -> None:
    rang = user_alarm(FOREVER)
    handler = signal.getsignal(signal.SIGALRM)
    with deadline(2 * FOREVER):
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        signal.alarm(1)
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 1
    assert not rang


def test_an_alarm_that_somebody_else_sends_interrupts_nothing() -> None:
    with deadline(FOREVER) as watch:
        signal.raise_signal(signal.SIGALRM)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert not watch.expired


def test_a_ctrl_c_while_the_alarm_is_borrowed_gives_it_back(user_alarm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user_alarm(FOREVER)
    handler = signal.getsignal(signal.SIGALRM)

    def interrupted(watch: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deadlines._AlarmWatch, "_arm", interrupted)
    with pytest.raises(KeyboardInterrupt), deadline(FOREVER):
        pytest.fail("the body began")
    assert signal.getsignal(signal.SIGALRM) is handler
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= FOREVER


def test_where_a_handler_was_set_by_c_code_the_alarm_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(signal, "getsignal", lambda signum: None)
        watch = deadline(SOON)
    with pytest.raises(DeadlineExceeded), watch:
        spin()
    assert watch.guarantee == IN_WORKER_THREAD


def test_where_handlers_cannot_be_set_the_watcher_thread_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise ValueError("signal only works in main thread of the main interpreter")

    deadlines._handlers_can_be_set.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(signal, "signal", refuse)
        watch = deadline(SOON)
    deadlines._handlers_can_be_set.cache_clear()
    with pytest.raises(DeadlineExceeded), watch:
        spin()
    assert watch.guarantee == IN_WORKER_THREAD


@pytest.mark.slow
def test_an_alarm_without_handler_still_ends_the_process() -> None:
    script = (
        "import signal, time\n"
        "from sluiceway.drivers.deadlines import deadline\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\n"
        "with deadline(20):\n"
        "    time.sleep(20)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], timeout=FOREVER)
    assert done.returncode == -signal.SIGALRM


# --- in worker threads --------------------------------------------------------------------------


def test_a_blocking_c_call_in_a_worker_thread_ends_first_and_is_expired() -> None:
    ended = []

    def body() -> None:
        try:
            time.sleep(5 * SOON)
        finally:
            ended.append(True)

    def scenario() -> None:
        watch = deadline(SOON)
        assert overdue(watch, body).watch is watch
        assert ended

    in_worker_thread(scenario)


def test_an_interruption_that_the_thread_has_not_noticed_can_be_taken_back() -> None:
    gate, went_on = threading.Lock(), []
    watch = deadlines._ThreadWatch(SOON)

    def body() -> None:
        watch._thread = threading.get_ident()
        with watch:
            gate.acquire(timeout=FOREVER)
            for _ in range(100):
                went_on.append(True)

    def take_back() -> None:
        end = time.monotonic() + FOREVER
        while not watch._is_pending() and time.monotonic() < end:
            pass
        with deadlines._watcher._lock:
            deadlines._watcher._close(watch)
        gate.release()

    gate.acquire()
    thread = threading.Thread(target=take_back)
    thread.start()
    with pytest.raises(DeadlineExceeded):
        in_worker_thread(body)
    thread.join(FOREVER)
    assert len(went_on) == 100


def in_four_threads(scenario: Callable[[int], None]) -> None:
    passed = []

    def work(number: int) -> None:
        scenario(number)
        passed.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(FOREVER)
    assert sorted(passed) == [0, 1, 2, 3]


def test_one_watcher_thread_serves_all_worker_threads() -> None:
    together = threading.Barrier(4)

    def scenario(_: int) -> None:
        with deadline(FOREVER):
            together.wait(FOREVER)
            assert len(watchers()) == 1

    in_four_threads(scenario)


def test_each_worker_thread_is_interrupted_by_its_own_deadline() -> None:
    def scenario(number: int) -> None:
        watch = deadline((4 - number) * SOON)
        assert overdue(watch, spin).watch is watch

    in_four_threads(scenario)


def test_the_watcher_thread_ends_when_there_is_nothing_to_watch_and_begins_again() -> None:
    def scenario() -> None:
        for _ in range(2):
            with pytest.raises(DeadlineExceeded), deadline(SOON):
                spin()
            (thread,) = watchers()
            thread.join(FOREVER)
            assert not watchers()

    in_worker_thread(scenario)


def test_short_bodies_in_a_row_share_one_watcher_thread() -> None:
    def scenario() -> None:
        seen = set()
        for _ in range(100):
            with deadline(FOREVER):
                seen.update(watchers())
        assert len(seen) == 1

    in_worker_thread(scenario)


def test_without_a_thread_to_be_had_the_body_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with pytest.raises(RuntimeError, match="can't start"), deadline(FOREVER):
                pytest.fail("the body began")
        assert deadlines._here.innermost is None

    thread = threading.Thread(target=scenario)
    thread.start()
    thread.join(FOREVER)


# --- forks --------------------------------------------------------------------------------------


def exit_code_of_fork(child: Scenario) -> int:
    """Fork, run a scenario in the child, and return the child's exit code: 0 if the scenario passed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@everywhere
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_deadlines_work_in_a_forked_process(run: Callable[[Scenario], None]) -> None:
    def scenario() -> None:
        with deadline(FOREVER) as watch:
            assert exit_code_of_fork(lambda: run(lambda: overdue(deadline(SOON), spin))) == 0
        assert not watch.expired

    run(scenario)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_leaves_the_deadline_it_was_born_in_without_an_alarm(user_alarm: Any) -> None:
    user_alarm(FOREVER)
    pid = -1
    with deadline(FOREVER):
        pid = os.fork()
    if pid == 0:
        os._exit(0 if signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 0


# --- imports ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ctypes_is_imported_only_where_a_worker_thread_has_a_deadline() -> None:
    script = (
        "import sys, threading\n"
        "from sluiceway.drivers.deadlines import deadline\n"
        "def work():\n"
        "    with deadline(20): pass\n"
        "work()\n"
        "assert 'ctypes' not in sys.modules and threading.active_count() == 1\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "for watcher in threading.enumerate()[1:]: watcher.join()\n"
        "assert 'ctypes' in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=FOREVER, check=True).returncode == 0
