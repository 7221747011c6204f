"""Log lines on the console, for programs: one JSON object a line."""

from __future__ import annotations

import json
import logging
from typing import Any

from sluiceway.base import times

_RUN = ("flow_run_id", "flow_run_name", "flow_name", "task_run_id", "task_run_name", "task_name")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OURS = frozenset({*_RUN, "flow_run_key", "task_run_key"})


class JsonFormatter(logging.Formatter):
    """Lays out a record as a JSON object in one line.

    It has `time` (ISO 8601, UTC), `level`, `logger` and `message`; for a run `flow_run_id`, `flow_run_name`,
    `flow_name`, `task_run_id`, `task_run_name` and `task_name`; `exc_info` and `stack_info` as text where the
    record has them; `extra` with what else the caller attached. Control characters are escaped.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line.

        Args:
            record: The record.
        """
        attached = vars(record)
        line: dict[str, Any] = {
            "time": times.to_datetime(int(record.created * 1_000_000)).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, attached[name]) for name in _RUN if attached.get(name) is not None)
        if record.exc_info:
            record.exc_text = record.exc_text or self.formatException(record.exc_info)
        if record.exc_text:
            line["exc_info"] = record.exc_text
        if record.stack_info:
            line["stack_info"] = record.stack_info
        # What begins with an underscore is a library's own business, such as Ray's time stamps.
        extra = {
            name: value
            for name, value in attached.items()
            if name not in _STANDARD | _OURS and not name.startswith("_")
        }
        if extra:
            line["extra"] = extra
        return json.dumps(line, default=repr)
