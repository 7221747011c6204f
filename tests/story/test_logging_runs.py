"""Logs of runs: whose they are, how they reach the journal, and how they are silenced or overheard."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway import flow, task
from sluiceway.exceptions import MissingContextError
from sluiceway.logging import LogEavesdropper, disable_run_logger, get_logger, get_run_logger
from sluiceway.logging.loggers import RunLogAdapter, disable_logger, flow_run_logger, task_run_logger
from sluiceway.model.facts import LogWritten
from sluiceway.recording.logs import JournalHandler, cut
from sluiceway.settings import temporary_settings
from sluiceway.testing import Harness, test_harness
from tests.story import loggers


@pytest.fixture(autouse=True)
def _loggers_restored() -> Iterator[None]:
    with loggers.restored():
        yield


@pytest.fixture
def harness() -> Iterator[Harness]:
    """A private journal, to which loggers are attached."""
    with test_harness() as harness:
        yield harness


class Notes(logging.Handler):
    """Keeps records."""

    listens_only = True

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def notes() -> Iterator[Notes]:
    """The records that reach the logger above all others of ours."""
    notes = Notes()
    logging.getLogger("sluiceway").addHandler(notes)
    yield notes
    logging.getLogger("sluiceway").removeHandler(notes)


def kept(harness: Harness, **only: Any) -> list[str]:
    """Return the lines in the journal, those of the user's code only."""
    harness.drain()
    engine = ("Beginning flow run", "Finished in state", "Created task run")
    return [
        line.message
        for line in harness.client.read_logs(limit=200)
        if not line.message.startswith(engine) and all(getattr(line, name) == value for name, value in only.items())
    ]


# --- whose lines they are -----------------------------------------------------------------------


def test_lines_of_flows_and_tasks_carry_run_ids_to_the_console_and_the_journal(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    @task
    def load() -> None:
        get_run_logger().info("loading %d rows", 3)

    @flow
    def report() -> None:
        get_run_logger().warning("slow today")
        load()

    report()
    harness.drain()
    (flow_run,) = harness.client.read_flow_runs()
    (task_run,) = harness.client.read_task_runs()
    assert kept(harness, flow_run_id=flow_run.id, task_run_id=None) == ["slow today"]
    assert kept(harness, flow_run_id=flow_run.id, task_run_id=task_run.id) == ["loading 3 rows"]
    shown = capsys.readouterr().err
    assert f"| WARNING | Flow run {flow_run.name!r} - slow today\n" in shown
    assert f"| INFO    | Task run {task_run.name!r} - loading 3 rows\n" in shown


def test_a_line_is_kept_with_its_time_level_and_logger(harness: Harness) -> None:
    @flow
    def report() -> None:
        get_run_logger().error("bad")

    report()
    harness.drain()
    (line,) = [line for line in harness.client.read_logs() if line.message == "bad"]
    (run,) = harness.client.read_flow_runs()
    assert (line.level, line.name) == (logging.ERROR, "sluiceway.flow_runs")
    assert run.start_time is not None
    assert run.end_time is not None
    assert run.start_time <= line.timestamp <= run.end_time


def test_a_record_has_the_ids_and_names_of_its_run_as_attributes(harness: Harness, notes: Notes) -> None:
    @task
    def load() -> None:
        get_run_logger(table="sales").info("task line", extra={"rows": 2})

    @flow
    def report() -> None:
        get_run_logger().info("flow line")
        load()

    report()
    harness.drain()
    (flow_run,) = harness.client.read_flow_runs()
    (task_run,) = harness.client.read_task_runs()
    (of_flow,) = [record for record in notes.records if record.msg == "flow line"]
    (of_task,) = [record for record in notes.records if record.msg == "task line"]
    for record in (of_flow, of_task):
        assert record.flow_run_id == str(flow_run.id)
        assert (record.flow_run_name, record.flow_name) == (flow_run.name, "report")
    assert (of_task.task_run_id, of_task.task_run_name) == (str(task_run.id), task_run.name)
    assert (of_task.task_name, of_task.table, of_task.rows) == ("load", "sales", 2)
    assert not hasattr(of_flow, "task_run_id")


def test_a_task_outside_flows_has_a_logger_of_its_own(harness: Harness) -> None:
    @task
    def load() -> None:
        get_run_logger().info("alone")

    load()
    harness.drain()
    (run,) = harness.client.read_task_runs()
    assert kept(harness, flow_run_id=None, task_run_id=run.id) == ["alone"]


def test_submitted_tasks_log_from_their_threads_as_themselves(harness: Harness) -> None:
    @task
    def load(table: str) -> str:
        get_run_logger().info("loading %s", table)
        return table

    @flow
    def report() -> None:
        load.map(["a", "b", "c"]).result()

    report()
    harness.drain()
    runs = harness.client.read_task_runs()
    found = [kept(harness, task_run_id=run.id) for run in runs]
    assert sorted(found) == [["loading a"], ["loading b"], ["loading c"]]


def test_tasks_that_are_gathered_log_as_themselves(harness: Harness) -> None:
    @task
    async def load(table: str) -> None:
        get_run_logger().info("begin %s", table)
        await asyncio.sleep(0)
        get_run_logger().info("end %s", table)

    @flow
    async def report() -> None:
        await asyncio.gather(load("a"), load("b"))
        get_run_logger().info("done")

    asyncio.run(report())
    harness.drain()
    runs = harness.client.read_task_runs()
    found = [kept(harness, task_run_id=run.id) for run in runs]
    assert sorted(found) == [["begin a", "end a"], ["begin b", "end b"]]
    assert kept(harness, task_run_id=None) == ["done"]


def test_the_logger_of_a_child_flow_is_its_own(harness: Harness) -> None:
    @flow
    def child() -> None:
        get_run_logger().info("child")

    @flow
    def parent() -> None:
        child()
        get_run_logger().info("parent")

    parent()
    harness.drain()
    names: dict[Any, str] = {run.id: run.flow_name for run in harness.client.read_flow_runs()}
    found = {line.message: names[line.flow_run_id] for line in harness.client.read_logs()}
    assert (found["child"], found["parent"]) == ("child", "parent")


def test_a_child_of_a_run_logger_keeps_the_run(harness: Harness) -> None:
    @flow
    def report() -> None:
        logger = get_run_logger(table="sales")
        assert isinstance(logger, RunLogAdapter)
        below = logger.getChild("rows", {"batch": 1})
        assert below.extra == {**logger.extra, "batch": 1}
        below.info("below")

    report()
    harness.drain()
    (line,) = [line for line in harness.client.read_logs() if line.message == "below"]
    assert line.name == "sluiceway.flow_runs.rows"
    assert line.flow_run_id == harness.client.read_flow_runs()[0].id


def test_ordinary_loggers_below_sluiceway_are_kept_with_the_run_that_they_were_used_in(
    harness: Harness,
) -> None:
    @task
    def load() -> None:
        get_logger("etl").info("inside")

    get_logger("etl").info("outside")
    load()
    harness.drain()
    (run,) = harness.client.read_task_runs()
    assert kept(harness) == ["inside"]
    assert kept(harness, task_run_id=run.id, name="sluiceway.etl") == ["inside"]


def test_extra_loggers_are_kept_with_the_run_that_they_were_used_in(harness: Harness) -> None:
    library = logging.getLogger("a_library.tables")

    @flow
    def report() -> None:
        library.info("loaded")

    report()
    with temporary_settings(logging_extra_loggers=["a_library"]):
        report()
        library.info("outside")
    assert kept(harness) == ["loaded"]


def test_the_logger_of_another_run_can_be_asked_for(harness: Harness) -> None:
    @task
    def load() -> None:
        pass

    @flow
    def report() -> None:
        load()

    report()
    harness.drain()
    (flow_run,) = harness.services.store.read_flow_runs().items
    (task_run,) = harness.services.store.read_task_runs().items
    flow_run_logger(flow_run).info("to the flow run")
    flow_run_logger(flow_run_id=flow_run.id).info("by its id")
    task_run_logger(task_run, flow_run=flow_run).info("to the task run")
    assert kept(harness, flow_run_id=flow_run.id, task_run_id=None) == ["to the flow run", "by its id"]
    assert kept(harness, flow_run_id=flow_run.id, task_run_id=task_run.id) == ["to the task run"]
    assert dict(flow_run_logger(flow_run, flow=report, table="x").extra) == {
        "flow_run_key": flow_run.key,
        "flow_run_id": str(flow_run.id),
        "flow_run_name": flow_run.name,
        "flow_name": "report",
        "task_run_key": None,
        "table": "x",
    }


def test_the_context_of_a_run_can_be_given_to_get_run_logger(harness: Harness) -> None:
    contexts = []

    @flow
    def report() -> None:
        from sluiceway.context import get_run_context

        contexts.append(get_run_context())

    report()
    get_run_logger(contexts[0]).info("afterwards")
    assert kept(harness) == ["afterwards"]


# --- outside runs -------------------------------------------------------------------------------


def test_outside_runs_there_is_no_run_logger() -> None:
    with pytest.raises(MissingContextError, match=r"There is no active flow or task run context\."):
        get_run_logger()


def test_functions_that_log_can_be_tested_by_themselves_with_the_run_logger_disabled(notes: Notes) -> None:
    @task
    def load(rows: list[int]) -> int:
        get_run_logger().info("%d rows", len(rows))
        return len(rows)

    with disable_run_logger():
        assert load.fn([1, 2]) == 2
    with pytest.raises(MissingContextError):
        load.fn([1, 2])
    assert notes.records == []


def test_runs_are_silent_while_the_run_logger_is_disabled(harness: Harness) -> None:
    @flow
    def report(text: str) -> None:
        get_run_logger().info(text)

    with disable_run_logger():
        report("unheard")
    report("heard")
    assert kept(harness) == ["heard"]


def test_a_logger_disabled_by_two_threads_at_once_comes_back() -> None:
    inside, leave = threading.Event(), threading.Event()

    def disable() -> None:
        with disable_logger("sluiceway.etl"):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=disable)
    with disable_logger("sluiceway.etl"):
        thread.start()
        assert inside.wait(10)
    assert logging.getLogger("sluiceway.etl").disabled
    leave.set()
    thread.join()
    assert not logging.getLogger("sluiceway.etl").disabled


def test_a_logger_that_was_disabled_before_stays_so() -> None:
    logger = logging.getLogger("sluiceway.disabled_before")
    logger.disabled = True
    with disable_logger(logger.name), disable_logger(logger.name):
        assert logger.disabled
    assert logger.disabled


@pytest.mark.parametrize(
    ("name", "full"),
    [
        (None, "sluiceway"),
        ("", "sluiceway"),
        ("sluiceway", "sluiceway"),
        ("etl", "sluiceway.etl"),
        ("sluiceway.etl", "sluiceway.etl"),
        ("sluicewayed", "sluiceway.sluicewayed"),
    ],
)
def test_loggers_are_named_below_sluiceway(name: str | None, full: str) -> None:
    assert get_logger(name) is logging.getLogger(full)


# --- overhearing --------------------------------------------------------------------------------


def test_an_eavesdropper_collects_what_a_logger_and_those_below_it_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = get_logger("etl.rows")
    with LogEavesdropper("sluiceway.etl", level=logging.INFO) as heard:
        logger.debug("quiet")
        logger.info("two\nlines")
        logger.warning("%d rows", 0)
    logger.info("after")
    assert heard.text() == "[INFO]: two\nlines\n[WARNING]: 0 rows"
    assert "0 rows" in capsys.readouterr().err
    with heard:
        logger.error("again")
    assert heard.text() == "[ERROR]: again"


# --- levels -------------------------------------------------------------------------------------


def test_the_level_setting_decides_what_is_kept(harness: Harness) -> None:
    @flow
    def report() -> None:
        get_run_logger().debug("detail")
        get_run_logger().warning("trouble")

    report()
    with temporary_settings(logging_level="DEBUG"):
        report()
    with temporary_settings(logging_level="ERROR"):
        report()
    assert [line for line in kept(harness) if line in ("detail", "trouble")] == [
        "trouble",
        "detail",
        "trouble",
    ]


def test_a_level_that_is_not_logged_costs_no_formatting(harness: Harness) -> None:
    class Explosive:
        def __str__(self) -> str:
            raise AssertionError("formatted")

    @flow
    def report() -> str:
        get_run_logger().debug("%s", Explosive())
        return "fine"

    assert report() == "fine"


def test_lines_stay_out_of_the_journal_where_the_setting_says_so(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    @flow
    def report() -> None:
        get_run_logger().info("only shown")

    with temporary_settings(logging_to_journal=False):
        report()
    assert kept(harness) == []
    assert "only shown" in capsys.readouterr().err


# --- lines that are hard to keep ----------------------------------------------------------------


def test_an_over_long_line_is_cut_with_a_marker_and_never_dropped(harness: Harness) -> None:
    @flow
    def report() -> None:
        get_run_logger().info("start " + "x" * 200_000 + " end")

    report()
    (line,) = kept(harness)
    assert line.startswith("start xxx")
    assert line.endswith("xxx end")
    assert f"… [{200_010 - 65_536} characters cut] …" in line
    assert len(line) < 65_536 + 50


def test_the_length_from_which_lines_are_cut_is_a_setting(harness: Harness) -> None:
    @flow
    def report() -> None:
        get_run_logger().info("0123456789" * 2)

    with temporary_settings(logging_max_line=8):
        report()
    assert "012345… [12 characters cut] …89" in kept(harness)


@given(st.text(max_size=60), st.integers(1, 40))
def test_a_cut_line_says_how_many_characters_are_missing(line: str, length: int) -> None:
    found = cut(line, length)
    if len(line) <= length:
        assert found == line
    else:
        head, tail = length - length // 4, length // 4
        assert found == f"{line[:head]}… [{len(line) - length} characters cut] …{line[len(line) - tail :]}"


def test_characters_that_databases_refuse_are_spelled_out(harness: Harness) -> None:
    @flow
    def report() -> None:
        get_run_logger().info("half \ud83d, nothing \0, whole \U0001f600, é")

    report()
    assert kept(harness) == ["half \\ud83d, nothing \\x00, whole \U0001f600, é"]


def test_the_traceback_of_an_exception_is_kept(harness: Harness) -> None:
    @flow
    def report() -> None:
        try:
            raise ValueError("no rows")
        except ValueError:
            get_run_logger().exception("failed")

    report()
    (line,) = kept(harness)
    assert line.startswith("failed\nTraceback (most recent call last):\n")
    assert line.endswith("ValueError: no rows")


def test_a_line_whose_arguments_do_not_fit_is_kept_with_them(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for handler in logging.getLogger().handlers:  # pytest's own raise such errors
        monkeypatch.setattr(handler, "level", logging.CRITICAL + 1)

    @flow
    def report() -> str:
        get_run_logger().info("%d rows", "no")
        return "fine"

    assert report() == "fine"
    assert kept(harness) == ["%d rows ('no',)"]


def test_a_configuration_made_after_the_import_loses_no_lines() -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})

    @flow
    def report() -> None:
        get_run_logger().info("heard")

    with test_harness() as harness:
        report()
        assert kept(harness) == ["heard"]


# --- the handler --------------------------------------------------------------------------------


class Recording:
    """A recorder that keeps facts, and logs or fails as it is told.

    Args:
        trouble: What to do first.
    """

    def __init__(self, trouble: Any = None) -> None:
        self.facts: list[Any] = []
        self.listeners: list[Any] = []
        self._trouble = trouble

    def record(self, fact: Any) -> None:
        """Take a fact."""
        if self._trouble is not None:
            self._trouble()
        self.facts.append(fact)

    def drain(self, timeout: float | None = None) -> bool:
        """Have nothing to wait for."""
        return True

    def close(self) -> None:
        """Have nothing to end."""


def handled(recorder: Recording | None, level: int = logging.INFO, **fields: Any) -> JournalHandler:
    """Let a handler handle a record of a flow run."""
    handler = JournalHandler(lambda: recorder, level=logging.INFO)
    made = {"msg": "text", "levelno": level, "name": "sluiceway.flow_runs", "created": 12.5, **fields}
    logger = logging.getLogger("a_test")
    logger.addHandler(handler)
    try:
        logger.handle(logging.makeLogRecord({"flow_run_key": bytes(16), **made}))
    finally:
        logger.removeHandler(handler)
    return handler


def test_a_record_becomes_a_fact() -> None:
    recorder = Recording()
    handled(recorder)
    expected = LogWritten(bytes(16), None, 12_500_000, logging.INFO, "sluiceway.flow_runs", "text")
    assert recorder.facts == [expected]


def test_records_below_the_level_of_the_handler_are_left_alone() -> None:
    recorder = Recording()
    handled(recorder, level=logging.DEBUG)
    assert recorder.facts == []


def test_a_process_without_a_journal_logs_all_the_same() -> None:
    assert handled(None).level == logging.INFO


def test_a_recorder_that_logs_is_not_asked_to_record_that() -> None:
    logger = logging.getLogger("a_test")
    run = {"flow_run_key": bytes(16)}
    recorder = Recording(lambda: logger.error("the queue is long", extra=run))
    handler = JournalHandler(lambda: recorder)
    logger.addHandler(handler)
    try:
        logger.error("text", extra=run)
        logger.error("next", extra=run)
    finally:
        logger.removeHandler(handler)
    assert [fact.message for fact in recorder.facts] == ["text", "next"]


def test_a_recorder_that_fails_does_not_reach_the_code_that_logs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise OSError("disk full")

    recorder = Recording(fail)
    handled(recorder)
    assert recorder.facts == []
    assert "disk full" in capsys.readouterr().err


def test_closing_the_handler_as_logging_does_at_exit_ends_nothing() -> None:
    recorder = Recording()
    handler = handled(recorder)
    handler.flush()
    handler.close()
    handler.handle(logging.makeLogRecord({"msg": "late", "flow_run_key": bytes(16)}))
    assert [fact.message for fact in recorder.facts] == ["text", "late"]


def test_a_line_is_recorded_while_another_thread_is_held_up_in_recording() -> None:
    held, go_on = threading.Event(), threading.Event()

    def hold_up() -> None:
        if threading.current_thread() is thread:
            held.set()
            assert go_on.wait(10)

    recorder = Recording(hold_up)
    handler = JournalHandler(lambda: recorder)
    first, second = (logging.makeLogRecord({"msg": text, "flow_run_key": bytes(16)}) for text in "12")
    thread = threading.Thread(target=handler.handle, args=(first,))
    thread.start()
    assert held.wait(10)
    handler.handle(second)
    assert [fact.message for fact in recorder.facts] == ["2"]
    go_on.set()
    thread.join()
    assert [fact.message for fact in recorder.facts] == ["2", "1"]


def test_the_traceback_of_a_failure_begins_with_the_users_own_code(harness: Harness) -> None:
    @task
    def divide() -> float:
        return 1 / 0

    @task
    async def divide_later() -> float:
        return 1 / 0

    @flow
    def fail() -> None:
        divide(return_state=True)
        divide.submit(return_state=True)
        asyncio.run(fail_later(return_state=True))  # type: ignore[call-overload]
        divide()

    @flow
    async def fail_later() -> None:
        await divide_later(return_state=True)  # type: ignore[call-overload]

    fail(return_state=True)
    told = [line for line in kept(harness) if "Traceback" in line]
    first = [text.partition("Traceback (most recent call last):\n")[2].partition("\n")[0] for text in told]
    assert [line.rpartition(", in ")[2] for line in first] == ["divide", "divide", "divide_later", "divide", "fail"]
    assert all(__file__ in line for line in first)
