"""The batching recorder and the disk: who waits for it, what shares a commit, and what comes of interruptions."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest

from sluiceway.exceptions import StoreError
from sluiceway.model.facts import Fact, LogWritten
from sluiceway.recording import batching
from tests.house.project import ROOT
from tests.recording.desks import SOON, Desk, Notebook, fact, move

Desks = Callable[..., Desk]


def _broken(_: Sequence[Fact]) -> None:
    raise StoreError("The run database is broken. Mend it.")


def _waiting(desk: Desk, number: int, answers: list[object]) -> threading.Thread:
    """Return a thread that records something and waits for the disk."""

    def work() -> None:
        desk.recorder.record(move(number))
        try:
            desk.recorder.settle()
        except StoreError as error:
            answers.append(str(error))
        else:
            answers.append(number in desk.store.numbers)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


# --- what is on disk ------------------------------------------------------------------------------


def test_who_waits_for_the_disk_finds_there_all_that_was_recorded_before(desks: Desks) -> None:
    desk = desks(interval=SOON)
    for number in range(3):
        desk.recorder.record(move(number))
        desk.recorder.settle()
        assert desk.store.numbers == list(range(number + 1))
    assert desk.store.durable == [True] * 3


def test_what_nobody_waits_for_does_not_wait_for_the_disk(desks: Desks) -> None:
    desk = desks(interval=SOON)
    desk.record(1, 2)
    assert desk.recorder.drain(SOON)
    assert desk.store.durable == [False]


def test_who_waits_for_the_disk_alone_needs_no_other_thread_for_it(desks: Desks) -> None:
    desk = desks(interval=SOON)
    desk.record(1)
    desk.recorder.settle()
    assert desk.store.writers == [threading.current_thread()]


def test_a_wait_for_the_disk_is_one_for_what_others_recorded_without_waiting(desks: Desks) -> None:
    desk = desks(interval=SOON)
    desk.record(1)
    others = threading.Thread(target=desk.record, args=(2, 3))
    others.start()
    others.join()
    desk.recorder.settle()
    assert (desk.store.numbers, desk.store.durable) == ([1, 2, 3], [True])


def test_what_was_written_without_the_disk_is_on_it_when_somebody_has_waited(desks: Desks) -> None:
    desk = desks(interval=SOON)
    desk.record(1)
    assert desk.recorder.drain(SOON)
    desk.recorder.settle()
    assert (desk.store.batches[1:], desk.store.durable) == ([[]], [False, True]), "there is nothing more to write"


def test_of_many_facts_only_the_transaction_with_the_last_of_them_waits_for_the_disk(
    desks: Desks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BATCH_LIMIT", 10)
    desk = desks(interval=SOON)
    desk.record(*range(25))
    desk.recorder.settle()
    assert [len(batch) for batch in desk.store.batches] == [10, 10, 5]
    assert desk.store.durable == [False, False, True], "the log of the database is synchronised as a whole"


# --- many at once ---------------------------------------------------------------------------------


def test_those_that_come_while_somebody_writes_share_the_next_commit(desks: Desks) -> None:
    desk, answers = desks(interval=SOON), list[object]()
    desk.store.open.clear()
    threads = [_waiting(desk, 0, answers)]
    assert desk.store.asked.wait(SOON)
    threads += [_waiting(desk, number, answers) for number in range(1, 16)]
    while len(desk.recorder._queue) < 30:  # each has put its fact and itself into the queue
        threading.Event().wait(0.001)
    desk.store.open.set()
    for thread in threads:
        thread.join(SOON)
    assert answers == [True] * 16
    assert [len(batch) for batch in desk.store.batches] == [1, 15]


def test_many_that_are_called_back_share_commits_and_each_is_called_once_by_the_writer(desks: Desks) -> None:
    desk, answers = desks(interval=SOON), list[tuple[int, object, str]]()
    desk.store.open.clear()
    heard = threading.Semaphore(0)
    for number in range(100):
        desk.recorder.record(move(number))

        def hear(error: StoreError | None, number: int = number) -> None:
            answers.append((number, error, threading.current_thread().name))
            heard.release()

        desk.recorder.when_settled(hear)
    desk.store.open.set()
    for _ in range(100):
        assert heard.acquire(timeout=SOON)
    assert answers == [(number, None, "sluiceway-recorder") for number in range(100)]
    assert len(desk.store.batches) <= 3


def test_who_writes_for_others_leaves_it_to_the_writer_to_call_them_back(desks: Desks) -> None:
    desk, answers = desks(interval=SOON), list[tuple[object, str]]()
    heard = threading.Event()

    def hear(error: StoreError | None) -> None:
        answers.append((error, threading.current_thread().name))
        heard.set()

    desk.recorder._append(batching._Marker(True, hear))  # type: ignore[arg-type]  # as `when_settled`, in haste
    desk.record(1)
    desk.recorder.settle()
    assert desk.store.writers == [threading.current_thread()]
    assert heard.wait(SOON)
    assert answers == [(None, "sluiceway-recorder")]


# --- stores that cannot be written ----------------------------------------------------------------


def test_who_waits_for_the_disk_is_told_what_is_in_the_way_and_others_go_on(desks: Desks) -> None:
    desk = desks(Notebook(_broken), interval=SOON)
    desk.recorder.record(move(1))
    with pytest.raises(StoreError, match=r"The run database is broken\. Mend it\."):
        desk.recorder.settle()
    desk.record(2)
    assert not desk.recorder.drain(SOON)
    assert desk.complaints == [
        "Runs cannot be recorded; those that are strict are refused, the others go on nevertheless. "
        "The run database is broken. Mend it."
    ]


def test_what_could_not_be_put_on_disk_is_written_once_and_in_order_when_the_store_has_recovered(desks: Desks) -> None:
    desk = desks(Notebook(_broken), interval=SOON)
    for number in range(3):
        desk.recorder.record(move(number))
        with pytest.raises(StoreError):
            desk.recorder.settle()
    desk.store.refuse = None
    desk.recorder.record(move(3))
    desk.recorder.settle()
    assert desk.store.numbers == [0, 1, 2, 3]
    desk.recorder.close()
    assert len(desk.complaints) == 1, "nothing was lost"


def test_a_store_that_fails_just_once_refuses_nobody(desks: Desks) -> None:
    failures = [StoreError("The run database stayed locked. Try again.")]

    def refuse(_: Sequence[Fact]) -> None:
        if failures:
            raise failures.pop()

    desk = desks(Notebook(refuse), interval=SOON)
    desk.recorder.record(move(1))
    desk.recorder.settle()
    assert desk.store.numbers == [1]
    assert desk.complaints == []


def test_of_many_that_wait_while_the_store_is_broken_each_is_told(desks: Desks) -> None:
    desk, answers = desks(Notebook(_broken), interval=0.0001), list[object]()
    threads = [_waiting(desk, number, answers) for number in range(8)]
    for thread in threads:
        thread.join(SOON)
    assert answers == ["The run database is broken. Mend it."] * 8


def _no_threes(facts: Sequence[Fact]) -> None:
    if any((fact.moment if isinstance(fact, LogWritten) else fact.run_key[-1]) == 3 for fact in facts):  # type: ignore[union-attr]  # there are no others
        raise ValueError("no threes")


def test_a_fact_that_no_store_can_take_is_told_to_who_waits_for_it(desks: Desks) -> None:
    desk = desks(Notebook(_no_threes), interval=SOON)
    desk.recorder.record(move(2))
    desk.recorder.record(move(3))
    with pytest.raises(StoreError, match="TaskRunMoved could not be recorded: ValueError: no threes"):
        desk.recorder.settle()
    assert desk.store.numbers == [2]
    desk.recorder.record(move(4))
    desk.recorder.settle()
    assert desk.store.numbers == [2, 4]


def test_a_log_line_that_no_store_can_take_refuses_nobody(desks: Desks) -> None:
    desk = desks(Notebook(_no_threes), interval=SOON)
    desk.recorder.record(fact(3))
    desk.recorder.record(move(2))
    desk.recorder.settle()
    assert desk.store.numbers == [2]
    assert desk.complaints == ["LogWritten could not be recorded: ValueError: no threes"]


def test_after_the_end_what_was_recorded_before_is_on_disk_and_what_comes_later_is_refused() -> None:
    desk = Desk(interval=SOON)
    desk.record(1)
    desk.recorder.close()
    desk.recorder.settle()
    assert desk.store.durable[-1]
    desk.record(2)
    with pytest.raises(StoreError, match="The journal has been closed"):
        desk.recorder.settle()
    answers: list[StoreError | None] = []
    desk.recorder.when_settled(answers.append)
    assert [type(answer) for answer in answers] == [StoreError]


def test_a_journal_that_was_closed_while_it_could_not_be_written_says_so() -> None:
    desk = Desk(Notebook(_broken), interval=SOON)
    desk.record(1)
    desk.recorder.close()
    with pytest.raises(StoreError, match="The run database is broken"):
        desk.recorder.settle()


# --- interruptions --------------------------------------------------------------------------------


class Interrupted(BaseException):
    """As Ctrl-C, or the end of a deadline."""


class _Interrupter:
    """Raises something on this thread where the interpreter does so: when a function begins, or a builtin has returned.

    Args:
        error: What.
        place: At which of those places, counted from 0 in the order in which they are reached.
    """

    def __init__(self, error: BaseException, place: int) -> None:
        self._error = error
        self._place = place
        self.struck = False

    def _profile(self, frame: FrameType, event: str, _: Any) -> None:
        if self.struck or event not in ("call", "c_return") or _is_in_the_store(frame, event):
            return
        if self._place == 0:
            self.struck = True
            raise self._error
        self._place -= 1

    def settle(self, desk: Desk) -> BaseException | None:
        """Wait for the disk, and return what was raised."""
        settle, before = desk.recorder.settle, sys.getprofile()
        try:
            sys.setprofile(self._profile)
            settle()
            sys.setprofile(before)
        except BaseException as error:
            return error
        finally:
            sys.setprofile(before)
        return None


def _is_in_the_store(frame: FrameType, event: str) -> bool:
    """Whether the store has begun to write, which is all or nothing."""
    if event == "call" and frame.f_code is Notebook.write.__code__:
        return False
    within: FrameType | None = frame
    while within is not None and within.f_code is not Notebook.write.__code__:
        within = within.f_back
    return within is not None


class Rung(Exception):
    """What a signal handler of the user's raises."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Interrupted, Rung])
def test_wherever_who_waits_for_the_disk_is_interrupted_all_is_written_once_and_in_order(kind: type) -> None:
    """In a fresh process: in one that has run much before, CPython 3.11 may go round for ever after such errors."""
    program = f"from tests.recording import test_settling as it; it.check_interruptions(it.{kind.__name__}())"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def check_interruptions(error: BaseException) -> None:
    """Interrupt who waits for the disk at each place in turn, and look what was written."""
    place, struck = 0, True
    while struck:
        desk, heard = Desk(interval=SOON), list[int]()
        if isinstance(error, Interrupted):  # an exception that comes while a listener is called is that listener's
            desk.recorder.listeners.append(lambda facts, heard=heard: heard.extend(fact.moment for fact in facts))
        desk.record(1, 2)
        interrupter = _Interrupter(error, place)
        raised = interrupter.settle(desk)
        struck = interrupter.struck
        assert raised is (error if struck else None), place
        desk.record(3)
        desk.recorder.settle()
        assert desk.store.numbers == [1, 2, 3], place
        assert len(heard) == len(set(heard)), place
        desk.recorder.close()
        assert desk.complaints == [], place
        place += 1
    assert place > 20, "there are such places"
