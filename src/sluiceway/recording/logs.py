"""Log lines of runs on their way into the journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sluiceway.base.masking import masked
from sluiceway.drivers import scope
from sluiceway.drivers.logs import log_fields
from sluiceway.model.facts import LogWritten

if TYPE_CHECKING:
    from sluiceway.ports.store import Recorder

MAX_LINE = 65_536
"""The length up to which a line is kept whole, in characters, unless another is asked for."""


class JournalHandler(logging.Handler):
    """Tells the journal what runs log.

    A line belongs to the run that its record names (`flow_run_key`, `task_run_key`), else to the run whose
    code logged it; lines that belong to no run, or come from a flow that is only drawn, are left alone. A line
    costs the caller no I/O and no lock.

    Args:
        recorder: Returns the way into the journal; None where there is none.
        max_line: The length from which a line is cut, in characters.
        level: The least level that is kept.
    """

    listens_only = True
    """Lines are shown on the console as well."""

    def __init__(
        self,
        recorder: Callable[[], Recorder | None],
        max_line: int = MAX_LINE,
        level: int | str = logging.NOTSET,
    ) -> None:
        super().__init__(level)
        self._recorder = recorder
        self._max_line = max_line
        self._here = threading.local()

    def createLock(self) -> None:
        """Do without a lock: recorders may be called from any thread."""
        self.lock: Any = None

    def handle(self, record: logging.LogRecord) -> bool:
        """Tell the journal of a record, unless a filter is against it.

        Args:
            record: The record.
        """
        wanted = bool(self.filter(record))
        if wanted:
            self.emit(record)
        return wanted

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the journal of a record; what goes wrong is reported as `logging` does, never raised.

        Args:
            record: The record.
        """
        if getattr(self._here, "recording", False):
            return  # the recorder itself logs, and would be asked to record that
        self._here.recording = True
        try:
            self._tell(record)
        except Exception:
            self.handleError(record)
        finally:
            self._here.recording = False

    def _tell(self, record: logging.LogRecord) -> None:
        keys, context = vars(record), scope.current()
        flow = None if context is None else context.flow_context
        if flow is not None and flow.drawn:
            return
        if "flow_run_key" not in keys and "task_run_key" not in keys:
            if context is None:
                return
            keys = log_fields(context)
        recorder = self._recorder()
        if recorder is not None:
            recorder.record(
                LogWritten(
                    keys.get("flow_run_key"),
                    keys.get("task_run_key"),
                    int(record.created * 1_000_000),
                    record.levelno,
                    record.name,
                    _storable(cut(masked(self._text_of(record)), self._max_line)),
                )
            )

    def _text_of(self, record: logging.LogRecord) -> str:
        try:
            return self.format(record)
        except (TypeError, ValueError, KeyError):
            # The arguments do not fit the message: the console complains, and the journal keeps both.
            return f"{record.msg} {record.args!r}"


def cut(line: str, length: int) -> str:
    """Return a line with its middle left out if it is too long, and a mark that says how much is missing.

    The end stays because that is where a traceback names the error.

    Args:
        line: The line.
        length: How many characters to keep.
    """
    missing = len(line) - length
    if missing <= 0:
        return line
    tail = length // 4
    return f"{line[: length - tail]}… [{missing} characters cut] …{line[len(line) - tail :]}"


def _storable(line: str) -> str:
    """Return a line as something that any database takes: halves of characters and NULs spelled out."""
    if "\0" in line:
        line = line.replace("\0", "\\x00")
    return line if line.isascii() else line.encode("utf-8", "backslashreplace").decode("utf-8")
