"""What keeps a test of logging from changing how later tests log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sluiceway.wiring import lines


@contextmanager
def restored() -> Iterator[None]:
    """Begin with nothing attached, and end with all loggers as they were."""
    lines.detach()
    known = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [
        (one, list(one.handlers), one.level, one.propagate, one.disabled) for one in (logging.getLogger(), *known)
    ]
    yield
    lines.detach()
    for logger, handlers, level, propagate, disabled in before:
        logger.handlers = handlers
        logger.setLevel(level)
        logger.propagate = propagate
        logger.disabled = disabled
