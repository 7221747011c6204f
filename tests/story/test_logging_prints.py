"""`log_prints`: inside runs that asked for it, and only there, `print` logs."""

from __future__ import annotations

import asyncio
import builtins
import io
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sluiceway import flow, task
from sluiceway.logging.loggers import patch_print, print_as_log
from sluiceway.settings import temporary_settings
from sluiceway.testing import Harness, test_harness
from tests.story import loggers


@pytest.fixture(autouse=True)
def harness() -> Iterator[Harness]:
    """A private journal; afterwards `print` is what it was."""
    before = builtins.print
    with loggers.restored(), test_harness() as harness:
        yield harness
    assert builtins.print is before


def kept(harness: Harness) -> list[str]:
    """Return the lines that runs printed into the journal."""
    harness.drain()
    engine = ("Beginning flow run", "Finished in state")
    return [line.message for line in harness.client.read_logs() if not line.message.startswith(engine)]


def test_prints_of_a_flow_that_asked_for_it_are_log_lines(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    @flow(log_prints=True)
    def report() -> None:
        print("rows:", 3)

    report()
    assert kept(harness) == ["rows: 3"]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "- rows: 3\n" in captured.err


def test_prints_are_prints_unless_a_run_asked_for_more(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    @flow
    def report() -> None:
        print("rows:", 3)

    report()
    assert kept(harness) == []
    assert capsys.readouterr().out == "rows: 3\n"


def test_tasks_and_child_flows_do_as_the_run_around_them_unless_told_otherwise(harness: Harness) -> None:
    @task
    def follows() -> None:
        print("task that follows")

    @task(log_prints=False)
    def refuses() -> None:
        print("task that refuses")

    @flow
    def child() -> None:
        print("child")

    @flow(log_prints=True)
    def parent() -> None:
        follows()
        refuses()
        child()
        print("parent")

    parent()
    assert kept(harness) == ["task that follows", "child", "parent"]


def test_prints_of_a_task_that_asked_for_it_are_lines_of_that_task(harness: Harness) -> None:
    @task(log_prints=True)
    def load() -> None:
        print("loading")

    @flow
    def report() -> None:
        print("before")
        load.submit().result()
        print("after")

    report()
    assert kept(harness) == ["loading"]
    (line,) = [line for line in harness.client.read_logs() if line.message == "loading"]
    (run,) = harness.client.read_task_runs()
    assert (line.task_run_id, line.level) == (run.id, logging.INFO)


def test_all_prints_log_where_the_setting_says_so(harness: Harness) -> None:
    @flow
    def report() -> None:
        print("rows")

    with temporary_settings(logging_log_prints=True):
        report()
    assert kept(harness) == ["rows"]


@pytest.mark.parametrize(
    ("arguments", "options", "line"),
    [
        (("a", 1, None), {}, "a 1 None"),
        (("a", "b"), {"sep": "-", "end": "!"}, "a-b!"),
        ((), {}, ""),
        (("two\nlines\n",), {}, "two\nlines"),
        (("100 %s",), {}, "100 %s"),
        (("flushed",), {"flush": True}, "flushed"),
    ],
)
def test_a_line_is_what_print_would_have_printed(
    harness: Harness, arguments: tuple[object, ...], options: dict[str, Any], line: str
) -> None:
    @flow(log_prints=True)
    def report() -> None:
        print(*arguments, **options)

    report()
    assert kept(harness) == [line]


def test_wrong_arguments_of_print_are_errors_as_ever() -> None:
    @flow(log_prints=True)
    def report() -> None:
        print("a", sep=1)  # type: ignore[call-overload]  # the error is the point

    with pytest.raises(TypeError, match="sep must be None or a string"):
        report()


def test_printing_to_another_file_is_untouched_and_to_standard_streams_logs(harness: Harness) -> None:
    file = io.StringIO()

    @flow(log_prints=True)
    def report() -> None:
        print("to a file", file=file)
        print("to stderr", file=sys.stderr)
        print("to stdout", file=sys.stdout)

    report()
    assert file.getvalue() == "to a file\n"
    assert kept(harness) == ["to stderr", "to stdout"]


def test_threads_that_belong_to_no_run_print_as_ever_meanwhile(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    @flow(log_prints=True)
    def report() -> None:
        thread = threading.Thread(target=print, args=("from a thread of my own",))
        thread.start()
        thread.join()
        other = threading.Thread(target=lambda: print("and another"))
        other.start()
        other.join()

    report()
    assert capsys.readouterr().out == "from a thread of my own\nand another\n"
    assert kept(harness) == []


def test_coroutines_of_other_runs_print_as_ever_meanwhile(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    @task(log_prints=True)
    async def loud() -> None:
        for _ in range(3):
            print("loud")
            await asyncio.sleep(0)

    @task(log_prints=False)
    async def plain() -> None:
        for _ in range(3):
            print("plain")
            await asyncio.sleep(0)

    @flow
    async def report() -> None:
        await asyncio.gather(loud(), plain(), loud())

    asyncio.run(report())
    assert kept(harness) == ["loud"] * 6
    assert capsys.readouterr().out == "plain\n" * 3


def test_print_comes_back_after_a_flow_that_failed() -> None:
    before = builtins.print

    @flow(log_prints=True)
    def report() -> None:
        assert builtins.print is print_as_log
        raise ValueError("no rows")

    with pytest.raises(ValueError, match="no rows"):
        report()
    assert builtins.print is before


def test_a_log_handler_that_prints_does_not_go_round_in_circles(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    class Printing(logging.Handler):
        listens_only = True

        def emit(self, record: logging.LogRecord) -> None:
            print("handled", record.getMessage())

    printing = Printing()
    logger = logging.getLogger("sluiceway.flow_runs")

    @flow(log_prints=True)
    def report() -> None:
        logger.addHandler(printing)
        try:
            print("once")
        finally:
            logger.removeHandler(printing)

    report()
    assert capsys.readouterr().out == "handled once\n"
    assert kept(harness) == ["once"]


def test_a_replacement_of_print_made_meanwhile_is_left_in_place() -> None:
    theirs: Any = io.StringIO().write
    before = builtins.print
    try:
        with patch_print():
            builtins.print = theirs
        assert builtins.print is theirs
    finally:
        builtins.print = before


def test_patches_may_be_nested_and_overlap() -> None:
    before = builtins.print
    first, second = patch_print(), patch_print()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert builtins.print is print_as_log
    second.__exit__(None, None, None)
    assert builtins.print is before


def test_print_as_log_outside_runs_prints(capsys: pytest.CaptureFixture[str]) -> None:
    print_as_log("plain", "text", sep="_")
    assert capsys.readouterr().out == "plain_text\n"


def test_the_record_of_a_print_names_the_line_that_printed(caplog: pytest.LogCaptureFixture) -> None:
    @flow(log_prints=True)
    def report() -> None:
        print("here")

    report()
    (record,) = [record for record in caplog.records if record.getMessage() == "here"]
    assert record.funcName == "report"
