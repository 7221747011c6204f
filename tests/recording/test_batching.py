"""The batching recorder: order, batches, waiting, and stores that cannot be written for a while or at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluiceway.exceptions import StoreError
from sluiceway.model.facts import Fact
from sluiceway.recording import batching
from sluiceway.recording.batching import BatchingRecorder
from tests.recording.desks import SOON, Desk, Notebook, fact

Desks = Callable[..., Desk]


# --- order and batches ----------------------------------------------------------------------------


@settings(max_examples=20)
@given(st.lists(st.lists(st.integers(), max_size=20), max_size=5))
def test_facts_are_written_in_the_order_they_were_recorded(parts: list[list[int]]) -> None:
    desk = Desk()
    for part in parts:
        desk.record(*part)
        assert desk.recorder.drain(SOON)
        assert desk.store.numbers[len(desk.store.numbers) - len(part) :] == part
    desk.recorder.close()
    assert desk.store.numbers == [number for part in parts for number in part]
    assert desk.complaints == []


def test_what_gathers_meanwhile_is_one_transaction(desks: Desks) -> None:
    desk = desks()
    desk.store.open.clear()
    desk.record(0)
    assert desk.store.asked.wait(SOON)
    desk.record(*range(1, 500))
    desk.store.open.set()
    assert desk.recorder.drain(SOON)
    assert [len(batch) for batch in desk.store.batches] == [1, 499]


def test_a_transaction_is_not_larger_than_others_can_wait_for(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_LIMIT", 10)
    desk = desks(interval=SOON)
    desk.record(*range(25))
    assert desk.recorder.drain(SOON)
    assert [len(batch) for batch in desk.store.batches] == [10, 10, 5]


def test_recording_neither_writes_nor_waits(desks: Desks) -> None:
    desk = desks()
    desk.store.open.clear()
    desk.record(*range(1_000))
    assert desk.store.batches == []


def test_a_fact_is_written_though_nobody_asks(desks: Desks) -> None:
    desk = desks()
    written = threading.Event()
    desk.recorder.listeners.append(lambda facts: written.set())
    for number in range(3):  # the writer wakes up again and again
        desk.record(number)
        assert written.wait(SOON)
        written.clear()
    assert desk.store.numbers == [0, 1, 2]


@pytest.mark.slow
def test_facts_of_two_hundred_threads_are_all_written_and_in_order_for_each(desks: Desks) -> None:
    desk = desks()
    start = threading.Barrier(200)

    def work(thread: int) -> None:
        start.wait(SOON)
        desk.record(*range(thread * 100, thread * 100 + 50))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.recorder.drain(SOON)
    assert len(desk.store.numbers) == len(set(desk.store.numbers)) == 10_000
    for number in range(200):
        own = [fact for fact in desk.store.numbers if fact // 100 == number]
        assert own == list(range(number * 100, number * 100 + 50))


# --- waiting --------------------------------------------------------------------------------------


def test_there_is_nothing_to_wait_for_and_no_thread_before_something_is_recorded() -> None:
    before = threading.active_count()
    desk = Desk()
    assert desk.recorder.drain(SOON)
    assert threading.active_count() == before
    desk.recorder.close()


def test_waiting_hurries_the_writer(desks: Desks) -> None:
    desk = desks(interval=1_000.0)
    desk.record(1)
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1]


def test_waiting_says_no_if_the_time_runs_out(desks: Desks) -> None:
    desk = desks()
    desk.store.open.clear()
    desk.record(1)
    assert not desk.recorder.drain(0.001)
    assert not desk.recorder.drain(0)
    desk.store.open.set()
    assert desk.recorder.drain(SOON)


def test_waiting_is_only_for_what_was_recorded_before(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BATCH_LIMIT", 2)
    desk = desks()
    desk.record(1)
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1]


def test_many_threads_may_wait_at_once(desks: Desks) -> None:
    desk = desks()
    answers: list[bool] = []

    def work(number: int) -> None:
        desk.record(number)
        answers.append(desk.recorder.drain(SOON))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 20


# --- stores that cannot be written ----------------------------------------------------------------


def _broken(_: Sequence[Fact]) -> None:
    raise StoreError("The run database is broken. Mend it.")


def test_what_was_recorded_while_the_store_failed_is_written_when_it_has_recovered(desks: Desks) -> None:
    desk = desks(Notebook(_broken))
    desk.record(*range(10))
    assert not desk.recorder.drain(SOON)
    desk.record(*range(10, 20))
    assert not desk.recorder.drain(SOON)
    assert desk.complaints == ["Runs cannot be recorded; they go on nevertheless. The run database is broken. Mend it."]
    desk.store.refuse = None
    desk.record(20)
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == list(range(21))
    desk.recorder.close()
    assert len(desk.complaints) == 1, "nothing was lost"


def test_a_store_that_recovers_is_written_without_anybody_asking(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "RETRY_INTERVAL", 0.002)
    desk = desks(Notebook(_broken))
    written = threading.Event()
    desk.recorder.listeners.append(lambda facts: written.set())
    desk.record(1, 2)
    assert not desk.recorder.drain(SOON)
    desk.store.refuse = None
    assert written.wait(SOON)
    assert desk.store.numbers == [1, 2]


def test_another_trouble_is_another_complaint(desks: Desks) -> None:
    desk = desks(Notebook(_broken))
    desk.record(1)
    assert not desk.recorder.drain(SOON)

    def full(_: Sequence[Fact]) -> None:
        raise StoreError("The disk is full. Free some space.")

    desk.store.refuse = full
    assert not desk.recorder.drain(SOON)
    assert [line.rpartition("nevertheless. ")[2] for line in desk.complaints] == [
        "The run database is broken. Mend it.",
        "The disk is full. Free some space.",
    ]


def test_a_store_that_stays_broken_is_one_complaint_and_at_the_end_the_count(desks: Desks) -> None:
    desk = desks(Notebook(_broken))
    desk.record(*range(123))
    assert not desk.recorder.drain(SOON)
    desk.recorder.close()
    assert desk.complaints == [
        "Runs cannot be recorded; they go on nevertheless. The run database is broken. Mend it.",
        "123 facts about runs were not recorded. The run database is broken. Mend it.",
    ]


def test_a_store_that_stays_broken_does_not_fill_the_memory(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BACKLOG_LIMIT", 100)
    monkeypatch.setattr(batching, "BATCH_LIMIT", 10)
    desk = desks(Notebook(_broken))
    desk.record(0)
    assert not desk.recorder.drain(SOON)
    desk.record(*range(1, 1_000))
    assert not desk.recorder.drain(SOON)
    desk.store.refuse = None
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == list(range(900, 1_000)), "the newest are kept"
    desk.recorder.close()
    assert desk.complaints[-1] == ("900 facts about runs were not recorded. The run database is broken. Mend it.")


def _no_threes(facts: Sequence[Fact]) -> None:
    if any(fact.moment % 10 == 3 for fact in facts):  # type: ignore[union-attr]  # all are lines
        raise ValueError("no threes")


def test_a_fact_that_no_store_can_take_does_not_hold_up_the_others(desks: Desks) -> None:
    desk = desks(Notebook(_no_threes), interval=SOON)
    heard: list[int] = []
    desk.recorder.listeners.append(lambda facts: heard.extend(fact.moment for fact in facts))
    desk.record(1, 2, 3, 4, 13, 5)
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1, 2, 4, 5]
    assert heard == [1, 2, 4, 5], "each fact that was written, once"
    desk.record(6)
    assert desk.recorder.drain(SOON)
    desk.recorder.close()
    assert desk.store.numbers == [1, 2, 4, 5, 6]
    assert desk.complaints == [
        "LogWritten could not be recorded: ValueError: no threes",
        "2 facts about runs were not recorded. ValueError: no threes",
    ]


def test_a_store_that_fails_amid_such_a_batch_loses_nothing_else(desks: Desks) -> None:
    left = [5]

    def refuse(facts: Sequence[Fact]) -> None:
        _no_threes(facts)
        left[0] -= 1
        if left[0] < 3:
            raise StoreError("The run database is locked. Try again.")

    desk = desks(Notebook(refuse), interval=SOON)
    desk.record(1, 2, 3, 4, 5, 6)
    assert not desk.recorder.drain(SOON)
    assert desk.store.numbers == [1, 2]
    desk.store.refuse = None
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1, 2, 4, 5, 6]


@settings(max_examples=25)
@given(st.lists(st.booleans(), max_size=12), st.lists(st.booleans(), min_size=12, max_size=12))
def test_whenever_the_store_fails_all_is_written_once_and_in_order(fails: list[bool], waits: list[bool]) -> None:
    answers = iter(fails)

    def refuse(_: Sequence[Fact]) -> None:
        if next(answers, False):
            raise StoreError("Not now.")

    desk = Desk(Notebook(refuse), interval=0.0001)
    for number, wait in enumerate(waits):
        desk.record(number)
        if wait:
            desk.recorder.drain(SOON)
    while next(answers, None) is not None:
        pass  # the store has recovered
    assert desk.recorder.drain(SOON)
    desk.recorder.close()
    assert desk.store.numbers == list(range(12))


def test_by_default_complaints_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = BatchingRecorder(Notebook(_broken))  # type: ignore[arg-type]  # it is only written to
    recorder.record(fact(1))
    recorder.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("sluiceway: 1 facts about runs were not recorded.")


def test_a_process_without_standard_error_keeps_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    store = Notebook(_broken)
    recorder = BatchingRecorder(store)  # type: ignore[arg-type]
    recorder.record(fact(1))
    assert not recorder.drain(SOON)
    store.refuse = None
    assert recorder.drain(SOON)
    recorder.close()
    assert store.numbers == [1]


# --- back-pressure --------------------------------------------------------------------------------


def test_a_producer_that_is_faster_than_the_store_waits(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BACKLOG_LIMIT", 50)
    desk = desks()
    desk.store.open.clear()
    desk.record(0)
    assert desk.store.asked.wait(SOON)
    done = threading.Event()
    recorded: list[int] = []

    def produce() -> None:
        for number in range(1, 501):
            recorded.append(number)
            desk.record(number)
        done.set()

    producer = threading.Thread(target=produce)
    producer.start()
    assert not done.wait(0.03)
    assert len(recorded) <= 52
    desk.store.open.set()
    assert done.wait(SOON)
    producer.join()
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == list(range(501))


def test_a_listener_that_records_does_not_wait_for_itself(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BACKLOG_LIMIT", 5)
    desk = desks(interval=SOON)
    desk.recorder.listeners.append(lambda facts: desk.record(*range(100, 120)) if len(facts) < 3 else None)
    desk.record(1, 2)
    assert desk.recorder.drain(SOON)
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1, 2, *range(100, 120)]


# --- listeners, the end, forks --------------------------------------------------------------------


def test_listeners_hear_each_batch_that_was_written_and_no_other(desks: Desks) -> None:
    desk = desks(Notebook(_broken), interval=SOON)
    heard: list[Sequence[Fact]] = []
    desk.recorder.listeners.append(heard.append)
    desk.record(1, 2)
    assert not desk.recorder.drain(SOON)
    assert heard == []
    desk.store.refuse = None
    assert desk.recorder.drain(SOON)
    assert heard == desk.store.batches == [[fact(1), fact(2)]]


def test_a_listener_that_fails_costs_the_journal_nothing(desks: Desks) -> None:
    desk = desks()

    def fails(_: Sequence[Fact]) -> None:
        raise BrokenPipeError("nobody reads")

    heard: list[Sequence[Fact]] = []
    desk.recorder.listeners += [fails, heard.append]
    for number in range(3):
        desk.record(number)
        assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [0, 1, 2]
    assert len(heard) == 3
    assert len(desk.complaints) == 1
    assert "nobody reads" in desk.complaints[0]


def test_closing_writes_what_is_left_and_ends_the_thread() -> None:
    before = threading.active_count()
    desk = Desk(interval=SOON)
    desk.record(*range(50))
    desk.recorder.close()
    assert desk.store.numbers == list(range(50))
    assert threading.active_count() == before
    desk.recorder.close()
    assert desk.complaints == []


def test_closing_without_anything_recorded_is_harmless() -> None:
    desk = Desk()
    desk.recorder.close()
    assert (desk.store.attempts, desk.complaints) == (0, [])


def test_what_is_recorded_after_the_end_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "BACKLOG_LIMIT", 10)
    desk = Desk()
    desk.record(1)
    desk.recorder.close()
    assert desk.recorder.drain(SOON)
    desk.record(*range(100))
    assert not desk.recorder.drain(SOON)
    assert desk.store.numbers == [1]


def test_threads_that_record_while_it_closes_lose_nothing_that_was_recorded_before() -> None:
    for _ in range(20):
        desk = Desk(interval=0.0001)
        started = threading.Event()
        before_the_end: list[int] = []

        def produce(desk: Desk = desk, started: threading.Event = started, seen: list[int] = before_the_end) -> None:
            for number in range(200):
                desk.record(number)
                seen.append(number)
                started.set()

        producer = threading.Thread(target=produce)
        producer.start()
        assert started.wait(SOON)
        recorded = len(before_the_end)
        desk.recorder.close()
        assert desk.store.numbers[:recorded] == list(range(recorded))
        producer.join()


def test_a_forked_process_begins_anew_and_leaves_the_facts_of_its_parent_to_it(desks: Desks) -> None:
    desk = desks()
    desk.store.open.clear()
    desk.record(1)
    assert desk.store.asked.wait(SOON)
    desk.record(2)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # nothing of pytest may run in here
        desk.store.open.set()
        desk.record(3)
        drained = desk.recorder.drain(5)
        os.write(writer, repr((drained, desk.store.numbers)).encode())
        os._exit(0)
    os.close(writer)
    answer = os.read(reader, 1_000).decode()
    os.close(reader)
    os.waitpid(child, 0)
    assert answer == "(True, [3])"
    desk.store.open.set()
    assert desk.recorder.drain(SOON)
    assert desk.store.numbers == [1, 2]
