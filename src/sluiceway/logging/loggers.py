"""Loggers: those of runs, whose lines carry the run, and ordinary ones below `sluiceway`."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sluiceway.base import ids
from sluiceway.base.errors import MissingContextError
from sluiceway.drivers import logs, scope
from sluiceway.drivers.prints import patch_print, print_as_log
from sluiceway.drivers.scope import FlowRunContext, TaskRunContext
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.wiring.lines import attach_console

__all__ = [
    "LogEavesdropper",
    "RunLogAdapter",
    "disable_logger",
    "disable_run_logger",
    "flow_run_logger",
    "get_logger",
    "get_run_logger",
    "patch_print",
    "print_as_log",
    "task_run_logger",
]


class RunLogAdapter(logging.LoggerAdapter[logging.Logger]):
    """A logger whose records carry the run that they belong to.

    Args:
        logger: The logger that the records go to.
        extra: What the records carry, as attributes.
        context: The context of a run, whose identifiers and names the records carry too.
    """

    def __init__(
        self,
        logger: logging.Logger,
        extra: Mapping[str, object] | None = None,
        context: FlowRunContext | TaskRunContext | None = None,
    ) -> None:
        self.logger = logger
        self._extra = extra or {}
        self._context = context

    @property
    def extra(self) -> Mapping[str, object]:  # type: ignore[override]  # gathered when the first line is logged
        """What the records carry, as attributes."""
        if self._context is not None:
            self._extra = {**logs.log_fields(self._context), **self._extra}
            self._context = None
        return self._extra

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what the records carry to what the caller attached to this one.

        Args:
            msg: The message.
            kwargs: The arguments of the call; `extra` is replaced.
        """
        kwargs["extra"] = {**self.extra, **(kwargs.get("extra") or {})}
        return msg, kwargs

    def getChild(self, suffix: str, extra: Mapping[str, object] | None = None) -> RunLogAdapter:
        """Return a logger below this one, whose records carry the same and more.

        Args:
            suffix: What to append to the name.
            extra: What the records carry besides.
        """
        return RunLogAdapter(self.logger.getChild(suffix), {**self.extra, **(extra or {})})


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger below `sluiceway`, which logs to the console, and in runs to the journal.

    Args:
        name: The name, with or without the leading `sluiceway.`; None for the logger above all of them.

    Raises:
        ConfigurationError: A setting is unknown or bad.
    """
    attach_console()
    if not name or name == "sluiceway":
        return logging.getLogger("sluiceway")
    return logging.getLogger(name if name.startswith("sluiceway.") else f"sluiceway.{name}")


def get_run_logger(
    context: FlowRunContext | TaskRunContext | None = None, **kwargs: Any
) -> RunLogAdapter | logging.Logger:
    """Return the logger of the run that this code belongs to.

    Its lines go to the console and into the journal. While `disable_run_logger` holds, code outside runs gets
    a logger that is silent, so that functions of flows and tasks can be tested by themselves.

    Args:
        context: The context of a run; by default the current one.
        kwargs: What the records carry besides, as attributes.

    Raises:
        MissingContextError: There is no run here.

    Example:
        ```python
        @task
        def load(rows):
            get_run_logger().info("%d rows", len(rows))
        ```
    """
    context = context or scope.current()
    if context is not None:
        return RunLogAdapter(logs.logger_of(context), kwargs, context)
    if logs.flow_runs.disabled and logs.task_runs.disabled:
        silent = logging.getLogger("sluiceway.silent")
        silent.disabled = True
        return silent
    raise MissingContextError("There is no active flow or task run context.")


def flow_run_logger(
    flow_run: FlowRun | None = None,
    flow: Any = None,
    flow_run_id: UUID | None = None,
    **kwargs: Any,
) -> RunLogAdapter:
    """Return a logger for a flow run that is not the current one.

    Args:
        flow_run: The run.
        flow: Its flow, where it is at hand.
        flow_run_id: The identifier of the run, where nothing else is known of it.
        kwargs: What the records carry besides, as attributes.
    """
    fields: dict[str, Any] = dict.fromkeys(("flow_run_key", "flow_run_id", "flow_run_name", "flow_name"))
    if flow_run is not None:
        fields = logs.flow_run_fields(flow_run)
    elif flow_run_id is not None:
        fields |= {"flow_run_key": ids.from_uuid(flow_run_id), "flow_run_id": str(flow_run_id)}
    if flow is not None:
        fields["flow_name"] = flow.name
    return RunLogAdapter(logs.flow_runs, {**fields, **kwargs})


def task_run_logger(
    task_run: TaskRun,
    task: Any = None,
    flow_run: FlowRun | None = None,
    flow: Any = None,
    **kwargs: Any,
) -> RunLogAdapter:
    """Return a logger for a task run that is not the current one.

    Args:
        task_run: The run.
        task: Its task, where it is at hand.
        flow_run: The flow run that it belongs to; by default the current one, if it is that.
        flow: The flow of that run, where it is at hand.
        kwargs: What the records carry besides, as attributes.
    """
    current = FlowRunContext.get()
    if flow_run is None and current is not None and current.flow_run.key == task_run.flow_run_key:
        flow_run = current.flow_run
    fields = logs.task_run_fields(task_run, flow_run)
    if task is not None:
        fields["task_name"] = task.name
    if flow is not None:
        fields["flow_name"] = flow.name
    return RunLogAdapter(logs.task_runs, {**fields, **kwargs})


@contextmanager
def disable_logger(name: str) -> Generator[None, None, None]:
    """Disable a logger within, in all threads.

    Args:
        name: The full name of the logger.
    """
    with logs.silenced(name):
        yield


@contextmanager
def disable_run_logger() -> Generator[None, None, None]:
    """Disable the loggers of runs within; `get_run_logger` then works outside runs too.

    Example:
        ```python
        with disable_run_logger():
            assert load.fn([1, 2]) == 2
        ```
    """
    with logs.silenced(logs.flow_runs.name), logs.silenced(logs.task_runs.name):
        yield


class LogEavesdropper(logging.Handler):
    """Collects what a logger and those below it log, while it is entered as a context manager.

    Args:
        eavesdrop_on: The full name of the logger.
        level: The least level that is collected.

    Example:
        ```python
        with LogEavesdropper("sluiceway.flow_runs", level=logging.INFO) as heard:
            report()
        print(heard.text())
        ```
    """

    listens_only = True
    """Lines are shown on the console as well."""

    def __init__(self, eavesdrop_on: str, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.eavesdrop_on = eavesdrop_on
        self._lines: list[str] = []
        self.setFormatter(logging.Formatter("[%(levelname)s]: %(message)s"))

    def __enter__(self) -> Self:
        """Begin to listen, with nothing collected."""
        self._lines = []
        logging.getLogger(self.eavesdrop_on).addHandler(self)
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End listening; what was collected stays."""
        logging.getLogger(self.eavesdrop_on).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Collect a record.

        Args:
            record: The record.
        """
        self._lines.append(self.format(record))

    def text(self) -> str:
        """Return what was collected, a line a record: `[INFO]: text`."""
        return "\n".join(self._lines)
