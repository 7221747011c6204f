"""The pipe recorder: facts and log lines on their way to the process that records them."""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway.base.ids import new_id
from sluiceway.model.facts import Fact, LogWritten, TaskRunMoved, TaskRunStarted
from sluiceway.model.results import NOTHING
from sluiceway.model.runs import TaskRun
from sluiceway.model.states import State, StateDetails, StateType
from sluiceway.recording.pipe import PipeHandler, PipeRecorder
from tests.runners.here import PATIENCE

NEVER = 3600.0
"""A flush interval that no test waits for, in seconds."""


def _line(number: int) -> LogWritten:
    return LogWritten(None, None, number, 20, "logger", str(number))


class Pipe:
    """Gathers what is sent."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.arrived = threading.Event()

    def send(self, batch: bytes) -> None:
        self.batches.append(pickle.loads(batch))
        self.arrived.set()

    @property
    def items(self) -> list[Any]:
        return [item for batch in self.batches for item in batch]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def recorder(pipe: Pipe) -> Iterator[PipeRecorder]:
    recorder = PipeRecorder(pipe.send, NEVER)
    yield recorder
    recorder.close()


def test_what_was_recorded_is_sent_within_the_flush_interval(pipe: Pipe) -> None:
    recorder = PipeRecorder(pipe.send, 0.001)
    recorder.record(_line(1))
    assert pipe.arrived.wait(PATIENCE)
    recorder.close()
    assert pipe.items == [_line(1)]


def test_what_is_left_is_sent_at_the_end_in_one_batch_and_in_order(pipe: Pipe, recorder: PipeRecorder) -> None:
    facts: list[Fact] = [_line(number) for number in range(100)]
    for fact in facts:
        recorder.record(fact)
    recorder.close()
    assert pipe.batches == [facts]


def test_draining_sends_what_was_recorded_before(pipe: Pipe, recorder: PipeRecorder) -> None:
    recorder.record(_line(1))
    assert recorder.drain()
    assert pipe.items == [_line(1)]


def test_who_waits_for_the_disk_has_sent_what_was_recorded_before(pipe: Pipe, recorder: PipeRecorder) -> None:
    answers: list[object] = []
    recorder.record(_line(1))
    recorder.settle()
    assert pipe.items == [_line(1)]
    recorder.record(_line(2))
    recorder.when_settled(answers.append)
    assert (pipe.items, answers) == ([_line(1), _line(2)], [None])


def test_a_run_without_anything_to_tell_starts_no_thread_and_sends_nothing(pipe: Pipe) -> None:
    threads = threading.active_count()
    PipeRecorder(pipe.send).close()
    assert threading.active_count() == threads
    assert pipe.batches == []


def test_nothing_is_lost_or_reordered_when_several_threads_record(pipe: Pipe) -> None:
    recorder = PipeRecorder(pipe.send, 0.0001)

    def record(first: int) -> None:
        for number in range(first, first + 500):
            recorder.record(_line(number))

    threads = [threading.Thread(target=record, args=(1000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    moments = [line.moment for line in pipe.items]
    assert len(moments) == 2000
    for index in range(4):
        own = [moment for moment in moments if moment // 1000 == index]
        assert own == sorted(own) == list(range(1000 * index, 1000 * index + 500))


def test_values_stay_behind_and_all_that_the_journal_needs_goes_along(pipe: Pipe, recorder: PipeRecorder) -> None:
    run = TaskRun(new_id(), "key", "task", new_id(), "name", frozenset({"tag"}))
    run.state = State(StateType.RUNNING, data=threading.Lock())
    state = State(StateType.COMPLETED, "Cached", "told", threading.Lock(), state_details=StateDetails(cache_key="k"))
    state.moment = 42
    recorder.record(TaskRunStarted(run, 42))
    recorder.record(TaskRunMoved(run.key, state, 1, NOTHING))
    recorder.drain()
    started, moved = pipe.items
    assert (started.run.key, started.run.name, started.run.tags) == (run.key, "name", {"tag"})
    assert (moved.state.name, moved.state.message, moved.state.moment) == ("Cached", "told", 42)
    assert moved.state.state_details.cache_key == "k"
    assert moved.state.data is None
    assert moved.result is NOTHING


class Unknown(str):
    """A text of a class that cannot be pickled, as one of a script that the other process did not load."""

    def __reduce__(self) -> Any:
        raise TypeError("nobody knows this class")


def test_what_cannot_be_pickled_is_said_and_holds_up_nothing_else(pipe: Pipe) -> None:
    said: list[str] = []
    recorder = PipeRecorder(pipe.send, 0.0001, said.append)
    recorder.record(LogWritten(None, None, 1, 20, "logger", Unknown("x")))
    recorder.record(_line(2))
    assert pipe.arrived.wait(PATIENCE)
    recorder.record(_line(3))
    recorder.close()
    assert pipe.items == [_line(2), _line(3)]
    assert said == ["LogWritten could not be recorded, since it cannot be sent: TypeError: nobody knows this class"]


# --- log lines ----------------------------------------------------------------------------------


@pytest.fixture
def logger(recorder: PipeRecorder) -> Iterator[logging.Logger]:
    logger = logging.getLogger("sluiceway.test_pipe")
    handler = PipeHandler(lambda: recorder)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def _records(pipe: Pipe, recorder: PipeRecorder) -> list[logging.LogRecord]:
    recorder.drain()
    return [logging.makeLogRecord(line) for line in pipe.items]


def test_a_log_record_arrives_with_its_message_level_time_and_attributes(
    pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger
) -> None:
    logger.warning("%s of %d", "one", 2, extra={"task_run_key": b"key", "who": "me"})
    (record,) = _records(pipe, recorder)
    assert (record.getMessage(), record.levelno, record.name) == ("one of 2", logging.WARNING, logger.name)
    assert (vars(record)["task_run_key"], vars(record)["who"]) == (b"key", "me")
    assert record.created > 0


def test_an_attribute_of_a_class_that_only_the_script_knows_arrives_as_text(
    pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger
) -> None:
    logger.info("hello", extra={"who": Unknown("me")})
    (record,) = _records(pipe, recorder)
    assert vars(record)["who"] == "'me'"


def test_a_traceback_arrives_as_text(pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("it failed")
    (record,) = _records(pipe, recorder)
    assert logging.Formatter().format(record).endswith("ValueError: bad")


def test_an_attribute_that_cannot_be_pickled_arrives_as_its_text(
    pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger
) -> None:
    lock = threading.Lock()
    logger.info("held", extra={"lock": lock})
    (record,) = _records(pipe, recorder)
    assert vars(record)["lock"] == repr(lock)


def test_a_record_that_passes_two_loggers_is_sent_once(
    pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger
) -> None:
    below = logger.getChild("below")
    handler = PipeHandler(lambda: recorder)
    below.addHandler(handler)
    below.info("once")
    below.removeHandler(handler)
    assert [record.getMessage() for record in _records(pipe, recorder)] == ["once"]


def test_where_there_is_no_way_to_send_lines_they_are_left_alone(
    pipe: Pipe, recorder: PipeRecorder, logger: logging.Logger
) -> None:
    logger.handlers[0] = PipeHandler(lambda: None)
    logger.info("nobody listens")
    assert _records(pipe, recorder) == []
