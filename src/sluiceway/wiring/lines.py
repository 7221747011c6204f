"""Where log lines go: to the console and into the journal, beside whatever the user configured."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from sluiceway.drivers import logs
from sluiceway.recording.console import ConsoleHandler
from sluiceway.recording.logs import JournalHandler
from sluiceway.wiring.configuration import Settings, process_settings

if TYPE_CHECKING:
    from sluiceway.ports.store import Recorder

OWN = "sluiceway"
"""The logger above all loggers of Sluiceway."""

_handlers: list[logging.Handler] = []
_levels: dict[str, int] = {}
"""The levels that were set here, by logger."""


def attach(settings: Settings, recorder: Callable[[], Recorder | None] | None) -> None:
    """Have log lines go where the settings say; what was attached before is taken away.

    A level that the user gave a logger stays.

    Args:
        settings: The settings.
        recorder: Returns the way into the journal; None where lines go to the console only.
    """
    detach()
    _handlers.append(ConsoleHandler(_layout(settings), settings.logging_colors))
    if recorder is not None and settings.logging_to_journal:
        _handlers.append(JournalHandler(recorder, settings.logging_max_line))
    names = {OWN, *settings.logging_extra_loggers}
    for name in names:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(settings.logging_level)
            _levels[name] = logger.level
        if not any(_is_above(other, name) for other in names):
            for handler in _handlers:
                logger.addHandler(handler)
    for logger in (logging.getLogger(OWN), logs.flow_runs, logs.task_runs):
        # `logging.config` disables all loggers that it is not told about, and their lines would be lost.
        logger.disabled = logs.is_silenced(logger.name)


def attach_console() -> None:
    """Have log lines go to the console, unless they go somewhere already.

    Raises:
        ConfigurationError: A setting is unknown or bad.
    """
    if not _handlers:
        attach(process_settings(), None)


def detach() -> None:
    """Take away what `attach` attached."""
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in _levels), logging.getLogger(OWN)]
    for logger in loggers:
        for handler in _handlers:
            logger.removeHandler(handler)
    _handlers.clear()
    for name, level in _levels.items():
        if logging.getLogger(name).level == level:
            logging.getLogger(name).setLevel(logging.NOTSET)
    _levels.clear()


def _layout(settings: Settings) -> logging.Formatter | None:
    """Return what lays lines out; None for the console's own way."""
    if settings.logging_format == "console":
        return None
    from sluiceway.recording.json_lines import JsonFormatter  # imports json

    return JsonFormatter()


def _is_above(other: str, name: str) -> bool:
    """Whether the lines of a logger pass another one too."""
    return name.startswith(f"{other}.") or (other == "root" != name)
