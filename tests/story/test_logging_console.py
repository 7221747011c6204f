"""Log lines on the console: how they look, when they are coloured, and whose configuration wins."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sluiceway.logging import get_logger
from sluiceway.recording.console import ConsoleFormatter, ConsoleHandler
from sluiceway.recording.json_lines import JsonFormatter
from sluiceway.wiring import lines
from sluiceway.wiring.configuration import load_settings
from tests.story import loggers

FLOW_RUN: dict[str, Any] = {
    "flow_run_key": bytes(range(16)),
    "flow_run_id": "00010203-0405-0607-0809-0a0b0c0d0e0f",
    "flow_run_name": "brisk-otter",
    "flow_name": "report",
    "task_run_key": None,
}
TASK_RUN: dict[str, Any] = {
    **FLOW_RUN,
    "task_run_key": bytes(16),
    "task_run_id": "00000000-0000-0000-0000-000000000000",
    "task_run_name": "load-1a2b3",
    "task_name": "load",
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _loggers_restored() -> Iterator[None]:
    with loggers.restored():
        yield


@pytest.fixture
def attach(tmp_path: Path) -> Any:
    """Attaches the console as the settings in an environment say, with no journal."""

    def attach(**environ: str) -> None:
        settings = load_settings({"SLUICEWAY_HOME": str(tmp_path), **environ}, str(tmp_path))
        lines.attach(settings, None)

    return attach


def record(message: str = "text", level: int = logging.INFO, **fields: Any) -> logging.LogRecord:
    """Return a record as a run's logger makes it."""
    made = logging.makeLogRecord({"name": "sluiceway.flow_runs", "msg": message, "levelno": level, **fields})
    made.levelname = logging.getLevelName(level)
    return made


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines on standard error since the last time, from the level on."""
    return [line.partition(" | ")[2] for line in capsys.readouterr().err.splitlines()]


# --- the look -----------------------------------------------------------------------------------


def test_a_line_has_time_level_run_and_text() -> None:
    line = ConsoleFormatter().format(record("42 rows", **FLOW_RUN))
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} \| INFO    \| Flow run 'brisk-otter' - 42 rows", line)


def test_the_time_is_that_of_the_clock_on_the_wall_to_the_millisecond() -> None:
    moment = datetime(2024, 5, 6, 7, 8, 9, 999_900).timestamp()
    line = ConsoleFormatter().format(record(created=moment, msecs=999.9))
    assert line.startswith("07:08:09.999 | ")


@pytest.mark.parametrize(
    ("fields", "subject"),
    [
        (FLOW_RUN, "Flow run 'brisk-otter'"),
        (TASK_RUN, "Task run 'load-1a2b3'"),
        ({"name": "sluiceway.etl"}, "sluiceway.etl"),
    ],
)
def test_a_line_says_what_it_is_about(fields: dict[str, Any], subject: str) -> None:
    assert f" | {subject} - text" in ConsoleFormatter().format(record(**fields))


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_levels_are_padded_so_that_lines_align(level: str) -> None:
    line = ConsoleFormatter().format(record(level=logging.getLevelName(level)))
    assert line.split(" | ")[1] == level.ljust(7)


def test_a_message_of_many_lines_and_a_traceback_keep_their_lines() -> None:
    try:
        raise ValueError("no rows")
    except ValueError:
        line = ConsoleFormatter().format(record("first\nsecond", exc_info=sys.exc_info()))
    assert line.split(" - ", 1)[1].splitlines()[:3] == [
        "first",
        "second",
        "Traceback (most recent call last):",
    ]
    assert line.endswith("ValueError: no rows")


# --- colour -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terminal", "environ", "colours", "coloured"),
    [
        (True, {}, None, True),
        (False, {}, None, False),
        (True, {"NO_COLOR": "1"}, None, False),
        (True, {"NO_COLOR": ""}, None, True),
        (True, {"TERM": "dumb"}, None, False),
        (True, {}, False, False),
        (False, {"NO_COLOR": "1"}, True, True),
    ],
)
def test_the_console_is_coloured_on_a_terminal_and_plain_when_piped(
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    environ: dict[str, str],
    colours: bool | None,
    coloured: bool,
) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    ConsoleHandler(colours=colours).handle(record("text", logging.ERROR, **TASK_RUN))
    assert ("\x1b[31mERROR  \x1b[0m" in stream.getvalue()) == coloured
    assert ("\x1b[" in stream.getvalue()) == coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).endswith(" | ERROR   | Task run 'load-1a2b3' - text\n")


@pytest.mark.parametrize("setting", ["true", "false"])
def test_the_colours_setting_decides(attach: Any, capsys: pytest.CaptureFixture[str], setting: str) -> None:
    attach(SLUICEWAY_LOGGING_COLORS=setting)
    get_logger("etl").error("text")
    assert ("\x1b[" in capsys.readouterr().err) == (setting == "true")


# --- JSON ---------------------------------------------------------------------------------------


def test_json_output_is_one_object_a_line_with_the_run_in_it(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    attach(SLUICEWAY_LOGGING_FORMAT="json")
    get_logger("etl").warning("%d rows\nin two", 2, extra={**TASK_RUN, "rows": 2, "where": Path("x")})
    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert datetime.fromisoformat(found.pop("time")).utcoffset() is not None
    assert found == {
        "level": "WARNING",
        "logger": "sluiceway.etl",
        "message": "2 rows\nin two",
        "flow_run_id": FLOW_RUN["flow_run_id"],
        "flow_run_name": "brisk-otter",
        "flow_name": "report",
        "task_run_id": TASK_RUN["task_run_id"],
        "task_run_name": "load-1a2b3",
        "task_name": "load",
        "extra": {"rows": 2, "where": repr(Path("x"))},
    }


def test_json_output_has_the_traceback_as_text() -> None:
    try:
        raise ValueError("no rows")
    except ValueError:
        found = json.loads(JsonFormatter().format(record(exc_info=sys.exc_info(), stack_info="here")))
    assert found["exc_info"].startswith("Traceback")
    assert found["exc_info"].endswith("ValueError: no rows")
    assert found["stack_info"] == "here"


def test_json_output_escapes_what_could_drive_a_terminal() -> None:
    text = "".join(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0xD800, 0x1F600)))
    line = JsonFormatter().format(record(text))
    assert line.replace("\x7f", "").isprintable()
    assert line.isascii()
    assert json.loads(line)["message"] == text


# --- where it goes ------------------------------------------------------------------------------


def test_lines_go_to_whatever_is_standard_error_at_the_time(attach: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    attach()
    streams = [io.StringIO(), io.StringIO()]
    for stream in streams:
        monkeypatch.setattr(sys, "stderr", stream)
        get_logger().info("text")
    assert all(stream.getvalue().endswith("| INFO    | sluiceway - text\n") for stream in streams)


def test_a_process_without_standard_error_logs_nothing_and_goes_on(
    attach: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attach()
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed):
        monkeypatch.setattr(sys, "stderr", stream)
        get_logger().info("text")
    assert caplog.messages == ["text", "text"]


def test_a_logger_shows_lines_before_any_run_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    get_logger("etl").info("starting")
    assert shown(capsys) == ["INFO    | sluiceway.etl - starting"]


def test_attaching_twice_shows_a_line_once(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    attach()
    attach()
    get_logger("etl").info("text")
    assert shown(capsys) == ["INFO    | sluiceway.etl - text"]


def test_message_arguments_that_do_not_fit_are_reported_and_not_raised(
    attach: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attach()
    for handler in logging.getLogger().handlers:  # pytest's own raise such errors
        monkeypatch.setattr(handler, "level", logging.CRITICAL + 1)
    get_logger().info("%d rows", "no")
    assert "--- Logging error ---" in capsys.readouterr().err


# --- the level ----------------------------------------------------------------------------------


def test_the_level_setting_decides_what_is_shown(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for level in ("WARNING", "DEBUG", "INFO"):
        attach(SLUICEWAY_LOGGING_LEVEL=level)
        get_logger().info(level)
    assert shown(capsys) == ["INFO    | sluiceway - DEBUG", "INFO    | sluiceway - INFO"]


def test_a_level_that_the_user_gave_the_logger_stays(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("sluiceway").setLevel(logging.ERROR)
    attach(SLUICEWAY_LOGGING_LEVEL="DEBUG")
    get_logger().warning("text")
    lines.detach()
    assert shown(capsys) == []
    assert logging.getLogger("sluiceway").level == logging.ERROR


# --- standard logging configuration -------------------------------------------------------------


def test_lines_reach_the_handlers_of_the_root_logger(attach: Any, caplog: pytest.LogCaptureFixture) -> None:
    attach()
    get_logger("etl").info("text")
    assert caplog.record_tuples == [("sluiceway.etl", logging.INFO, "text")]


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_terminal_handler_of_the_user_replaces_the_console_so_that_no_line_is_shown_twice(
    attach: Any, capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    attach()
    mine = logging.StreamHandler(getattr(sys, stream))
    mine.setFormatter(logging.Formatter("mine: %(message)s"))
    logging.getLogger().addHandler(mine)
    get_logger("etl").info("text")
    assert "".join(capsys.readouterr()) == "mine: text\n"


def test_a_rich_handler_of_the_user_replaces_the_console(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.logging import RichHandler  # slow to import

    attach()
    logging.getLogger().addHandler(RichHandler())
    get_logger("etl").info("text")
    assert capsys.readouterr().err == ""


def test_a_file_handler_of_the_user_leaves_the_console_alone(
    attach: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    attach()
    file = logging.FileHandler(tmp_path / "all.log")
    logging.getLogger().addHandler(file)
    get_logger("etl").info("text")
    file.close()
    assert (tmp_path / "all.log").read_text() == "text\n"
    assert shown(capsys) == ["INFO    | sluiceway.etl - text"]


def test_handlers_of_the_user_on_the_logger_itself_take_the_place_of_the_console(
    attach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = io.StringIO()
    logging.getLogger("sluiceway").addHandler(logging.StreamHandler(kept))
    attach()
    get_logger("etl").info("text")
    assert kept.getvalue() == "text\n"
    assert capsys.readouterr().err == ""


def test_a_configuration_that_disables_other_loggers_does_not_silence_runs(
    attach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    attach()
    logging.getLogger("sluiceway.flow_runs").info("text", extra=FLOW_RUN)
    logging.getLogger("sluiceway.task_runs").info("text", extra=TASK_RUN)
    assert [line.partition(" | ")[2] for line in shown(capsys)] == [
        "Flow run 'brisk-otter' - text",
        "Task run 'load-1a2b3' - text",
    ]


# --- other libraries ----------------------------------------------------------------------------


def test_extra_loggers_are_shown_at_the_level_of_the_setting(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    attach(SLUICEWAY_LOGGING_EXTRA_LOGGERS="warehouse,warehouse.tables,sluiceway.etl")
    logging.getLogger("warehouse.tables").info("loaded")
    logging.getLogger("sluiceway.etl").info("started")
    logging.getLogger("warehouse").debug("hidden")
    logging.getLogger("warehousing").info("other")
    assert shown(capsys) == ["INFO    | warehouse.tables - loaded", "INFO    | sluiceway.etl - started"]
    lines.detach()
    assert logging.getLogger("warehouse").level == logging.NOTSET
    assert logging.getLogger("warehouse").handlers == []


def test_the_root_logger_as_an_extra_one_shows_each_line_once(attach: Any, capsys: pytest.CaptureFixture[str]) -> None:
    attach(SLUICEWAY_LOGGING_EXTRA_LOGGERS="root")
    logging.getLogger("warehouse").warning("full")
    get_logger("etl").info("text")
    assert shown(capsys) == ["WARNING | warehouse - full", "INFO    | sluiceway.etl - text"]
