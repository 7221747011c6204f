"""Log lines on the console, for people: `12:59:59.123 | INFO    | Flow run 'brisk-otter' - text`."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TextIO

from sluiceway.base.masking import masked

_RESET = "\x1b[0m"
_FLOW_RUN, _TASK_RUN = "\x1b[35m", "\x1b[34m"
_LEVELS = {
    logging.DEBUG: "\x1b[2m",
    logging.INFO: "\x1b[36m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
"""Select Graphic Rendition codes of ECMA-48, in the sixteen colours that every terminal's theme defines."""


class ConsoleFormatter(logging.Formatter):
    """Lays out a record for a person.

    Args:
        coloured: Whether to colour it.
    """

    def __init__(self, coloured: bool = False) -> None:
        super().__init__()
        self.coloured = coloured

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the first lines of a record: time (local), level, run or logger, message.

        Args:
            record: The record, its message filled in.
        """
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = self._painted(f"{record.levelname:<7}", _LEVELS.get(record.levelno, ""))
        return f"{clock}.{int(record.msecs):03d} | {level} | {self._subject(record)} - {record.message}"

    def _subject(self, record: logging.LogRecord) -> str:
        """Return what a record is about."""
        fields = vars(record)
        if fields.get("task_run_key") is not None:
            return self._painted(f"Task run {fields.get('task_run_name')!r}", _TASK_RUN)
        if fields.get("flow_run_key") is not None:
            return self._painted(f"Flow run {fields.get('flow_run_name')!r}", _FLOW_RUN)
        return record.name

    def _painted(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self.coloured and colour else text


class ConsoleHandler(logging.Handler):
    """Writes records to whatever is standard error at the time.

    It steps back where another handler shows the record already: one on the same logger, or one further up
    that writes to the terminal.

    Args:
        formatter: Lays records out; None for lines for people.
        colours: Whether to colour lines for people; None for "on a terminal, unless NO_COLOR is set".
    """

    def __init__(self, formatter: logging.Formatter | None = None, colours: bool | None = None) -> None:
        super().__init__()
        self._colours = colours
        self._layout = ConsoleFormatter() if formatter is None else None
        self.setFormatter(formatter or self._layout)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; what goes wrong is reported as `logging` does, never raised.

        Args:
            record: The record.
        """
        stream: TextIO | None = sys.stderr
        if stream is None or stream.closed or self._shown_elsewhere(record):
            return
        try:
            if self._layout is not None:
                self._layout.coloured = self._wants_colour(stream)
            stream.write(masked(self.format(record)) + "\n")
            stream.flush()
        except Exception:
            self.handleError(record)

    def _wants_colour(self, stream: TextIO) -> bool:
        """Whether lines are coloured. By convention NO_COLOR speaks for whoever looks at the terminal."""
        if self._colours is not None:
            return self._colours
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def _shown_elsewhere(self, record: logging.LogRecord) -> bool:
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            others = [handler for handler in logger.handlers if not _only_listens(handler)]
            if self in others:
                if len(others) > 1 and logger.parent is not None:
                    return True  # the user configured this very logger
                others.remove(self)
            if any(_writes_to_terminal(handler) for handler in others):
                return True
            logger = logger.parent if logger.propagate else None
        return False


def _only_listens(handler: logging.Handler) -> bool:
    return getattr(handler, "listens_only", False)


def _writes_to_terminal(handler: logging.Handler) -> bool:
    """Whether a handler writes to a standard stream; Rich's does through its console."""
    stream = getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)
    return stream is not None and stream in (sys.stderr, sys.stdout, sys.__stderr__, sys.__stdout__)
